//! `plimsoll version`: the order of versions.

use crate::arguments::{PlainFormat, VersionCommand};
use crate::printer::{Failure, Outcome, Printer};
use plimsoll_core::model::problem::Problem;
use plimsoll_version::{Scheme, compare};
use std::cmp::Ordering;
use std::io::{BufRead, Read};

/// Longest line read in a batch; the longest version accepted is far shorter.
const LINE_LIMIT: u64 = 64 * 1024;

/// Runs the command.
pub fn run(command: VersionCommand, printer: &Printer) -> Result<Outcome, Failure> {
    let VersionCommand::Compare { ecosystem, a, b, batch, format } = command;
    let scheme = Scheme::from_name(&ecosystem).ok_or_else(|| unknown(&ecosystem))?;
    if batch {
        return compare_lines(scheme, printer);
    }
    let (a, b) = (a.unwrap_or_default(), b.unwrap_or_default());
    let order = compare(scheme, &a, &b).map_err(|error| {
        Failure::input(Problem::new(
            "E-VERSION",
            &error.version,
            error.to_string(),
            format!("write the version as {} does", scheme.name()),
        ))
    })?;
    match format {
        PlainFormat::Text => printer.data(&format!("{}\n", sign(order)))?,
        PlainFormat::Json => super::json(
            printer,
            &serde_json::json!({ "ecosystem": scheme.name(), "a": a, "b": b, "order": sign(order) }),
        )?,
    }
    Ok(Outcome::Clean)
}

fn unknown(ecosystem: &str) -> Failure {
    let names: Vec<&str> = Scheme::ALL.iter().map(|scheme| scheme.name()).collect();
    Failure::input(Problem::new(
        "E-ECOSYSTEM",
        ecosystem,
        "is no ecosystem whose version order is known",
        format!("use OSV's name of the ecosystem, or one of: {}", names.join(", ")),
    ))
}

fn sign(order: Ordering) -> &'static str {
    match order {
        Ordering::Less => "<",
        Ordering::Equal => "=",
        Ordering::Greater => ">",
    }
}

/// One sign a line; a line that is not two words, or whose versions cannot be
/// read, gives `!`, so that line numbers always agree.
fn compare_lines(scheme: Scheme, printer: &Printer) -> Result<Outcome, Failure> {
    let mut input = std::io::stdin().lock();
    let mut out = String::new();
    let mut line = Vec::new();
    let mut number = 0u64;
    loop {
        line.clear();
        let read = (&mut input).take(LINE_LIMIT).read_until(b'\n', &mut line).map_err(|error| {
            Failure::unfinished(Problem::new(
                "E-READ",
                "standard input",
                error.to_string(),
                "check what writes into this command",
            ))
        })?;
        if read == 0 {
            break;
        }
        number += 1;
        if read as u64 == LINE_LIMIT && line.last() != Some(&b'\n') {
            return Err(Failure::input(Problem::new(
                "E-LIMIT",
                format!("standard input, line {number}"),
                format!("is longer than {LINE_LIMIT} bytes"),
                "give two versions a line",
            )));
        }
        let text = String::from_utf8_lossy(&line);
        let mut words = text.split_whitespace();
        let answer = match (words.next(), words.next(), words.next()) {
            (Some(a), Some(b), None) => compare(scheme, a, b).map_or("!", sign),
            _ => "!",
        };
        out.push_str(answer);
        out.push('\n');
        if out.len() >= 32 * 1024 {
            printer.data(&out)?;
            out.clear();
        }
    }
    printer.data(&out)?;
    Ok(Outcome::Clean)
}

#[cfg(test)]
mod tests {
    use super::*;
    use plimsoll_core::model::problem::printable;

    #[test]
    fn an_unknown_ecosystem_names_the_known_ones() {
        let failure = unknown("nothing\u{1b}[31m");
        assert_eq!(failure.code, 2);
        assert!(failure.problem.next.contains(Scheme::ALL[0].name()));
        assert_eq!(failure.problem.place, printable("nothing\u{1b}[31m"));
    }
}
