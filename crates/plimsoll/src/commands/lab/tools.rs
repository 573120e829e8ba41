//! Running the tools that make namespaces and roots.

use crate::printer::Failure;
use plimsoll_core::model::problem::Problem;
use std::path::Path;
use std::process::{Command, Output, Stdio};

/// Whether a program is in one of the system's folders.
pub fn is_there(program: &str) -> bool {
    ["/usr/sbin", "/usr/bin", "/sbin", "/bin"].iter().any(|folder| Path::new(folder).join(program).is_file())
}

/// Runs a command to its end; what it says is shown only where it fails.
///
/// # Errors
///
/// `E-RUN` with the end of what it said.
pub fn run(command: &mut Command) -> Result<(), Failure> {
    finished(command).map(drop)
}

/// Runs a command and gives its standard output.
///
/// # Errors
///
/// As [`run`].
pub fn said(command: &mut Command) -> Result<String, Failure> {
    finished(command).map(|output| String::from_utf8_lossy(&output.stdout).into_owned())
}

fn finished(command: &mut Command) -> Result<Output, Failure> {
    let name = command.get_program().to_string_lossy().into_owned();
    let unfinished = |text: String| Failure::unfinished(Problem::new("E-RUN", &name, text, "run the command by hand to see what is wrong"));
    let output = command.stdin(Stdio::null()).output().map_err(|error| unfinished(format!("cannot be started: {error}")))?;
    if output.status.success() {
        return Ok(output);
    }
    let words: Vec<String> = command.get_args().map(|word| word.to_string_lossy().into_owned()).collect();
    let (out, errors) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    let told: Vec<&str> = out.lines().chain(errors.lines()).filter(|line| !line.trim().is_empty()).collect();
    let tail = told.get(told.len().saturating_sub(4)..).unwrap_or_default().join("; ");
    Err(unfinished(format!("`{name} {}` ended with {}: {tail}", words.join(" "), output.status)))
}
