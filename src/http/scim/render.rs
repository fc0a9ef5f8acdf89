//! A resource as it leaves the house: stored attributes, with `id`, `meta` and what is computed around them.
use ceven_actors::{
    clock::{push_rfc3339, rfc3339},
    domain::{group::Group, user::User},
    organization::state::Snapshot,
    protocol::scim::{Object, projection::Projection},
};
use serde_json::{Value, json};
use uuid::{Uuid, fmt::Hyphenated};

/// What rendering needs to know besides the resource.
#[derive(Clone, Copy)]
pub struct Renderer<'a> {
    /// State that the resource is in.
    pub snapshot: &'a Snapshot,
    /// Base of addresses.
    pub base_url: &'a str,
}

impl Renderer<'_> {
    /// Address of a user.
    pub fn user_location(&self, user: &User) -> String {
        self.location("/Users/", user.id.0)
    }

    /// Address of a group.
    pub fn group_location(&self, group: &Group) -> String {
        self.location("/Groups/", group.id.0)
    }

    fn location(&self, endpoint: &str, id: Uuid) -> String {
        let mut text = String::with_capacity(self.base_url.len() + endpoint.len() + Hyphenated::LENGTH);
        self.push_location(&mut text, endpoint, id);
        text
    }

    fn push_location(&self, text: &mut String, endpoint: &str, id: Uuid) {
        text.push_str(self.base_url);
        text.push_str(endpoint);
        text.push_str(id.hyphenated().encode_lower(&mut Uuid::encode_buffer()));
    }

    /// A user's JSON text.
    pub fn user(&self, user: &User, projection: &Projection) -> String {
        let mut text = String::new();
        self.push_user(&mut text, user, projection);
        text
    }

    /// The same, at the end of a text. The usual case joins texts without parsing any.
    pub fn push_user(&self, text: &mut String, user: &User, projection: &Projection) {
        if !projection.is_default() {
            let object = self.user_object(user, projection.includes("groups"));
            text.push_str(&Value::Object(projection.apply(object)).to_string());
            return;
        }
        open(text, &user.attributes, user.id.0);
        let mut groups = self.snapshot.groups_of(user.id).peekable();
        if groups.peek().is_some() {
            let groups: Vec<Value> = groups.map(|group| self.group_of_user(group)).collect();
            text.push_str(r#","groups":"#);
            text.push_str(&Value::from(groups).to_string());
        }
        self.close(text, ("User", "/Users/"), user.id.0, (user.created_ms, user.modified_ms));
    }

    /// A user as an object, for filters, sorting and projection.
    pub fn user_object(&self, user: &User, with_groups: bool) -> Object {
        let mut object = user.object();
        object.shift_insert(0, "id".into(), user.id.to_string().into());
        if with_groups {
            let groups: Vec<Value> =
                self.snapshot.groups_of(user.id).map(|group| self.group_of_user(group)).collect();
            if !groups.is_empty() {
                object.insert("groups".into(), groups.into());
            }
        }
        object.insert(
            "meta".into(),
            meta("User", user.created_ms, user.modified_ms, &self.user_location(user)),
        );
        object
    }

    fn group_of_user(&self, group: &Group) -> Value {
        json!({ "value": group.id, "$ref": self.group_location(group), "display": group.display_name, "type": "direct" })
    }

    /// A group's JSON text.
    pub fn group(&self, group: &Group, projection: &Projection) -> String {
        let mut text = String::new();
        self.push_group(&mut text, group, projection);
        text
    }

    /// The same, at the end of a text.
    pub fn push_group(&self, text: &mut String, group: &Group, projection: &Projection) {
        if !projection.is_default() {
            let object = self.group_object(group, projection.includes("members"));
            text.push_str(&Value::Object(projection.apply(object)).to_string());
            return;
        }
        open(text, &group.attributes, group.id.0);
        if self.snapshot.member_count(group.id) > 0 {
            text.push_str(r#","members":"#);
            text.push_str(&self.members(group).to_string());
        }
        self.close(text, ("Group", "/Groups/"), group.id.0, (group.created_ms, group.modified_ms));
    }

    /// A group as an object, for filters, sorting and projection.
    pub fn group_object(&self, group: &Group, with_members: bool) -> Object {
        let mut object = group.object();
        object.shift_insert(0, "id".into(), group.id.to_string().into());
        if with_members && self.snapshot.member_count(group.id) > 0 {
            object.insert("members".into(), self.members(group));
        }
        object.insert(
            "meta".into(),
            meta("Group", group.created_ms, group.modified_ms, &self.group_location(group)),
        );
        object
    }

    fn members(&self, group: &Group) -> Value {
        let member = |user: &std::sync::Arc<User>| json!({ "value": user.id, "$ref": self.user_location(user), "type": "User" });
        self.snapshot.members(group.id).map(member).collect()
    }

    /// Ends the text of an object with its `meta`, the same as [`meta`]. None of it needs escapes: times, a UUID and an
    /// address that is a setting.
    fn close(
        &self,
        text: &mut String,
        (kind, endpoint): (&str, &str),
        id: Uuid,
        (created_ms, modified_ms): (i64, i64),
    ) {
        text.push_str(r#","meta":{"resourceType":""#);
        text.push_str(kind);
        text.push_str(r#"","created":""#);
        push_rfc3339(text, created_ms);
        text.push_str(r#"","lastModified":""#);
        push_rfc3339(text, modified_ms);
        text.push_str(r#"","location":""#);
        self.push_location(text, endpoint, id);
        text.push_str(r#""}}"#);
    }
}

fn meta(kind: &str, created_ms: i64, modified_ms: i64, location: &str) -> Value {
    json!({ "resourceType": kind, "created": rfc3339(created_ms), "lastModified": rfc3339(modified_ms), "location": location })
}

/// Begins the text of an object with its id, and leaves it open.
fn open(text: &mut String, attributes: &str, id: Uuid) {
    let inner = attributes.trim_start_matches('{').strip_suffix('}').unwrap_or_default();
    text.reserve(inner.len() + 512);
    text.push_str(r#"{"id":""#);
    text.push_str(id.hyphenated().encode_lower(&mut Uuid::encode_buffer()));
    text.push_str(r#"","#);
    text.push_str(inner);
}
