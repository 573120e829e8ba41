//! The canonical bytes of a report, and the bounded reader of them.

use super::encoding::{decompress, digest, within};
use super::limits::Limits;
use super::measure::{measure, problem, unprintable};
use jiff::Timestamp;
use plimsoll_core::model::component::Component;
use plimsoll_core::model::host::Host;
use plimsoll_core::model::problem::Problem;
use plimsoll_core::model::report::{OfferedPackage, Report};
use plimsoll_core::model::update::Update;
use serde::{Deserialize, Serialize};
use serde_json::ser::{CharEscape, Formatter};
use std::cmp::Ordering;
use std::io::{self, Write};

/// A report with its bytes and their name.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct CanonicalReport {
    /// What it says.
    pub report: Report,
    /// Its JSON, as sent or as made here.
    pub bytes: Vec<u8>,
    /// SHA-256 of `bytes`, hex.
    pub digest: String,
}

/// First instant that a report may name: 1970.
const EARLIEST: i64 = 0;
/// First instant that it may not: 2200-01-01.
const LATEST: i64 = 7_258_118_400;

/// Puts a report into its canonical form: sorted, within the limits of
/// [`read_report`], every string printable.
///
/// What does not fit is cut and named in the report's own problems, so that an
/// odd mirror or file name on a host cannot make the server refuse the rest.
/// The same facts give the same bytes.
///
/// # Errors
///
/// `E-LIMIT` where the whole is still larger than a server takes.
pub fn canonical(mut report: Report) -> Result<CanonicalReport, Problem> {
    const PLACE: &str = "report";
    fit(&mut report);
    let mut written = write(&report)?;
    if written.changed {
        // Cutting and escaping may have moved places; what is sent must be
        // sorted as the reader sees it.
        report = serde_json::from_slice(&written.bytes).map_err(|error| problem(PLACE, &error))?;
        written = write(&report)?;
    }
    sort(&mut report);
    let bytes = write(&report)?.bytes;
    within(PLACE, "bytes", bytes.len(), Limits::REPORT.decompressed)?;
    drop(written);
    Ok(CanonicalReport { digest: digest(&bytes), report, bytes })
}

/// Reads a zstd-compressed report from a host.
///
/// # Errors
///
/// One problem that says which limit was broken (`E-LIMIT`) or what is wrong
/// (`E-FORMAT`, `E-REPORT`); nothing of the report is used then.
pub fn read_report(place: &str, compressed: &[u8]) -> Result<CanonicalReport, Problem> {
    read_report_bytes(place, decompress(place, compressed, Limits::REPORT)?)
}

/// Reads a report that is not compressed, as the store keeps it or
/// `plimsoll collect` wrote it.
///
/// # Errors
///
/// As [`read_report`].
pub fn read_report_bytes(place: &str, bytes: Vec<u8>) -> Result<CanonicalReport, Problem> {
    within(place, "bytes", bytes.len(), Limits::REPORT.decompressed)?;
    measure(place, &bytes, &Limits::REPORT, false)?;
    let report: Report = serde_json::from_slice(&bytes).map_err(|error| problem(place, &error))?;
    check(place, &report)?;
    Ok(CanonicalReport { digest: digest(&bytes), report, bytes })
}

/// Reads a report that the store keeps: it was checked when it came, and the
/// store vouches for its bytes by their digest.
///
/// # Errors
///
/// `E-FORMAT` where another version wrote it and this one reads it no more.
pub fn read_stored_report(place: &str, bytes: &[u8]) -> Result<Report, Problem> {
    serde_json::from_slice(bytes).map_err(|error| problem(place, &error))
}

/// Reads a report that the store keeps without its components, which are most
/// of it, and without its problems.
///
/// # Errors
///
/// As [`read_stored_report`].
pub fn read_stored_beside_components(place: &str, bytes: &[u8]) -> Result<Report, Problem> {
    #[derive(Deserialize)]
    struct Beside {
        schema: String,
        agent: String,
        host: Host,
        updates: Option<Vec<Update>>,
        #[serde(default)]
        held_updates: Vec<Update>,
        offered: Vec<OfferedPackage>,
    }
    let Beside { schema, agent, host, updates, held_updates, offered } =
        serde_json::from_slice(bytes).map_err(|error| problem(place, &error))?;
    Ok(Report { schema, agent, host, components: Vec::new(), updates, held_updates, offered, problems: Vec::new() })
}

/// Checks what types and the first pass cannot.
pub(super) fn check(place: &str, report: &Report) -> Result<(), Problem> {
    let limits = Limits::REPORT;
    if report.schema != Report::SCHEMA {
        return Err(wrong(place, format!("has the schema \"{}\", expected is \"{}\"", report.schema, Report::SCHEMA)));
    }
    within(place, "components", report.components.len(), limits.components)?;
    within(place, "updates", report.updates.as_ref().map_or(0, Vec::len), limits.updates)?;
    within(place, "problems", report.problems.len(), limits.problems)?;
    within(place, "held updates", report.held_updates.len(), limits.updates)?;
    check_updates(place, report.updates.as_deref().unwrap_or_default())?;
    check_updates(place, &report.held_updates)?;
    if let Some((name, date)) = dates(report).find(|(_, date)| !in_range(date)) {
        return Err(wrong(place, format!("dates {name} {date}, allowed are the years 1970 to 2199")));
    }
    let unnamed = report.components.iter().position(|component| component.name.is_empty());
    if let Some(position) = unnamed {
        return Err(wrong(place, format!("has no name for component {position}")));
    }
    if !report.components.is_sorted_by(|left, right| order(left, right) != Ordering::Greater) {
        return Err(wrong(place, "has components that are not sorted by name, architecture and version".to_owned()));
    }
    Ok(())
}

/// A host says what is pending; what that means is not its to say.
fn check_updates(place: &str, updates: &[Update]) -> Result<(), Problem> {
    let judged =
        updates.iter().find(|update| !update.advisories.is_empty() || !update.obligations.is_empty() || update.due.is_some());
    match judged {
        Some(update) => Err(wrong(
            place,
            format!("carries a verdict about the update of {}, which only the server may give", update.package),
        )),
        None => Ok(()),
    }
}

pub(super) fn wrong(place: &str, text: String) -> Problem {
    Problem::new("E-REPORT", place, text, "update the agent, or look at the host that sent it")
}

fn in_range(date: &Timestamp) -> bool {
    (EARLIEST..LATEST).contains(&date.as_second())
}

/// Every instant in a report, with what it dates.
fn dates(report: &Report) -> impl Iterator<Item = (&str, Timestamp)> {
    let booted = report.host.reboot.as_ref().and_then(|reboot| reboot.booted).map(|date| ("the last boot", date));
    let repositories = report.host.repositories.iter().flat_map(|repository| {
        [repository.date, repository.valid_until].into_iter().flatten().map(|date| (repository.id.as_str(), date))
    });
    booted.into_iter().chain(repositories)
}

/// Total order of components: name, architecture, version, purl, then the rest.
pub(super) fn order(left: &Component, right: &Component) -> Ordering {
    let quick = left
        .name
        .cmp(&right.name)
        .then_with(|| left.arch.cmp(&right.arch))
        .then_with(|| left.version.cmp(&right.version))
        .then_with(|| left.purl.cmp(&right.purl));
    // The same package twice is rare (two copies of a library); its bytes
    // decide then.
    quick.then_with(|| if left == right { Ordering::Equal } else { json(left).cmp(&json(right)) })
}

fn json<T: Serialize>(value: &T) -> Vec<u8> {
    serde_json::to_vec(value).unwrap_or_default()
}

/// Sorts what has no order of its own.
pub(super) fn sort(report: &mut Report) {
    report.components.sort_by(order);
    report.offered.sort();
    report.problems.sort();
    report.problems.dedup();
    for updates in report.updates.iter_mut().chain([&mut report.held_updates]) {
        updates.sort_by_cached_key(|update| (update.package.clone(), update.arch.clone(), json(update)));
    }
    report.host.repositories.sort();
    if let Some(hardware) = &mut report.host.hardware {
        hardware.devices.sort();
    }
}

/// Cuts lists, and drops dates and verdicts that a reader would refuse.
fn fit(report: &mut Report) {
    const NEXT: &str = "look at the host; the rest is reported as usual";
    let limits = Limits::REPORT;
    let mut problems = Vec::new();
    let mut cut = |what: &str, number: usize, limit: usize| {
        if number > limit {
            problems.push(Problem::new("E-LIMIT", "report", format!("has {number} {what}, the limit is {limit}; the rest is left out"), NEXT));
        }
    };
    let before = report.components.len();
    report.components.retain(|component| !component.name.is_empty());
    if report.components.len() < before {
        cut("components without a name", before - report.components.len(), 0);
    }
    cut("components", report.components.len(), limits.components);
    cut("updates", report.updates.as_ref().map_or(0, Vec::len), limits.updates);
    cut("held updates", report.held_updates.len(), limits.updates);
    cut("offered packages", report.offered.len(), limits.components);
    cut("problems", report.problems.len(), limits.problems - ROOM);
    sort(report);
    report.components.truncate(limits.components);
    report.offered.truncate(limits.components);
    report.problems.truncate(limits.problems - ROOM);
    for updates in report.updates.iter_mut().chain([&mut report.held_updates]) {
        updates.truncate(limits.updates);
        for update in updates {
            update.advisories.clear();
            update.obligations.clear();
            update.due = None;
        }
    }
    fit_dates(report, &mut problems);
    problems.truncate(ROOM);
    report.problems.extend(problems);
    report.problems.sort();
}

/// Room kept for problems that fitting itself finds.
const ROOM: usize = 50;

fn fit_dates(report: &mut Report, problems: &mut Vec<Problem>) {
    for repository in &mut report.host.repositories {
        for date in [&mut repository.date, &mut repository.valid_until] {
            if let Some(odd) = date.take_if(|date| !in_range(date)) {
                problems.push(Problem::new(
                    "W-DATE",
                    &repository.id,
                    format!("is dated {odd}, which is left out: allowed are the years 1970 to 2199"),
                    "tell whoever runs the repository",
                ));
            }
        }
    }
    if let Some(reboot) = &mut report.host.reboot {
        reboot.booted.take_if(|date| !in_range(date));
    }
}

pub(super) struct Written {
    pub(super) bytes: Vec<u8>,
    /// Whether a string was cut or escaped.
    changed: bool,
}

/// Writes compact JSON whose strings are printable and short.
pub(super) fn write<T: Serialize>(value: &T) -> Result<Written, Problem> {
    let mut bytes = Vec::with_capacity(64 << 10);
    let mut formatter = Printable { length: 0, changed: false };
    let mut serializer = serde_json::Serializer::with_formatter(&mut bytes, &mut formatter);
    value.serialize(&mut serializer).map_err(|error| problem("report", &error))?;
    let changed = formatter.changed;
    Ok(Written { bytes, changed })
}

/// Compact JSON in which control and direction characters appear as visible
/// escapes, and long strings end with an ellipsis.
struct Printable {
    length: usize,
    changed: bool,
}

impl Printable {
    /// Room for the ellipsis and the longest escape.
    const LONGEST: usize = Limits::REPORT.string - 16;

    /// Writes visible text, as long as the string has room.
    fn put<W: ?Sized + Write>(&mut self, writer: &mut W, text: &str, length: usize) -> io::Result<()> {
        if self.length > Self::LONGEST {
            return Ok(());
        }
        if self.length + length > Self::LONGEST {
            self.length = usize::MAX;
            self.changed = true;
            return writer.write_all("…".as_bytes());
        }
        self.length += length;
        writer.write_all(text.as_bytes())
    }

    fn escaped<W: ?Sized + Write>(&mut self, writer: &mut W, character: char) -> io::Result<()> {
        self.changed = true;
        // A backslash is itself escaped in JSON.
        let text = format!("\\{}", character.escape_unicode());
        let length = text.len() - 1;
        self.put(writer, &text, length)
    }
}

impl Formatter for &mut Printable {
    fn begin_string<W: ?Sized + Write>(&mut self, writer: &mut W) -> io::Result<()> {
        self.length = 0;
        writer.write_all(b"\"")
    }

    fn write_string_fragment<W: ?Sized + Write>(&mut self, writer: &mut W, fragment: &str) -> io::Result<()> {
        if self.length + fragment.len() <= Printable::LONGEST && !fragment.chars().any(unprintable) {
            self.length += fragment.len();
            return writer.write_all(fragment.as_bytes());
        }
        for character in fragment.chars() {
            if unprintable(character) {
                self.escaped(writer, character)?;
            } else {
                self.put(writer, character.encode_utf8(&mut [0; 4]), character.len_utf8())?;
            }
        }
        Ok(())
    }

    fn write_char_escape<W: ?Sized + Write>(&mut self, writer: &mut W, escape: CharEscape) -> io::Result<()> {
        let control = match escape {
            CharEscape::Quote => return self.put(writer, "\\\"", 1),
            CharEscape::ReverseSolidus => return self.put(writer, "\\\\", 1),
            CharEscape::Solidus => return self.put(writer, "/", 1),
            CharEscape::Backspace => '\u{8}',
            CharEscape::FormFeed => '\u{c}',
            CharEscape::LineFeed => '\n',
            CharEscape::CarriageReturn => '\r',
            CharEscape::Tab => '\t',
            CharEscape::AsciiControl(byte) => char::from(byte),
        };
        self.escaped(writer, control)
    }
}
