//! The tables as types, one file a table; the shape itself is in the migrations.
pub mod admin;
pub mod audit;
pub mod connector;
pub mod connector_lease;
pub mod coverage;
pub mod group;
pub mod handover;
pub mod head;
pub mod identity;
pub mod instance;
pub mod membership;
pub mod offboarding;
pub mod okta_connection;
pub mod organization;
pub mod policy;
pub mod scim_day;
pub mod scim_request;
pub mod session;
pub mod sign_in_attempt;
pub mod task;
pub mod token;
pub mod token_use;
pub mod used_token;
pub mod user;

macro_rules! no_relations {
    () => {
        /// Rows belong to an organization and are never joined by the ORM.
        #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
        pub enum Relation {}
        impl ActiveModelBehavior for ActiveModel {}
    };
}
use no_relations;
