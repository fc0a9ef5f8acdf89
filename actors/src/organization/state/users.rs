//! Users and the texts they are found by.
use std::sync::Arc;

use imbl::OrdMap;
use sha2::{Digest as _, Sha256};

use super::Map;
use crate::{
    domain::{id::UserId, user::User},
    protocol::scim::fold,
};

/// Users by a text.
type Index = Map<Key, UserId>;

/// Half of a text's SHA-256, which nobody makes two texts share. A new state copies the nodes on the way to what changed,
/// 32 entries each: with texts in them every entry would be counted up and down again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
struct Key([u8; 16]);

impl Key {
    fn of(text: &str) -> Self {
        let mut half = [0; 16];
        half.copy_from_slice(&Sha256::digest(text)[..16]);
        Self(half)
    }

    fn of_name(name: &str) -> Self {
        Self::of(&fold(name))
    }
}

/// How far from the end of the order an insertion is made by moving what comes after.
const NEAR_THE_END: usize = 64;

/// Every user, deleted ones included.
#[derive(Debug, Clone, Default)]
pub(super) struct Users {
    /// By id, and ids ascend with time: a new user goes into the node that the last one went into, whose neighbours are
    /// at hand. A hash would put each into another node, and copying that counts up 32 users from all over memory.
    all: OrdMap<UserId, Arc<User>>,
    /// Ids of users that are not deleted, ascending: the order of lists, and a position in O(log n).
    order: imbl::Vector<UserId>,
    names: Index,
    external_ids: Index,
    /// Users that are not deleted by each address that is not their user name as well, which few have.
    emails: Map<Key, Arc<[UserId]>>,
    /// Deleted users by the names they had, so that they are found when they come back.
    former_names: Index,
    former_external_ids: Index,
}

impl Users {
    pub(super) fn len(&self) -> usize {
        self.all.len()
    }

    /// How many are not deleted.
    pub(super) fn standing(&self) -> usize {
        self.order.len()
    }

    pub(super) fn get(&self, id: UserId) -> Option<&Arc<User>> {
        self.all.get(&id)
    }

    pub(super) fn by_name(&self, name: &str) -> Option<&Arc<User>> {
        self.names.get(&Key::of_name(name)).and_then(|id| self.all.get(id))
    }

    pub(super) fn by_external_id(&self, external_id: &str) -> Option<&Arc<User>> {
        self.external_ids.get(&Key::of(external_id)).and_then(|id| self.all.get(id))
    }

    pub(super) fn former_by_name(&self, name: &str) -> Option<&Arc<User>> {
        self.former_names.get(&Key::of_name(name)).and_then(|id| self.all.get(id))
    }

    pub(super) fn former_by_external_id(&self, external_id: &str) -> Option<&Arc<User>> {
        self.former_external_ids.get(&Key::of(external_id)).and_then(|id| self.all.get(id))
    }

    /// Everyone whose user name or one of whose addresses it is, without case.
    pub(super) fn by_email(&self, email: &str) -> Vec<&Arc<User>> {
        let mut found: Vec<_> = self.by_name(email).into_iter().collect();
        let others = self.emails.get(&Key::of_name(email)).map(|ids| &**ids).unwrap_or_default();
        found.extend(others.iter().filter_map(|id| self.all.get(id)));
        found
    }

    /// Those that are not deleted in the order of their ids, from position `skip`.
    pub(super) fn in_order(&self, skip: usize) -> impl Iterator<Item = &Arc<User>> {
        let skip = skip.min(self.order.len());
        self.order.focus().narrow(skip..).into_iter().filter_map(|id| self.all.get(id))
    }

    /// Takes a user's old names out of the indexes when `new` has others.
    pub(super) fn make_way(&mut self, new: &User) {
        if !self.is_indexed_like(new) {
            self.forget(new.id);
        }
    }

    /// Takes a user's names out of the indexes, unless someone else holds them by now.
    fn forget(&mut self, id: UserId) {
        let Some(old) = self.all.get(&id).cloned() else { return };
        let (names, external_ids) = self.indexes(old.deleted);
        remove_own(names, Key::of(&old.name_key()), id);
        if let Some(external_id) = &old.external_id {
            remove_own(external_ids, Key::of(external_id), id);
        }
        for email in old.other_emails().filter(|_| !old.deleted) {
            let left: Arc<[UserId]> = self.holders(email).filter(|other| *other != id).collect();
            match left.is_empty() {
                true => self.emails.remove(&Key::of(email)),
                false => self.emails.insert(Key::of(email), left),
            };
        }
    }

    fn holders(&self, email: &str) -> impl Iterator<Item = UserId> {
        self.emails.get(&Key::of(email)).cloned().into_iter().flat_map(|ids| ids.to_vec())
    }

    /// Whether the indexes hold the user as they should already.
    fn is_indexed_like(&self, user: &User) -> bool {
        self.all.get(&user.id).is_some_and(|old| {
            (old.deleted, &old.user_name, &old.external_id, &old.emails)
                == (user.deleted, &user.user_name, &user.external_id, &user.emails)
        })
    }

    /// The user is now so.
    pub(super) fn put(&mut self, user: &Arc<User>) {
        if !self.is_indexed_like(user) {
            self.forget(user.id);
            self.index(user);
        }
        self.all.insert(user.id, user.clone());
    }

    fn index(&mut self, user: &User) {
        let (names, external_ids) = self.indexes(user.deleted);
        names.insert(Key::of(&user.name_key()), user.id);
        if let Some(external_id) = &user.external_id {
            external_ids.insert(Key::of(external_id), user.id);
        }
        for email in user.other_emails().filter(|_| !user.deleted) {
            let others = self.holders(email).filter(|id| *id != user.id);
            let ids: Arc<[UserId]> = others.chain([user.id]).collect();
            self.emails.insert(Key::of(email), ids);
        }
        match (self.order.binary_search(&user.id), user.deleted) {
            (Err(position), false) => self.insert_in_order(position, user.id),
            (Ok(position), true) => {
                self.order.remove(position);
            }
            _ => {}
        }
    }

    /// Ids grow with time, so a new one goes near the end, where taking off and putting back a few is many times
    /// cheaper than an insertion in the middle.
    fn insert_in_order(&mut self, position: usize, id: UserId) {
        if self.order.len() - position > NEAR_THE_END {
            self.order.insert(position, id);
            return;
        }
        let mut later = Vec::new();
        while self.order.len() > position {
            later.extend(self.order.pop_back());
        }
        self.order.push_back(id);
        later.into_iter().rev().for_each(|id| self.order.push_back(id));
    }

    fn indexes(&mut self, deleted: bool) -> (&mut Index, &mut Index) {
        if deleted {
            (&mut self.former_names, &mut self.former_external_ids)
        } else {
            (&mut self.names, &mut self.external_ids)
        }
    }
}

fn remove_own(index: &mut Index, key: Key, id: UserId) {
    if index.get(&key) == Some(&id) {
        index.remove(&key);
    }
}
