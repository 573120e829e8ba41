//! `plimsoll report`: what was late, what was in time and how long it took, as
//! of a moment.

use super::{client, given};
use crate::arguments::{RecordFormat, Remote};
use crate::printer::{Failure, Outcome, Printer};
use clap::Args;
use clap::builder::{PossibleValue, PossibleValuesParser, TypedValueParser};
use jiff::Timestamp;
use plimsoll_core::measures::Audience;
use std::path::PathBuf;

/// Arguments of `report`.
#[derive(Args, Debug)]
pub struct Report {
    #[command(flatten)]
    pub remote: Remote,
    /// Which report
    #[arg(value_parser = audiences(), value_name = "NAME")]
    pub name: Audience,
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

/// Reports by their names.
fn audiences() -> impl TypedValueParser<Value = Audience> {
    let values = Audience::ALL.map(|audience| PossibleValue::new(audience.word()).help(audience.about()));
    PossibleValuesParser::new(values).try_map(|word| Audience::parse(&word).ok_or("there is no such report"))
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
