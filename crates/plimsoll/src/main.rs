//! The command line of Plimsoll: words in, words out, exit codes.

mod answer;
mod arguments;
mod client;
mod commands;
mod input;
mod places;
mod printer;
mod progress;
mod remote;
mod state;
mod token;

use clap::Parser;
use std::process::ExitCode;

fn main() -> ExitCode {
    let arguments = arguments::Arguments::parse();
    let printer = printer::Printer::new(arguments.color, arguments.quiet);
    match commands::run(arguments.command, &printer) {
        Ok(outcome) => outcome.exit_code(),
        Err(failure) => {
            printer.failure(&failure);
            failure.exit_code()
        }
    }
}
