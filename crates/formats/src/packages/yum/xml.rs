//! Reading XML as a flat run of elements: no tree, no recursion, no entities
//! but the predefined ones.

use crate::bounded;
use plimsoll_core::model::problem::Problem;
use quick_xml::events::{BytesStart, Event};
use quick_xml::{Reader, XmlVersion};

/// Deepest nesting followed; real metadata is six deep.
const DEPTH_LIMIT: usize = 64;
/// Longest text kept of one element, in bytes.
const TEXT_LIMIT: usize = 64 << 10;

/// What a walk meets.
pub(crate) enum Node<'e, 'a> {
    /// A start tag with its attributes.
    Open(&'e str, &'e BytesStart<'a>),
    /// An end tag with the text since the start tag before it.
    Close(&'e str, &'e str),
}

/// Walks a document; `path` is the names of the open elements, the current one
/// last. Names come without namespace prefix.
///
/// A damaged document gives an error after everything before the damage was
/// passed on.
pub(crate) fn walk(
    place: &str,
    bytes: &[u8],
    each: &mut dyn FnMut(&[String], Node<'_, '_>, u64),
) -> Result<(), Problem> {
    let text = bounded::text(place, bytes)?;
    let mut reader = Reader::from_str(text);
    let mut path: Vec<String> = Vec::new();
    let mut content = String::new();
    loop {
        let event = reader.read_event();
        let at = reader.buffer_position();
        let broken = |what: String| {
            Problem::new("E-FORMAT", format!("{place}@{at}"), what, "fetch the file again; what stood before was read")
        };
        match event.map_err(|error| broken(format!("is not well-formed XML: {error}")))? {
            Event::Eof if path.is_empty() => return Ok(()),
            Event::Eof => return Err(broken(format!("breaks off inside {}", path.join("/")))),
            Event::Start(start) => {
                if path.len() >= DEPTH_LIMIT {
                    return Err(broken(format!("nests deeper than {DEPTH_LIMIT} elements")));
                }
                content.clear();
                path.push(local(&start).to_owned());
                let name = path.last().cloned().unwrap_or_default();
                each(&path, Node::Open(&name, &start), at);
            }
            Event::Empty(start) => {
                content.clear();
                let name = local(&start).to_owned();
                path.push(name.clone());
                each(&path, Node::Open(&name, &start), at);
                each(&path, Node::Close(&name, ""), at);
                path.pop();
            }
            Event::End(_) => {
                let name = path.last().cloned().unwrap_or_default();
                each(&path, Node::Close(&name, content.trim()), at);
                path.pop();
                content.clear();
            }
            Event::Text(text) => keep(&mut content, &text.xml10_content()),
            Event::CData(text) => keep(&mut content, &text.xml10_content()),
            Event::GeneralRef(reference) => match reference.resolve_char_ref() {
                Ok(Some(character)) => keep(&mut content, character.encode_utf8(&mut [0; 4])),
                _ => match quick_xml::escape::resolve_predefined_entity(&reference) {
                    Some(known) => keep(&mut content, known),
                    // An own entity is shown as written and never expanded.
                    None => keep(&mut content, &format!("&{};", &*reference)),
                },
            },
            _ => {}
        }
    }
}

fn local<'s>(start: &'s BytesStart<'_>) -> &'s str {
    start.local_name().into_inner()
}

fn keep(content: &mut String, text: &str) {
    if content.len() + text.len() <= TEXT_LIMIT {
        content.push_str(text);
    } else if content.len() < TEXT_LIMIT {
        content.push_str(shorten(text, TEXT_LIMIT - content.len()));
    }
}

/// Cuts text to at most so many bytes, at a character boundary.
pub(super) fn shorten(text: &str, limit: usize) -> &str {
    let mut end = limit.min(text.len());
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    text.get(..end).unwrap_or("")
}

/// The value of an attribute; none where absent, empty or unreadable.
pub(crate) fn attribute(start: &BytesStart<'_>, name: &str) -> Option<String> {
    let attribute = start.try_get_attribute(name).ok().flatten()?;
    let value = attribute.normalized_value(XmlVersion::Implicit1_0).ok()?;
    Some(shorten(&value, TEXT_LIMIT).to_owned()).filter(|value| !value.is_empty())
}

/// `version-release` with `epoch:` before it where the epoch is not 0, as
/// [`super::super::rpm::RpmPackage::evr`] writes it.
pub(super) fn evr(epoch: Option<&str>, version: &str, release: &str) -> String {
    match epoch {
        None | Some("" | "0") => format!("{version}-{release}"),
        Some(epoch) => format!("{epoch}:{version}-{release}"),
    }
}
