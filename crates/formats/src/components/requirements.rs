//! pip's requirements files.
//!
//! Source: pip's documentation, "Requirements File Format", and PEP 508. Only
//! `==` with a whole version says what gets installed; everything else is
//! named as a gap, never guessed.

use super::collect::{Collector, Ecosystem, Entry, Origin};
use crate::bounded::text;
use plimsoll_core::model::component::Scope;
use plimsoll_core::model::problem::{Problem, printable};

/// Most requirements without exact version that are named one by one.
const MOST_NAMED: usize = 20;

pub(super) fn read(bytes: &[u8], into: &mut Collector<'_>) -> Result<(), Problem> {
    let text = text(into.place(), bytes)?;
    let mut loose = Vec::new();
    let mut logical = String::new();
    let mut start = 1;
    for (number, line) in text.lines().enumerate() {
        if logical.is_empty() {
            start = number + 1;
        }
        if let Some(more) = line.strip_suffix('\\') {
            logical.push_str(more);
            logical.push(' ');
            continue;
        }
        logical.push_str(line);
        requirement(start, without_comment(&logical).trim(), &mut loose, into);
        logical.clear();
    }
    requirement(start, without_comment(&logical).trim(), &mut loose, into);
    if !loose.is_empty() {
        let named: Vec<String> = loose.iter().take(MOST_NAMED).map(|name| printable(name)).collect();
        let more = loose.len().saturating_sub(MOST_NAMED);
        let rest = if more > 0 { format!(" and {more} more") } else { String::new() };
        into.incomplete(format!(
            "{} requirements state no exact version: {}{rest}",
            loose.len(),
            named.join(", ")
        ));
    }
    Ok(())
}

fn without_comment(line: &str) -> &str {
    if line.trim_start().starts_with('#') {
        return "";
    }
    line.find(" #").or_else(|| line.find("\t#")).and_then(|at| line.get(..at)).unwrap_or(line)
}

fn requirement(number: usize, line: &str, loose: &mut Vec<String>, into: &mut Collector<'_>) {
    if line.is_empty() {
        return;
    }
    if line.starts_with('-') {
        return option(line, into);
    }
    // Options such as `--hash` follow the requirement, a marker follows `;`.
    let line = line.split(" --").next().unwrap_or(line);
    let (requirement, marker) = line.split_once(';').map_or((line, ""), |(left, right)| (left, right));
    if let Some((name, address)) = requirement.split_once('@').filter(|(name, _)| is_name(bare(name))) {
        return from_address(bare(name), address.trim(), loose, into);
    }
    let at = requirement.find(['=', '<', '>', '!', '~', '(', ' ', '[']).unwrap_or(requirement.len());
    let name = requirement.get(..at).unwrap_or_default().trim();
    if !is_name(name) {
        let shown = printable(line);
        if line.contains("://") || line.starts_with(['.', '/']) || line.ends_with(".whl") {
            return into.incomplete(format!("{shown} is a file or address without a name"));
        }
        return into.unread(&format!("line {number}"), &format!("is not a requirement: {shown}"));
    }
    let specifier = requirement.get(at..).unwrap_or_default().trim();
    let specifier = specifier.strip_prefix('[').and_then(|rest| rest.split_once(']')).map_or(specifier, |(_, rest)| rest);
    match exact(specifier.trim().trim_matches(['(', ')'])) {
        Some(version) => {
            let optional = marker.contains("extra");
            let scope = if optional { Scope::Optional } else { Scope::Runtime };
            into.registry(Ecosystem::PyPi, name, version, scope);
        }
        None => loose.push(name.to_owned()),
    }
}

fn option(line: &str, into: &mut Collector<'_>) {
    let (option, value) = line.split_once([' ', '=']).unwrap_or((line, ""));
    let (option, value) = match option.get(..2) {
        // pip also takes `-rother.txt`.
        Some(short @ ("-r" | "-c" | "-e")) if option.len() > 2 => (short, option.get(2..).unwrap_or_default()),
        _ => (option, value),
    };
    let value = printable(value.trim());
    match option {
        "-r" | "--requirement" => into.incomplete(format!("it includes {value}, which is read on its own if it is there")),
        "-c" | "--constraint" => into.incomplete(format!("it takes constraints from {value}, which were not applied")),
        "-e" | "--editable" => into.incomplete(format!("{value} is installed from its source folder or repository")),
        _ => {} // addresses of indexes and the like name no component
    }
}

/// A requirement `name @ address`: a wheel's file name states the version,
/// anything else does not.
fn from_address(name: &str, address: &str, loose: &mut Vec<String>, into: &mut Collector<'_>) {
    let address = address.split_whitespace().next().unwrap_or_default();
    let path = address.split(['#', '?']).next().unwrap_or(address);
    let version = path.rsplit('/').next().and_then(|file| file.strip_suffix(".whl")).and_then(|stem| stem.split('-').nth(1));
    match version {
        Some(version) => into.add(Entry {
            ecosystem: Ecosystem::PyPi,
            name,
            version,
            origin: Origin::Address(address),
            scope: Scope::Runtime,
        }),
        None => loose.push(format!("{name} (from {address})")),
    }
}

fn bare(name: &str) -> &str {
    name.split('[').next().unwrap_or(name).trim()
}

/// PEP 508: letters, digits, `.`, `-`, `_`, the outer ones alphanumeric.
fn is_name(name: &str) -> bool {
    let outer = |character: Option<char>| character.is_some_and(|c| c.is_ascii_alphanumeric());
    outer(name.chars().next())
        && outer(name.chars().next_back())
        && name.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_'))
}

fn exact(specifier: &str) -> Option<&str> {
    let version = specifier.strip_prefix("===").or_else(|| specifier.strip_prefix("=="))?.trim();
    let whole = !version.is_empty() && !version.contains([',', '*', ' ', '<', '>', '=', '!', '~', '$', '{']);
    whole.then_some(version)
}
