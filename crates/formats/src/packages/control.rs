//! Debian control files ("deb822"): paragraphs of `Name: value` lines, read
//! without copying.
//!
//! Source: deb822(5). dpkg's status, apt's indices, Release files, `.sources`
//! and preferences all have this form. A `Packages` file is megabytes long and
//! is read on every scan, so paragraphs and fields are slices of the text and
//! nothing is allocated until a caller keeps something.

use crate::bounded::Limits;
use plimsoll_core::model::problem::Problem;
use std::borrow::Cow;

/// Longest paragraph read, in bytes.
///
/// The longest in Debian's archive are below 64 KiB; a longer one than this is
/// damage or an attack, and is reported instead of being searched again and
/// again. Release files are one long paragraph and are not held to it.
pub const PARAGRAPH_LIMIT: usize = 1 << 20;

/// Takes bytes as text, replacing what is not UTF-8.
///
/// Old maintainer names in Latin-1 are real and must not cost the whole
/// database; the replacement is returned as a problem beside the text. Fails
/// where the file is longer than [`Limits::DOCUMENT`] allows.
pub fn text<'a>(place: &str, bytes: &'a [u8]) -> Result<(Cow<'a, str>, Option<Problem>), Problem> {
    if bytes.len() > Limits::DOCUMENT.bytes {
        return Err(Problem::new(
            "E-LIMIT",
            place,
            format!("is {} bytes long, the limit is {}", bytes.len(), Limits::DOCUMENT.bytes),
            "check where the file comes from",
        ));
    }
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    match std::str::from_utf8(bytes) {
        Ok(text) => Ok((Cow::Borrowed(text), None)),
        Err(error) => {
            let problem = Problem::new(
                "W-ENCODING",
                place,
                format!("is not UTF-8 at byte {}; such bytes are shown as \u{fffd}", error.valid_up_to()),
                "nothing, unless a package name or version is shown with that sign",
            );
            Ok((String::from_utf8_lossy(bytes), Some(problem)))
        }
    }
}

/// Iterates over the paragraphs of a text.
#[derive(Clone, Debug)]
pub struct Paragraphs<'a> {
    rest: &'a str,
    line: usize,
}

/// Splits a text into paragraphs; empty lines, and lines of nothing but white
/// space, stand between them.
pub fn paragraphs(text: &str) -> Paragraphs<'_> {
    Paragraphs { rest: text, line: 1 }
}

/// Whether a line is empty or only white space, which ends a paragraph.
fn is_blank(line: &str) -> bool {
    match line.as_bytes().first() {
        None => true,
        Some(b' ' | b'\t' | b'\r') => line.bytes().all(|byte| matches!(byte, b' ' | b'\t' | b'\r')),
        Some(_) => false,
    }
}

/// Cuts the first line off, without its line feed.
fn cut_line(text: &str) -> (&str, &str) {
    match memchr::memchr(b'\n', text.as_bytes()) {
        Some(at) => {
            let (line, rest) = text.split_at(at);
            (line, rest.get(1..).unwrap_or(""))
        }
        None => (text, ""),
    }
}

impl<'a> Iterator for Paragraphs<'a> {
    type Item = Paragraph<'a>;

    fn next(&mut self) -> Option<Paragraph<'a>> {
        let mut rest = self.rest;
        while !rest.is_empty() {
            let (line, after) = cut_line(rest);
            if !is_blank(line) {
                break;
            }
            rest = after;
            self.line += 1;
        }
        if rest.is_empty() {
            self.rest = rest;
            return None;
        }
        let (start, line) = (rest, self.line);
        while !rest.is_empty() {
            let (content, after) = cut_line(rest);
            if is_blank(content) {
                break;
            }
            rest = after;
            self.line += 1;
        }
        self.rest = rest;
        let text = start.get(..start.len() - rest.len()).unwrap_or("");
        Some(Paragraph { text, line })
    }
}

/// One paragraph.
#[derive(Clone, Copy, Debug)]
pub struct Paragraph<'a> {
    text: &'a str,
    line: usize,
}

impl<'a> Paragraph<'a> {
    /// The number of its first line in the file, from 1.
    pub fn line(&self) -> usize {
        self.line
    }

    /// The paragraph as written.
    pub fn text(&self) -> &'a str {
        self.text
    }

    /// Iterates over its fields in the order of the file.
    pub fn fields(&self) -> Fields<'a> {
        Fields { rest: self.text, line: self.line }
    }

    /// The value of the first field of this name (case aside).
    ///
    /// Walks the paragraph; whoever needs many fields goes over
    /// [`Paragraph::fields`] once.
    pub fn field(&self, name: &str) -> Option<&'a str> {
        self.fields()
            .filter_map(Result::ok)
            .find(|field| field.name.eq_ignore_ascii_case(name))
            .map(|field| field.value)
    }

    /// A problem where the paragraph is longer than [`PARAGRAPH_LIMIT`].
    pub fn too_long(&self, place: &str) -> Option<Problem> {
        (self.text.len() > PARAGRAPH_LIMIT).then(|| {
            Problem::new(
                "E-LIMIT",
                format!("{place}:{}", self.line),
                format!("the entry is {} bytes long, the limit is {PARAGRAPH_LIMIT}", self.text.len()),
                "check where the file comes from; the entry was left out",
            )
        })
    }
}

/// One field.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Field<'a> {
    /// Name as written; names are compared without regard to case.
    pub name: &'a str,
    /// Value without surrounding white space; continuation lines follow after
    /// line feeds with their own indentation, see [`lines`].
    pub value: &'a str,
    /// Line of the file, from 1.
    pub line: usize,
}

/// A line that is neither a field nor the continuation of one.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Malformed {
    /// Line of the file, from 1.
    pub line: usize,
}

impl Malformed {
    /// The problem to report.
    pub fn problem(self, place: &str) -> Problem {
        Problem::new(
            "E-FORMAT",
            format!("{place}:{}", self.line),
            "the line is neither \"Name: value\" nor a continuation of one",
            "repair the file; the rest of the entry was read",
        )
    }
}

/// Iterates over the fields of a paragraph.
#[derive(Clone, Debug)]
pub struct Fields<'a> {
    rest: &'a str,
    line: usize,
}

impl<'a> Iterator for Fields<'a> {
    type Item = Result<Field<'a>, Malformed>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            if self.rest.is_empty() {
                return None;
            }
            let (start, line) = (self.rest, self.line);
            let (first, mut rest) = cut_line(start);
            self.line += 1;
            while matches!(rest.as_bytes().first(), Some(b' ' | b'\t')) {
                rest = cut_line(rest).1;
                self.line += 1;
            }
            self.rest = rest;
            if first.starts_with('#') {
                continue;
            }
            // The colon is looked for in the first line only: a later one
            // belongs to a continuation.
            let Some(colon) = memchr::memchr(b':', first.as_bytes()).filter(|_| !first.starts_with([' ', '\t', ':'])) else {
                return Some(Err(Malformed { line }));
            };
            let whole = start.get(..start.len() - rest.len()).unwrap_or("");
            let (name, value) = whole.split_at(colon);
            return Some(Ok(Field { name, value: trim(value.get(1..).unwrap_or("")), line }));
        }
    }
}

/// Cuts surrounding white space off, byte by byte: a scan trims twenty
/// thousand values, and most have one space in front.
fn trim(text: &str) -> &str {
    let bytes = text.as_bytes();
    let stays = |byte: &u8| !matches!(byte, b' ' | b'\t' | b'\r' | b'\n');
    let start = bytes.iter().position(stays).unwrap_or(bytes.len());
    let end = bytes.iter().rposition(stays).map_or(start, |last| last + 1);
    text.get(start..end).unwrap_or("")
}

/// Iterates over the lines of a folded or multi-line value, without
/// indentation, comments and empty lines.
pub fn lines(value: &str) -> impl Iterator<Item = &str> {
    value.split('\n').map(trim).filter(|line| !line.is_empty() && !line.starts_with('#'))
}

/// Iterates over the words of a value, across its lines.
pub fn words(value: &str) -> impl Iterator<Item = &str> {
    lines(value).flat_map(|line| line.split([' ', '\t']).filter(|word| !word.is_empty()))
}

/// Reads a `yes`/`no` field as apt and dpkg do; none for any other word.
pub fn flag(value: &str) -> Option<bool> {
    match value.to_ascii_lowercase().as_str() {
        "yes" | "true" | "with" | "on" | "enable" | "1" => Some(true),
        "no" | "false" | "without" | "off" | "disable" | "0" => Some(false),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paragraphs_and_fields_keep_their_lines() {
        let source = "\n\nA: one\nB:two\n  more: text\n\t.\n# a comment\nC:\n x\n \t \nbroken\nD: four\r\n continued\r\n\r\nE:x";
        let read: Vec<_> = paragraphs(source)
            .map(|paragraph| (paragraph.line(), paragraph.fields().collect::<Vec<_>>()))
            .collect();
        assert_eq!(
            read,
            vec![
                (3, vec![
                    Ok(Field { name: "A", value: "one", line: 3 }),
                    Ok(Field { name: "B", value: "two\n  more: text\n\t.", line: 4 }),
                    Ok(Field { name: "C", value: "x", line: 8 }),
                ]),
                (11, vec![
                    Err(Malformed { line: 11 }),
                    Ok(Field { name: "D", value: "four\r\n continued", line: 12 }),
                ]),
                (15, vec![Ok(Field { name: "E", value: "x", line: 15 })]),
            ]
        );
        assert_eq!(words("a b\n #no\n\tc").collect::<Vec<_>>(), ["a", "b", "c"]);
    }

    #[test]
    fn latin_1_costs_a_remark_and_not_the_file() {
        let (read, problem) = text("status", b"A: Andr\xe9\n").unwrap();
        assert_eq!(read, "A: Andr\u{fffd}\n");
        assert_eq!(problem.unwrap().text, "is not UTF-8 at byte 7; such bytes are shown as \u{fffd}");
    }
}
