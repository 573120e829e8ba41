//! `plimsoll scan`: one dated, explained answer about one host.

use super::basis::Ground;
use super::gather::{self, Gathered};
use crate::answer::{actions, html, text};
use crate::arguments::{Format, Scan as Arguments, Target};
use crate::printer::{Failure, Outcome, Printer};
use crate::progress::Step;
use plimsoll_core::assessment::{self, Answer};
use plimsoll_core::knowledge::Knowledge;
use plimsoll_core::model::scan::Scan;
use plimsoll_formats::reports;

/// Name and version in every answer.
pub const TOOL: &str = concat!("plimsoll ", env!("CARGO_PKG_VERSION"));

/// Runs the command: 1 when something is overdue.
pub fn run(arguments: &Arguments, printer: &Printer) -> Result<Outcome, Failure> {
    let ground = Ground::open(&arguments.basis)?;
    let answer = answer(&arguments.target, arguments.languages, false, &ground, printer)?;
    let Answer { scan, memory } = answer;
    let written = render(&scan, arguments, printer);
    printer.file(arguments.output.as_deref(), written.as_bytes())?;
    if arguments.format == Format::Text && arguments.output.is_none() && arguments.basis.state.is_none() {
        printer.say("Nothing of this is remembered; `--state FILE` keeps the day each finding was first seen.");
    }
    if let Some(path) = &arguments.basis.state {
        crate::state::write(path, memory, &ground.memory, ground.now)?;
    }
    let outcome = if actions::tally(&scan).overdue > 0 { Outcome::No } else { Outcome::Clean };
    // The process ends here; its memory goes back at once, not text by text.
    std::mem::forget(scan);
    Ok(outcome)
}

/// The same answer with what is already fixed, for explanations.
pub fn explain_answer(target: &Target, ground: &Ground, printer: &Printer) -> Result<Answer, Failure> {
    answer(target, false, true, ground, printer)
}

/// Reads the target and judges it.
fn answer(
    target: &Target,
    languages: bool,
    include_fixed: bool,
    ground: &Ground,
    printer: &Printer,
) -> Result<Answer, Failure> {
    let step = Step::start(printer, "reading what is installed");
    let Gathered { host, components, updates, held_updates, offered, problems } = gather::gather(target, languages, &step)?;
    step.now("judging it");
    let answer = assessment::assess(assessment::Input {
        now: ground.now,
        tool: TOOL.to_owned(),
        host,
        components,
        updates,
        held_updates,
        offered: &offered,
        knowledge: ground.database.as_ref().map(|database| database as &dyn Knowledge),
        database: ground.named.clone(),
        policies: &ground.policies,
        host_facts: &ground.host,
        memory: &ground.memory,
        include_fixed,
        problems,
    })?;
    Ok(answer)
}

fn render(scan: &Scan, arguments: &Arguments, printer: &Printer) -> String {
    match arguments.format {
        Format::Text => {
            let to_file = arguments.output.is_some();
            let layout = text::Layout {
                width: printer.width(),
                colored: printer.colored() && !to_file,
                all: arguments.all || to_file,
            };
            text::render(scan, layout)
        }
        Format::Json => reports::json(scan),
        Format::Sarif => reports::sarif(scan),
        Format::Cyclonedx => reports::cyclonedx(scan),
        Format::Openvex => reports::openvex(scan),
        Format::Csv => reports::csv(scan),
        Format::Markdown => reports::markdown(scan),
        Format::Html => html::render(scan),
    }
}
