//! Maven's `pom.xml`.
//!
//! Source: the Maven POM reference. A project file asks for direct
//! dependencies; versions may come from properties, a parent or a bill of
//! materials. Only this file is read, so what stands elsewhere is named as a
//! gap.

use super::collect::{Collector, Ecosystem, Entry, Origin};
use super::xml::{self, Element};
use plimsoll_core::model::component::Scope;
use plimsoll_core::model::problem::{Problem, printable};
use std::collections::BTreeMap;

/// How often a property may lead to another.
const DEEPEST_PROPERTY: usize = 8;
/// Longest text a property may expand to.
const LONGEST_VALUE: usize = 4096;

struct Project<'a> {
    properties: BTreeMap<String, &'a str>,
    managed: BTreeMap<(String, String), &'a Element>,
}

pub(super) fn pom(bytes: &[u8], into: &mut Collector<'_>) -> Result<(), Problem> {
    let root = xml::read(into.place(), bytes)?;
    if root.name != "project" {
        return Err(Problem::new("E-FORMAT", into.place(), "is not a Maven project file", "check the file"));
    }
    let mut project = Project { properties: properties(&root), managed: BTreeMap::new() };
    let profiles = root.child("profiles").into_iter().flat_map(|list| list.all("profile"));
    let parts: Vec<&Element> = std::iter::once(&root).chain(profiles).collect();
    for part in &parts {
        let managed = part.child("dependencyManagement").and_then(|list| list.child("dependencies"));
        for dependency in managed.into_iter().flat_map(|list| list.all("dependency")) {
            if dependency.text_of("scope") == Some("import") {
                into.incomplete("it imports versions from a bill of materials, which was not read");
            }
            project.managed.insert(project.coordinates(dependency), dependency);
        }
    }
    own(&root, &project, into);
    for dependency in parts.iter().filter_map(|part| part.child("dependencies")).flat_map(|list| list.all("dependency")) {
        one(dependency, &project, into);
    }
    if let Some(parent) = root.child("parent") {
        let (group, artifact) = project.coordinates(parent);
        into.incomplete(format!("its parent {}:{} was not read", printable(&group), printable(&artifact)));
    }
    into.incomplete("a pom.xml names direct dependencies only");
    Ok(())
}

/// The properties of a project, its own coordinates among them.
fn properties(root: &Element) -> BTreeMap<String, &str> {
    let mut out = BTreeMap::new();
    let parent = root.child("parent");
    for field in ["groupId", "artifactId", "version"] {
        let inherited = parent.and_then(|parent| parent.text_of(field));
        if let Some(value) = root.text_of(field).or(inherited) {
            for prefix in ["project.", "pom.", ""] {
                out.insert(format!("{prefix}{field}"), value);
            }
        }
        if let Some(value) = inherited {
            out.insert(format!("project.parent.{field}"), value);
        }
    }
    for property in root.child("properties").into_iter().flat_map(|list| &list.children) {
        if let Some(value) = property.text() {
            out.insert(property.name.clone(), value);
        }
    }
    out
}

impl Project<'_> {
    /// Replaces `${name}`; a name that is not known stays as it is.
    fn resolve(&self, text: &str) -> String {
        let mut out = text.to_owned();
        for _ in 0..DEEPEST_PROPERTY {
            let Some((before, rest)) = out.split_once("${") else { break };
            let Some((name, after)) = rest.split_once('}') else { break };
            let Some(value) = self.properties.get(name) else { break };
            let next = format!("{before}{value}{after}");
            if next.len() > LONGEST_VALUE {
                break;
            }
            out = next;
        }
        out
    }

    fn coordinates(&self, element: &Element) -> (String, String) {
        let field = |name| self.resolve(element.text_of(name).unwrap_or_default());
        (field("groupId"), field("artifactId"))
    }
}

fn own(root: &Element, project: &Project<'_>, into: &mut Collector<'_>) {
    let field = |name| project.properties.get(name).map(|value| project.resolve(value));
    if let (Some(group), Some(artifact), Some(version)) = (field("groupId"), root.text_of("artifactId"), field("version")) {
        if !version.contains("${") {
            let name = format!("{group}:{artifact}");
            let entry = Entry {
                ecosystem: Ecosystem::Maven,
                name: &name,
                version: &version,
                origin: Origin::Own,
                scope: Scope::Runtime,
            };
            into.add(entry);
        }
    }
}

fn one(dependency: &Element, project: &Project<'_>, into: &mut Collector<'_>) {
    let (group, artifact) = project.coordinates(dependency);
    if group.is_empty() || artifact.is_empty() {
        return into.unread("dependency", "has no groupId or no artifactId");
    }
    let name = format!("{group}:{artifact}");
    let managed = project.managed.get(&(group, artifact)).copied();
    let field = |what| dependency.text_of(what).or_else(|| managed?.text_of(what));
    let version = field("version").map(|version| project.resolve(version));
    let scope = match field("scope") {
        Some("test") => Scope::Development,
        _ if field("optional") == Some("true") => Scope::Optional,
        _ => Scope::Runtime,
    };
    // `[1.2]` is exactly that version; any other bracket is a range.
    let version = version.map(|version| match version.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
        Some(exact) if !exact.contains(',') => exact.to_owned(),
        _ => version,
    });
    match version {
        Some(version) if !version.contains(['$', '[', ']', '(', ')', ',']) => {
            into.registry(Ecosystem::Maven, &name, &version, scope);
        }
        Some(version) => into.incomplete(format!(
            "{} has no exact version: {}",
            printable(&name),
            printable(&version)
        )),
        None => into.incomplete(format!("{} takes its version from elsewhere", printable(&name))),
    }
}
