//! What it is, why there was one, and who did what.

use super::super::words::verb;
use crate::words::{count, instant, instant_utc, length, maybe};
use crate::model::{Align, Block, Document, Table};
use crate::text::{Style, Text};
use plimsoll_core::model::deployment_package::ChangeType;
use plimsoll_core::phases::document::Record;

/// Names and values beside the title.
pub fn head(record: &Record, document: &mut Document) {
    let package = &record.content;
    document.fact("Package", Text::code(&record.package));
    document.fact("Kind of change", package.change.as_str());
    document.fact("State", format!("{}, gate {}", record.state.word(), record.gate.word()));
    document.fact("Started", instant_utc(record.started));
    document.fact("Last entry", instant_utc(record.last));
    document.fact("Hosts", count(record.totals.hosts, "host", "hosts"));
    document.fact("Client", Text::code(package.client.to_string()));
    document.fact("Policy", Text::from(format!("{} {}, ", package.policy.id, package.policy.version)).and(Style::Code, &package.policy.sha256));
}

/// Why there was a change.
pub fn why(record: &Record, document: &mut Document) {
    document.heading(1, "Why");
    if !record.content.reason.is_empty() {
        document.paragraph(Text::from("In the words of its author: ").and(Style::Emphasis, &record.content.reason));
    }
    if record.content.change == ChangeType::Emergency && !record.because.is_empty() {
        document.paragraph("It went as an emergency:".to_owned());
        let items = record.because.iter().map(|because| Text::from(because.as_str())).collect();
        document.push(Block::List { numbered: false, items });
    }
    let exploited = record.answers.iter().filter(|answer| answer.exploited).count() as u64;
    let due = record.answers.iter().filter_map(|answer| answer.due).min();
    let mut told = format!("It answers {}", count(record.answers.len() as u64, "advisory", "advisories"));
    if exploited > 0 {
        told.push_str(&format!(", {exploited} of them known to be exploited"));
    }
    if let Some(due) = due {
        let ended = record.hosts.iter().filter_map(|host| host.confirmed_at).max();
        let kept = match ended {
            Some(ended) if ended <= due => format!("; the last host was seen with it {} before", length(span(ended, due))),
            Some(ended) => format!("; the last host was seen with it {} after", length(span(due, ended))),
            None => String::new(),
        };
        told.push_str(&format!(". The earliest deadline under the policy was {}{kept}", instant_utc(due)));
    }
    document.paragraph(format!("{told}."));
    if record.answers.is_empty() {
        return;
    }
    let mut table = Table::new()
        .column("Advisory", Align::Left, 5)
        .column("Severity", Align::Left, 3)
        .column("Exploited", Align::Left, 3)
        .column("Due (UTC)", Align::Left, 4)
        .column("First seen (UTC)", Align::Left, 4)
        .column("Hosts", Align::Right, 2);
    for answer in &record.answers {
        let mut name = Text::styled(Style::Strong, &answer.advisory);
        if !answer.aliases.is_empty() {
            name = name.plain(format!(" {}", answer.aliases.join(", ")));
        }
        if !answer.summary.is_empty() {
            name = name.and(Style::Soft, format!(" {}", answer.summary));
        }
        let exploited = if answer.exploited { Text::styled(Style::Bad, "known") } else { Text::from("not known") };
        table.row(vec![name, answer.severity.as_str().into(), exploited, maybe(answer.due), maybe(answer.first_seen), answer.hosts.to_string().into()]);
    }
    document.push(Block::Table(table));
    let milestones = &record.milestones;
    document.push(Block::facts(
        [
            ("First published", milestones.published),
            ("First seen here", milestones.detected),
            ("Drafted", milestones.drafted),
            ("Accepted", milestones.accepted),
        ]
        .map(|(name, at)| (name, at.map_or_else(|| Text::styled(Style::Soft, "not known"), |at| Text::from(instant_utc(at))))),
    ));
}

fn span(from: jiff::Timestamp, to: jiff::Timestamp) -> u64 {
    from.duration_until(to).as_secs().max(0).unsigned_abs()
}

/// Who did what.
pub fn acts(record: &Record, document: &mut Document) {
    document.heading(1, "Who decided");
    let mut table = Table::new()
        .column("When (UTC)", Align::Left, 4)
        .column("Who", Align::Left, 4)
        .column("What", Align::Left, 5)
        .column("Reason", Align::Left, 6)
        .column("Entry", Align::Right, 2);
    for act in &record.acts {
        let mut what = Text::from(verb(&act.verb));
        if let Some(key) = &act.key {
            what = what.plain(" with key ").and(Style::Code, key.get(..16).unwrap_or(key));
        }
        let reason = act.reason.as_deref().map_or_else(Text::new, Text::from);
        table.row(vec![instant(act.at).into(), Text::styled(Style::Strong, &act.who), what, reason, act.leaf.to_string().into()]);
    }
    document.push(Block::Table(table));
}
