//! Go: `go.mod`, and the spelling of Go toolchain versions.
//!
//! Source: the Go modules reference, "go.mod files". The standard library has
//! advisories of its own under the name `stdlib`; which one a build uses is
//! decided by the toolchain, so from `go.mod` it is a lower bound.

use super::collect::{Collector, Ecosystem, Entry, Origin};
use crate::bounded::text;
use plimsoll_core::model::component::Scope;
use plimsoll_core::model::problem::{Problem, printable};
use std::collections::{BTreeMap, BTreeSet};

#[derive(Default)]
struct Module<'a> {
    own: Option<&'a str>,
    go: Option<&'a str>,
    toolchain: Option<&'a str>,
    require: Vec<(&'a str, &'a str)>,
    exclude: BTreeSet<(&'a str, &'a str)>,
    /// By path and, where stated, version: the new path and version; no
    /// version for a folder.
    replace: BTreeMap<(&'a str, Option<&'a str>), (&'a str, Option<&'a str>)>,
}

pub(super) fn read(bytes: &[u8], into: &mut Collector<'_>) -> Result<(), Problem> {
    let text = text(into.place(), bytes)?;
    let mut module = Module::default();
    let mut block: Option<&str> = None;
    for (number, line) in text.lines().enumerate() {
        let line = line.split("//").next().unwrap_or(line).trim();
        let words: Vec<&str> = line.split_whitespace().map(|word| word.trim_matches(['"', '`'])).collect();
        let understood = match (block, words.as_slice()) {
            (_, []) => true,
            (Some(_), [")"]) => {
                block = None;
                true
            }
            (None, [verb, "("]) => {
                block = Some(*verb);
                true
            }
            (None, [both]) if both.ends_with('(') => {
                block = both.strip_suffix('(');
                true
            }
            (Some(verb), words) => directive(verb, words, &mut module),
            (None, [verb, words @ ..]) => directive(verb, words, &mut module),
        };
        if !understood {
            into.unread(&format!("line {}", number + 1), &format!("is no directive: {}", printable(line)));
        }
    }
    if module.own.is_none() {
        return Err(Problem::new("E-FORMAT", into.place(), "has no module directive", "check that it is a go.mod"));
    }
    report(&module, into);
    Ok(())
}

fn directive<'a>(verb: &str, words: &[&'a str], module: &mut Module<'a>) -> bool {
    match (verb, words) {
        ("module", [path]) => module.own = Some(path),
        ("go", [version]) => module.go = Some(version),
        ("toolchain", [version]) => module.toolchain = Some(version),
        ("require", [path, version]) => module.require.push((path, version)),
        ("exclude", [path, version]) => {
            module.exclude.insert((path, version));
        }
        ("replace", [path, "=>", new]) => {
            module.replace.insert((path, None), (new, None));
        }
        ("replace", [path, "=>", new, version]) => {
            module.replace.insert((path, None), (new, Some(version)));
        }
        ("replace", [path, old, "=>", new]) => {
            module.replace.insert((path, Some(old)), (new, None));
        }
        ("replace", [path, old, "=>", new, version]) => {
            module.replace.insert((path, Some(old)), (new, Some(version)));
        }
        // These name nothing that goes into the build, or no version.
        ("retract" | "tool" | "godebug" | "ignore", _) => {}
        _ => return false,
    }
    true
}

fn report(module: &Module<'_>, into: &mut Collector<'_>) {
    for &(path, version) in &module.require {
        if module.exclude.contains(&(path, version)) {
            into.incomplete(format!("{path} {version} is required and excluded, so Go takes a later one"));
            continue;
        }
        let replaced = module.replace.get(&(path, Some(version))).or_else(|| module.replace.get(&(path, None)));
        let (name, version, origin) = match replaced {
            None => (path, version, Origin::Registry),
            Some(&(new, Some(version))) => (new, version, Origin::Registry),
            Some(_) => (path, version, Origin::Own),
        };
        into.add(Entry { ecosystem: Ecosystem::Go, name, version, origin, scope: Scope::Runtime });
    }
    // From Go 1.17 on every module of the build is listed; without a go
    // directive 1.16 holds.
    let minor = module.go.and_then(|go| go.split('.').nth(1)).map(digits).unwrap_or(16);
    if module.go.is_none_or(|go| go.starts_with("1.")) && minor < 17 {
        into.incomplete("a go.mod before Go 1.17 lists only the modules it needs directly");
    }
    let toolchain = module.toolchain.filter(|name| *name != "default").or(module.go);
    if let Some(version) = toolchain.and_then(toolchain_version) {
        into.registry(Ecosystem::Go, "stdlib", &version, Scope::Runtime);
        into.incomplete(format!(
            "Go {version} is the oldest that may build it; the build information of the program states the real one"
        ));
    }
}

fn digits(text: &str) -> u32 {
    let end = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    text.get(..end).and_then(|digits| digits.parse().ok()).unwrap_or(0)
}

/// Writes a toolchain's name (`go1.21rc2`, `1.16`, `go1.22.5 X:boringcrypto`)
/// as the version that advisories of `stdlib` are stated in (`1.21.0-rc.2`,
/// `1.16.0`, `1.22.5`).
///
/// None for a development build, which has no place in that order. What a
/// distributor appends after `-` or `+` is cut: it says who built it, and left
/// in place it would read as a pre-release.
pub(super) fn toolchain_version(name: &str) -> Option<String> {
    let name = name.split_whitespace().next()?;
    let name = name.strip_prefix("go").unwrap_or(name);
    let name = name.split(['-', '+']).next()?;
    let numbers_end = name.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(name.len());
    let (numbers, suffix) = (name.get(..numbers_end)?, name.get(numbers_end..)?);
    let mut parts: Vec<&str> = numbers.split('.').collect();
    if parts.len() > 3 || parts.iter().any(|part| part.is_empty()) {
        return None;
    }
    parts.resize(3, "0");
    let version = parts.join(".");
    let number = |word: &str| suffix.strip_prefix(word).filter(|n| !n.is_empty() && n.bytes().all(|b| b.is_ascii_digit()));
    match (suffix, number("rc"), number("beta")) {
        ("", _, _) => Some(version),
        (_, Some(number), _) => Some(format!("{version}-rc.{number}")),
        (_, _, Some(number)) => Some(format!("{version}-beta.{number}")),
        _ => None,
    }
}
