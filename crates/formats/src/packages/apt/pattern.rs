//! The patterns of apt's preferences: shell globs and `/regular expressions/`.

use plimsoll_core::model::problem::printable;
use regex_lite::{Regex, RegexBuilder};

/// Longest pattern read, in bytes; bounds the compiled form.
const LIMIT: usize = 512;

/// One pattern, matched without regard to the case of ASCII letters.
#[derive(Clone, Debug)]
pub enum Pattern {
    /// `*`, `?` and `[…]`, as fnmatch(3); must match the whole text.
    Glob(String),
    /// `/…/`, an extended regular expression; matches anywhere.
    Regex(Regex),
}

impl Pattern {
    /// Reads a pattern; the error says why it cannot be read.
    ///
    /// Matching takes linear time, whatever the pattern. Constructs that only
    /// POSIX has (equivalence classes) are refused, not misread.
    pub fn parse(text: &str) -> Result<Self, String> {
        if text.len() > LIMIT {
            return Err(format!("the pattern is {} bytes long, the limit is {LIMIT}", text.len()));
        }
        match text.strip_prefix('/').and_then(|inner| inner.strip_suffix('/')) {
            None => Ok(Self::Glob(text.to_owned())),
            Some(inner) => RegexBuilder::new(inner)
                .case_insensitive(true)
                .size_limit(1 << 20)
                .build()
                .map(Self::Regex)
                .map_err(|_| format!("\"{}\" is no regular expression", printable(inner))),
        }
    }

    /// Whether the pattern matches.
    pub fn matches(&self, text: &str) -> bool {
        match self {
            Self::Regex(regex) => regex.is_match(text),
            Self::Glob(glob) => glob_matches(glob.as_bytes(), text.as_bytes()),
        }
    }
}

/// fnmatch(3) by backtracking to the last star only: quadratic at worst.
fn glob_matches(glob: &[u8], text: &[u8]) -> bool {
    let (mut at, mut position) = (0, 0);
    let mut star: Option<(usize, usize)> = None;
    while position < text.len() {
        let byte = text.get(position).copied().unwrap_or(0);
        let step = match glob.get(at) {
            Some(b'*') => {
                star = Some((at + 1, position));
                at += 1;
                continue;
            }
            Some(b'?') => Some(1),
            Some(b'[') => class(glob.get(at..).unwrap_or(&[]), byte),
            Some(b'\\') => glob.get(at + 1).filter(|next| next.eq_ignore_ascii_case(&byte)).map(|_| 2),
            Some(literal) if literal.eq_ignore_ascii_case(&byte) => Some(1),
            _ => None,
        };
        match (step, star) {
            (Some(step), _) => {
                at += step;
                position += 1;
            }
            (None, Some((after, from))) => {
                at = after;
                position = from + 1;
                star = Some((after, position));
            }
            (None, None) => return false,
        }
    }
    glob.get(at..).unwrap_or(&[]).iter().all(|byte| *byte == b'*')
}

/// Length of the bracket expression at the start of `glob` where it takes
/// `byte`; an unclosed one is a literal bracket.
fn class(glob: &[u8], byte: u8) -> Option<usize> {
    let negated = matches!(glob.get(1), Some(b'!' | b'^'));
    let start = if negated { 2 } else { 1 };
    // A `]` in first place is a member.
    let Some(end) = glob.iter().enumerate().skip(start + 1).find(|(_, byte)| **byte == b']').map(|(at, _)| at) else {
        return (byte == b'[').then_some(1);
    };
    let members = glob.get(start..end).unwrap_or(&[]);
    let wanted = byte.to_ascii_lowercase();
    let mut taken = false;
    let mut at = 0;
    while let Some(low) = members.get(at) {
        match (members.get(at + 1), members.get(at + 2)) {
            (Some(b'-'), Some(high)) => {
                taken |= (low.to_ascii_lowercase()..=high.to_ascii_lowercase()).contains(&wanted);
                at += 3;
            }
            _ => {
                taken |= low.to_ascii_lowercase() == wanted;
                at += 1;
            }
        }
    }
    (taken != negated).then_some(end + 1)
}

#[cfg(test)]
mod tests {
    use super::Pattern;

    #[test]
    fn globs_and_expressions() {
        let cases = [
            ("*", "", true), ("*", "x", true), ("linux-*", "LINUX-image", true), ("linux-*-amd64", "linux-a-arm64", false),
            ("a?c", "abc", true), ("a?c", "ac", false), ("[a-c]x", "Bx", true), ("[!a-c]x", "bx", false), ("[]]x", "]x", true),
            ("[x", "[x", true), ("a\\*", "a*", true), ("a\\*", "ab", false), ("a*b*c", "aXbYbc", true), ("", "", true), ("", "a", false),
            ("/^lin.x$/", "LINUX", true), ("/inu/", "linux", true), ("/^inu/", "linux", false), ("1.2*", "1.2-3", true),
        ];
        for (pattern, text, expected) in cases {
            assert_eq!(Pattern::parse(pattern).unwrap().matches(text), expected, "{pattern} {text}");
        }
        assert_eq!(Pattern::parse("/(/").unwrap_err(), "\"(\" is no regular expression");
        assert!(Pattern::parse(&"*".repeat(600)).is_err());
        // Many stars stay cheap.
        assert!(!Pattern::parse(&"*a".repeat(250)).unwrap().matches(&"a".repeat(200)));
        assert!(Pattern::parse("/(a{1000}){1000}/").is_err());
    }
}
