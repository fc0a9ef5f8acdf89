//! The User schema and its enterprise extension (RFC 7643 §4.1, §4.3 and §8.7.1).
use super::{Attribute, Kind, Mutability, Returned, Schema};

/// A user.
pub static USER: Schema = Schema {
    id: "urn:ietf:params:scim:schemas:core:2.0:User",
    name: "User",
    description: "A person of the organization.",
    attributes: &[
        Attribute::text("userName", "Name at sign-in.").required().unique(),
        Attribute::complex("name", "Parts of the name.", NAME),
        Attribute::text("displayName", "Name shown to people."),
        Attribute::text("nickName", "Casual name."),
        Attribute::reference("profileUrl", "Address of a profile page.", &["external"]),
        Attribute::text("title", "Job title."),
        Attribute::text("userType", "Relation to the organization."),
        Attribute::text("preferredLanguage", "Language, as in Accept-Language."),
        Attribute::text("locale", "Locale for dates and numbers."),
        Attribute::text("timezone", "IANA time zone."),
        Attribute::boolean("active", "Whether the person has access."),
        PASSWORD,
        Attribute::complex("emails", "Mail addresses.", &plural(&["work", "home", "other"])).many(),
        Attribute::complex(
            "phoneNumbers",
            "Telephone numbers.",
            &plural(&["work", "home", "mobile", "fax", "pager", "other"]),
        )
        .many(),
        Attribute::complex(
            "ims",
            "Messaging addresses.",
            &plural(&["aim", "gtalk", "icq", "xmpp", "msn", "skype", "qq", "yahoo"]),
        )
        .many(),
        Attribute::complex("photos", "Addresses of pictures.", PHOTO).many(),
        Attribute::complex("addresses", "Postal addresses.", ADDRESS).many(),
        Attribute::complex("groups", "Groups the user is in.", MEMBERSHIP).many().read_only(),
        Attribute::complex("entitlements", "Things the user may do.", &plural(&[])).many(),
        Attribute::complex("roles", "Roles in Ceven.", ROLE).many(),
        Attribute::complex("x509Certificates", "Certificates.", CERTIFICATE).many(),
    ],
};

/// The enterprise extension of a user.
pub static ENTERPRISE_USER: Schema = Schema {
    id: "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User",
    name: "EnterpriseUser",
    description: "What an employer notes about a person.",
    attributes: &[
        Attribute::text("employeeNumber", "Number of the employee."),
        Attribute::text("costCenter", "Cost center."),
        Attribute::text("organization", "Organization."),
        Attribute::text("division", "Division."),
        Attribute::text("department", "Department."),
        Attribute::complex("manager", "The user's manager.", MANAGER),
    ],
};

/// Accepted, because Okta always sends one, and never kept.
const PASSWORD: Attribute = Attribute {
    mutability: Mutability::WriteOnly,
    returned: Returned::Never,
    ..Attribute::text("password", "Accepted and not kept.").exact()
};

const NAME: &[Attribute] = &[
    Attribute::text("formatted", "The whole name."),
    Attribute::text("familyName", "Last name."),
    Attribute::text("givenName", "First name."),
    Attribute::text("middleName", "Middle name."),
    Attribute::text("honorificPrefix", "Title before the name."),
    Attribute::text("honorificSuffix", "Suffix after the name."),
];

/// Sub-attributes that most multi-valued attributes share (RFC 7643 §2.4).
const fn plural(types: &'static [&'static str]) -> [Attribute; 4] {
    [
        Attribute::text("value", "The value."),
        Attribute::text("display", "How it is shown."),
        Attribute::text("type", "What it is for.").canonical(types),
        PRIMARY,
    ]
}

const PRIMARY: Attribute =
    Attribute::boolean("primary", "Whether it is the preferred one; true at most once.");

const PHOTO: &[Attribute] = &[
    Attribute::reference("value", "Address of the picture.", &["external"]),
    Attribute::text("display", "How it is shown."),
    Attribute::text("type", "What it is for.").canonical(&["photo", "thumbnail"]),
    PRIMARY,
];

const ADDRESS: &[Attribute] = &[
    Attribute::text("formatted", "The whole address."),
    Attribute::text("streetAddress", "Street and number."),
    Attribute::text("locality", "City."),
    Attribute::text("region", "State or region."),
    Attribute::text("postalCode", "Postal code."),
    Attribute::text("country", "ISO 3166-1 alpha-2 code."),
    Attribute::text("type", "What it is for.").canonical(&["work", "home", "other"]),
    PRIMARY,
];

const MEMBERSHIP: &[Attribute] = &[
    Attribute::text("value", "Id of the group.").exact().read_only(),
    Attribute::reference("$ref", "Address of the group.", &["Group"]).read_only(),
    Attribute::text("display", "Name of the group.").read_only(),
    Attribute::text("type", "How the user came into it.").read_only().canonical(&["direct"]),
];

const ROLE: &[Attribute] = &[
    Attribute::text("value", "Id of the role.").canonical(&["admin", "member", "employee"]),
    Attribute::text("display", "How it is shown."),
    Attribute::text("type", "What it is for."),
    PRIMARY,
];

const CERTIFICATE: &[Attribute] = &[
    Attribute::new("value", Kind::Binary, "DER form of the certificate.").exact(),
    Attribute::text("display", "How it is shown."),
    Attribute::text("type", "What it is for."),
    PRIMARY,
];

const MANAGER: &[Attribute] = &[
    Attribute::text("value", "Id of the manager.").exact(),
    Attribute::reference("$ref", "Address of the manager.", &["User"]),
    Attribute::text("displayName", "Name of the manager.").read_only(),
];
