//! Reading the host into a report.

use crate::AGENT;
use jiff::Timestamp;
use plimsoll_core::model::problem::Problem;
use plimsoll_core::model::report::{OfferedPackage, Report};
use plimsoll_formats::protocol::{CanonicalReport, canonical};
use std::path::Path;

/// How far the kernel's idea of its own start may move without a reboot: it is
/// "now" less the uptime, so each correction of the clock moves it.
const BOOT_JITTER_SECONDS: i64 = 300;

/// Reads a host into its canonical report: the live one, or an unpacked root.
///
/// The bytes are what `plimsoll import` takes on a server, for a host that may
/// never talk. `languages` walks for language components too, which takes
/// longer.
///
/// # Errors
///
/// Only where the root cannot be opened; everything else that is missing or
/// unreadable is among the report's problems.
pub fn collect(root: Option<&Path>, languages: bool) -> Result<CanonicalReport, Problem> {
    canonical(read(root, languages)?)
}

/// Reads a host into a report that is not canonical yet.
pub(crate) fn read(root: Option<&Path>, languages: bool) -> Result<Report, Problem> {
    let inventory = plimsoll_host::read(&plimsoll_host::Options { root, languages, ..plimsoll_host::Options::default() })?;
    let offered = inventory.candidates.into_iter().map(|candidate| OfferedPackage {
        package: candidate.package,
        arch: candidate.arch,
        version: candidate.version,
        source_version: candidate.source_version,
        origin: candidate.origin,
    });
    Ok(Report {
        schema: Report::SCHEMA.to_owned(),
        agent: AGENT.to_owned(),
        host: inventory.host,
        components: inventory.components,
        updates: inventory.updates,
        held_updates: inventory.held_updates,
        offered: offered.collect(),
        problems: inventory.problems,
    })
}

/// Keeps the known start of the kernel, where the new one says the same.
///
/// Without this an unchanged host whose clock is corrected would report a
/// change.
pub(crate) fn settle_boot(report: &mut Report, known: Option<Timestamp>) {
    if let (Some(booted), Some(known)) = (report.host.reboot.as_mut().and_then(|reboot| reboot.booted.as_mut()), known)
        && booted.as_second().abs_diff(known.as_second()) <= BOOT_JITTER_SECONDS.unsigned_abs()
    {
        *booted = known;
    }
}
