//! Tests of the readers: against files that real tools wrote, against other
//! people's real projects, and against hostile input.

mod hostile;
mod programs;
mod projects;
mod tools;

use super::{FileKind, Found, read};
use plimsoll_core::model::component::{Component, ComponentKind, Scope};

/// Reads a file of `fixtures/components`.
fn fixture(name: &str) -> Vec<u8> {
    let path = format!("{}/fixtures/components/{name}", env!("CARGO_MANIFEST_DIR"));
    std::fs::read(&path).unwrap_or_else(|error| panic!("{path}: {error}"))
}

fn read_fixture(kind: FileKind, name: &str) -> Found {
    read(kind, name, &fixture(name)).unwrap_or_else(|problem| panic!("{problem:?}"))
}

/// One line for a component: the package URL, the version where the URL's
/// differs, and what is not the usual.
fn line(component: &Component) -> String {
    let mut out = component.purl.clone();
    if component.stream.is_none() {
        out.push_str(" (no stream)");
    }
    if component.kind == ComponentKind::Application {
        out.push_str(" (application)");
    }
    match component.scope {
        Scope::Runtime => {}
        Scope::Development => out.push_str(" (development)"),
        Scope::Optional => out.push_str(" (optional)"),
    }
    out
}

fn lines(found: &Found) -> Vec<String> {
    found.components.iter().map(line).collect()
}
