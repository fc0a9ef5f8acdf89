//! Ids as types, so that a group's id is never taken for a user's.
use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};
use uuid::Uuid;

macro_rules! id {
    ($(#[$doc:meta] $name:ident),* $(,)?) => {$(
        #[$doc]
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(pub Uuid);

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }

        impl FromStr for $name {
            type Err = uuid::Error;
            fn from_str(text: &str) -> Result<Self, Self::Err> {
                Uuid::try_parse(text).map(Self)
            }
        }
    )*};
}

id! {
    /// An organization: one customer.
    OrganizationId,
    /// A user of an organization.
    UserId,
    /// A group of an organization.
    GroupId,
    /// A bearer token of an organization.
    TokenId,
    /// A local break-glass admin of an organization.
    AdminId,
    /// A session of an organization.
    SessionId,
    /// A tool that an organization has connected.
    ConnectorId,
    /// One person's way out.
    OffboardingId,
    /// One tool's part of it.
    TaskId,
}
