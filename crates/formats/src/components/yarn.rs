//! Yarn: the line format of version 1 and the YAML of version 2 and later.
//!
//! Source: the Yarn 1 documentation and `yarn.lock` files written by it; for
//! later versions the protocols described in Yarn's documentation
//! (`npm:`, `workspace:`, `patch:`, …). Neither says which packages are only
//! for development; that stands in `package.json`.

use super::collect::{Collector, Ecosystem, Entry as Found, Origin};
use super::document;
use super::lenient::{Entries, Entry, Text};
use super::npm::{origin, split_at_version};
use crate::bounded::text;
use plimsoll_core::model::component::Scope;
use plimsoll_core::model::problem::Problem;
use serde::Deserialize;

pub(super) fn lock(bytes: &[u8], into: &mut Collector<'_>) -> Result<(), Problem> {
    let text = text(into.place(), bytes)?;
    if text.lines().any(|line| line.starts_with("__metadata:")) {
        berry(bytes, into)
    } else if text.lines().all(|line| line.trim().is_empty() || line.starts_with('#')) {
        Ok(())
    } else {
        classic(text, into)
    }
}

/// One entry of the line format while it is read.
struct Block<'a> {
    line: usize,
    header: &'a str,
    version: &'a str,
    resolved: &'a str,
}

fn classic(text: &str, into: &mut Collector<'_>) -> Result<(), Problem> {
    let mut block: Option<Block<'_>> = None;
    let mut blocks = 0usize;
    for (number, line) in text.lines().enumerate() {
        let content = line.trim();
        if content.is_empty() || content.starts_with('#') {
            continue;
        }
        if !line.starts_with(' ') {
            close(block.take(), into);
            match content.strip_suffix(':') {
                Some(header) => block = Some(Block { line: number + 1, header, version: "", resolved: "" }),
                None => into.unread(&format!("line {}", number + 1), "is neither an entry nor part of one"),
            }
            blocks += 1;
        } else if let (Some(open), Some(field)) = (&mut block, line.strip_prefix("  ")) {
            if let Some(version) = field.strip_prefix("version ") {
                open.version = version.trim().trim_matches('"');
            } else if let Some(resolved) = field.strip_prefix("resolved ") {
                open.resolved = resolved.trim().trim_matches('"');
            }
        }
    }
    close(block, into);
    if blocks == 0 {
        return Err(Problem::new("E-FORMAT", into.place(), "is not a yarn.lock", "run `yarn install` again"));
    }
    Ok(())
}

fn close(block: Option<Block<'_>>, into: &mut Collector<'_>) {
    let Some(block) = block else { return };
    // `a@^1, "b@>=1 <2":` asks for one version under several ranges.
    let first = block.header.split(", ").next().unwrap_or_default().trim_matches('"');
    let Some((asked, range)) = split_at_version(first) else {
        return into.unread(&format!("line {}", block.line), "names no package");
    };
    let name = range.strip_prefix("npm:").and_then(split_at_version).map_or(asked, |(real, _)| real);
    let source = if block.resolved.is_empty() { range } else { block.resolved };
    let origin = match origin(source) {
        // A bare path is a folder of the project.
        Origin::Registry if source.starts_with(['.', '/']) => Origin::Own,
        other => other,
    };
    into.add(Found { ecosystem: Ecosystem::Npm, name, version: block.version, origin, scope: Scope::Runtime });
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Package {
    version: Text,
    resolution: Text,
}

fn berry(bytes: &[u8], into: &mut Collector<'_>) -> Result<(), Problem> {
    let documents: Vec<Entries<Entry<Package>>> = document::yaml(into.place(), bytes)?;
    for (key, entry) in documents.into_iter().flat_map(|document| document.0) {
        if key == "__metadata" {
            continue;
        }
        let Some(package) = entry.0 else {
            into.unread(&key, "is not a map");
            continue;
        };
        let resolution = package.resolution.get().unwrap_or(&key);
        let Some((name, reference)) = split_at_version(resolution) else {
            into.unread(&key, "names no package");
            continue;
        };
        let origin = match reference.split_once(':').map_or(reference, |(protocol, _)| protocol) {
            "npm" | "patch" | "virtual" => Origin::Registry,
            "workspace" | "link" | "portal" | "file" | "exec" => Origin::Own,
            "https" | "http" if !reference.contains("#commit=") => Origin::Address(reference),
            _ => Origin::Repository(reference),
        };
        let version = package.version.get().unwrap_or_default();
        into.add(Found { ecosystem: Ecosystem::Npm, name, version, origin, scope: Scope::Runtime });
    }
    Ok(())
}
