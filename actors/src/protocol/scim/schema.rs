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
