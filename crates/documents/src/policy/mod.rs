//! A **policy** as the document that people sign.
//!
//! Everything in it comes from the policy that machines obey, so that the two
//! cannot say different things; nothing is said of what the file is silent on.

mod annex;
mod changes;
mod people;
mod rules;
mod words;

use crate::model::{Align, Block, Document, Kind, Signature, Table};
use crate::text::{Style, Text};
use jiff::civil::Date;
use plimsoll_core::model::policy::PolicySet;
use plimsoll_core::phases::prioritize::lint;

/// What a policy document is made from.
#[derive(Clone, Copy, Debug)]
pub struct Source<'a> {
    /// What the file says, with what it extends.
    pub set: &'a PolicySet,
    /// SHA-256 of the file, hex: names the exact text that was rendered.
    pub digest: &'a str,
    /// Day that the document bears where the policy has no effective date.
    pub dated: Date,
}

/// Lays a policy out for people.
pub fn document(source: &Source<'_>) -> Document {
    let set = source.set;
    let own = set.policies.first();
    let title = own.map_or("Patch policy", |own| own.title.as_str());
    let (id, version) = own.map_or(("", ""), |own| (own.id.as_str(), own.version.as_str()));
    let dated = own.and_then(|own| own.effective).unwrap_or(source.dated);
    let mut document = Document::new(title, format!("Patch management policy {id}, version {version}"), dated);
    document.footer(format!("{id} {version} · SHA-256 {}", source.digest.get(..16).unwrap_or(source.digest)));
    let governance = &set.governance;
    if let Some(owner) = &governance.owner {
        document.fact("Owner", Text::from(people::shown(governance, owner)));
    }
    document.fact("Version", Text::from(version));
    if let Some(effective) = own.and_then(|own| own.effective) {
        document.fact("In force from", Text::from(effective.to_string()));
    }
    if let Some(every) = &governance.review_every {
        let next = words::later(dated, every).map_or_else(String::new, |next| format!(", next on {next}"));
        document.fact("Reviewed", Text::from(format!("every {}{next}", every.words())));
    }
    if let Some(own) = own {
        document.fact("Time zone", Text::from(&own.zone_name));
    }
    let unsound: Vec<String> = lint(set).problems.into_iter().filter(|problem| problem.code.starts_with("E-")).map(|problem| format!("{}: {}", problem.place, problem.text)).collect();
    if !unsound.is_empty() {
        document.note(Kind::Danger, format!("This policy cannot be put in force as it is. {}.", unsound.join(". ")));
    }
    let mut paper = Paper { document, number: 0 };
    people::purpose(&mut paper, set);
    people::roles(&mut paper, set);
    people::monitoring(&mut paper, set);
    rules::classification(&mut paper, set);
    rules::deadlines(&mut paper, set);
    changes::routine(&mut paper, set, dated);
    changes::testing(&mut paper, set);
    changes::rings(&mut paper, set);
    changes::emergencies(&mut paper, set);
    changes::without_fix(&mut paper, set);
    changes::reboots(&mut paper, set);
    people::clients(&mut paper, set);
    changes::verification(&mut paper, set);
    rules::exceptions(&mut paper, set);
    people::communication(&mut paper, set);
    changes::records(&mut paper, set);
    people::targets(&mut paper, set);
    signatures(&mut paper, set);
    annex::tables(&mut paper, set);
    annex::origin(&mut paper, source);
    paper.document
}

/// A document whose sections count.
struct Paper {
    document: Document,
    number: u32,
}

impl Paper {
    fn section(&mut self, title: &str) {
        self.number += 1;
        self.document.heading(1, format!("{}  {title}", self.number));
    }

    fn text(&mut self, text: impl Into<Text>) {
        self.document.paragraph(text);
    }

    /// Facts that are there; nothing where none is.
    fn facts<const N: usize>(&mut self, facts: [(&str, Option<String>); N]) {
        let there: Vec<(&str, Text)> = facts.into_iter().filter_map(|(name, value)| value.map(|value| (name, Text::from(value)))).collect();
        if !there.is_empty() {
            self.document.push(Block::facts(there));
        }
    }

    fn list(&mut self, items: Vec<String>) {
        if !items.is_empty() {
            self.document.push(Block::List { numbered: false, items: items.into_iter().map(Text::from).collect() });
        }
    }

    fn table(&mut self, columns: &[(&str, u16)], rows: Vec<Vec<Text>>) {
        if rows.is_empty() {
            return;
        }
        let mut table = columns.iter().fold(Table::new(), |table, (name, weight)| table.column(name, Align::Left, *weight));
        for row in rows {
            table.row(row);
        }
        self.document.push(Block::Table(table));
    }
}

/// A cell that is found first.
fn strong(text: impl AsRef<str>) -> Text {
    Text::styled(Style::Strong, text)
}

fn signatures(paper: &mut Paper, set: &PolicySet) {
    paper.section("Approval");
    let governance = &set.governance;
    paper.text("This policy takes effect when the people below have signed it. A change of it is a new version, compared with this one row by row, and signed again.");
    let mut signatures = Vec::new();
    if let Some(owner) = &governance.owner {
        signatures.push(Signature::line("Owner", people::shown(governance, owner)));
    }
    let approvers = governance.approved_by.iter().filter(|name| governance.owner.as_ref() != Some(name));
    signatures.extend(approvers.map(|name| Signature::line("Approved by", people::shown(governance, name))));
    if signatures.is_empty() {
        paper.document.note(Kind::Warning, "The policy names neither an owner nor anybody who approves it.");
        signatures.push(Signature::line("Approved by", ""));
    }
    paper.document.push(Block::Signatures { signatures });
}
