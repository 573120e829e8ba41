//! `plimsoll report`: what was late, what was in time and how long it took, as
//! of a moment; and the events that this is counted from.

use super::{client, given};
use crate::arguments::Remote;
use crate::printer::{Failure, Outcome, Printer};
use clap::builder::{PossibleValue, PossibleValuesParser, TypedValueParser};
use clap::{Args, ValueEnum};
use jiff::Timestamp;
use plimsoll_core::measures::Audience;
use plimsoll_core::model::problem::Problem;
use plimsoll_server::reports::{samm, status};
use std::io::Read;
use std::path::PathBuf;

/// Bytes handed on at a time.
const PART: usize = 1 << 16;

/// Arguments of `report`.
#[derive(Args, Debug)]
pub struct Report {
    #[command(flatten)]
    pub remote: Remote,
    /// Which report; application takes the application's id or name after it
    #[arg(value_parser = names(), value_name = "NAME")]
    pub name: Name,
    /// Application whose status page it is, by its id or name
    #[arg(value_name = "APPLICATION")]
    pub application: Option<String>,
    /// Moment it is as of; left out, now. The same moment gives the same bytes whenever it is asked for
    #[arg(long, value_name = "RFC3339")]
    pub as_of: Option<Timestamp>,
    /// Days that it looks back; each report has its own
    #[arg(long, value_name = "NUMBER", value_parser = clap::value_parser!(u16).range(1..=400))]
    pub days: Option<u16>,
    /// Hosts of one client only, by its id or name
    #[arg(long, value_name = "CLIENT")]
    pub client: Option<String>,
    /// Form of the report; left out, markdown, and jsonl for events
    #[arg(long, value_enum)]
    pub format: Option<ReportFormat>,
    /// File; left out, standard output
    #[arg(long, short, value_name = "FILE")]
    pub output: Option<PathBuf>,
}

/// What can be asked for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Name {
    /// A report for somebody.
    For(Audience),
    /// SAMM's answers.
    Samm,
    /// The status page of an application.
    Application,
    /// What reports are counted from.
    Events,
}

const EVENTS: &str = "events";

/// Forms of a report.
#[derive(Clone, Copy, PartialEq, Eq, Debug, ValueEnum)]
pub enum ReportFormat {
    /// For machines; holds every figure
    Json,
    /// One file for a browser; prints well
    Html,
    /// PDF/A
    Pdf,
    /// For other people's pages
    Markdown,
    /// For those who edit
    Docx,
    /// For spreadsheets: one figure a row
    Csv,
    /// OSCAL plan of action and milestones, of the auditor's and a client's report
    OscalPoam,
    /// Events, one a line; nothing else has this form
    Jsonl,
}

/// Reports by their names.
fn names() -> impl TypedValueParser<Value = Name> {
    let audiences = Audience::ALL.map(|audience| PossibleValue::new(audience.word()).help(audience.about()));
    let others = [(samm::NAME, samm::ABOUT), (status::NAME, status::ABOUT)].map(|(name, about)| PossibleValue::new(name).help(about));
    let events = PossibleValue::new(EVENTS).help("What reports are counted from, for those who count again");
    PossibleValuesParser::new(audiences.into_iter().chain(others).chain([events])).try_map(|word| match word.as_str() {
        EVENTS => Ok(Name::Events),
        samm::NAME => Ok(Name::Samm),
        status::NAME => Ok(Name::Application),
        word => Audience::parse(word).map(Name::For).ok_or("there is no such report"),
    })
}

fn usage(text: &str, next: &str) -> Failure {
    Failure::input(Problem::new("E-USAGE", "report", text, next))
}

/// Runs it.
pub fn run(report: &Report, printer: &Printer) -> Result<Outcome, Failure> {
    let jsonl = report.format == Some(ReportFormat::Jsonl);
    match report.name {
        Name::Application if report.application.is_none() => Err(usage("no application is named", "name it by its id or name: report application shop")),
        Name::For(_) | Name::Samm | Name::Events if report.application.is_some() => Err(usage("only report application takes an application", "leave the second name out")),
        Name::For(_) | Name::Samm | Name::Application if jsonl => Err(usage("only events come as jsonl", "take --format json, or report events")),
        Name::For(audience) => written(report, audience.word(), printer),
        Name::Samm => written(report, samm::NAME, printer),
        Name::Application => written(report, status::NAME, printer),
        Name::Events if report.format.is_some() && !jsonl => Err(usage("events come as jsonl only", "leave --format out")),
        Name::Events if report.days.is_some() => Err(usage("events are told from the beginning", "leave --days out")),
        Name::Events => events(report, printer),
    }
}

fn written(report: &Report, name: &str, printer: &Printer) -> Result<Outcome, Failure> {
    let form = report.format.unwrap_or(ReportFormat::Markdown).to_possible_value();
    let query = given([
        ("as_of", report.as_of.map(|at| at.to_string())),
        ("days", report.days.map(|days| days.to_string())),
        ("client", report.client.clone()),
        ("application", report.application.clone()),
        ("format", form.map(|form| form.get_name().to_owned())),
    ]);
    let bytes = client(&report.remote)?.bytes(&format!("/api/v1/reports/{name}"), &query)?;
    printer.file(report.output.as_deref(), &bytes)?;
    Ok(Outcome::Clean)
}

fn events(report: &Report, printer: &Printer) -> Result<Outcome, Failure> {
    let query = given([("as_of", report.as_of.map(|at| at.to_string())), ("client", report.client.clone())]);
    let mut events = client(&report.remote)?.open("/api/v1/reports/events", &query)?;
    let mut part = vec![0; PART];
    printer.parts(report.output.as_deref(), || {
        let read = events.read(&mut part).map_err(|error| {
            Failure::unfinished(Problem::new("E-SERVER", &report.remote.server, format!("the events are cut: {error}"), "ask again; the server's log says why"))
        })?;
        Ok((read > 0).then(|| part[..read].to_vec()))
    })?;
    Ok(Outcome::Clean)
}
