use super::*;
use std::collections::BTreeSet;

/// Whether a route is a page of the console and no part of the API.
fn is_page(path: &str) -> bool {
    path == "/" || path == "/console" || path.starts_with("/console/")
}

#[test]
fn every_route_is_described_and_nothing_else() {
    let served: BTreeSet<(String, String)> = crate::run::routes()
        .declared()
        .into_iter()
        .filter(|route| !is_page(&route.path))
        .map(|route| (route.path, route.method.to_lowercase()))
        .collect();
    let paths = document()["paths"].as_object().unwrap();
    let described: BTreeSet<(String, String)> = paths
        .iter()
        .flat_map(|(path, methods)| methods.as_object().unwrap().keys().map(|method| (path.clone(), method.clone())))
        .collect();
    assert_eq!(served, described);
    assert_eq!(OPERATIONS.len(), described.len(), "one entry for one route");
    let named: BTreeSet<String> = OPERATIONS.iter().map(identifier).collect();
    assert_eq!(named.len(), OPERATIONS.len(), "operations share an id");
    assert!(described.iter().any(|(path, _)| path.starts_with("/api/v1/people")) && served.len() > 80, "{}", served.len());
}

/// Every schema is one, every reference leads somewhere, and every example
/// fits its schema.
#[test]
fn the_document_is_whole() {
    fn references<'a>(value: &'a Value, out: &mut BTreeSet<&'a str>) {
        match value {
            Value::Object(all) => {
                out.extend(all.get("$ref").and_then(Value::as_str));
                all.values().for_each(|value| references(value, out));
            }
            Value::Array(all) => all.iter().for_each(|value| references(value, out)),
            _ => {}
        }
    }
    let document = document();
    let mut all = BTreeSet::new();
    references(document, &mut all);
    for reference in &all {
        assert!(document.pointer(reference.trim_start_matches('#')).is_some(), "{reference} leads nowhere");
    }
    for name in document["components"]["schemas"].as_object().unwrap().keys() {
        assert!(all.contains(format!("#/components/schemas/{name}").as_str()), "nothing uses {name}");
    }
    let mut examples = 0;
    for operation in OPERATIONS {
        let (Body::Json(name), Some(example)) = (&operation.body, operation.example) else { continue };
        let example: Value = serde_json::from_str(example).unwrap();
        let whole = json!({ "$ref": format!("#/components/schemas/{name}"), "components": document["components"] });
        let validator = jsonschema::validator_for(&whole).unwrap();
        let errors: Vec<_> = validator.iter_errors(&example).map(|error| error.to_string()).collect();
        assert!(errors.is_empty(), "{}: {errors:?}", operation.path);
        assert!(!validator.is_valid(&json!({ "surprise": 1 })), "{name} takes anything");
        examples += 1;
    }
    assert!(examples > 8);
}

#[test]
fn keys_and_scopes_are_said() {
    let paths = &document()["paths"];
    let takes = |path: &str, method: &str| paths[path][method]["parameters"].to_string().contains("IdempotencyKey");
    assert!(takes("/api/v1/groups", "post") && takes("/api/v1/groups/{group}", "delete") && takes("/api/v1/account/password", "put"));
    assert!(!takes("/api/v1/groups", "get") && !takes("/api/v1/session", "post") && !takes("/agent/v1/enrol", "post"));
    assert_eq!(paths["/api/v1/groups"]["post"]["security"], json!([{ "token": ["edit-groups"] }, { "session": ["edit-groups"] }]));
    assert_eq!(paths["/api/v1/people"]["post"]["security"], json!([{ "session": ["edit-people"] }]));
    assert_eq!(paths["/healthz"]["get"]["security"], json!([]));
}

#[test]
fn the_committed_document_is_this_one() {
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/openapi.json");
    let now = serde_json::to_string_pretty(document()).unwrap() + "\n";
    if std::env::var_os("PLIMSOLL_WRITE_OPENAPI").is_some() {
        std::fs::write(&path, &now).unwrap();
    }
    let committed = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(committed == now, "docs/openapi.json is not what is served: run this test with PLIMSOLL_WRITE_OPENAPI=1");
}
