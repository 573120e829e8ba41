//! The commands, one file each.

mod acquire;
mod agent;
mod basis;
mod database;
mod diff;
mod evidence;
mod explain;
mod gather;
mod lab;
mod papers;
mod person;
mod policy;
pub mod root;
mod scan;
mod serve;
mod version;

use crate::arguments::Command;
use crate::printer::{Failure, Outcome, Printer};
use crate::remote;
use plimsoll_core::model::problem::Problem;

/// Runs one command.
pub fn run(command: Command, printer: &Printer) -> Result<Outcome, Failure> {
    match command {
        Command::Scan(arguments) => scan::run(&arguments, printer),
        Command::Explain(arguments) => explain::run(&arguments, printer),
        Command::Diff(arguments) => diff::run(&arguments, printer),
        Command::Db(command) => database::run(command, printer),
        Command::Acquire(command) => acquire::run(*command, printer),
        Command::Policy(command) => policy::run(command, printer),
        Command::Version(command) => version::run(command, printer),
        Command::Up(arguments) => serve::up(&arguments, printer),
        Command::Serve(arguments) => serve::serve(&arguments, printer),
        Command::Hosts(command) => remote::hosts::run(&command, printer),
        Command::Findings(command) => remote::findings::run(&command, printer),
        Command::Advisories(command) => remote::advisories::run(&command, printer),
        Command::Packages(command) => remote::packages::run(&command, printer),
        Command::Applications(command) => remote::applications::run(&command, printer),
        Command::Clients(command) => remote::clients::run(&command, printer),
        Command::Exceptions(command) => remote::exceptions::run(&command, printer),
        Command::Questions(command) => remote::questions::run(&command, printer),
        Command::Accreditations(command) => remote::accreditations::run(&command, printer),
        Command::Notices(command) => remote::notices::run(&command, printer),
        Command::Triage(command) => remote::triage::run(&command, printer),
        Command::Mitigations(command) => remote::mitigations::run(&command, printer),
        Command::Scanners(command) => remote::scanners::run(&command, printer),
        Command::Briefings(command) => remote::briefings::run(&command, printer),
        Command::Meetings(command) => remote::meetings::run(&command, printer),
        Command::Work(command) => remote::work::run(&command, printer),
        Command::Groups(command) => remote::groups::run(&command, printer),
        Command::Alerts(command) => remote::alerts::run(&command, printer),
        Command::Sources(command) => remote::sources::run(&command, printer),
        Command::People(command) => remote::people::run(&command, printer),
        Command::Tokens(command) => remote::tokens::run(&command, printer),
        Command::Webhooks(command) => remote::webhooks::run(&command, printer),
        Command::Package(command) => remote::package::run(&command, printer),
        Command::Rollout(command) => remote::rollout::run(&command, printer),
        Command::Report(report) => remote::report::run(&report, printer),
        Command::Activity(command) => remote::activity::run(&command, printer),
        Command::Agent(arguments) => agent::run(&arguments, printer),
        Command::AgentNetwork(arguments) => agent::network(&arguments),
        Command::AgentWorker => agent::worker(),
        Command::AgentPin(arguments) => agent::pin(&arguments),
        Command::AgentLaunch(arguments) => agent::launch(&arguments),
        Command::AgentRun(arguments) => agent::attempt(&arguments),
        Command::Collect(arguments) => agent::collect(&arguments, printer),
        Command::Import(arguments) => agent::import(&arguments, printer),
        Command::Lab(arguments) => lab::run(&arguments, printer),
        Command::Evidence(command) => evidence::run(command, printer),
        Command::Person(command) => person::run(command, printer),
        Command::Backup(arguments) => evidence::backup(&arguments, printer),
        Command::Restore(arguments) => evidence::restore(&arguments, printer),
        Command::Root(command) => root::run(command, printer),
        Command::Schema { name } => papers::schema(name, printer),
        Command::Completions { shell } => papers::completions(shell, printer),
        Command::Man { folder } => papers::manual(&folder, printer),
    }
}

/// Starts what runs a server or opens its store.
fn runtime() -> Result<tokio::runtime::Runtime, Failure> {
    let started = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    started.map_err(|error| {
        Failure::unfinished(Problem::new("E-RUN", "this command", format!("cannot start its threads: {error}"), "check the limits of processes and memory"))
    })
}

/// Writes a value as JSON to standard output.
pub fn json(printer: &Printer, value: &impl serde::Serialize) -> Result<(), Failure> {
    let mut text = serde_json::to_string_pretty(value).map_err(|error| {
        Failure::unfinished(Problem::new(
            "E-JSON",
            "standard output",
            error.to_string(),
            "report this as a bug",
        ))
    })?;
    text.push('\n');
    printer.data(&text)
}
