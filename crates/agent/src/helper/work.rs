//! The short-lived process that reads the host.

use super::failed;
use super::frames::{read_frame, write_frame};
use super::verbs::{Inventory, REPLY_LIMIT, REQUEST_LIMIT, Reply};
use crate::collect;
use jiff::Timestamp;
use plimsoll_core::model::problem::Problem;
use plimsoll_formats::protocol::{CanonicalReport, Limits, canonical};
use std::ffi::OsString;
use std::process::{Command, Stdio};

/// Runs a worker and takes its answer.
///
/// A worker that dies gives one problem and costs nothing else.
pub(super) fn run(command: &[OsString], inventory: &Inventory) -> Result<(Option<Timestamp>, Vec<u8>), Problem> {
    let Some((program, arguments)) = command.split_first() else {
        return read(inventory).map(|(booted, made)| (booted, made.bytes));
    };
    let mut child = Command::new(program)
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .map_err(|error| failed(&program.to_string_lossy(), "cannot be started", &error))?;
    let outcome = talk(&mut child, inventory);
    if outcome.is_err() {
        let _ = child.kill();
    }
    let status = child.wait().map_err(|error| failed("worker", "cannot be waited for", &error))?;
    outcome.map_err(|problem| if status.success() { problem } else { failed("worker", "ended early", &format!("{status}; {}", problem.text)) })
}

fn talk(child: &mut std::process::Child, inventory: &Inventory) -> Result<(Option<Timestamp>, Vec<u8>), Problem> {
    let (Some(mut input), Some(mut output)) = (child.stdin.take(), child.stdout.take()) else {
        return Err(failed("worker", "cannot be talked to", &"no pipes"));
    };
    let bytes = serde_json::to_vec(inventory).map_err(|error| failed("worker", "cannot be asked", &error))?;
    write_frame(&mut input, &bytes)?;
    drop(input);
    let bytes = read_frame(&mut output, REPLY_LIMIT)?;
    match serde_json::from_slice(&bytes).map_err(|error| failed("worker", "gave an answer that is none", &error))? {
        Reply::Inventory { booted, .. } => Ok((booted, read_frame(&mut output, Limits::REPORT.decompressed)?)),
        Reply::Problem(problem) => Err(problem),
        _ => Err(failed("worker", "gave an answer to another question", &"of the helper")),
    }
}

/// Is the worker: reads what to do from standard input, reads the host, writes
/// the report to standard output.
///
/// # Errors
///
/// Where its helper is gone.
pub fn worker() -> Result<(), Problem> {
    let bytes = read_frame(&mut std::io::stdin().lock(), REQUEST_LIMIT)?;
    let inventory: Inventory = serde_json::from_slice(&bytes).map_err(|error| failed("worker", "was asked for what is none", &error))?;
    let made = read(&inventory);
    let reply = match &made {
        Ok((booted, made)) => Reply::Inventory { booted: *booted, bytes: made.bytes.len() as u64 },
        Err(problem) => Reply::Problem(problem.clone()),
    };
    let reply = serde_json::to_vec(&reply).map_err(|error| failed("worker", "cannot answer", &error))?;
    let mut output = std::io::stdout().lock();
    write_frame(&mut output, &reply)?;
    made.map_or(Ok(()), |(_, made)| write_frame(&mut output, &made.bytes))
}

/// Reads the live host.
pub(super) fn read(inventory: &Inventory) -> Result<(Option<Timestamp>, CanonicalReport), Problem> {
    let mut report = collect::read(None, inventory.languages)?;
    report.problems.extend(inventory.problems.iter().cloned());
    collect::settle_boot(&mut report, inventory.booted);
    let booted = report.host.reboot.as_ref().and_then(|reboot| reboot.booted);
    Ok((booted, canonical(report)?))
}
