//! What somebody may have meant.

use std::collections::BTreeSet;

/// The closest of some words; none where nothing is close.
pub(super) fn nearest<'a>(word: &str, known: &BTreeSet<&'a str>) -> Option<&'a str> {
    let word = word.to_lowercase();
    let close = known.iter().map(|known| (strsim::damerau_levenshtein(&word, &known.to_lowercase()), *known));
    let limit = (word.chars().count() / 3).max(1);
    close.filter(|(distance, _)| *distance <= limit).min().map(|(_, known)| known)
}

/// The closest of some words, asked as a question.
pub(super) fn suggestion(word: &str, known: &BTreeSet<&str>) -> Option<String> {
    nearest(word, known).map(|meant| format!("did you mean `{meant}`?"))
}

/// What may have been meant where a library's message says what it expected:
/// "unknown field `x`, expected one of `a`, `b`".
pub(super) fn of_message(message: &str) -> Option<String> {
    let (before, after) = message.split_once(", expected ")?;
    let quoted = |text: &'_ str| text.split('`').skip(1).step_by(2).map(str::to_owned).collect::<Vec<_>>();
    let wrong = quoted(before).pop()?;
    let known = quoted(after);
    suggestion(&wrong, &known.iter().map(String::as_str).collect())
}
