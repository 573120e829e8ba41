//! `plimsoll policy render`: the document that people sign.

use super::init::write;
use crate::arguments::{PaperFormat, PolicyRender};
use crate::commands::basis;
use crate::printer::{Failure, Outcome, Printer};
use plimsoll_core::model::problem::Problem;
use plimsoll_documents::Format;
use plimsoll_documents::policy::{Source, document};
use plimsoll_formats::protocol::digest;
use std::io::{IsTerminal, Write};

/// Lays the policy out and writes it.
pub fn run(arguments: &PolicyRender, printer: &Printer) -> Result<Outcome, Failure> {
    let (set, _, text) = basis::named_policies(&arguments.policy)?;
    let digest = digest(text.as_bytes());
    let dated = arguments.dated.unwrap_or_else(|| jiff::Zoned::now().date());
    let paper = document(&Source { set: &set, digest: &digest, dated });
    let format = match arguments.format {
        PaperFormat::Html => Format::Html,
        PaperFormat::Markdown => Format::Markdown,
        PaperFormat::Pdf => Format::Pdf,
        PaperFormat::Docx => Format::Docx,
    };
    let bytes = plimsoll_documents::write(&paper, format)?;
    if arguments.output.as_os_str() != "-" {
        write(&arguments.output, &bytes, true)?;
        printer.say(&format!("{} is written, {} bytes", arguments.output.display(), bytes.len()));
        return Ok(Outcome::Clean);
    }
    if let Ok(text) = std::str::from_utf8(&bytes) {
        printer.data(text)?;
        return Ok(Outcome::Clean);
    }
    let mut out = std::io::stdout().lock();
    if out.is_terminal() {
        return Err(Failure::input(Problem::new("E-USAGE", "standard output", "is a terminal, and the document is no text", "give --output FILE")));
    }
    match out.write_all(&bytes).and_then(|()| out.flush()) {
        Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => {
            Err(Failure::unfinished(Problem::new("E-WRITE", "standard output", error.to_string(), "check the program that reads it")))
        }
        _ => Ok(Outcome::Clean),
    }
}
