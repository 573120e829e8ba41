//! The API's own description, served at `/openapi.json` and committed as
//! `docs/openapi.json`.
//!
//! Shapes come from the types themselves; what a route is for stands in one
//! table below, and a test holds the table against the routes that are served.

use super::acts::{Edit, ManualHost, Reason, TokenMade, TokenWish};
use super::applications::{ApplicationAnswer, ApplicationFindings, ApplicationWish};
use super::findings::AdvisoryAnswer;
use super::groups::{GroupAnswer, GroupEdit, NamedHosts, NewGroup};
use super::history::{Entry, Moment};
use super::hosts::HostAnswer;
use super::knowledge::SourcesAnswer;
use super::packages::{PackageRow, VersionRow};
use crate::exposure::Exposure;
use crate::fleet::question::{AdvisoryRow, FindingRow, HostRow, Standings};
use crate::http::gate::Allowed;
use crate::policy::{PolicyChange, PolicyCheck, PolicyDraft, PolicyFile, PolicyPreview, PolicyWish};
use crate::notices::acts::{DeliveryRow, WebhookEdit, WebhookMade, WebhookRow, WebhookWish};
use axum::Json;
use serde_json::{Map, Value, json};
use utoipa::PartialSchema;

/// One operation.
struct Operation {
    method: &'static str,
    path: &'static str,
    summary: &'static str,
    query: &'static [(&'static str, &'static str)],
    body: Option<&'static str>,
    answer: Shape,
}

/// What an operation gives.
enum Shape {
    One(&'static str),
    List(&'static str),
    Page(&'static str),
    Text,
    Any,
    Nothing,
}

const WINDOW: [(&str, &str); 2] = [("skip", "rows left out at the front"), ("take", "rows wanted, 1 to 1000, 100 unless given")];

const OPERATIONS: &[Operation] = &[
    Operation { method: "get", path: "/healthz", summary: "Whether the process lives", query: &[], body: None, answer: Shape::Any },
    Operation { method: "get", path: "/readyz", summary: "Whether the store answers; 503 while it does not", query: &[], body: None, answer: Shape::Any },
    Operation { method: "get", path: "/metrics", summary: "Counters and timings (OpenMetrics)", query: &[], body: None, answer: Shape::Text },
    Operation { method: "get", path: "/openapi.json", summary: "This document", query: &[], body: None, answer: Shape::Any },
    Operation { method: "get", path: "/api/v1/standings", summary: "What needs doing, in figures", query: &[], body: None, answer: Shape::One("Standings") },
    Operation {
        method: "get",
        path: "/api/v1/hosts",
        summary: "Hosts, the most urgent first",
        query: &[
            ("filter", "conditions, `environment = prod, label.role = web | proxy, name != test-*`; fields are name, os, stream, environment, tier, exposure, owner, source, state, overdue and label.NAME"),
            ("name", "part of the name"),
            ("state", "active, silent, waiting, pending or retired"),
            ("overdue", "true: only hosts with something overdue"),
            ("environment", "environment"),
            ("order", "overdue, name, last_seen, security_updates, findings or next_due"),
            WINDOW[0],
            WINDOW[1],
        ],
        body: None,
        answer: Shape::Page("HostRow"),
    },
    Operation { method: "post", path: "/api/v1/hosts", summary: "Enter a host by hand", query: &[], body: Some("ManualHost"), answer: Shape::One("HostRow") },
    Operation { method: "get", path: "/api/v1/hosts/{host}", summary: "One host with the whole answer about it", query: &[], body: None, answer: Shape::One("HostAnswer") },
    Operation { method: "patch", path: "/api/v1/hosts/{host}", summary: "Edit what people say of a host; it is judged again", query: &[], body: Some("Edit"), answer: Shape::One("HostRow") },
    Operation { method: "get", path: "/api/v1/hosts/{host}/history", summary: "What came and went on a host, newest first", query: &[WINDOW[1]], body: None, answer: Shape::List("Moment") },
    Operation { method: "post", path: "/api/v1/hosts/{host}/accept", summary: "Accept a host that waits", query: &[], body: Some("Reason"), answer: Shape::One("HostRow") },
    Operation { method: "post", path: "/api/v1/hosts/{host}/retire", summary: "Retire a host", query: &[], body: Some("Reason"), answer: Shape::One("HostRow") },
    Operation { method: "post", path: "/api/v1/hosts/{host}/unflag", summary: "Take the flag off a host that somebody looked at", query: &[], body: Some("Reason"), answer: Shape::One("HostRow") },
    Operation {
        method: "get",
        path: "/api/v1/findings",
        summary: "Open findings, the most urgent first",
        query: &[
            ("severity", "at least unknown, none, low, medium, high or critical"),
            ("overdue", "true: only what is overdue"),
            ("exploited", "true: only what is known to be exploited"),
            ("fix", "true: only where a fix is on offer"),
            ("text", "part of the advisory's id or of a package's name"),
            WINDOW[0],
            WINDOW[1],
        ],
        body: None,
        answer: Shape::Page("FindingRow"),
    },
    Operation {
        method: "get",
        path: "/api/v1/advisories",
        summary: "Advisories with open findings, the most urgent first",
        query: &[
            ("severity", "at least unknown, none, low, medium, high or critical"),
            ("overdue", "true: only what is overdue somewhere"),
            ("exploited", "true: only what is known to be exploited"),
            ("fix", "true: only where a fix is on offer"),
            ("text", "part of the id or of a package's name"),
            WINDOW[0],
            WINDOW[1],
        ],
        body: None,
        answer: Shape::Page("AdvisoryRow"),
    },
    Operation { method: "get", path: "/api/v1/advisories/{advisory}", summary: "A CVE or an advisory with every host it concerns", query: &[], body: None, answer: Shape::One("AdvisoryAnswer") },
    Operation {
        method: "get",
        path: "/api/v1/packages",
        summary: "Installed packages by name",
        query: &[("name", "beginning of the name"), ("after", "the last name of the page before"), ("after_stream", "the stream of that name"), WINDOW[1]],
        body: None,
        answer: Shape::List("PackageRow"),
    },
    Operation { method: "get", path: "/api/v1/packages/{stream}/{name}", summary: "A package's versions with the hosts that have each", query: &[], body: None, answer: Shape::List("VersionRow") },
    Operation { method: "get", path: "/api/v1/sources", summary: "The advisory database and its sources", query: &[], body: None, answer: Shape::One("SourcesAnswer") },
    Operation {
        method: "get",
        path: "/api/v1/exposure",
        summary: "Open findings at the end of each day by priority and due date, oldest first",
        query: &[("days", "days back from today, 1 to 366, 90 unless given"), ("host", "one host instead of all that you may see")],
        body: None,
        answer: Shape::List("Exposure"),
    },
    Operation { method: "get", path: "/api/v1/policy", summary: "The policies in force", query: &[], body: None, answer: Shape::Any },
    Operation { method: "get", path: "/api/v1/policy/file", summary: "The policy in force as its file, and who put it in force", query: &[], body: None, answer: Shape::One("PolicyFile") },
    Operation { method: "put", path: "/api/v1/policy/file", summary: "Put a policy in force; a bad one leaves the one in force", query: &[], body: Some("PolicyWish"), answer: Shape::One("PolicyFile") },
    Operation { method: "post", path: "/api/v1/policy/check", summary: "Check a policy and show which findings it would give another due date", query: &[], body: Some("PolicyDraft"), answer: Shape::One("PolicyCheck") },
    Operation { method: "get", path: "/api/v1/evidence", summary: "Entries of the evidence log, oldest first", query: &WINDOW, body: None, answer: Shape::List("Entry") },
    Operation { method: "get", path: "/api/v1/applications", summary: "Applications, by name", query: &[], body: None, answer: Shape::List("ApplicationAnswer") },
    Operation { method: "post", path: "/api/v1/applications", summary: "Make an application", query: &[], body: Some("ApplicationWish"), answer: Shape::One("ApplicationAnswer") },
    Operation { method: "get", path: "/api/v1/applications/{application}", summary: "One application", query: &[], body: None, answer: Shape::One("ApplicationAnswer") },
    Operation { method: "patch", path: "/api/v1/applications/{application}", summary: "Edit an application", query: &[], body: Some("ApplicationWish"), answer: Shape::One("ApplicationAnswer") },
    Operation { method: "delete", path: "/api/v1/applications/{application}", summary: "Delete an application", query: &[("reason", "why")], body: None, answer: Shape::Nothing },
    Operation { method: "get", path: "/api/v1/applications/{application}/findings", summary: "The findings of an application's own components", query: &[], body: None, answer: Shape::One("ApplicationFindings") },
    Operation { method: "put", path: "/api/v1/applications/{application}/sbom", summary: "Give an application's SBOM (CycloneDX or SPDX, compressed or not); it is judged at once", query: &[], body: None, answer: Shape::One("ApplicationAnswer") },
    Operation { method: "get", path: "/api/v1/groups", summary: "Groups of hosts, by name", query: &[], body: None, answer: Shape::List("GroupAnswer") },
    Operation { method: "post", path: "/api/v1/groups", summary: "Make a group, by a query or by hand", query: &[], body: Some("NewGroup"), answer: Shape::One("GroupAnswer") },
    Operation { method: "get", path: "/api/v1/groups/{group}", summary: "One group", query: &[], body: None, answer: Shape::One("GroupAnswer") },
    Operation { method: "patch", path: "/api/v1/groups/{group}", summary: "Edit a group; its members follow", query: &[], body: Some("GroupEdit"), answer: Shape::One("GroupAnswer") },
    Operation { method: "delete", path: "/api/v1/groups/{group}", summary: "Delete a group; roles and tokens bound to it lose what it gave", query: &[("reason", "why")], body: None, answer: Shape::Nothing },
    Operation { method: "get", path: "/api/v1/groups/{group}/hosts", summary: "Hosts of a group, the most urgent first", query: &WINDOW, body: None, answer: Shape::Page("HostRow") },
    Operation { method: "put", path: "/api/v1/groups/{group}/hosts", summary: "Name the hosts of a group that has no query", query: &[], body: Some("NamedHosts"), answer: Shape::One("GroupAnswer") },
    Operation { method: "post", path: "/api/v1/imports", summary: "Bring a file that `plimsoll collect` made (zstd)", query: &[], body: None, answer: Shape::One("HostRow") },
    Operation { method: "post", path: "/api/v1/enrolment-tokens", summary: "Make a token with which hosts join", query: &[], body: Some("TokenWish"), answer: Shape::One("TokenMade") },
    Operation { method: "get", path: "/api/v1/webhooks", summary: "Webhooks and mail", query: &[], body: None, answer: Shape::List("WebhookRow") },
    Operation { method: "post", path: "/api/v1/webhooks", summary: "Make a webhook; its signing secret is shown once", query: &[], body: Some("WebhookWish"), answer: Shape::One("WebhookMade") },
    Operation { method: "patch", path: "/api/v1/webhooks/{webhook}", summary: "Edit a webhook, switch it on or off", query: &[], body: Some("WebhookEdit"), answer: Shape::One("WebhookRow") },
    Operation { method: "delete", path: "/api/v1/webhooks/{webhook}", summary: "Delete a webhook; what waits for it is given up", query: &[], body: Some("Reason"), answer: Shape::Nothing },
    Operation { method: "post", path: "/api/v1/webhooks/{webhook}/secret", summary: "Give a webhook another signing secret, shown once; the old one signs too for 24 hours", query: &[], body: Some("Reason"), answer: Shape::One("WebhookMade") },
    Operation { method: "post", path: "/api/v1/webhooks/{webhook}/test", summary: "Send a test event", query: &[], body: None, answer: Shape::One("DeliveryRow") },
    Operation {
        method: "get",
        path: "/api/v1/webhooks/{webhook}/deliveries",
        summary: "Deliveries to a webhook, newest first",
        query: &[("before", "the last id of the page before"), WINDOW[1]],
        body: None,
        answer: Shape::List("DeliveryRow"),
    },
    Operation { method: "post", path: "/api/v1/deliveries/{delivery}/send-again", summary: "Send a delivery again that ended, under the same id", query: &[], body: None, answer: Shape::One("DeliveryRow") },
];

fn reference(name: &str) -> Value {
    json!({ "$ref": format!("#/components/schemas/{name}") })
}

fn answer(shape: &Shape) -> Value {
    let (kind, schema) = match shape {
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
        Shape::Text => ("application/openmetrics-text", json!({ "type": "string" })),
        Shape::Any => ("application/json", json!({})),
        Shape::Nothing => return json!({ "description": "Done" }),
    };
    json!({ "description": "Done", "content": { kind: { "schema": schema } } })
}

fn parameters(operation: &Operation) -> Vec<Value> {
    let places = operation.path.split('/').filter_map(|part| part.strip_prefix('{')?.strip_suffix('}'));
    let path = places.map(|name| json!({ "name": name, "in": "path", "required": true, "schema": { "type": "string" } }));
    let query = operation.query.iter().map(|(name, what)| {
        let kind = match *name {
            "skip" | "take" => json!({ "type": "integer", "minimum": 0 }),
            "overdue" | "exploited" | "fix" => json!({ "type": "boolean" }),
            _ => json!({ "type": "string" }),
        };
        json!({ "name": name, "in": "query", "required": false, "description": what, "schema": kind })
    });
    path.chain(query).collect()
}

fn describe(operation: &Operation) -> Value {
    let refusal = json!({ "description": "Refused", "content": { "application/problem+json": { "schema": reference("Problem") } } });
    let status = if matches!(operation.answer, Shape::Nothing) { "204" } else { "200" };
    let mut out = json!({
        "summary": operation.summary,
        "parameters": parameters(operation),
        "responses": { status: answer(&operation.answer), "default": refusal },
    });
    if let Some(body) = operation.body {
        out["requestBody"] = json!({ "required": true, "content": { "application/json": { "schema": reference(body) } } });
    } else if operation.path.ends_with("/imports") {
        out["requestBody"] = json!({ "required": true, "content": { "application/zstd": { "schema": { "type": "string", "format": "binary" } } } });
    }
    if operation.path.ends_with("/sbom") {
        let schema = json!({ "schema": { "type": "string", "format": "binary" } });
        out["requestBody"] = json!({ "required": true, "content": { "application/json": schema, "application/octet-stream": schema } });
    }
    if operation.path.starts_with("/api/") || operation.path == "/metrics" {
        out["security"] = json!([{ "token": [] }]);
    }
    out
}

fn schema<T: PartialSchema>() -> Value {
    serde_json::to_value(T::schema()).unwrap_or_default()
}

/// The document.
pub fn document() -> Value {
    let mut paths = Map::new();
    for operation in OPERATIONS {
        let entry = paths.entry(operation.path).or_insert_with(|| json!({}));
        entry[operation.method] = describe(operation);
    }
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "Plimsoll",
            "version": env!("CARGO_PKG_VERSION"),
            "license": { "name": "Apache-2.0", "identifier": "Apache-2.0" },
        },
        "paths": paths,
        "components": {
            "securitySchemes": { "token": { "type": "http", "scheme": "bearer" } },
            "schemas": {
                "AdvisoryAnswer": schema::<AdvisoryAnswer>(),
                "AdvisoryRow": schema::<AdvisoryRow>(),
                "ApplicationAnswer": schema::<ApplicationAnswer>(),
                "ApplicationFindings": schema::<ApplicationFindings>(),
                "ApplicationWish": schema::<ApplicationWish>(),
                "Edit": schema::<Edit>(),
                "Entry": schema::<Entry>(),
                "FindingRow": schema::<FindingRow>(),
                "GroupAnswer": schema::<GroupAnswer>(),
                "GroupEdit": schema::<GroupEdit>(),
                "HostAnswer": schema::<HostAnswer>(),
                "HostRow": schema::<HostRow>(),
                "ManualHost": schema::<ManualHost>(),
                "Moment": schema::<Moment>(),
                "NamedHosts": schema::<NamedHosts>(),
                "NewGroup": schema::<NewGroup>(),
                "PackageRow": schema::<PackageRow>(),
                "Problem": problem(),
                "Reason": schema::<Reason>(),
                "SourcesAnswer": schema::<SourcesAnswer>(),
                "Exposure": schema::<Exposure>(),
                "PolicyFile": schema::<PolicyFile>(),
                "PolicyDraft": schema::<PolicyDraft>(),
                "PolicyWish": schema::<PolicyWish>(),
                "PolicyCheck": schema::<PolicyCheck>(),
                "PolicyPreview": schema::<PolicyPreview>(),
                "PolicyChange": schema::<PolicyChange>(),
                "Standings": schema::<Standings>(),
                "TokenMade": schema::<TokenMade>(),
                "TokenWish": schema::<TokenWish>(),
                "VersionRow": schema::<VersionRow>(),
                "DeliveryRow": schema::<DeliveryRow>(),
                "WebhookEdit": schema::<WebhookEdit>(),
                "WebhookMade": schema::<WebhookMade>(),
                "WebhookRow": schema::<WebhookRow>(),
                "WebhookWish": schema::<WebhookWish>(),
            },
        },
    })
}

/// Problem details (RFC 9457) with our code and next step.
fn problem() -> Value {
    json!({
        "type": "object",
        "required": ["type", "title", "status", "code", "detail", "next"],
        "properties": {
            "type": { "type": "string" },
            "title": { "type": "string" },
            "status": { "type": "integer" },
            "code": { "type": "string", "description": "Stable code" },
            "detail": { "type": "string" },
            "next": { "type": "string", "description": "What to do next" },
            "place": { "type": "string", "description": "Where in the request" },
        },
    })
}

/// Serves it.
pub async fn show(_allowed: Allowed) -> Json<Value> {
    Json(document())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn every_route_is_described_and_nothing_else() {
        let served: BTreeSet<(String, String)> = crate::api::routes()
            .declared()
            .into_iter()
            .map(|route| (route.path, route.method.to_lowercase()))
            .collect();
        let described: BTreeSet<(String, String)> =
            OPERATIONS.iter().map(|operation| (operation.path.to_owned(), operation.method.to_owned())).collect();
        assert_eq!(served, described);
    }

    #[test]
    fn the_committed_document_is_this_one() {
        let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/openapi.json");
        let now = serde_json::to_string_pretty(&document()).unwrap() + "\n";
        if std::env::var_os("PLIMSOLL_WRITE_OPENAPI").is_some() {
            std::fs::write(&path, &now).unwrap();
        }
        let committed = std::fs::read_to_string(&path).unwrap_or_default();
        assert!(committed == now, "docs/openapi.json is not what is served: run this test with PLIMSOLL_WRITE_OPENAPI=1");
    }
}
