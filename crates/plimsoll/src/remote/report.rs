//! `plimsoll report`: what was late, what was in time, how long it took and
//! what it cost, as of a moment; regulators' forms; and the events that this is
//! counted from.

use super::{client, given, segment};
use crate::arguments::Remote;
use crate::printer::{Failure, Outcome, Printer};
use clap::builder::{PossibleValue, PossibleValuesParser, TypedValueParser};
use clap::{Args, ValueEnum};
use jiff::Timestamp;
use plimsoll_core::measures::Named;
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
    /// Id of a report that was made, whose file is wanted
    #[arg(long, value_name = "ID")]
    pub made: Option<String>,
    /// File; left out, standard output
    #[arg(long, short, value_name = "FILE")]
    pub output: Option<PathBuf>,
}

/// What can be asked for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Name {
    /// A report that is made of a moment.
    Of(Named),
    /// SAMM's answers.
    Samm,
    /// The status page of an application.
    Application,
    /// What reports are counted from.
    Events,
    /// Those that were made when they were due.
    Made,
}

const EVENTS: &str = "events";
const MADE: &str = "made";

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
    let reports = Named::all().map(|named| PossibleValue::new(named.word()).help(named.about()));
    let others = [(samm::NAME, samm::ABOUT), (status::NAME, status::ABOUT)].map(|(name, about)| PossibleValue::new(name).help(about));
    let events = PossibleValue::new(EVENTS).help("What reports are counted from, for those who count again");
    let made = PossibleValue::new(MADE).help("Reports that the server made when the policy said so: their list as JSON, or with --made the file of one");
    PossibleValuesParser::new(reports.chain(others).chain([events, made])).try_map(|word| match word.as_str() {
        EVENTS => Ok(Name::Events),
        MADE => Ok(Name::Made),
        samm::NAME => Ok(Name::Samm),
        status::NAME => Ok(Name::Application),
        word => Named::parse(word).map(Name::Of).ok_or("there is no such report"),
    })
}

fn usage(text: &str, next: &str) -> Failure {
    Failure::input(Problem::new("E-USAGE", "report", text, next))
}

/// Runs it.
pub fn run(report: &Report, printer: &Printer) -> Result<Outcome, Failure> {
    let jsonl = report.format == Some(ReportFormat::Jsonl);
    match report.name {
        _ if report.made.is_some() && report.name != Name::Made => Err(usage("--made names a report that was made", "take report made --made ID")),
        Name::Application if report.application.is_none() => Err(usage("no application is named", "name it by its id or name: report application shop")),
        Name::Of(_) | Name::Samm | Name::Events | Name::Made if report.application.is_some() => Err(usage("only report application takes an application", "leave the second name out")),
        Name::Of(_) | Name::Samm | Name::Application if jsonl => Err(usage("only events come as jsonl", "take --format json, or report events")),
        Name::Made => made(report, printer),
        Name::Of(named) => written(report, named.word(), printer),
        Name::Samm => written(report, samm::NAME, printer),
        Name::Application => written(report, status::NAME, printer),
        Name::Events if report.format.is_some() && !jsonl => Err(usage("events come as jsonl only", "leave --format out")),
        Name::Events if report.days.is_some() => Err(usage("events are told from the beginning", "leave --days out")),
        Name::Events => events(report, printer),
    }
}

/// Lists what was made, or gives one of them.
fn made(report: &Report, printer: &Printer) -> Result<Outcome, Failure> {
    const PATH: &str = "/api/v1/reports/made";
    if report.as_of.is_some() || report.days.is_some() || report.client.is_some() || report.format.is_some_and(|format| format != ReportFormat::Json) {
        return Err(usage("what was made has its moment and its form", "leave --as-of, --days, --client and --format out"));
    }
    let client = client(&report.remote)?;
    let bytes = match &report.made {
        Some(id) => client.bytes(&format!("{PATH}/{}", segment(id)), &Vec::new())?,
        None => client.bytes(PATH, &Vec::new())?,
    };
    printer.file(report.output.as_deref(), &bytes)?;
    Ok(Outcome::Clean)
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
