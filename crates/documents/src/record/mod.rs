//! The **change record** and its **release notes**: what
//! [`plimsoll_core::phases::document`] made out of the evidence log, laid out
//! for people. Nothing is decided here.

mod notes;
mod parts;
mod words;

pub use notes::document as release_notes;
pub(crate) use parts::bars::times;

use crate::model::{Block, Document};
use crate::text::{Style, Text};
use crate::words::day;
use parts::{bars, facts, hosts, rules, what};
use plimsoll_core::phases::document::Record;
use words::outcome;

/// Lays a change record out.
pub fn change_record(record: &Record) -> Document {
    let package = &record.content;
    let subtitle = format!("Plimsoll · change record · {} {}", package.name, package.version);
    let mut document = Document::new(&package.title, subtitle, day(record.last));
    let short = |hex: &str| hex.get(..16).unwrap_or(hex).to_owned();
    document.footer(format!("Change record of package {}… · sealed under {} entries, root {}…", short(&record.package), record.seal.size, short(&record.seal.root)));
    facts::head(record, &mut document);
    let (kind, told) = outcome(record);
    document.note(kind, told);
    bars::hosts(record, &mut document);
    bars::times(&record.times, &mut document);
    facts::why(record, &mut document);
    what::changed(record, &mut document);
    facts::acts(record, &mut document);
    rules::in_force(record, &mut document);
    rules::gates(record, &mut document);
    hosts::failures(record, &mut document);
    hosts::deviations(record, &mut document);
    hosts::triages(record, &mut document);
    hosts::all(record, &mut document);
    hosts::versions(record, &mut document);
    verify(record, &mut document);
    document
}

/// How anybody can hold the record against the log.
fn verify(record: &Record, document: &mut Document) {
    let seal = &record.seal;
    document.heading(1, "How to verify");
    document.paragraph(
        Text::from("Everything above comes from the evidence log alone. Export it, check that nothing in it was changed, and make this record again: it has the same bytes.")
            .and(Style::Plain, " The key should come to you by another way than the log."),
    );
    document.push(Block::lines([
        "plimsoll evidence export --to EVIDENCE".to_owned(),
        format!("plimsoll evidence verify EVIDENCE --key {}", seal.verifier_key),
        format!("plimsoll evidence record EVIDENCE --rollout {} --key {}", record.package, seal.verifier_key),
    ]));
    document.push(Block::facts([
        ("Log", Text::from(&seal.origin)),
        ("Checkpoint", Text::from(format!("{} entries", seal.size))),
        ("Root hash", Text::code(&seal.root)),
        ("Verifier key", Text::code(&seal.verifier_key)),
        ("Made of", Text::from(format!("{} entries, {} to {}", seal.entries, seal.positions.0, seal.positions.1))),
        ("Package", Text::code(&record.package)),
        ("Policy", Text::code(&record.content.policy.sha256)),
    ]));
}
