//! The rows that a batch comes to, and how they are written.
use std::collections::BTreeMap;

use ceven_actors::{
    domain::{audit::Head, change::Change, id::OrganizationId},
    ports::Unit,
};
use sea_orm::{
    ColumnTrait as _, DatabaseTransaction, EntityTrait as _, QueryFilter as _,
    sea_query::{Expr, OnConflict},
};
use uuid::Uuid;

use super::Failure;
use crate::store::{
    entity::{
        admin, audit, connector, group, head, identity, membership, offboarding, okta_connection, policy,
        session, task, token, used_token, user,
    },
    insert::{Inserted, insert},
    rows,
};

/// What a batch comes to: a row that changes several times is written once, as it is last.
#[derive(Default)]
pub(super) struct Batch {
    heads: BTreeMap<OrganizationId, Head>,
    users: BTreeMap<Uuid, user::Model>,
    groups: BTreeMap<Uuid, group::Model>,
    memberships: BTreeMap<(Uuid, Uuid), membership::Model>,
    tokens: BTreeMap<Uuid, token::Model>,
    admins: BTreeMap<Uuid, admin::Model>,
    sessions: BTreeMap<Uuid, session::Model>,
    okta: BTreeMap<Uuid, okta_connection::Model>,
    identities: BTreeMap<(Uuid, String, String), identity::Model>,
    used_tokens: BTreeMap<(Uuid, Vec<u8>), used_token::Model>,
    connectors: BTreeMap<Uuid, connector::Model>,
    offboardings: BTreeMap<Uuid, offboarding::Model>,
    tasks: BTreeMap<Uuid, task::Model>,
    policies: BTreeMap<Uuid, policy::Model>,
    groups_deleted: Vec<(OrganizationId, Uuid, i64)>,
    entries: Vec<audit::Model>,
}

/// Tables whose rows take the new values when they are there already.
macro_rules! upserted {
    ($($table:ident by $($key:ident),+;)+) => {$(
        impl Inserted for $table::ActiveModel {
            fn on_conflict() -> Option<OnConflict> {
                let columns = <$table::Column as sea_orm::Iterable>::iter();
                Some(OnConflict::columns([$($table::Column::$key),+]).update_columns(columns).to_owned())
            }
        }
    )+};
}

upserted! {
    user by OrgId, Id;
    group by OrgId, Id;
    membership by OrgId, GroupId, UserId;
    token by Id;
    admin by Id;
    session by Id;
    okta_connection by OrgId;
    identity by OrgId, Issuer, Subject;
    connector by Id;
    offboarding by Id;
    task by Id;
    policy by OrgId;
    head by OrgId;
}

/// Tables that have no second row of a key: the unit that writes one must fail.
macro_rules! only_inserted {
    ($($table:ident),+) => {$(
        impl Inserted for $table::ActiveModel {
            fn on_conflict() -> Option<OnConflict> {
                None
            }
        }
    )+};
}

only_inserted!(used_token, audit);

/// The row as it is last.
fn put<K: Ord, V>(rows: &mut BTreeMap<K, V>, key: K, row: V) {
    rows.insert(key, row);
}

impl Batch {
    pub(super) fn add(&mut self, unit: &Unit) {
        let (organization, seq) = (unit.organization, unit.after.seq as i64);
        self.heads.insert(organization, unit.after);
        self.entries.extend(unit.entries.iter().map(|entry| rows::audit_row(organization, entry)));
        unit.changes.iter().for_each(|change| self.add_change(organization, seq, change));
    }

    fn add_change(&mut self, organization: OrganizationId, seq: i64, change: &Change) {
        match change {
            Change::User(user) => put(&mut self.users, user.id.0, rows::user_row(organization, user, seq)),
            Change::Group(group) => {
                put(&mut self.groups, group.id.0, rows::group_row(organization, group, seq));
            }
            Change::GroupDeleted(id) => {
                self.memberships.retain(|(group, _), _| *group != id.0);
                self.groups_deleted.push((organization, id.0, seq));
            }
            Change::Membership { group, user, present } => {
                let row = rows::membership_row(organization, (*group, *user, *present), seq);
                put(&mut self.memberships, (group.0, user.0), row);
            }
            Change::Token(token) => {
                put(&mut self.tokens, token.id.0, rows::token_row(organization, token, seq));
            }
            Change::Admin(admin) => {
                put(&mut self.admins, admin.id.0, rows::admin_row(organization, admin, seq));
            }
            Change::Session(session) => {
                put(&mut self.sessions, session.id.0, rows::session_row(organization, session, seq));
            }
            Change::Okta(okta) => {
                put(&mut self.okta, organization.0, rows::okta_row(organization, Some(okta), seq));
            }
            Change::OktaRemoved => {
                put(&mut self.okta, organization.0, rows::okta_row(organization, None, seq));
            }
            Change::Link(link) => {
                let row = rows::identity_row(organization, link, seq);
                put(&mut self.identities, (row.org_id, row.issuer.clone(), row.subject.clone()), row);
            }
            Change::Used(used) => {
                let row = rows::used_token_row(organization, used, seq);
                put(&mut self.used_tokens, (row.org_id, row.key.clone()), row);
            }
            Change::Connector(one) => {
                put(&mut self.connectors, one.id.0, rows::connector_row(organization, one, seq));
            }
            Change::Offboarding(one) => {
                put(&mut self.offboardings, one.id.0, rows::offboarding_row(organization, one, seq));
            }
            Change::Task(task) => put(&mut self.tasks, task.id.0, rows::task_row(organization, task, seq)),
            Change::Policy(policy) => {
                put(&mut self.policies, organization.0, rows::policy_row(organization, *policy, seq));
            }
        }
    }

    pub(super) async fn write(self, transaction: &DatabaseTransaction) -> Result<(), Failure> {
        insert::<user::ActiveModel>(transaction, self.users.into_values()).await?;
        insert::<group::ActiveModel>(transaction, self.groups.into_values()).await?;
        insert::<membership::ActiveModel>(transaction, self.memberships.into_values()).await?;
        insert::<token::ActiveModel>(transaction, self.tokens.into_values()).await?;
        insert::<admin::ActiveModel>(transaction, self.admins.into_values()).await?;
        insert::<session::ActiveModel>(transaction, self.sessions.into_values()).await?;
        insert::<okta_connection::ActiveModel>(transaction, self.okta.into_values()).await?;
        insert::<identity::ActiveModel>(transaction, self.identities.into_values()).await?;
        insert::<connector::ActiveModel>(transaction, self.connectors.into_values()).await?;
        insert::<offboarding::ActiveModel>(transaction, self.offboardings.into_values()).await?;
        insert::<task::ActiveModel>(transaction, self.tasks.into_values()).await?;
        insert::<policy::ActiveModel>(transaction, self.policies.into_values()).await?;
        insert::<used_token::ActiveModel>(transaction, self.used_tokens.into_values()).await?;
        for (organization, id, seq) in self.groups_deleted {
            group::Entity::update_many()
                .col_expr(group::Column::Deleted, Expr::value(true))
                .col_expr(group::Column::ChangedSeq, Expr::value(seq))
                .filter(group::Column::OrgId.eq(organization.0))
                .filter(group::Column::Id.eq(id))
                .exec(transaction)
                .await?;
            membership::Entity::delete_many()
                .filter(membership::Column::OrgId.eq(organization.0))
                .filter(membership::Column::GroupId.eq(id))
                .exec(transaction)
                .await?;
        }
        insert::<audit::ActiveModel>(transaction, self.entries.into_iter()).await?;
        let heads = self.heads.into_iter().map(|(organization, head)| rows::head_row(organization, &head));
        insert::<head::ActiveModel>(transaction, heads).await?;
        Ok(())
    }
}
