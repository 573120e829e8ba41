//! The agent's own log: standard error, one line a message, no secrets.
//!
//! systemd, a container runtime or a shell takes it from there.

use plimsoll_core::model::problem::Problem;
use std::io::Write;

/// Longest line, in characters.
const LIMIT: usize = 2000;

/// Says one thing.
pub(crate) fn say(text: &str) {
    // Nobody can be told that standard error is gone.
    let _ = std::io::stderr().lock().write_all(line(text).as_bytes());
}

/// Says what went wrong and what to do next.
pub(crate) fn problem(problem: &Problem) {
    say(&told(problem));
}

/// A problem in one line.
pub(crate) fn told(problem: &Problem) -> String {
    let Problem { code, place, text, next } = problem;
    let next = if next.is_empty() { String::new() } else { format!("; next: {next}") };
    format!("{code} {place} {text}{next}")
}

fn line(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 1);
    for character in text.chars().take(LIMIT) {
        if character.is_control() { out.extend(character.escape_unicode()) } else { out.push(character) }
    }
    out.push('\n');
    out
}

#[cfg(test)]
mod tests {
    #[test]
    fn a_message_is_one_line_whatever_it_holds() {
        assert_eq!(super::line("a\nb\u{1b}[31m"), "a\\u{a}b\\u{1b}[31m\n");
    }
}
