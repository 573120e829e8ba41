//! `plimsoll report`: what was late, what was in time and how long it took, as
//! of a moment.

use super::{client, given};
use crate::arguments::{RecordFormat, Remote};
use crate::printer::{Failure, Outcome, Printer};
use clap::{Args, ValueEnum};
use jiff::Timestamp;
use std::path::PathBuf;

/// Arguments of `report`.
#[derive(Args, Debug)]
pub struct Report {
    #[command(flatten)]
    pub remote: Remote,
    /// Which report
    #[arg(value_enum, value_name = "NAME")]
    pub name: Name,
    /// Moment it is as of; left out, now. The same moment gives the same bytes whenever it is asked for
    #[arg(long, value_name = "RFC3339")]
    pub as_of: Option<Timestamp>,
    /// Days that it looks back; each report has its own
    #[arg(long, value_name = "NUMBER", value_parser = clap::value_parser!(u16).range(1..=400))]
    pub days: Option<u16>,
    /// Hosts of one client only, by its id or name
    #[arg(long, value_name = "CLIENT")]
    pub client: Option<String>,
    /// Form of the report
    #[arg(long, value_enum, default_value_t = RecordFormat::Markdown)]
    pub format: RecordFormat,
    /// File; left out, standard output
    #[arg(long, short, value_name = "FILE")]
    pub output: Option<PathBuf>,
}

/// For whom.
#[derive(Clone, Copy, PartialEq, Eq, Debug, ValueEnum)]
pub enum Name {
    /// The last day: what is past due, what comes next
    Operator,
    /// The last seven days, for a team's review
    Weekly,
    /// The last thirty days, for management
    Management,
    /// The last thirty days of one client's hosts
    Client,
    /// The last ninety days with every list
    Auditor,
}

impl Name {
    fn word(self) -> &'static str {
        match self {
            Self::Operator => "operator",
            Self::Weekly => "weekly",
            Self::Management => "management",
            Self::Client => "client",
            Self::Auditor => "auditor",
        }
    }
}

/// Runs it.
pub fn run(report: &Report, printer: &Printer) -> Result<Outcome, Failure> {
    let query = given([
        ("as_of", report.as_of.map(|at| at.to_string())),
        ("days", report.days.map(|days| days.to_string())),
        ("client", report.client.clone()),
        ("format", Some(report.format.word().to_owned())),
    ]);
    let bytes = client(&report.remote)?.bytes(&format!("/api/v1/reports/{}", report.name.word()), &query)?;
    printer.file(report.output.as_deref(), &bytes)?;
    Ok(Outcome::Clean)
}
