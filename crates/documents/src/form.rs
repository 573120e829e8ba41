//! **Regulators' forms**: one duty a row, as
//! [`plimsoll_core::measures::duties`] counted them. Nothing is counted here.

use crate::model::{Align, Bars, Block, Document, Kind, Table};
use crate::text::{Style, Text};
use crate::words::{count, day, instant_utc};
use jiff::Timestamp;
use plimsoll_core::measures::Regulator;
use plimsoll_core::measures::duties::{Duty, Form, UNKNOWN, Verdict, cells, columns};

/// Duties that are shown; CSV and JSON have all of them.
const SHOWN: usize = 1000;

/// Lays a form out.
pub fn document(form: &Form) -> Document {
    let duties = &form.duties;
    let title = match form.report {
        Regulator::Bod2604 => "CISA BOD 26-04",
        Regulator::FedrampVdr => "FedRAMP vulnerability detection and response",
        Regulator::Pci633 => "PCI DSS 6.3.3: patches and when they were there",
    };
    let mut document = Document::new(title, format!("Plimsoll · report · {}", form.report.word()), day(duties.window.to));
    document.footer(format!("Report {} as of {}", form.report.word(), instant_utc(duties.window.to)));
    document.fact("As of", instant_utc(duties.window.to));
    document.fact("Since", instant_utc(duties.window.from));
    document.fact("Hosts", duties.hosts.to_string());
    if let Some(client) = &form.client {
        document.fact("Client", client.as_str());
    }
    document.fact("Policies", if duties.policies.is_empty() { "none of this regulator's decided in this time".to_owned() } else { duties.policies.join(", ") });
    verdict(form, &mut document);
    list(form, &mut document);
    how(form, &mut document);
    document
}

fn verdict(form: &Form, document: &mut Document) {
    let duties = &form.duties;
    let number = |verdict: Verdict| duties.verdicts.iter().filter(|count| count.verdict == verdict).map(|count| count.duties).sum::<u64>();
    if duties.rows.is_empty() {
        let text = if duties.policies.is_empty() { format!("No rule of {} decided anything in this time: the report says nothing of how it was kept.", form.report.policy()) } else { "Nothing was due, open or closed in this time.".to_owned() };
        return document.note(Kind::Warning, text);
    }
    let missed = number(Verdict::Overdue) + number(Verdict::Late);
    if missed > 0 {
        document.note(Kind::Danger, format!("{} missed: {} open and past due, {} gone too late.", count(missed, "duty was", "duties were"), number(Verdict::Overdue), number(Verdict::Late)));
    } else {
        document.note(Kind::Information, "Nothing was missed that had a due date.");
    }
    if number(Verdict::Unknown) > 0 {
        document.note(Kind::Warning, format!("Of {} nobody can tell; unknown is not met.", count(number(Verdict::Unknown), "duty", "duties")));
    }
    let mut bars = Bars::new("Duties", Verdict::ALL.map(Verdict::word));
    let parts = Verdict::ALL.map(|verdict| (number(verdict), number(verdict).to_string()));
    bars.bar("all", parts.into(), count(duties.rows.len() as u64, "duty", "duties"));
    bars.colours = vec![5, 1, 7, 0, 2, 4];
    document.push(Block::Bars(bars));
}

/// A table of what people look for first, and below it a line for the rest of
/// each duty: a form of seventeen columns does not fit a page.
fn list(form: &Form, document: &mut Document) {
    document.heading(1, "Duties");
    let names = columns(form.report);
    // Verdict, what, where, and the last moments; the rest goes below the name.
    let mut table = Table::new();
    for (name, weight) in [("Verdict", 3), (names[2], 5), ("Host", 4), ("Due (UTC)", 4), ("Done (UTC)", 4), ("Everything else", 12)] {
        table = table.column(name, Align::Left, weight);
    }
    for duty in form.duties.rows.iter().take(SHOWN) {
        table.row(row(form.report, names, duty));
    }
    if !form.duties.rows.is_empty() {
        document.push(Block::Table(table));
    }
    if form.duties.rows.len() > SHOWN {
        document.paragraph(Text::styled(Style::Soft, format!("The first {SHOWN} of {}; the CSV and JSON forms have all.", form.duties.rows.len())));
    }
}

fn row(regulator: Regulator, names: &[&str], duty: &Duty) -> Vec<Text> {
    let cells = cells(regulator, duty);
    let of = |wanted: &[&str]| names.iter().position(|name| wanted.contains(name)).and_then(|place| cells.get(place)).map_or("", String::as_str);
    let verdict = match duty.verdict {
        Verdict::Overdue | Verdict::Late => Style::Bad,
        Verdict::Unknown | Verdict::Undated => Style::Warning,
        Verdict::Open => Style::Plain,
        Verdict::Met => Style::Good,
    };
    let shown = ["Verdict", names[2], "Host", "Due", "Remediated", "Installed"];
    let mut rest = Text::new();
    for (name, cell) in names.iter().zip(&cells).filter(|(name, _)| !shown.contains(name)) {
        let style = if cell == UNKNOWN { Style::Warning } else { Style::Plain };
        let mark = if rest.is_empty() { "" } else { " · " };
        rest = rest.and(Style::Soft, format!("{mark}{name} ")).and(style, cell);
    }
    vec![
        Text::styled(verdict, duty.verdict.word()),
        Text::styled(Style::Strong, &duty.advisory),
        Text::from(&duty.name),
        to_the_minute(of(&["Due"])).into(),
        to_the_minute(of(&["Remediated", "Installed"])).into(),
        rest,
    ]
}

/// An instant as other tables show it; what is none stays as it is.
fn to_the_minute(cell: &str) -> String {
    cell.parse::<Timestamp>().map_or_else(|_| cell.to_owned(), |at| at.strftime("%Y-%m-%d %H:%M").to_string())
}

fn how(form: &Form, document: &mut Document) {
    document.heading(1, "How this form is made");
    document.paragraph("One row a finding of a host under a rule of the regulator's policy: what was open at the end of the time, and what closed within it. Each row names the entry of the host's journal that shows it; what the journal does not say is unknown, and unknown is not met.");
    let own = match form.report {
        Regulator::Bod2604 => "The directive's own reporting fields are not part of Plimsoll's reference; this form holds exposure, row, clock, due date and state. What is known to be exploited and was never judged under the directive's rules is listed as unknown. Whether a host was searched for traces is not in the journal.",
        Regulator::FedrampVdr => "Whether it is reachable and likely to be exploited, and the rating, are those of the rule that bound. What is open for more than 192 days since it was evaluated is called accepted.",
        Regulator::Pci633 => "The ranking is the severity of the host's findings, as 6.3.1 asks for one's own; the clock is the release of the patch.",
    };
    document.paragraph(own);
    crate::report::again(form.report.word(), form.duties.window, form.client.as_deref(), document);
}
