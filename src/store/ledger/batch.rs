//! The rows that a batch comes to, and how they are written.
use std::collections::BTreeMap;

use ceven_actors::{
    domain::{audit::Head, change::Change, id::OrganizationId},
    ports::Unit,
};
use sea_orm::{
    ActiveModelTrait, ColumnTrait as _, DatabaseTransaction, EntityTrait, IntoActiveModel, QueryFilter as _,
    sea_query::{Expr, OnConflict},
};
use uuid::Uuid;

use super::Failure;
use crate::store::{
    entity::{
        admin, audit, connector, group, head, identity, membership, offboarding, okta_connection, policy,
        session, task, token, used_token, user,
    },
    rows,
};

/// Rows of one statement, at most. Statements hold a power of two of rows, so that a handful of texts serves
/// every batch and the database need not read each anew; 128 rows stay below SQLite's 32,766 parameters.
const ROWS_PER_STATEMENT: usize = 128;

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

/// Writes the rows of one table; those that are there already take the new values.
macro_rules! upsert {
    ($transaction:ident, $rows:expr, $table:ident by $($key:ident),+) => {{
        let columns = <$table::Column as sea_orm::Iterable>::iter();
        let on_conflict =
            OnConflict::columns([$($table::Column::$key),+]).update_columns(columns).to_owned();
        insert::<$table::ActiveModel>($transaction, $rows, Some(on_conflict)).await?;
    }};
}

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
        upsert!(transaction, self.users.into_values(), user by OrgId, Id);
        upsert!(transaction, self.groups.into_values(), group by OrgId, Id);
        upsert!(transaction, self.memberships.into_values(), membership by OrgId, GroupId, UserId);
        upsert!(transaction, self.tokens.into_values(), token by Id);
        upsert!(transaction, self.admins.into_values(), admin by Id);
        upsert!(transaction, self.sessions.into_values(), session by Id);
        upsert!(transaction, self.okta.into_values(), okta_connection by OrgId);
        upsert!(transaction, self.identities.into_values(), identity by OrgId, Issuer, Subject);
        upsert!(transaction, self.connectors.into_values(), connector by Id);
        upsert!(transaction, self.offboardings.into_values(), offboarding by Id);
        upsert!(transaction, self.tasks.into_values(), task by Id);
        upsert!(transaction, self.policies.into_values(), policy by OrgId);
        // No second row for a token that was used: the unit that claims it again must fail.
        insert::<used_token::ActiveModel>(transaction, self.used_tokens.into_values(), None).await?;
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
        insert::<audit::ActiveModel>(transaction, self.entries, None).await?;
        let heads: Vec<_> =
            self.heads.into_iter().map(|(organization, head)| rows::head_row(organization, &head)).collect();
        upsert!(transaction, heads, head by OrgId);
        Ok(())
    }
}

type ModelOf<A> = <<A as ActiveModelTrait>::Entity as EntityTrait>::Model;

async fn insert<A>(
    transaction: &DatabaseTransaction,
    rows: impl IntoIterator<Item = ModelOf<A>>,
    on_conflict: Option<OnConflict>,
) -> Result<(), Failure>
where
    A: ActiveModelTrait + Send,
    ModelOf<A>: IntoActiveModel<A>,
{
    let mut rows: Vec<A> = rows.into_iter().map(|row| row.into_active_model().reset_all()).collect();
    while !rows.is_empty() {
        let fitting = ((rows.len() + 1).next_power_of_two() / 2).min(ROWS_PER_STATEMENT);
        let later = rows.split_off(fitting);
        let mut statement = <A::Entity as EntityTrait>::insert_many(std::mem::replace(&mut rows, later));
        if let Some(on_conflict) = &on_conflict {
            statement = statement.on_conflict(on_conflict.clone());
        }
        statement.exec_without_returning(transaction).await?;
    }
    Ok(())
}
