//! The **status page of an application**, and the agenda of its next meeting.

use crate::model::{Block, Document, Kind};
use crate::text::{Style, Text};
use crate::words::{count, day, instant_utc};
use plimsoll_core::operations::status::Status;

/// Lays a status out; as an agenda, with room for what is said.
pub fn document(status: &Status, agenda: bool) -> Document {
    let (title, subtitle) = if agenda {
        (format!("Agenda: {}", status.application), "Plimsoll · meeting of operations and development")
    } else {
        (format!("Status of {}", status.application), "Plimsoll · report · application")
    };
    let mut document = Document::new(title, subtitle, day(status.as_of));
    document.footer(format!("{} as of {}", status.application, instant_utc(status.as_of)));
    facts(status, &mut document);
    verdict(status, &mut document);
    for (place, point) in status.points.iter().enumerate() {
        document.heading(1, if agenda { format!("{}. {}", place + 1, point.title) } else { point.title.to_owned() });
        if point.lines.is_empty() {
            document.paragraph(Text::styled(Style::Soft, point.none));
            continue;
        }
        document.push(Block::List { numbered: false, items: point.lines.iter().map(Text::from).collect() });
        if point.more > 0 {
            document.paragraph(Text::styled(Style::Soft, format!("and {} more.", point.more)));
        }
    }
    if agenda {
        document.heading(1, format!("{}. What comes next", status.points.len() + 1));
        document.paragraph("Decisions; actions with who and by when; the next meeting.");
    }
    document
}

fn facts(status: &Status, document: &mut Document) {
    let or = |text: &str, none: &str| if text.is_empty() { Text::styled(Style::Soft, none) } else { Text::from(text) };
    document.fact("As of", instant_utc(status.as_of));
    document.fact("Client", status.client.as_str());
    document.fact("Owner", or(&status.owner, "nobody"));
    document.fact("Team", or(&status.team, "none"));
    document.fact("Stakeholders", or(&status.stakeholders.join(", "), "nobody"));
    document.fact("Hosts", status.hosts.to_string());
    let briefing = status.last_briefing.as_ref().map_or_else(|| "never".to_owned(), |(at, what)| format!("{}: {what}", day(*at)));
    document.fact("Last briefing", briefing);
    document.fact("Last meeting", status.last_meeting.map_or_else(|| "never".to_owned(), |at| day(at).to_string()));
    document.fact("Next meeting", status.next_meeting.map_or_else(|| "nobody says how often".to_owned(), |at| format!("by {}", day(at))));
}

fn verdict(status: &Status, document: &mut Document) {
    let open = count(status.open, "finding is", "findings are");
    match status.due {
        _ if status.hosts == status.hosts_unknown && !status.components => document.note(Kind::Warning, "Nothing was judged, so nothing can be said."),
        _ if status.overdue > 0 => document.note(Kind::Danger, format!("{open} open, {} past due.", status.overdue)),
        Some(due) => document.note(Kind::Information, format!("{open} open, none past due; the next is due {}.", day(due))),
        None => document.note(Kind::Information, format!("{open} open, none with a due date.")),
    }
    if status.hosts_unknown > 0 {
        document.note(Kind::Warning, format!("{} not judged: what is open there is not known.", count(status.hosts_unknown, "host was", "hosts were")));
    }
    if !status.components {
        document.note(Kind::Warning, "Its own components are not known: nobody gave an SBOM.");
    }
}
