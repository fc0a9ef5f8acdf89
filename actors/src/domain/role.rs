//! The three roles of Ceven, and how a SCIM `roles` value names one.
use serde_json::Value;

use crate::protocol::scim::{Object, ScimError, ScimType};

/// A role. Its id is its name in lower case.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Role {
    /// May sign in and see themselves.
    Employee,
    /// May see the organization.
    Member,
    /// May change everything, offboard people included.
    Admin,
}

impl Role {
    /// Every role, in the order of their ids.
    pub const ALL: [Self; 3] = [Self::Admin, Self::Employee, Self::Member];

    /// The id in SCIM, on the command line and in the audit log.
    pub const fn id(self) -> &'static str {
        match self {
            Self::Admin => "admin",
            Self::Member => "member",
            Self::Employee => "employee",
        }
    }

    /// The name shown to people.
    pub const fn display(self) -> &'static str {
        match self {
            Self::Admin => "Admin",
            Self::Member => "Member",
            Self::Employee => "Employee",
        }
    }

    /// One sentence for people.
    pub const fn description(self) -> &'static str {
        match self {
            Self::Admin => "May change every setting and offboard people.",
            Self::Member => "May see the organization's people and their access.",
            Self::Employee => "May sign in and see their own profile.",
        }
    }

    /// Finds a role by id, then by name, without case.
    pub fn find(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|role| role.id().eq_ignore_ascii_case(text.trim()))
    }
}

/// A set of roles, as bits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Hash)]
pub struct Roles(u8);

impl Roles {
    /// Adds a role; true when it was not there.
    pub fn insert(&mut self, role: Role) -> bool {
        let before = self.0;
        self.0 |= 1 << role as u8;
        self.0 != before
    }

    /// Whether the role is there.
    pub fn contains(self, role: Role) -> bool {
        self.0 & (1 << role as u8) != 0
    }

    /// The strongest role; `employee` when there is none.
    pub fn strongest(self) -> Role {
        [Role::Admin, Role::Member].into_iter().find(|role| self.contains(*role)).unwrap_or(Role::Employee)
    }
}

/// Resolves the `roles` of a user in place: every `value` becomes a role's id, and a value that
/// comes twice is kept once.
///
/// # Errors
/// 400 `invalidValue` for a value that is neither an id nor a name of a role.
pub fn resolve_roles(attributes: &mut Object) -> Result<Roles, ScimError> {
    let mut roles = Roles::default();
    let Some(Value::Array(values)) = attributes.get_mut("roles") else { return Ok(roles) };
    let mut kept = Vec::with_capacity(values.len());
    for mut value in std::mem::take(values) {
        let named =
            value.get("value").or_else(|| value.get("display")).and_then(Value::as_str).unwrap_or_default();
        let role = Role::find(named).ok_or_else(|| {
            ScimError::bad(
                ScimType::InvalidValue,
                format!("roles: {named:?} is no role of Ceven; use admin, member or employee."),
            )
        })?;
        if let (true, Some(object)) = (roles.insert(role), value.as_object_mut()) {
            object.insert("value".into(), role.id().into());
            kept.push(value);
        }
    }
    *values = kept;
    Ok(roles)
}
