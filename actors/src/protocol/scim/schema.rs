//! What attributes exist and how they behave (RFC 7643 §2 and §7), as static data.
//!
//! The data itself is in `schema/user.rs`, `schema/group.rs` and `schema/role.rs`.

/// Data type of an attribute (RFC 7643 §2.3).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// UTF-8 text.
    String,
    /// `true` or `false`.
    Boolean,
    /// A number with a fraction.
    Decimal,
    /// A whole number.
    Integer,
    /// RFC 3339 instant, compared as an instant.
    DateTime,
    /// Base64 text.
    Binary,
    /// A URI, or the id of a resource.
    Reference,
    /// An object with sub-attributes.
    Complex,
}

/// Who may write an attribute, and when (RFC 7643 §7, `mutability`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mutability {
    /// The server alone.
    ReadOnly,
    /// Anyone, any time.
    ReadWrite,
    /// Anyone, once.
    Immutable,
    /// Anyone, and nobody reads it back.
    WriteOnly,
}

/// When an attribute is in an answer (RFC 7643 §7, `returned`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Returned {
    /// In every answer.
    Always,
    /// In no answer.
    Never,
    /// Unless it is excluded.
    Default,
    /// Only when it is asked for.
    Request,
}

/// Where a value may occur only once (RFC 7643 §7, `uniqueness`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Uniqueness {
    /// Anywhere, any number of times.
    None,
    /// Once in an organization.
    Server,
    /// Once in the world.
    Global,
}

/// One attribute or sub-attribute.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Attribute {
    /// Name as the schema spells it.
    pub name: &'static str,
    /// Data type.
    pub kind: Kind,
    /// Whether it is an array.
    pub multi_valued: bool,
    /// One sentence for people.
    pub description: &'static str,
    /// Whether a resource without it is refused.
    pub required: bool,
    /// Whether text compares with case.
    pub case_exact: bool,
    /// Who may write it.
    pub mutability: Mutability,
    /// When it is returned.
    pub returned: Returned,
    /// Where it must be unique.
    pub uniqueness: Uniqueness,
    /// Suggested values; empty for none.
    pub canonical_values: &'static [&'static str],
    /// Resource types or kinds of URI that a reference may hold; empty for none.
    pub reference_types: &'static [&'static str],
    /// Sub-attributes of a complex attribute.
    pub sub_attributes: &'static [Attribute],
}

/// A schema (RFC 7643 §7).
#[derive(Debug, PartialEq, Eq)]
pub struct Schema {
    /// URN.
    pub id: &'static str,
    /// Short name.
    pub name: &'static str,
    /// One sentence for people.
    pub description: &'static str,
    /// Attributes, without the common ones (`schemas`, `id`, `externalId`, `meta`).
    pub attributes: &'static [Attribute],
}

/// A kind of resource (RFC 7643 §6).
#[derive(Debug, PartialEq, Eq)]
pub struct ResourceType {
    /// Its id and name.
    pub name: &'static str,
    /// Path below the SCIM root, with its slash.
    pub endpoint: &'static str,
    /// One sentence for people.
    pub description: &'static str,
    /// Its core schema.
    pub schema: &'static Schema,
    /// Extensions that Ceven knows; none is required.
    pub extensions: &'static [&'static Schema],
    /// Whether SCIM clients may create, change and delete it.
    pub writable: bool,
}

mod group;
mod role;
mod user;

pub use group::GROUP;
pub use role::ROLE;
pub use user::{ENTERPRISE_USER, USER};

/// Users.
pub static USER_TYPE: ResourceType = ResourceType {
    name: "User",
    endpoint: "/Users",
    description: "A person of the organization.",
    schema: &USER,
    extensions: &[&ENTERPRISE_USER],
    writable: true,
};

/// Groups.
pub static GROUP_TYPE: ResourceType = ResourceType {
    name: "Group",
    endpoint: "/Groups",
    description: "A named set of users.",
    schema: &GROUP,
    extensions: &[],
    writable: true,
};

/// Roles, in the shape in which Okta discovers entitlements.
pub static ROLE_TYPE: ResourceType = ResourceType {
    name: "Role",
    endpoint: "/Roles",
    description: "A role that a user can have in Ceven.",
    schema: &ROLE,
    extensions: &[],
    writable: false,
};

/// Every resource type.
pub static RESOURCE_TYPES: [&ResourceType; 3] = [&USER_TYPE, &GROUP_TYPE, &ROLE_TYPE];

/// Attributes that every resource has without its schema saying so (RFC 7643 §3.1).
pub static COMMON: &[Attribute] = &[
    Attribute::reference("schemas", "URNs of the schemas that the resource uses.", &["uri"])
        .many()
        .returned(Returned::Always),
    Attribute::text("id", "Id of the resource.").exact().read_only().returned(Returned::Always),
    Attribute::text("externalId", "Id that the client gave the resource.").exact(),
    Attribute::complex("meta", "What the server notes about the resource.", META).read_only(),
];

const META: &[Attribute] = &[
    Attribute::text("resourceType", "Name of the resource type.").exact().read_only(),
    Attribute::new("created", Kind::DateTime, "When it was made.").read_only(),
    Attribute::new("lastModified", Kind::DateTime, "When it last changed.").read_only(),
    Attribute::reference("location", "Its address.", &["uri"]).read_only(),
];

/// An attribute found by name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Located {
    /// Key of the extension object that holds it; none for the top level.
    pub extension: Option<&'static str>,
    /// The attribute.
    pub attribute: &'static Attribute,
}

impl Attribute {
    const fn new(name: &'static str, kind: Kind, description: &'static str) -> Self {
        Self {
            name,
            kind,
            multi_valued: false,
            description,
            required: false,
            case_exact: false,
            mutability: Mutability::ReadWrite,
            returned: Returned::Default,
            uniqueness: Uniqueness::None,
            canonical_values: &[],
            reference_types: &[],
            sub_attributes: &[],
        }
    }

    const fn text(name: &'static str, description: &'static str) -> Self {
        Self::new(name, Kind::String, description)
    }

    const fn boolean(name: &'static str, description: &'static str) -> Self {
        Self::new(name, Kind::Boolean, description)
    }

    const fn reference(
        name: &'static str,
        description: &'static str,
        types: &'static [&'static str],
    ) -> Self {
        Self { reference_types: types, case_exact: true, ..Self::new(name, Kind::Reference, description) }
    }

    const fn complex(
        name: &'static str,
        description: &'static str,
        sub_attributes: &'static [Attribute],
    ) -> Self {
        Self { sub_attributes, ..Self::new(name, Kind::Complex, description) }
    }

    const fn many(self) -> Self {
        Self { multi_valued: true, ..self }
    }

    const fn required(self) -> Self {
        Self { required: true, ..self }
    }

    const fn exact(self) -> Self {
        Self { case_exact: true, ..self }
    }

    const fn unique(self) -> Self {
        Self { uniqueness: Uniqueness::Server, ..self }
    }

    const fn read_only(self) -> Self {
        Self { mutability: Mutability::ReadOnly, ..self }
    }

    const fn immutable(self) -> Self {
        Self { mutability: Mutability::Immutable, ..self }
    }

    const fn returned(self, returned: Returned) -> Self {
        Self { returned, ..self }
    }

    const fn canonical(self, canonical_values: &'static [&'static str]) -> Self {
        Self { canonical_values, ..self }
    }

    /// A sub-attribute by name, without case (RFC 7643 §2.1).
    pub fn sub_attribute(&self, name: &str) -> Option<&'static Attribute> {
        find(self.sub_attributes, name)
    }
}

impl ResourceType {
    /// Finds an attribute, without case, by its name and perhaps the URN of its schema.
    pub fn attribute(&self, schema: Option<&str>, name: &str) -> Option<Located> {
        let top = |attributes| find(attributes, name).map(|attribute| Located { extension: None, attribute });
        match schema {
            None => top(COMMON).or_else(|| top(self.schema.attributes)),
            Some(urn) if urn.eq_ignore_ascii_case(self.schema.id) => {
                top(COMMON).or_else(|| top(self.schema.attributes))
            }
            Some(urn) => {
                let extension = self.extension(urn)?;
                find(extension.attributes, name)
                    .map(|attribute| Located { extension: Some(extension.id), attribute })
            }
        }
    }

    /// A known extension by its URN, without case.
    pub fn extension(&self, urn: &str) -> Option<&'static Schema> {
        self.extensions.iter().find(|schema| schema.id.eq_ignore_ascii_case(urn)).copied()
    }
}

/// Whether a key names a schema rather than an attribute.
pub fn is_urn(key: &str) -> bool {
    key.get(..4).is_some_and(|start| start.eq_ignore_ascii_case("urn:"))
}

fn find(attributes: &'static [Attribute], name: &str) -> Option<&'static Attribute> {
    attributes.iter().find(|attribute| attribute.name.eq_ignore_ascii_case(name))
}
