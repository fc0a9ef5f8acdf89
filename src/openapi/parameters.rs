//! Parameters of queries.
use super::operation::Parameter;

pub(super) const fn parameter(name: &'static str, schema: &'static str, about: &'static str) -> Parameter {
    Parameter { name, schema, about }
}

pub(super) const PEOPLE: &[Parameter] = &[
    parameter("q", "Text", "Part of a name or an address, without case."),
    parameter("active", "Flag", "Active people, or deactivated ones."),
    parameter("role", "RoleFilter", "People with this role."),
    parameter("limit", "Limit", "People of a page; 50 when absent, and never more than the server allows."),
    parameter("cursor", "Text", "`next_cursor` of the page before."),
];
pub(super) const EXPORT: &[Parameter] = &[
    parameter("after_seq", "Seq", "Only entries after this one: how an export goes on where another ended."),
    parameter("from", "TimeOrDate", "Entries from this time on, or from the beginning of this day."),
    parameter("to", "TimeOrDate", "Entries before this time, or until the end of this day."),
    parameter("action", "Word", "Entries of this action, such as `user.deactivate`."),
    parameter("actor", "Word", "Entries by this id, this token's label, or this person's address."),
    parameter("resource", "Word", "Entries about this id, this type, or this `Type/id`."),
];
pub(super) const REPORT: &[Parameter] = &[
    parameter(
        "from",
        "TimeOrDate",
        "Asked for from this time on, or from the beginning of this day; 90 days.",
    ),
    parameter("to", "TimeOrDate", "Asked for before this time, or until the end of this day."),
    parameter("format", "ReportFormat", "Signed pages, or everything as a table."),
    parameter("limit", "Limit", "Leavers of a page; 500 when absent, 1000 at most."),
    parameter("cursor", "Text", "`next_cursor` of the page before."),
];
pub(super) const START: &[Parameter] = &[
    parameter("org", "Text", "Slug of the organization."),
    parameter("login_hint", "Text", "Address of whoever signs in; its domain tells the organization."),
    parameter("iss", "Text", "Okta's issuer: what the tile sends."),
    parameter("next", "Text", "Page of the console to go to afterwards."),
    parameter("target_link_uri", "Text", "The same, as a whole address."),
];
pub(super) const CALLBACK: &[Parameter] = &[
    parameter("state", "Text", "As it was sent to Okta."),
    parameter("code", "Text", "What the tokens are had for."),
    parameter("iss", "Text", "Who answers (RFC 9207)."),
    parameter("error", "Text", "Why there is no code."),
];
pub(super) const LIST: &[Parameter] = &[
    parameter("filter", "Text", "RFC 7644 section 3.4.2.2."),
    parameter("startIndex", "ScimNumber", "From 1."),
    parameter("count", "ScimNumber", "Resources of a page."),
    parameter("sortBy", "Text", "An attribute."),
    parameter("sortOrder", "SortOrder", "RFC 7644 section 3.4.2.3."),
    parameter("attributes", "Text", "Attributes to return, separated by commas."),
    parameter("excludedAttributes", "Text", "Attributes to leave out, separated by commas."),
];
pub(super) const ONE: &[Parameter] = &[LIST[5], LIST[6]];
