//! A small tree of XML elements, bounded in depth and number.
//!
//! The files read here (`pom.xml`, `packages.config`, project files) are small
//! and refer back and forth, so a tree is simpler than events. Entities from a
//! document type definition are never expanded.

use crate::bounded::text;
use plimsoll_core::model::problem::{Problem, printable};
use quick_xml::Reader;
use quick_xml::events::{BytesStart, Event};

/// Deepest nesting; a `pom.xml` reaches about ten.
const DEEPEST: usize = 64;
/// Most elements; the largest verification file seen has 60,000.
const MOST_ELEMENTS: usize = 2_000_000;

/// One element; names are without their prefix.
#[derive(Debug, Default)]
pub(super) struct Element {
    pub(super) name: String,
    attributes: Vec<(String, String)>,
    text: String,
    pub(super) children: Vec<Element>,
}

impl Element {
    /// The first child of that name.
    pub(super) fn child(&self, name: &str) -> Option<&Element> {
        self.children.iter().find(|child| child.name == name)
    }

    /// All children of that name.
    pub(super) fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a Element> {
        self.children.iter().filter(move |child| child.name == name)
    }

    /// The text inside, without white space around it; none when empty.
    pub(super) fn text(&self) -> Option<&str> {
        Some(self.text.trim()).filter(|text| !text.is_empty())
    }

    /// The text of the first child of that name.
    pub(super) fn text_of(&self, name: &str) -> Option<&str> {
        self.child(name)?.text()
    }

    /// The value of an attribute, in any case of its name.
    pub(super) fn attribute(&self, name: &str) -> Option<&str> {
        let found = self.attributes.iter().find(|(key, _)| key.eq_ignore_ascii_case(name));
        found.map(|(_, value)| value.trim()).filter(|value| !value.is_empty())
    }
}

fn unreadable(place: &str, at: u64, error: impl std::fmt::Display) -> Problem {
    Problem::new(
        "E-FORMAT",
        place,
        format!("is not readable XML at byte {at}: {}", printable(&error.to_string())),
        "correct the file or make it again",
    )
}

/// Reads a document; the result is its outermost element.
pub(super) fn read(place: &str, bytes: &[u8]) -> Result<Element, Problem> {
    let mut reader = Reader::from_str(text(place, bytes)?);
    let mut open: Vec<Element> = vec![Element::default()];
    let mut count = 0usize;
    loop {
        let at = reader.buffer_position();
        let event = reader.read_event().map_err(|error| unreadable(place, at, error))?;
        let ends = match event {
            Event::Eof => break,
            Event::Start(start) => {
                open.push(element(&start));
                false
            }
            Event::Empty(start) => {
                open.push(element(&start));
                true
            }
            Event::End(_) => true,
            Event::Text(content) => {
                append(&mut open, &content.xml10_content());
                false
            }
            Event::CData(content) => {
                append(&mut open, &content.xml10_content());
                false
            }
            Event::GeneralRef(reference) => {
                append(&mut open, &resolved(&reference.into_inner()));
                false
            }
            _ => false,
        };
        count += 1;
        if open.len() > DEEPEST || count > MOST_ELEMENTS {
            let text = format!("is nested deeper than {DEEPEST} or has more than {MOST_ELEMENTS} parts (byte {at})");
            return Err(Problem::new("E-LIMIT", place, text, "check where the file comes from"));
        }
        if ends && open.len() > 1 {
            let done = open.pop().unwrap_or_default();
            if let Some(parent) = open.last_mut() {
                parent.children.push(done);
            }
        }
    }
    let outside = open.into_iter().next().unwrap_or_default();
    outside
        .children
        .into_iter()
        .next()
        .ok_or_else(|| unreadable(place, reader.buffer_position(), "no element ends before the file does"))
}

fn element(start: &BytesStart<'_>) -> Element {
    let attributes = start.attributes().flatten().map(|attribute| {
        let key = attribute.key.local_name().into_inner().to_owned();
        let raw = &attribute.value;
        let value = quick_xml::escape::unescape(raw).map_or_else(|_| raw.to_string(), |value| value.into_owned());
        (key, value)
    });
    Element {
        name: start.local_name().into_inner().to_owned(),
        attributes: attributes.collect(),
        ..Element::default()
    }
}

fn append(open: &mut [Element], content: &str) {
    if let Some(element) = open.last_mut() {
        element.text.push_str(content);
    }
}

/// Resolves the five entities of XML and character numbers; any other stays as
/// written, so that it is seen and not followed.
fn resolved(name: &str) -> String {
    let whole = format!("&{name};");
    quick_xml::escape::unescape(&whole).map(|text| text.into_owned()).unwrap_or(whole)
}
