//! A **problem**: something that limits how far an answer can be trusted.

use serde::{Deserialize, Serialize};

/// One thing that went wrong or is missing: what, where, measured against
/// limit, and what to do next. Nothing is dropped silently.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize)]
pub struct Problem {
    /// Stable code, `E-FORMAT`, `E-LIMIT`, `W-STALE`, `W-UNREADABLE-VERSION`;
    /// `E-` means that part of the answer is missing.
    pub code: String,
    /// File, source or package it is about; control characters escaped.
    pub place: String,
    /// One sentence, with measured value and limit where there is one.
    pub text: String,
    /// What to do next.
    pub next: String,
}

impl Problem {
    /// Makes a problem; `place` is shortened and its control characters are
    /// escaped, because names come from hostile input.
    pub fn new(
        code: impl Into<String>,
        place: impl AsRef<str>,
        text: impl Into<String>,
        next: impl Into<String>,
    ) -> Self {
        Self { code: code.into(), place: printable(place.as_ref()), text: text.into(), next: next.into() }
    }
}

/// Whether a character acts on what is around it instead of being shown:
/// control characters move a cursor, those of direction turn names round.
///
/// Source: Unicode's bidirectional controls (UAX 9); a reader who sees
/// `gpj.exe` as `exe.jpg` decides wrongly.
pub fn acts(character: char) -> bool {
    let turns = matches!(
        character,
        '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}'
    );
    turns || character.is_control()
}

/// Escapes characters that [act](acts) and shortens to 200
/// characters, so that a hostile name can neither move a cursor nor flood a
/// terminal.
pub fn printable(text: &str) -> String {
    const LIMIT: usize = 200;
    let mut out = String::with_capacity(text.len().min(LIMIT));
    for (count, character) in text.chars().enumerate() {
        if count == LIMIT {
            out.push('…');
            break;
        }
        if acts(character) {
            out.extend(character.escape_unicode());
        } else {
            out.push(character);
        }
    }
    out
}
