//! What the program prints about itself: schemas, completions, manual pages.

use crate::arguments::{Arguments, SchemaName};
use crate::printer::{Failure, Outcome, Printer};
use clap::CommandFactory;
use plimsoll_core::model::problem::Problem;
use std::path::Path;

/// Prints a published schema.
pub fn schema(name: SchemaName, printer: &Printer) -> Result<Outcome, Failure> {
    match name {
        SchemaName::Scan => printer.data(plimsoll_formats::reports::SCAN_SCHEMA)?,
        SchemaName::PolicyLint => printer.data(include_str!("../../../../docs/schema/policy-lint-1.schema.json"))?,
        SchemaName::PolicyTable => printer.data(include_str!("../../../../docs/schema/policy-table-1.schema.json"))?,
        SchemaName::PolicyDiff => printer.data(include_str!("../../../../docs/schema/policy-diff-1.schema.json"))?,
        SchemaName::PolicySimulation => printer.data(include_str!("../../../../docs/schema/policy-simulation-1.schema.json"))?,
    }
    Ok(Outcome::Clean)
}

/// Prints completions for a shell.
pub fn completions(shell: clap_complete::Shell, printer: &Printer) -> Result<Outcome, Failure> {
    let mut text = Vec::new();
    clap_complete::generate(shell, &mut Arguments::command(), "plimsoll", &mut text);
    printer.data(&String::from_utf8_lossy(&text))?;
    Ok(Outcome::Clean)
}

/// Writes a manual page for the program and each of its commands.
pub fn manual(folder: &Path, printer: &Printer) -> Result<Outcome, Failure> {
    std::fs::create_dir_all(folder).and_then(|()| clap_mangen::generate_to(Arguments::command(), folder)).map_err(
        |error| {
            Failure::unfinished(Problem::new(
                "E-WRITE",
                folder.display().to_string(),
                format!("the manual pages cannot be written: {error}"),
                "name a folder that can be written to",
            ))
        },
    )?;
    printer.say(&format!("wrote the manual pages to {}", folder.display()));
    Ok(Outcome::Clean)
}
