//! Bun: the text lock file `bun.lock`.
//!
//! Source: Bun's documentation and files written by it. It is JSON with
//! comments and trailing commas; each package is a list whose first item is
//! `name@version` or `name@address`.

use super::collect::{Collector, Ecosystem, Entry as Found, Origin};
use super::document;
use super::lenient::{Entries, Entry, Sequence, Text};
use super::npm::{origin, split_at_version};
use super::reach::Graph;
use plimsoll_core::model::component::Scope;
use plimsoll_core::model::problem::Problem;
use serde::Deserialize;
use serde_json::Value;
use std::collections::BTreeMap;

#[derive(Deserialize, Default)]
#[serde(default, rename_all = "camelCase")]
struct Lock {
    lockfile_version: Text,
    workspaces: Entries<Entry<Workspace>>,
    packages: Entries<Sequence<Value>>,
}

#[derive(Deserialize, Default)]
#[serde(default, rename_all = "camelCase")]
struct Workspace {
    dependencies: Entries<Text>,
    dev_dependencies: Entries<Text>,
    optional_dependencies: Entries<Text>,
}

/// Refuses the binary format, with the way out.
pub(super) fn binary(place: &str) -> Problem {
    Problem::new(
        "E-UNSUPPORTED",
        place,
        "is Bun's binary lock file, which only Bun can read",
        "run `bun install --save-text-lockfile --lockfile-only` and keep bun.lock beside it",
    )
}

pub(super) fn lock(bytes: &[u8], into: &mut Collector<'_>) -> Result<(), Problem> {
    let lock: Lock = document::json(into.place(), &plain_json(bytes))?;
    if lock.lockfile_version.get().is_none() {
        return Err(Problem::new("E-FORMAT", into.place(), "states no lockfileVersion", "run `bun install` again"));
    }
    into.shape("packages", lock.packages.1, true)?;
    let scopes = scopes(&lock);
    for ((key, items), scope) in lock.packages.0.iter().zip(scopes) {
        let Some((name, version)) = items.0.first().and_then(Value::as_str).and_then(split_at_version) else {
            into.unread(key, "names no package and version");
            continue;
        };
        let origin = match version.split_once(':').map(|(protocol, _)| protocol) {
            None => Origin::Registry,
            Some("workspace" | "link" | "file" | "root") => Origin::Own,
            Some("http" | "https") => Origin::Address(version),
            Some(_) => match origin(version) {
                Origin::Registry => Origin::Repository(version),
                other => other,
            },
        };
        into.add(Found { ecosystem: Ecosystem::Npm, name, version, origin, scope });
    }
    Ok(())
}

/// Blanks comments and trailing commas, so that line numbers in errors stay
/// true.
fn plain_json(bytes: &[u8]) -> Vec<u8> {
    let mut out = bytes.to_vec();
    let mut at = 0;
    let mut comma: Option<usize> = None;
    while let Some(&byte) = bytes.get(at) {
        match byte {
            b'"' => {
                comma = None;
                at = end_of_string(bytes, at);
                continue;
            }
            b'/' if matches!(bytes.get(at + 1), Some(b'/' | b'*')) => {
                let end = end_of_comment(bytes, at);
                for gone in out.iter_mut().take(end).skip(at).filter(|byte| **byte != b'\n') {
                    *gone = b' ';
                }
                at = end;
                continue;
            }
            b',' => comma = Some(at),
            b'}' | b']' => {
                if let Some(gone) = comma.take().and_then(|comma| out.get_mut(comma)) {
                    *gone = b' ';
                }
            }
            byte if byte.is_ascii_whitespace() => {}
            _ => comma = None,
        }
        at += 1;
    }
    out
}

fn end_of_string(bytes: &[u8], start: usize) -> usize {
    let mut at = start + 1;
    while let Some(&byte) = bytes.get(at) {
        match byte {
            b'\\' => at += 2,
            b'"' => return at + 1,
            _ => at += 1,
        }
    }
    bytes.len()
}

fn end_of_comment(bytes: &[u8], start: usize) -> usize {
    let rest = bytes.get(start..).unwrap_or_default();
    let end = if rest.starts_with(b"//") {
        rest.iter().position(|byte| *byte == b'\n')
    } else {
        rest.get(2..).and_then(|body| body.windows(2).position(|pair| pair == b"*/")).map(|at| at + 4)
    };
    end.map_or(bytes.len(), |end| start + end)
}

/// Finds when each package is needed, in the order of the file.
///
/// A dependency `d` of the package under key `a/b` is the entry `a/b/d`, else
/// `a/d`, else `d`, as in nested `node_modules`.
fn scopes(lock: &Lock) -> Vec<Scope> {
    let keys = &lock.packages.0;
    let numbers: BTreeMap<&str, usize> =
        keys.iter().enumerate().map(|(number, (key, _))| (key.as_str(), number)).collect();
    let find = |from: &str, name: &str| {
        let mut prefix = from;
        loop {
            if let Some(number) = numbers.get(format!("{prefix}/{name}").as_str()) {
                return Some(*number);
            }
            match prefix.rsplit_once('/') {
                Some((shorter, _)) => prefix = shorter,
                None => return numbers.get(name).copied(),
            }
        }
    };
    let mut graph = Graph::new(keys.len());
    for ((key, items), (needs, may_use)) in
        keys.iter().zip(graph.needs.iter_mut().zip(graph.may_use.iter_mut()))
    {
        let names = |field: &str| -> Vec<usize> {
            let lists = items.0.iter().filter_map(|item| item.get(field)?.as_object());
            lists.flat_map(|list| list.keys()).filter_map(|name| find(key, name)).collect()
        };
        *needs = names("dependencies");
        needs.extend(names("peerDependencies"));
        *may_use = names("optionalDependencies");
    }
    let asked = |pick: fn(&Workspace) -> &Entries<Text>| -> Vec<usize> {
        let workspaces = lock.workspaces.0.iter().filter_map(|(_, entry)| entry.0.as_ref());
        workspaces.flat_map(|each| pick(each).0.iter()).filter_map(|(name, _)| numbers.get(name.as_str()).copied()).collect()
    };
    let runtime = asked(|each| &each.dependencies);
    let optional = asked(|each| &each.optional_dependencies);
    let development = asked(|each| &each.dev_dependencies);
    graph.scopes(&runtime, &optional, &development)
}
