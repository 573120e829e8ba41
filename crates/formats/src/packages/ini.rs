//! INI files as yum, dnf and zypper write them (`.repo`, `.module`).

use super::{control, may_read_on};
use plimsoll_core::model::problem::Problem;

/// Most sections read from one file.
const SECTION_LIMIT: usize = 10_000;

/// One section.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Section {
    /// Name between the brackets.
    pub name: String,
    /// Keys (lower case) and values in the order of the file; indented lines
    /// are appended to the value before them, after a line feed.
    pub entries: Vec<(String, String)>,
    /// Line of the brackets, from 1.
    pub line: usize,
}

impl Section {
    /// The last value of a key, as dnf takes it.
    pub fn get(&self, key: &str) -> Option<&str> {
        self.entries.iter().rev().find(|(name, _)| name == key).map(|(_, value)| value.as_str())
    }

    /// A yes/no value; none where absent or unreadable.
    pub fn flag(&self, key: &str) -> Option<bool> {
        self.get(key).and_then(control::flag)
    }

    /// A list, separated by commas, blanks or line feeds.
    pub fn list(&self, key: &str) -> Vec<&str> {
        self.get(key)
            .map(|value| value.split([',', ' ', '\t', '\n']).filter(|word| !word.is_empty()).collect())
            .unwrap_or_default()
    }
}

/// Reads the sections of a file; lines outside of any section, and lines
/// without `=`, become problems.
pub fn parse(place: &str, bytes: &[u8]) -> Result<(Vec<Section>, Vec<Problem>), Problem> {
    let (text, encoding) = control::text(place, bytes)?;
    let mut problems: Vec<Problem> = encoding.into_iter().collect();
    let mut sections: Vec<Section> = Vec::new();
    for (index, line) in text.lines().enumerate() {
        let trimmed = line.trim();
        if trimmed.is_empty() || trimmed.starts_with(['#', ';']) {
            continue;
        }
        if let Some(name) = trimmed.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
            if sections.len() >= SECTION_LIMIT {
                problems.push(Problem::new("E-LIMIT", place, format!("holds more than {SECTION_LIMIT} sections; the rest was not read"), "check where the file comes from"));
                break;
            }
            sections.push(Section { name: name.trim().to_owned(), entries: Vec::new(), line: index + 1 });
            continue;
        }
        let taken = sections.last_mut().is_some_and(|section| take(section, line, trimmed));
        if !taken {
            if !may_read_on(place, &mut problems) {
                break;
            }
            problems.push(Problem::new("W-FORMAT", format!("{place}:{}", index + 1), "the line is neither a section nor key=value", "correct the file; the line was left out"));
        }
    }
    Ok((sections, problems))
}

fn take(section: &mut Section, line: &str, trimmed: &str) -> bool {
    if line.starts_with([' ', '\t']) {
        if let Some((_, value)) = section.entries.last_mut() {
            value.push('\n');
            value.push_str(trimmed);
            return true;
        }
    }
    let Some((key, value)) = trimmed.split_once('=') else { return false };
    section.entries.push((key.trim().to_ascii_lowercase(), value.trim().to_owned()));
    true
}

#[cfg(test)]
mod tests {
    use super::parse;

    #[test]
    fn continuations_comments_and_strays() {
        let (sections, problems) = parse("x.repo", b"stray=1\n[a]\nbaseurl = http://1/\n  http://2/\n# no\nEnabled=0\nenabled=1\nbroken\n\n[ b ]\n; no\n").unwrap();
        assert_eq!(problems.iter().map(|problem| &*problem.place).collect::<Vec<_>>(), ["x.repo:1", "x.repo:8"]);
        assert_eq!(sections[0].list("baseurl"), ["http://1/", "http://2/"]);
        assert_eq!((sections[0].flag("enabled"), &*sections[1].name, sections[1].line), (Some(true), "b", 10));
    }
}
