//! The API's own description, served at `/openapi.json` and committed as
//! `docs/openapi.json`.
//!
//! Shapes come from the types themselves, who may use a route from its
//! declaration, and what it is for stands in one table
//! ([`operations`]), which a test holds against the routes that are served.

mod operations;
mod schemas;

use crate::http::gate::Allowed;
use crate::http::json::Json;
use crate::http::repeat::LONGEST;
use crate::http::routes::{Access, Declared};
use crate::identity::role::{Permission, Proof};
use operations::{Body, OPERATIONS, Operation, Shape};
use serde_json::{Map, Value, json};
use std::sync::OnceLock;

/// Headers of a host's signature.
const SIGNATURE: &str = plimsoll_formats::protocol::headers::SIGNATURE;

fn reference(name: &str) -> Value {
    json!({ "$ref": format!("#/components/schemas/{name}") })
}

fn shared(room: &str, name: &str) -> Value {
    json!({ "$ref": format!("#/components/{room}/{name}") })
}

fn answer(operation: &Operation, repeatable: bool) -> Value {
    let (kind, schema) = match operation.answer {
        Shape::One(name) => ("application/json", reference(name)),
        Shape::List(name) => ("application/json", json!({ "type": "array", "items": reference(name) })),
        Shape::Page(name) => (
            "application/json",
            json!({
                "type": "object",
                "required": ["rows", "total"],
                "properties": {
                    "rows": { "type": "array", "items": reference(name) },
                    "total": { "type": "integer", "minimum": 0, "description": "Rows in the whole list" },
                },
            }),
        ),
        Shape::Text(kind) => (kind, json!({ "type": "string" })),
        Shape::Any => ("application/json", json!({})),
        Shape::Nothing => ("", Value::Null),
    };
    let mut answer = json!({ "description": "Done" });
    if !kind.is_empty() {
        answer["content"] = json!({ kind: { "schema": schema } });
    }
    let mut headers = Map::new();
    if repeatable {
        headers.insert("Idempotency-Replayed".to_owned(), shared("headers", "Replayed"));
    }
    if operation.status == "303" {
        headers.insert("Location".to_owned(), json!({ "schema": { "type": "string" } }));
    }
    if !headers.is_empty() {
        answer["headers"] = Value::Object(headers);
    }
    answer
}

fn parameters(operation: &Operation, repeatable: bool) -> Vec<Value> {
    let places = operation.path.split('/').filter_map(|part| part.strip_prefix('{')?.strip_suffix('}'));
    let path = places.map(|name| json!({ "name": name, "in": "path", "required": true, "schema": { "type": "string", "minLength": 1 } }));
    let query = operation
        .query
        .iter()
        .map(|(name, what)| json!({ "name": name, "in": "query", "required": false, "description": what, "schema": schemas::parameter(operation.path, name) }));
    path.chain(query).chain(repeatable.then(|| shared("parameters", "IdempotencyKey"))).collect()
}

/// Who may, as security requirements: a token's or session's roles must give
/// the permission.
fn security(access: Access) -> Value {
    match access {
        Access::Public | Access::Machine => json!([]),
        Access::Host => json!([{ "hostKey": [] }]),
        Access::Account => json!([{ "session": [] }]),
        Access::Needs(permission) if permission.proof() == Proof::StepUp => json!([{ "session": [permission.word()] }]),
        Access::Needs(permission) => json!([{ "token": [permission.word()] }, { "session": [permission.word()] }]),
    }
}

fn who(access: Access) -> String {
    let roles = |permission: Permission| permission.roles().iter().map(|role| role.word()).collect::<Vec<_>>().join(", ");
    match access {
        Access::Public => "For anyone; a browser must send it from a page of the console.".to_owned(),
        Access::Machine => "For any program: the body proves itself.".to_owned(),
        Access::Host => "For hosts, signed with their own keys.".to_owned(),
        Access::Account => "For a person in a session, about themselves; never for a token.".to_owned(),
        Access::Needs(permission) => {
            let fresh = if permission.proof() == Proof::StepUp { ", in a session with a fresh proof" } else { "" };
            format!("Needs `{}`{fresh}; held by: {}.", permission.word(), roles(permission))
        }
    }
}

/// Refusals that a route can give beside those of every route.
fn refusals(operation: &Operation, declared: &Declared) -> Vec<&'static str> {
    let mut out = vec!["400", "503"];
    if !matches!(declared.access, Access::Public) {
        out.push("401");
        out.push("403");
    }
    if operation.path.contains('{') {
        out.push("404");
    }
    if operation.method != "get" {
        out.extend(["409", "422", "429"]);
    }
    if !matches!(operation.body, Body::None) {
        out.extend(["408", "413", "415"]);
    }
    out.sort_unstable();
    out
}

fn describe(operation: &Operation, declared: &Declared) -> Value {
    let repeatable = declared.is_repeatable();
    let status = if matches!(operation.answer, Shape::Nothing) && operation.status == "200" { "204" } else { operation.status };
    let mut responses = json!({ status: answer(operation, repeatable), "default": shared("responses", "Refused") });
    for status in refusals(operation, declared) {
        responses[status] = shared("responses", "Refused");
    }
    if operation.path == "/readyz" {
        responses["503"] = answer(operation, false);
    }
    if operation.path.starts_with("/agent/") && status != "204" {
        responses["204"] = json!({ "description": "Nothing is wanted" });
    }
    let mut out = json!({
        "operationId": identifier(operation),
        "summary": operation.summary,
        "description": who(declared.access),
        "tags": [tag(operation.path)],
        "parameters": parameters(operation, repeatable),
        "responses": responses,
        "security": security(declared.access),
    });
    match operation.body {
        Body::None => {}
        Body::Json(schema) => {
            let mut content = json!({ "schema": reference(schema) });
            if let Some(example) = operation.example {
                content["example"] = serde_json::from_str(example).unwrap_or_default();
            }
            out["requestBody"] = json!({ "required": true, "content": { "application/json": content } });
        }
        Body::Bytes(kinds) => {
            let bytes = json!({ "schema": { "type": "string", "format": "binary" } });
            let content: Map<String, Value> = kinds.iter().map(|kind| ((*kind).to_owned(), bytes.clone())).collect();
            out["requestBody"] = json!({ "required": true, "content": content });
        }
    }
    out
}

/// `get_hosts_host_history`, for generated clients.
fn identifier(operation: &Operation) -> String {
    let path = operation.path.trim_start_matches("/api/v1").replace(['/', '-', '.'], "_").replace(['{', '}'], "");
    format!("{}{path}", operation.method)
}

fn tag(path: &str) -> &str {
    path.trim_start_matches("/api/v1/").trim_start_matches('/').split('/').next().unwrap_or_default()
}

/// The document.
pub fn document() -> &'static Value {
    static DOCUMENT: OnceLock<Value> = OnceLock::new();
    DOCUMENT.get_or_init(|| {
        let declared = crate::run::routes().declared();
        let mut paths = Map::new();
        for operation in OPERATIONS {
            let declares = |route: &&Declared| route.path == operation.path && route.method.eq_ignore_ascii_case(operation.method);
            // A test sees to it that there is one.
            let Some(route) = declared.iter().find(declares) else { continue };
            let entry = paths.entry(operation.path).or_insert_with(|| json!({}));
            entry[operation.method] = describe(operation, route);
        }
        json!({
            "openapi": "3.1.0",
            "info": {
                "title": "Plimsoll",
                "version": env!("CARGO_PKG_VERSION"),
                "license": { "name": "Apache-2.0", "identifier": "Apache-2.0" },
            },
            "paths": paths,
            "components": components(),
        })
    })
}

fn components() -> Value {
    let refused = json!({
        "description": "Refused, with the reason and the next step",
        "content": { "application/problem+json": { "schema": reference("Problem") } },
    });
    json!({
        "securitySchemes": {
            "token": { "type": "http", "scheme": "bearer", "description": "An API token, `plim_…`" },
            "session": { "type": "apiKey", "in": "cookie", "name": "__Host-plimsoll", "description": "The session of a person; over http on this machine, `plimsoll-PORT`" },
            "hostKey": { "type": "apiKey", "in": "header", "name": SIGNATURE, "description": "A host's signature over the request, with the headers that name host, date, number and digest" },
        },
        "parameters": {
            "IdempotencyKey": {
                "name": "Idempotency-Key",
                "in": "header",
                "required": false,
                "description": "A name for this request, best a UUID: visible ASCII, in quotation marks or without. Sent again with the same key within 24 hours, it is done once and answered the same; 409 while it is under way, or where its answer held a secret that is shown once; 422 where the key was used for another request. A refusal that changed nothing leaves the key free. Keys belong to their caller.",
                "schema": { "type": "string", "minLength": 1, "maxLength": LONGEST },
                "example": "8e03978e-40d5-43dd-bc93-6894a57f9324",
            },
        },
        "headers": {
            "Replayed": { "description": "There and `true` where the answer was given before", "schema": { "type": "string", "const": "true" } },
        },
        "responses": { "Refused": refused },
        "schemas": schemas::all(),
    })
}

/// Serves it.
pub async fn show(_allowed: Allowed) -> Json<&'static Value> {
    Json(document())
}

#[cfg(test)]
mod tests;
