//! What this service provider can do (RFC 7644 §4, RFC 7643 §5 to §7), rendered from the schemas themselves.
use serde_json::{Value, json};

use super::schema::{
    Attribute, Kind, Mutability, RESOURCE_TYPES, ResourceType, Returned, Schema, Uniqueness,
};

/// The service provider's configuration. `max_results` is the size of a page.
pub fn service_provider_config(base_url: &str, max_results: usize) -> Value {
    json!({
        "schemas": ["urn:ietf:params:scim:schemas:core:2.0:ServiceProviderConfig"],
        "patch": { "supported": true },
        "bulk": { "supported": false, "maxOperations": 0, "maxPayloadSize": 0 },
        "filter": { "supported": true, "maxResults": max_results },
        "changePassword": { "supported": false },
        "sort": { "supported": true },
        "etag": { "supported": false },
        "authenticationSchemes": [{
            "type": "oauthbearertoken",
            "name": "Bearer token",
            "description": "A 64-character token, minted in the console of Ceven.",
            "specUri": "https://www.rfc-editor.org/rfc/rfc6750",
            "primary": true
        }],
        "meta": { "resourceType": "ServiceProviderConfig", "location": format!("{base_url}/ServiceProviderConfig") }
    })
}

/// Every resource type.
pub fn resource_types(base_url: &str) -> Vec<Value> {
    RESOURCE_TYPES.iter().map(|kind| resource_type(kind, base_url)).collect()
}

fn resource_type(kind: &ResourceType, base_url: &str) -> Value {
    let extensions: Vec<Value> =
        kind.extensions.iter().map(|schema| json!({ "schema": schema.id, "required": false })).collect();
    let mut value = json!({
        "schemas": ["urn:ietf:params:scim:schemas:core:2.0:ResourceType"],
        "id": kind.name,
        "name": kind.name,
        "description": kind.description,
        "endpoint": kind.endpoint,
        "schema": kind.schema.id,
        "meta": { "resourceType": "ResourceType", "location": format!("{base_url}/ResourceTypes/{}", kind.name) }
    });
    if !extensions.is_empty() {
        value["schemaExtensions"] = extensions.into();
    }
    value
}

/// Every schema.
pub fn schemas(base_url: &str) -> Vec<Value> {
    RESOURCE_TYPES
        .iter()
        .flat_map(|kind| std::iter::once(kind.schema).chain(kind.extensions.iter().copied()))
        .map(|schema| self::schema(schema, base_url))
        .collect()
}

fn schema(schema: &Schema, base_url: &str) -> Value {
    json!({
        "schemas": ["urn:ietf:params:scim:schemas:core:2.0:Schema"],
        "id": schema.id,
        "name": schema.name,
        "description": schema.description,
        "attributes": schema.attributes.iter().map(attribute).collect::<Vec<_>>(),
        "meta": { "resourceType": "Schema", "location": format!("{base_url}/Schemas/{}", schema.id) }
    })
}

fn attribute(described: &Attribute) -> Value {
    let mut value = json!({
        "name": described.name,
        "type": match described.kind {
            Kind::String => "string",
            Kind::Boolean => "boolean",
            Kind::Decimal => "decimal",
            Kind::Integer => "integer",
            Kind::DateTime => "dateTime",
            Kind::Binary => "binary",
            Kind::Reference => "reference",
            Kind::Complex => "complex",
        },
        "multiValued": described.multi_valued,
        "description": described.description,
        "required": described.required,
        "caseExact": described.case_exact,
        "mutability": match described.mutability {
            Mutability::ReadOnly => "readOnly",
            Mutability::ReadWrite => "readWrite",
            Mutability::Immutable => "immutable",
            Mutability::WriteOnly => "writeOnly",
        },
        "returned": match described.returned {
            Returned::Always => "always",
            Returned::Never => "never",
            Returned::Default => "default",
            Returned::Request => "request",
        },
        "uniqueness": match described.uniqueness {
            Uniqueness::None => "none",
            Uniqueness::Server => "server",
            Uniqueness::Global => "global",
        },
    });
    if !described.canonical_values.is_empty() {
        value["canonicalValues"] = json!(described.canonical_values);
    }
    if !described.reference_types.is_empty() {
        value["referenceTypes"] = json!(described.reference_types);
    }
    if !described.sub_attributes.is_empty() {
        value["subAttributes"] = described.sub_attributes.iter().map(attribute).collect();
    }
    value
}
