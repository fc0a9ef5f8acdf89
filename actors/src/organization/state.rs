//! An organization's state as an immutable value: clones share everything that did not change, so a new
//! state costs O(log n), and whoever holds one reads without a lock for as long as they like.
use std::{cmp::Reverse, sync::Arc};

use imbl::{GenericHashMap, OrdMap, OrdSet, shared_ptr::DefaultSharedPtr};

use crate::{
    domain::{
        audit::Head,
        change::Change,
        connector::Connector,
        group::Group,
        id::{AdminId, ConnectorId, GroupId, OffboardingId, SessionId, TaskId, TokenId, UserId},
        offboarding::{Offboarding, Task},
        okta::{Identity, OktaConnection},
        policy::Policy,
        role::Role,
        session::{Person, Session},
        token::{Admin, Digest, Token},
        user::User,
    },
    ports::{Loaded, Profile},
};

mod offboarding;
mod used_tokens;
mod users;

use used_tokens::UsedTokens;
use users::Users;

type Map<K, V> = GenericHashMap<K, V, std::hash::RandomState, DefaultSharedPtr>;
/// Everything an organization knows at one `seq`.
#[derive(Debug, Clone)]
pub struct Snapshot {
    profile: Arc<Profile>,
    head: Head,
    users: Users,
    groups: OrdMap<GroupId, Arc<Group>>,
    members: Map<GroupId, OrdSet<UserId>>,
    memberships: Map<UserId, OrdSet<GroupId>>,
    tokens: OrdMap<TokenId, Arc<Token>>,
    digests: Map<Digest, TokenId>,
    admins: OrdMap<AdminId, Arc<Admin>>,
    /// Sessions that have not ended, oldest first; some may be past their time.
    sessions: OrdMap<SessionId, Arc<Session>>,
    session_digests: Map<Digest, SessionId>,
    sessions_of: Map<Person, OrdSet<SessionId>>,
    id_token_bytes: usize,
    okta: Option<Arc<OktaConnection>>,
    identities: Map<Identity, UserId>,
    /// The identity of each user who has one.
    linked: Map<UserId, Identity>,
    used: UsedTokens,
    /// Tools that are connected.
    connectors: OrdMap<ConnectorId, Arc<Connector>>,
    /// Offboardings and tools' parts of them that are not finished.
    offboardings: OrdMap<OffboardingId, Arc<Offboarding>>,
    tasks: OrdMap<TaskId, Arc<Task>>,
    /// Parts that were closed while somebody may have been at work on them.
    closed: OrdMap<TaskId, Arc<Task>>,
    /// When each of them was closed.
    closings: OrdSet<(i64, Reverse<TaskId>)>,
    policy: Policy,
    /// When SCIM took someone's access away, of late.
    exits: OrdSet<(i64, OffboardingId)>,
}

impl Snapshot {
    /// An organization before its first change.
    pub fn new(profile: Profile) -> Self {
        Self {
            profile: Arc::new(profile),
            head: Head::default(),
            users: Users::default(),
            groups: OrdMap::new(),
            members: Map::default(),
            memberships: Map::default(),
            tokens: OrdMap::new(),
            digests: Map::default(),
            admins: OrdMap::new(),
            sessions: OrdMap::new(),
            session_digests: Map::default(),
            sessions_of: Map::default(),
            id_token_bytes: 0,
            okta: None,
            identities: Map::default(),
            linked: Map::default(),
            used: UsedTokens::default(),
            connectors: OrdMap::new(),
            offboardings: OrdMap::new(),
            tasks: OrdMap::new(),
            closed: OrdMap::new(),
            closings: OrdSet::new(),
            policy: Policy::default(),
            exits: OrdSet::new(),
        }
    }

    /// State from what the store holds.
    pub fn from_loaded(loaded: Loaded) -> Self {
        let mut snapshot = Self::new(loaded.profile);
        snapshot.catch_up(&loaded.changes, loaded.head);
        snapshot
    }

    /// Applies what changed and moves to `head`. Users go first: a membership of a user that is not
    /// there yet would be lost.
    pub fn catch_up(&mut self, changes: &[Change], head: Head) {
        let (users, rest): (Vec<_>, Vec<_>) =
            changes.iter().partition(|change| matches!(change, Change::User(_)));
        let (groups, rest): (Vec<_>, Vec<_>) =
            rest.into_iter().partition(|change| matches!(change, Change::Group(_)));
        // Whoever gave a name up goes before whoever took it over.
        for change in &users {
            if let Change::User(user) = change {
                self.users.make_way(user);
            }
        }
        users.into_iter().chain(groups).chain(rest).for_each(|change| self.apply(change));
        self.head = head;
    }

    /// Applies one change. Once or twice makes no difference.
    pub fn apply(&mut self, change: &Change) {
        match change {
            Change::User(user) => self.users.put(user),
            Change::Group(group) => {
                self.groups.insert(group.id, group.clone());
            }
            Change::GroupDeleted(id) => {
                self.groups.remove(id);
                for user in self.members.remove(id).unwrap_or_default() {
                    self.set_membership(*id, user, false);
                }
            }
            Change::Membership { group, user, present } => self.set_membership(*group, *user, *present),
            Change::Token(token) => {
                self.digests.insert(token.digest, token.id);
                self.tokens.insert(token.id, token.clone());
            }
            Change::Admin(admin) => {
                self.admins.insert(admin.id, admin.clone());
            }
            Change::Session(session) => self.put_session(session),
            Change::Okta(okta) => self.okta = Some(okta.clone()),
            Change::OktaRemoved => self.okta = None,
            Change::Link(link) => {
                let old = self.linked.insert(link.user, link.identity.clone());
                if let Some(old) = old.filter(|old| *old != link.identity) {
                    self.identities.remove(&old);
                }
                self.identities.insert(link.identity.clone(), link.user);
            }
            Change::Used(used) => self.used.put(*used),
            Change::Connector(connector) => match connector.removed {
                true => drop(self.connectors.remove(&connector.id)),
                false => drop(self.connectors.insert(connector.id, connector.clone())),
            },
            Change::Policy(policy) => self.policy = *policy,
            Change::Offboarding(offboarding) => self.put_offboarding(offboarding),
            Change::Task(task) => self.put_task(task),
        }
    }

    /// A session that has ended leaves no trace in memory.
    fn put_session(&mut self, session: &Arc<Session>) {
        let old = self.sessions.remove(&session.id);
        self.id_token_bytes -= old.map_or(0, |old| old.id_token_bytes());
        if session.ended_ms.is_some() {
            self.session_digests.remove(&session.digest);
            remove_pair(&mut self.sessions_of, session.person, &session.id);
        } else {
            self.id_token_bytes += session.id_token_bytes();
            self.sessions.insert(session.id, session.clone());
            self.session_digests.insert(session.digest, session.id);
            self.sessions_of.entry(session.person).or_default().insert(session.id);
        }
    }

    fn set_membership(&mut self, group: GroupId, user: UserId, present: bool) {
        if present {
            self.members.entry(group).or_default().insert(user);
            self.memberships.entry(user).or_default().insert(group);
        } else {
            remove_pair(&mut self.members, group, &user);
            remove_pair(&mut self.memberships, user, &group);
        }
    }

    /// Moves to `head`: the last step of staging a unit.
    pub(super) fn move_to(&mut self, head: Head) {
        self.head = head;
    }

    /// Rough size in memory: measured means of an organization with next to nothing in it, of a user, a group
    /// with its members, a token.
    pub fn weight_bytes(&self) -> usize {
        64 * 1_024
            + self.users.len() * 1_600
            + self.groups.len() * 900
            + self.memberships.len() * 300
            + self.tokens.len() * 700
            + self.sessions.len() * 900
            + self.id_token_bytes
    }

    /// What the organization is called.
    pub fn profile(&self) -> &Profile {
        &self.profile
    }

    /// Where its log stands.
    pub fn head(&self) -> Head {
        self.head
    }

    /// A user that is not deleted.
    pub fn user(&self, id: UserId) -> Option<&Arc<User>> {
        self.users.get(id).filter(|user| !user.deleted)
    }

    /// A user by name, without case.
    pub fn user_by_name(&self, name: &str) -> Option<&Arc<User>> {
        self.users.by_name(name)
    }

    /// A user by external id, with case.
    pub fn user_by_external_id(&self, external_id: &str) -> Option<&Arc<User>> {
        self.users.by_external_id(external_id)
    }

    /// Everyone whose user name or one of whose addresses it is, without case; deleted users are left out.
    pub fn users_by_email(&self, email: &str) -> Vec<&Arc<User>> {
        self.users.by_email(email)
    }

    /// A deleted user by the name it had.
    pub fn former_user_by_name(&self, name: &str) -> Option<&Arc<User>> {
        self.users.former_by_name(name)
    }

    /// A deleted user by the external id it had.
    pub fn former_user_by_external_id(&self, external_id: &str) -> Option<&Arc<User>> {
        self.users.former_by_external_id(external_id)
    }

    /// How many users there are.
    pub fn user_count(&self) -> usize {
        self.users.standing()
    }

    /// Users in the order of lists, from position `skip`; reaching it costs O(log n).
    pub fn users(&self, skip: usize) -> impl Iterator<Item = &Arc<User>> {
        self.users.in_order(skip)
    }

    /// A group.
    pub fn group(&self, id: GroupId) -> Option<&Arc<Group>> {
        self.groups.get(&id)
    }

    /// How many groups there are.
    pub fn group_count(&self) -> usize {
        self.groups.len()
    }

    /// Groups in the order of lists.
    pub fn groups(&self) -> impl Iterator<Item = &Arc<Group>> {
        self.groups.values()
    }

    /// Members of a group in the order of their ids.
    pub fn members(&self, group: GroupId) -> impl Iterator<Item = &Arc<User>> {
        self.members.get(&group).into_iter().flatten().filter_map(|id| self.users.get(*id))
    }

    /// How many members a group has.
    pub fn member_count(&self, group: GroupId) -> usize {
        self.members.get(&group).map_or(0, OrdSet::len)
    }

    /// Whether a user is in a group.
    pub fn is_member(&self, group: GroupId, user: UserId) -> bool {
        self.members.get(&group).is_some_and(|members| members.contains(&user))
    }

    /// Groups of a user in the order of their ids.
    pub fn groups_of(&self, user: UserId) -> impl Iterator<Item = &Arc<Group>> {
        self.memberships.get(&user).into_iter().flatten().filter_map(|id| self.groups.get(id))
    }

    /// A token.
    pub fn token(&self, id: TokenId) -> Option<&Arc<Token>> {
        self.tokens.get(&id)
    }

    /// A token by its digest.
    pub fn token_by_digest(&self, digest: &Digest) -> Option<&Arc<Token>> {
        self.digests.get(digest).and_then(|id| self.tokens.get(id))
    }

    /// Tokens in the order they were minted.
    pub fn tokens(&self) -> impl Iterator<Item = &Arc<Token>> {
        self.tokens.values()
    }

    /// Local admins in the order they were created.
    pub fn admins(&self) -> impl Iterator<Item = &Arc<Admin>> {
        self.admins.values()
    }

    /// A local admin.
    pub fn admin(&self, id: AdminId) -> Option<&Arc<Admin>> {
        self.admins.get(&id)
    }

    /// A local admin by mail address, without case.
    pub fn admin_by_email(&self, email: &str) -> Option<&Arc<Admin>> {
        let email = email.to_lowercase();
        self.admins.values().find(|admin| admin.email.to_lowercase() == email)
    }

    /// A session that has not ended.
    pub fn session(&self, id: SessionId) -> Option<&Arc<Session>> {
        self.sessions.get(&id)
    }

    /// A session by the digest of its secret.
    pub fn session_by_digest(&self, digest: &Digest) -> Option<&Arc<Session>> {
        self.session_digests.get(digest).and_then(|id| self.sessions.get(id))
    }

    /// Sessions that have not ended, oldest first.
    pub fn sessions(&self) -> impl Iterator<Item = &Arc<Session>> {
        self.sessions.values()
    }

    /// A person's sessions that have not ended, oldest first.
    pub fn sessions_of(&self, person: Person) -> impl Iterator<Item = &Arc<Session>> {
        self.sessions_of.get(&person).into_iter().flatten().filter_map(|id| self.sessions.get(id))
    }

    /// What a person may do now; nothing for whoever is unknown, deactivated or removed.
    pub fn role_of(&self, person: Person) -> Option<Role> {
        match person {
            Person::Admin(id) => self.admins.contains_key(&id).then_some(Role::Admin),
            Person::User(id) => self.user(id).filter(|user| user.active).map(|user| user.roles.strongest()),
        }
    }

    /// Whether someone besides this user may administer.
    pub fn has_admin_besides(&self, id: UserId) -> bool {
        !self.admins.is_empty()
            || self.users(0).any(|user| user.id != id && user.active && user.roles.contains(Role::Admin))
    }
}

fn remove_pair<K: std::hash::Hash + Eq + Clone, V: Ord + Clone>(
    pairs: &mut Map<K, OrdSet<V>>,
    key: K,
    value: &V,
) {
    if let Some(set) = pairs.get_mut(&key) {
        set.remove(value);
        if set.is_empty() {
            pairs.remove(&key);
        }
    }
}
