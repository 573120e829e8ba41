//! **Reports**: measures of the hosts that somebody may see, out of the journal
//! of transitions. The same moment asked for again gives the same bytes.

pub mod due;
pub mod events;
mod forms;
mod held;
mod rollouts;
pub mod samm;
pub mod status;
pub mod stories;

use crate::api::{parameter, stored};
use crate::app::{App, Shared};
use crate::http::problem::Refusal;
use crate::identity::role::Scope;
use crate::phases::document;
use axum::http::StatusCode;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use plimsoll_core::measures::cost::{self, CostReport};
use plimsoll_core::measures::{cycles, duties};
use plimsoll_core::measures::{Audience, ChangeStory, Collector, Named, OpenFinding, Report, Window};
use plimsoll_core::model::deployment_package::ChangeType;
use plimsoll_core::model::identifier::ClientId;
use plimsoll_core::model::problem::Problem;
use plimsoll_documents::{Document, Format};
use plimsoll_formats::measures;
use serde::Deserialize;
use rollouts::Changes;
use stories::Stories;

/// Longest time that a report looks back, days.
pub const LONGEST: u16 = 400;

/// Open findings in one plan: with its hosts, each is some 800 bytes of it.
const PLANNED: usize = 100_000;

/// A written form of a report.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Form {
    /// For machines; holds every figure.
    #[default]
    Json,
    /// For a browser and for paper.
    Html,
    /// For paper and for keeping.
    Pdf,
    /// For other people's pages.
    Markdown,
    /// For those who edit.
    Docx,
    /// For spreadsheets: one figure a row.
    Csv,
    /// Plan of action and milestones: what is open, for auditors' programs.
    OscalPoam,
}

impl Form {
    /// All of them.
    pub const ALL: [Self; 7] = [Self::Html, Self::Pdf, Self::Docx, Self::Markdown, Self::Csv, Self::Json, Self::OscalPoam];

    /// The word that the API takes.
    pub fn word(self) -> &'static str {
        match self {
            Self::Json => "json",
            Self::Html => "html",
            Self::Pdf => "pdf",
            Self::Markdown => "markdown",
            Self::Docx => "docx",
            Self::Csv => "csv",
            Self::OscalPoam => "oscal-poam",
        }
    }

    /// Forms of what has neither figures for a spreadsheet alone nor findings.
    pub const PLAIN: [Self; 6] = [Self::Html, Self::Pdf, Self::Docx, Self::Markdown, Self::Csv, Self::Json];

    /// Whether a report for somebody has it: a plan of what is open is for
    /// those who audit, and for the client whose it is.
    pub fn is_of(self, named: Named) -> bool {
        self != Self::OscalPoam || matches!(named, Named::For(Audience::Auditor | Audience::Client))
    }

    /// Reads the word.
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|form| form.word() == word)
    }

    /// The form that lays it out; none for machines.
    pub fn laid_out(self) -> Option<Format> {
        match self {
            Self::Json | Self::Csv | Self::OscalPoam => None,
            Self::Html => Some(Format::Html),
            Self::Pdf => Some(Format::Pdf),
            Self::Markdown => Some(Format::Markdown),
            Self::Docx => Some(Format::Docx),
        }
    }

    /// How a file of it is called at its end.
    pub fn extension(self) -> &'static str {
        match self {
            Self::Csv => "csv",
            Self::OscalPoam => "oscal.json",
            other => other.laid_out().map_or("json", Format::extension),
        }
    }

    /// Its media type.
    pub fn media_type(self) -> &'static str {
        match self {
            Self::Csv => "text/csv; charset=utf-8",
            other => other.laid_out().map_or("application/json", Format::media_type),
        }
    }
}

/// What is asked for.
#[derive(Clone, Debug)]
pub struct Wish {
    /// Which.
    pub named: Named,
    /// The moment it is as of.
    pub as_of: Timestamp,
    /// Days that it looks back.
    pub days: u16,
    /// One client's hosts only, and its name.
    pub client: Option<(ClientId, String)>,
}

impl Wish {
    /// The time that it looks back over.
    fn window(&self) -> Result<Window, Refusal> {
        if !(1..=LONGEST).contains(&self.days) {
            return Err(parameter("days", format!("{} is none of 1 to {LONGEST}", self.days), "look back less far, or ask for several reports"));
        }
        let from = self.as_of.checked_sub(SignedDuration::from_hours(i64::from(self.days) * 24));
        let from = from.map_err(|_| parameter("as_of", format!("{} is before all time that is counted", self.as_of), "name a later moment"))?;
        Ok(Window { from, to: self.as_of })
    }
}

/// A report that was counted.
enum Counted {
    For(Box<Report>, Vec<OpenFinding>),
    Cost(Box<CostReport>),
    Form(duties::Form),
}

/// Makes a report and lays it out.
///
/// # Errors
///
/// `E-PARAMETER` for a moment that is still to come or a time that is too
/// long; what the store meets.
pub async fn laid_out(app: &App, scope: &Scope, wish: &Wish) -> Result<Document, Refusal> {
    Ok(counted(app, scope, wish, false).await?.document())
}

/// Makes a report and writes it.
///
/// # Errors
///
/// As [`laid_out`]; `E-PARAMETER` for a form that this report has not,
/// `E-LIMIT` and `E-POAM-EMPTY` for a plan of too much or of nothing.
pub async fn written(app: &Shared, scope: &Scope, wish: &Wish, form: Form) -> Result<Vec<u8>, Refusal> {
    if !form.is_of(wish.named) {
        return Err(parameter("format", format!("the report {} is not made as {}", wish.named.word(), form.word()), "take the auditor's or a client's report"));
    }
    let counted = counted(app, scope, wish, form == Form::OscalPoam).await?;
    Ok(app.compute(move || counted.write(form)).await?)
}

/// A client under the name that it had at a moment.
async fn as_called(app: &App, client: Option<(ClientId, String)>, at: Timestamp) -> Result<Option<(ClientId, String)>, Refusal> {
    match client {
        Some((id, _)) => Ok(Some((id, app.store.client_named_at(id, at).await?))),
        None => Ok(None),
    }
}

/// What is counted, and how far back.
async fn counted(app: &App, scope: &Scope, wish: &Wish, planned: bool) -> Result<Counted, Refusal> {
    let window = wish.window()?;
    let wish = &Wish { client: as_called(app, wish.client.clone(), wish.as_of).await?, ..wish.clone() };
    match wish.named {
        Named::For(audience) => measured(app, scope, wish, (audience, window), planned).await.map(|(report, open)| Counted::For(Box::new(report), open)),
        Named::Cost => costed(app, scope, wish, window).await,
        Named::Form(regulator) => forms::form(app, scope, wish, regulator, window).await.map(Counted::Form),
    }
}

/// Counts, and gives every open finding where a plan is made of them.
async fn measured(app: &App, scope: &Scope, wish: &Wish, (audience, window): (Audience, Window), planned: bool) -> Result<(Report, Vec<OpenFinding>), Refusal> {
    let client = wish.client.as_ref().map(|(client, _)| *client);
    let mut stories = Stories::new(app, scope, wish.as_of, client)?;
    let mut changes = Changes::new(app, scope, wish.as_of, client, stories.hosts().iter().map(|host| host.id).collect()).await?;
    let mut collector = Collector::new(window);
    let mut held = held::Held::new(app, scope, wish, (audience, window)).await?;
    if planned {
        collector = collector.keeping_open();
    }
    while let Some(told) = stories.next(app).await? {
        told.iter().for_each(|told| {
            collector.host(&told.story());
            held.host(&told.story());
        });
        if collector.kept().len() > PLANNED {
            let text = format!("more than {PLANNED} findings are open, which is the limit of one plan");
            return Err(too_much(&text, "oscal-poam"));
        }
    }
    let mut routine = Vec::new();
    while let Some(record) = changes.next(app).await? {
        if record.content.change != ChangeType::Emergency && !record.hosts.is_empty() {
            routine.push(record.started);
        }
        record.hosts.iter().for_each(|host| {
            collector.change(&ChangeStory::of(&record, host));
            held.change(&record, host);
        });
    }
    let open = collector.kept().to_vec();
    let measures = collector.finish();
    let targets = held.against(&measures);
    let client = wish.client.as_ref().map(|(_, name)| name.clone());
    let policy = crate::policy::at(app, wish.as_of).await?.set;
    let zone = policy.policies.first().map_or(TimeZone::UTC, |own| own.zone.clone());
    let cycles = cycles::held(&policy.governance.cycles, &zone, window, &routine);
    let report = Report { schema: Report::SCHEMA, report: audience, client, measures, targets, cycles };
    Ok((report, open))
}

/// Counts hours and money. Hours belong to whole clients: who sees a group of
/// hosts only has none.
async fn costed(app: &App, scope: &Scope, wish: &Wish, window: Window) -> Result<Counted, Refusal> {
    let client = wish.client.as_ref().map(|(client, _)| *client);
    let stories = Stories::new(app, scope, wish.as_of, client)?;
    let mut changes = Changes::new(app, scope, wish.as_of, client, stories.hosts().iter().map(|host| host.id).collect()).await?;
    let mut collector = cost::Collector::new(window);
    while let Some(record) = changes.next(app).await? {
        collector.rollout(&record);
    }
    let work = app.store.work(&stored(scope), client, wish.as_of).await?;
    let in_force = app.store.cost_terms(wish.as_of).await?;
    let cost = collector.finish(&work, in_force.as_ref());
    Ok(Counted::Cost(Box::new(CostReport { schema: CostReport::SCHEMA, report: Named::Cost.word(), client: wish.client.as_ref().map(|(_, name)| name.clone()), cost })))
}

fn too_much(text: &str, what: &str) -> Refusal {
    Refusal::new(StatusCode::PAYLOAD_TOO_LARGE, "E-LIMIT", text, "ask client by client").at(what)
}

impl Counted {
    fn document(&self) -> Document {
        match self {
            Self::For(report, _) => plimsoll_documents::report(report),
            Self::Cost(report) => plimsoll_documents::cost(report),
            Self::Form(form) => plimsoll_documents::form(form),
        }
    }

    fn write(&self, form: Form) -> Result<Vec<u8>, Problem> {
        if let Some(format) = form.laid_out() {
            return plimsoll_documents::write(&self.document(), format);
        }
        match (self, form) {
            (Self::For(report, _), Form::Csv) => measures::csv(report).map(String::into_bytes),
            (Self::Cost(report), Form::Csv) => measures::cost_csv(report).map(String::into_bytes),
            (Self::Form(report), Form::Csv) => measures::form_csv(report).map(String::into_bytes),
            (Self::For(report, open), Form::OscalPoam) => measures::poam(report, open),
            (Self::For(report, _), _) => document::for_machines(report),
            (Self::Cost(report), _) => document::for_machines(report),
            (Self::Form(report), _) => document::for_machines(report),
        }
    }
}

#[cfg(test)]
mod tests;
