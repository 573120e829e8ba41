//! Ruby: `Gemfile.lock` and the specifications of installed gems.
//!
//! Sources: Bundler's `LockfileParser` documentation and files written by it;
//! RubyGems' stub line, which it writes to avoid evaluating the specification
//! and which serves for the same here: nothing of it is run.

use super::collect::{Collector, Ecosystem, Entry, Origin};
use crate::bounded::text;
use plimsoll_core::model::component::Scope;
use plimsoll_core::model::problem::{Problem, printable};

pub(super) fn lock(bytes: &[u8], into: &mut Collector<'_>) -> Result<(), Problem> {
    let text = text(into.place(), bytes)?;
    let mut section = "";
    let mut remote = "";
    let mut specifications = false;
    let mut known = false;
    for (number, line) in text.lines().enumerate() {
        if !line.starts_with(' ') {
            (section, remote, specifications) = (line.trim(), "", false);
            known |= matches!(section, "GEM" | "GIT" | "PATH" | "DEPENDENCIES");
            if section.starts_with("<<<<<<<") {
                let text = format!("holds an unresolved merge conflict at line {}", number + 1);
                return Err(Problem::new("E-FORMAT", into.place(), text, "resolve it and run `bundle lock`"));
            }
            continue;
        }
        let content = line.trim();
        match line.len() - line.trim_start().len() {
            2 if content == "specs:" => specifications = true,
            2 => remote = content.strip_prefix("remote: ").unwrap_or(remote),
            4 if specifications => {
                let origin = match section {
                    "GEM" => Origin::Registry,
                    "GIT" => Origin::Repository(remote),
                    "PATH" => Origin::Own,
                    _ => continue,
                };
                gem(number + 1, content, origin, into);
            }
            _ => {}
        }
    }
    if known || text.trim().is_empty() {
        Ok(())
    } else {
        Err(Problem::new("E-FORMAT", into.place(), "is not a Gemfile.lock", "run `bundle lock` again"))
    }
}

fn gem(number: usize, content: &str, origin: Origin<'_>, into: &mut Collector<'_>) {
    let parts = content.split_once(" (").and_then(|(name, rest)| Some((name, rest.strip_suffix(')')?)));
    let Some((name, version)) = parts else {
        return into.unread(&format!("line {number}"), &format!("names no version: {}", printable(content)));
    };
    // `1.13.3-x86_64-linux`: one version, built for several platforms.
    let version = version.split('-').next().unwrap_or(version);
    into.add(Entry { ecosystem: Ecosystem::RubyGems, name, version, origin, scope: Scope::Runtime });
}

/// Reads the stub line `# stub: name version platform paths`, else the file's
/// name.
pub(super) fn specification(bytes: &[u8], into: &mut Collector<'_>) -> Result<(), Problem> {
    let head = String::from_utf8_lossy(bytes.get(..4096).unwrap_or(bytes));
    let stub = head.lines().take(5).find_map(|line| line.strip_prefix("# stub: "));
    let from_stub = stub.and_then(|stub| {
        let mut words = stub.split_whitespace();
        Some((words.next()?.to_owned(), words.next()?.to_owned()))
    });
    let Some((name, version)) = from_stub.or_else(|| from_file_name(into.place())) else {
        return Err(Problem::new(
            "E-FORMAT",
            into.place(),
            "states name and version neither in a stub line nor in its file name",
            "install the gem again",
        ));
    };
    into.registry(Ecosystem::RubyGems, &name, &version, Scope::Runtime);
    Ok(())
}

/// Splits `nokogiri-1.13.3-x86_64-linux.gemspec` at the last part that looks
/// like a version, so that a platform's own number is not taken for it.
fn from_file_name(place: &str) -> Option<(String, String)> {
    let stem = place.rsplit('/').next()?.strip_suffix(".gemspec")?;
    let parts: Vec<&str> = stem.split('-').collect();
    let digit = |part: &&str| part.starts_with(|c: char| c.is_ascii_digit());
    let version = |part: &&str| digit(part) && part.chars().all(|c| c.is_ascii_alphanumeric() || c == '.');
    let dotted = parts.iter().rposition(|part| version(part) && part.contains('.'));
    let at = dotted.or_else(|| parts.iter().rposition(version)).filter(|at| *at > 0)?;
    Some((parts.get(..at)?.join("-"), (*parts.get(at)?).to_owned()))
}
