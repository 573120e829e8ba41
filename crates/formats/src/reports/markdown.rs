//! Markdown (CommonMark with GitHub's tables), for tickets and mail.

use super::notices::{Weight, notices};
use super::{action, state_word, verdict_word, worst};
use plimsoll_core::model::finding::{Finding, State};
use plimsoll_core::model::problem::printable;
use plimsoll_core::model::scan::Scan;
use plimsoll_core::model::update::Update;
use std::fmt::Write;

/// Writes a scan as Markdown: what limits the answer, findings most urgent
/// first, pending updates, and what needs nothing.
pub fn markdown(scan: &Scan) -> String {
    let mut out = String::new();
    heading(scan, &mut out);
    let (open, closed): (Vec<&Finding>, Vec<&Finding>) = scan
        .findings
        .iter()
        .partition(|finding| !matches!(finding.state, State::NotAffected | State::Fixed));
    out.push_str("\n## Findings\n\n");
    if scan.database.is_none() {
        out.push_str("**Findings unknown: no database of advisories was at hand.** Get one with `plimsoll db update`.\n");
    }
    if !open.is_empty() {
        findings(&open, &mut out);
    } else if scan.database.is_some() {
        let coverage = &scan.coverage;
        let _ = writeln!(
            out,
            "None known as of {}, for {} of {} components judged.",
            scan.as_of, coverage.evaluated, coverage.components
        );
    }
    out.push_str("\n## Pending updates\n\n");
    match scan.updates.as_deref() {
        None => out.push_str("Unknown: no package manager's view could be had.\n"),
        Some([]) => out.push_str("None offered by the enabled repositories.\n"),
        Some(updates) => pending(updates, &mut out),
    }
    if !scan.held_updates.is_empty() {
        out.push_str("\n## Updates held back\n\n");
        pending(&scan.held_updates, &mut out);
    }
    if !closed.is_empty() {
        out.push_str("\n## Looked at, nothing to do\n\n");
        findings(&closed, &mut out);
    }
    out
}

fn heading(scan: &Scan, out: &mut String) {
    let os = scan.host.os.as_ref().map_or_else(String::new, |os| format!(" ({})", escape(&os.name)));
    let _ = writeln!(out, "# {}{os}\n", escape(&scan.host.name));
    let (facts, limits): (Vec<_>, Vec<_>) = notices(scan).into_iter().partition(|notice| notice.weight == Weight::Fact);
    for fact in facts {
        let _ = writeln!(out, "- {}", escape(&fact.line()));
    }
    let _ = writeln!(out, "- Made by {}", escape(&scan.tool));
    if !limits.is_empty() {
        out.push_str("\n## What limits this answer\n\n");
        for limit in limits {
            let word = if limit.weight == Weight::Missing { "**Missing**" } else { "Warning" };
            let _ = writeln!(out, "- {word}: {}", escape(&limit.line()));
        }
    }
}

fn findings(findings: &[&Finding], out: &mut String) {
    out.push_str("| Due | Verdict | Severity | Component | Installed | Advisory | State | What to do |\n");
    out.push_str("|---|---|---|---|---|---|---|---|\n");
    for finding in findings {
        let exploited = if finding.kev.is_some() { ", exploited" } else { "" };
        let advisory = match finding.aliases.as_slice() {
            [] => escape(&finding.advisory),
            [one] => format!("{} ({})", escape(&finding.advisory), escape(one)),
            [one, rest @ ..] => format!("{} ({} and {} more)", escape(&finding.advisory), escape(one), rest.len()),
        };
        let todo = match finding.state {
            State::NotAffected | State::Fixed => {
                finding.because.first().map_or_else(String::new, |because| escape(&because.text))
            }
            _ => escape(&action(finding)),
        };
        let _ = writeln!(
            out,
            "| {} | {} | {}{exploited} | {} | {} | {advisory} | {} | {todo} |",
            finding.due.map_or_else(|| "none".to_owned(), |due| due.to_string()),
            worst(&finding.obligations).map_or("", verdict_word).replace('_', " "),
            finding.severity.rating.as_str(),
            escape(&finding.component.name),
            escape(&finding.component.version),
            state_word(finding.state),
        );
    }
}

fn pending(updates: &[Update], out: &mut String) {
    out.push_str("| Due | Package | Installed | Candidate | Security | Origin | Notes |\n|---|---|---|---|---|---|---|\n");
    for update in updates {
        let mut notes = Vec::new();
        if update.new {
            notes.push("new package".to_owned());
        }
        if update.reboot {
            notes.push("needs a reboot".to_owned());
        }
        if let Some(why) = &update.held_by {
            notes.push(format!("held by {}", escape(why)));
        }
        let _ = writeln!(
            out,
            "| {} | {} | {} | {} | {} | {} | {} |",
            update.due.map_or_else(|| "none".to_owned(), |due| due.to_string()),
            escape(&update.package),
            escape(update.installed.as_deref().unwrap_or("")),
            escape(&update.candidate),
            if update.security { "yes" } else { "no" },
            escape(&update.origin),
            notes.join(", "),
        );
    }
}

/// Escapes a text so that it is neither markup, HTML nor a table border, and
/// cannot flood or reorder a line.
///
/// Trap: an address inside a name must not become a link; breaking `://` and
/// `www.` keeps GitHub's autolinks off.
pub(super) fn escape(text: &str) -> String {
    let flat = text.replace(['\n', '\r', '\t'], " ");
    let flat = printable(&flat);
    let mut out = String::with_capacity(flat.len());
    for character in flat.chars() {
        match character {
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '&' => out.push_str("&amp;"),
            '|' => out.push_str("&#124;"),
            '@' => out.push_str("&#64;"),
            '\\' | '`' | '*' | '_' | '[' | ']' | '#' | '!' | '~' | '$' => {
                out.push('\\');
                out.push(character);
            }
            other => out.push(other),
        }
    }
    out.replace("://", "&#58;//").replace("www.", "www&#46;")
}
