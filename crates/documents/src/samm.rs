//! **SAMM**: the answers of a self-assessment, laid out for people. Nothing is
//! decided here.

use crate::model::{Align, Block, Document, Kind, Table};
use crate::text::{Style, Text};
use crate::words::{count, day, instant_utc};
use plimsoll_core::measures::LEAST;
use plimsoll_core::measures::samm::{Activity, Assessment, Figure};
use plimsoll_core::operations::briefing::Reach;

/// Lays an assessment out.
pub fn document(assessment: &Assessment) -> Document {
    let title = match &assessment.client {
        Some(client) => format!("SAMM, answered from evidence, for {client}"),
        None => "SAMM, answered from evidence".to_owned(),
    };
    let mut document = Document::new(title, "Plimsoll · report · samm", day(assessment.as_of));
    document.footer(format!("Report samm as of {}", instant_utc(assessment.as_of)));
    document.fact("As of", instant_utc(assessment.as_of));
    if let Some(client) = &assessment.client {
        document.fact("Client", client.as_str());
    }
    document.fact("Policies", assessment.policies.join(", "));
    document.fact("Applications", assessment.applications.to_string());
    let known = assessment.activities.iter().filter(|one| one.answer.is_some()).count();
    let all = assessment.activities.len();
    document.note(Kind::Information, format!("{known} of {all} activities are answered from evidence. Of the others Plimsoll holds none: they are unknown, which is not a no."));
    answers(assessment, &mut document);
    briefings(&assessment.briefings, &mut document);
    metrics(assessment, &mut document);
    meetings(assessment, &mut document);
    how(assessment, &mut document);
    document
}

fn dash() -> Text {
    Text::styled(Style::Soft, "–")
}

/// Whether something was met, in words.
pub(crate) fn met(met: Option<bool>) -> Text {
    match met {
        Some(true) => "met".into(),
        Some(false) => Text::styled(Style::Strong, "not met"),
        None => Text::styled(Style::Soft, "unknown"),
    }
}

fn share(share: Option<f64>) -> Text {
    share.map_or_else(dash, |share| format!("{share:.1} %").into())
}

fn of(figure: &Figure) -> Text {
    let unknown = if figure.unknown > 0 { format!(", {} unknown", figure.unknown) } else { String::new() };
    format!("{} of {}{unknown}", figure.part, figure.whole).into()
}

fn answers(assessment: &Assessment, document: &mut Document) {
    document.heading(1, "Answers to SAMM 2.2");
    let mut table = Table::new()
        .column("Activity", Align::Left, 2)
        .column("Asked", Align::Left, 6)
        .column("Answer", Align::Left, 3)
        .column("Score", Align::Right, 1)
        .column("Why", Align::Left, 6);
    for one in &assessment.activities {
        let answer = one.answer.map_or_else(|| Text::styled(Style::Soft, "unknown"), |answer| Text::styled(Style::Strong, answer.words()));
        let score = one.score.map_or_else(dash, |score| score.to_string().into());
        table.row(vec![Text::code(one.id), one.asks.into(), answer, score, one.because.as_str().into()]);
    }
    document.push(Block::Table(table));
    for one in assessment.activities.iter().filter(|one| !one.criteria.is_empty()) {
        activity(one, document);
    }
}

fn activity(one: &Activity, document: &mut Document) {
    document.heading(2, format!("{} {}", one.id, one.stream));
    let mut facts: Vec<(&str, Text)> = Vec::new();
    if let Some(figure) = &one.figure {
        facts.push(("Figure", of(figure)));
    }
    facts.push(("Counted", one.query.into()));
    for criterion in &one.criteria {
        let holds = match criterion.holds {
            Some(true) => "yes",
            Some(false) => "no",
            None => "unknown",
        };
        facts.push((criterion.wants, format!("{holds}: {}", criterion.because).into()));
    }
    document.push(Block::facts(facts));
}

fn briefings(all: &[Reach], document: &mut Document) {
    document.heading(1, "Who knows");
    let mut table = Table::new().column("Audience", Align::Left, 3).column("Of", Align::Left, 4).column("Within", Align::Left, 2);
    for name in ["Reached", "Acknowledged", "Share", "More than"] {
        table = table.column(name, Align::Right, 2);
    }
    table = table.column("Met", Align::Left, 2);
    for one in all {
        table.row(vec![
            one.audience.word().into(),
            one.topic.words().into(),
            one.within.as_str().into(),
            format!("{} of {}", one.reached, one.members).into(),
            one.acknowledged.to_string().into(),
            share(one.share),
            format!("{} %", one.more_than).into(),
            met(one.met),
        ]);
    }
    document.push(Block::Table(table));
    for one in all.iter().filter(|one| one.members > 0 && !one.missing.is_empty()) {
        let more = (one.members - one.reached).saturating_sub(one.missing.len() as u64);
        let more = if more > 0 { format!(", and {more} more") } else { String::new() };
        document.paragraph(format!("Not reached with {}: {}{more}.", one.topic.words(), one.missing.join(", ")));
    }
    document.paragraph(Text::styled(Style::Soft, format!("A word counts for its period, to whoever is on a roster at this moment. Below {LEAST} only counts are told.")));
}

fn metrics(assessment: &Assessment, document: &mut Document) {
    document.heading(1, "Success metrics of SAMM 1.5");
    let mut table = Table::new()
        .column("Practice", Align::Left, 2)
        .column("Wanted", Align::Left, 7)
        .column("Figure", Align::Right, 2)
        .column("Share", Align::Right, 2)
        .column("More than", Align::Right, 2)
        .column("Met", Align::Left, 2);
    for one in &assessment.metrics {
        table.row(vec![
            Text::code(one.id),
            one.wants.into(),
            one.figure.as_ref().map_or_else(dash, of),
            share(one.figure.as_ref().and_then(|figure| figure.share)),
            format!("{} %", one.more_than).into(),
            met(one.met),
        ]);
    }
    document.push(Block::Table(table));
}

fn meetings(assessment: &Assessment, document: &mut Document) {
    document.heading(1, "Meetings of operations and development");
    if assessment.meetings.is_empty() {
        return document.paragraph("Neither the policy nor an application says how often they are to meet.");
    }
    let overdue = assessment.meetings.iter().filter(|one| one.overdue).count() as u64;
    document.paragraph(format!("{} of {} overdue.", overdue, count(assessment.meetings.len() as u64, "meeting is", "meetings are")));
    let mut table = Table::new()
        .column("Application", Align::Left, 4)
        .column("Every", Align::Left, 2)
        .column("Last", Align::Left, 3)
        .column("Due", Align::Left, 3)
        .column("Stands", Align::Left, 2);
    for one in &assessment.meetings {
        table.row(vec![
            Text::styled(Style::Strong, &one.name),
            one.every.as_str().into(),
            one.last.map_or_else(dash, |at| day(at).to_string().into()),
            day(one.due).to_string().into(),
            if one.overdue { Text::styled(Style::Strong, "overdue") } else { "in time".into() },
        ]);
    }
    document.push(Block::Table(table));
}

fn how(assessment: &Assessment, document: &mut Document) {
    document.heading(1, "How these answers are made");
    document.paragraph("Each answer has a figure and criteria. A yes needs all criteria; the share then says for how many: anything above nothing is some, from 50 % on half, from 90 % on most. These lines are Plimsoll's, SAMM names none.");
    for one in assessment.metrics.iter().filter(|one| one.figure.is_some()) {
        document.paragraph(Text::styled(Style::Soft, format!("{}, {}: {}.", one.id, one.wants, one.query)));
    }
    let mut command = format!("plimsoll report samm --as-of {}", assessment.as_of);
    if let Some(client) = &assessment.client {
        command.push_str(&format!(" --client '{}'", client.replace('\'', "'\\''")));
    }
    document.paragraph("The same moment gives the same answers, whatever happened since:");
    document.push(Block::lines([command]));
}
