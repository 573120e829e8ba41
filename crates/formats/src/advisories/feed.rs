//! Any RSS 2.0 or Atom feed: announcements of vendors that publish nothing
//! better, kept so that a CVE can be explained and nobody misses a notice.

use super::facts::{cves_in_text, details, first_line, push_unique, timestamp, unreadable};
use super::{Fact, Reading};
use crate::bounded;
use jiff::Timestamp;
use plimsoll_core::model::advisory::{Advisory, AdvisoryKind};
use plimsoll_core::model::problem::Problem;
use quick_xml::events::{BytesStart, Event};

/// Most items taken of one feed.
const ITEMS: usize = 10_000;
/// Most bytes kept of one field.
const FIELD: usize = 64 * 1024;

/// One item or entry, as it is read.
#[derive(Default)]
struct Item {
    id: String,
    title: String,
    link: String,
    published: String,
    updated: String,
    text: String,
}

/// Where the text that comes next belongs.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Field {
    Id,
    Title,
    Link,
    Published,
    Updated,
    Text,
}

/// Reads a feed.
///
/// An item becomes an advisory without packages: its id is the feed's, else
/// its address. It is a security advisory where it names a CVE or speaks of a
/// vulnerability, else a notice. Entities beyond XML's five are kept as they
/// are written and never expanded.
pub fn feed(place: &str, bytes: &[u8], sink: &mut dyn FnMut(Fact)) -> Result<Reading, Problem> {
    let text = bounded::text(place, bytes)?;
    let mut reader = quick_xml::Reader::from_str(text);
    let mut reading = Reading::default();
    let mut item: Option<Item> = None;
    let mut field: Option<Field> = None;
    let mut known = false;
    let mut items = 0usize;
    loop {
        let event = reader.read_event().map_err(|error| {
            let at = reader.error_position();
            unreadable(format!("{place}, byte {at}"), format!("is not readable XML: {error}"))
        })?;
        match event {
            Event::Eof => break,
            Event::Start(start) => match start.local_name().as_ref() {
                "rss" | "RDF" | "feed" => known = true,
                "item" | "entry" => item = Some(Item::default()),
                name => {
                    field = field_of(name);
                    link(&start, item.as_mut());
                }
            },
            Event::Empty(start) => link(&start, item.as_mut()),
            Event::End(end) => {
                field = None;
                if matches!(end.local_name().as_ref(), "item" | "entry") {
                    items += 1;
                    if items > ITEMS {
                        return Err(Problem::new(
                            "E-LIMIT",
                            place,
                            format!("holds more than {ITEMS} items, which is the limit"),
                            "check the feed's address",
                        ));
                    }
                    finish(place, items, item.take(), &mut reading, sink);
                }
            }
            Event::Text(text) => add(item.as_mut(), field, &text.xml10_content()),
            Event::CData(text) => add(item.as_mut(), field, &text.xml10_content()),
            Event::GeneralRef(reference) => {
                let name: &str = &reference.xml10_content();
                match (reference.resolve_char_ref(), name) {
                    (Ok(Some(character)), _) => add(item.as_mut(), field, character.encode_utf8(&mut [0; 4])),
                    (_, "amp") => add(item.as_mut(), field, "&"),
                    (_, "lt") => add(item.as_mut(), field, "<"),
                    (_, "gt") => add(item.as_mut(), field, ">"),
                    (_, "quot") => add(item.as_mut(), field, "\""),
                    (_, "apos") => add(item.as_mut(), field, "'"),
                    _ => add(item.as_mut(), field, &format!("&{name};")),
                }
            }
            Event::Comment(_) | Event::Decl(_) | Event::PI(_) | Event::DocType(_) => {}
        }
    }
    if !known {
        return Err(unreadable(place, "is neither RSS nor Atom"));
    }
    if item.is_some() {
        return Err(unreadable(place, "ends inside an item"));
    }
    Ok(reading)
}

fn field_of(name: &str) -> Option<Field> {
    Some(match name {
        "guid" | "id" => Field::Id,
        "title" => Field::Title,
        "link" => Field::Link,
        "pubDate" | "published" | "issued" => Field::Published,
        "updated" | "date" | "modified" => Field::Updated,
        "description" | "summary" | "content" | "encoded" => Field::Text,
        _ => return None,
    })
}

/// Atom's `<link rel="alternate" href="…"/>`.
fn link(start: &BytesStart<'_>, item: Option<&mut Item>) {
    let Some(item) = item.filter(|item| start.local_name().as_ref() == "link" && item.link.is_empty()) else { return };
    let (mut href, mut rel) = (String::new(), String::new());
    for attribute in start.attributes().flatten() {
        let value = attribute.normalized_value(quick_xml::XmlVersion::Implicit1_0).unwrap_or_default();
        match attribute.key.local_name().as_ref() {
            "href" => href = value.into_owned(),
            "rel" => rel = value.into_owned(),
            _ => {}
        }
    }
    if rel.is_empty() || rel == "alternate" {
        item.link = href;
    }
}

fn add(item: Option<&mut Item>, field: Option<Field>, text: &str) {
    let (Some(item), Some(field)) = (item, field) else { return };
    let slot = match field {
        Field::Id => &mut item.id,
        Field::Title => &mut item.title,
        Field::Link => &mut item.link,
        Field::Published => &mut item.published,
        Field::Updated => &mut item.updated,
        Field::Text => &mut item.text,
    };
    let mut end = FIELD.saturating_sub(slot.len()).min(text.len());
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    slot.push_str(text.get(..end).unwrap_or(""));
}

fn finish(place: &str, number: usize, item: Option<Item>, reading: &mut Reading, sink: &mut dyn FnMut(Fact)) {
    let Some(item) = item else { return };
    let id = [&item.id, &item.link].into_iter().map(|text| text.trim()).find(|text| !text.is_empty());
    let Some(id) = id else {
        reading.reject(unreadable(place, format!("item {number} has neither an id nor a link")));
        return;
    };
    let mut id = id.to_owned();
    super::facts::cut(&mut id, 300);
    let published = moment(&item.published).or_else(|| moment(&item.updated));
    let text = without_tags(&item.text);
    let mut cves = cves_in_text(&item.title);
    for cve in cves_in_text(&text).into_iter().chain(cves_in_text(&item.text)) {
        push_unique(&mut cves, &cve);
    }
    let lower = format!("{} {}", item.title, text).to_lowercase();
    let security = !cves.is_empty() || ["vulnerab", "security advisory", "security update"].iter().any(|word| lower.contains(word));
    let link = item.link.trim();
    let advisory = Advisory {
        id,
        cves,
        kind: if security { AdvisoryKind::Security } else { AdvisoryKind::Notice },
        summary: first_line(&item.title),
        details: details(text.trim()),
        published,
        modified: moment(&item.updated).or(published),
        references: if link.is_empty() { Vec::new() } else { vec![link.to_owned()] },
        ..Advisory::default()
    };
    reading.records += 1;
    reading.saw(advisory.modified);
    sink(Fact::Advisory(Box::new(advisory)));
}

/// RFC 3339 of Atom, or RFC 2822 of RSS.
fn moment(text: &str) -> Option<Timestamp> {
    let text = text.trim();
    timestamp(text).or_else(|| jiff::fmt::rfc2822::DateTimeParser::new().parse_timestamp(text).ok())
}

/// Takes HTML tags out; what stays is still outside text.
fn without_tags(html: &str) -> String {
    let mut out = String::with_capacity(html.len());
    let mut inside = false;
    for character in html.chars() {
        match character {
            '<' => {
                inside = true;
                out.push(' ');
            }
            '>' if inside => inside = false,
            _ if !inside => out.push(character),
            _ => {}
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<(Vec<Advisory>, Reading), Problem> {
        let mut out = Vec::new();
        let reading = feed("feed", text.as_bytes(), &mut |fact| {
            if let Fact::Advisory(advisory) = fact {
                out.push(*advisory);
            }
        })?;
        Ok((out, reading))
    }

    #[test]
    fn rss_and_atom_read_alike() {
        let rss = r#"<?xml version="1.0"?><rss version="2.0"><channel><title>V</title>
            <item><title>Fix for CVE-2024-3094 &amp; more</title><link>https://v.example/1</link><guid>V-1</guid>
            <pubDate>Fri, 29 Mar 2024 12:00:00 GMT</pubDate><description><![CDATA[<p>See CVE-2024-3095</p>]]></description></item>
            <item><title>Hello</title><link>https://v.example/2</link></item><item><title>x</title></item></channel></rss>"#;
        let atom = r#"<feed xmlns="http://www.w3.org/2005/Atom"><entry><id>V-1</id><title>Fix for CVE-2024-3094 &#38; more</title>
            <link rel="alternate" href="https://v.example/1"/><published>2024-03-29T12:00:00Z</published>
            <content type="html">&lt;p&gt;See CVE-2024-3095&lt;/p&gt;</content></entry></feed>"#;
        let (from_rss, reading) = read(rss).unwrap();
        let (from_atom, _) = read(atom).unwrap();
        assert_eq!((reading.records, reading.rejected), (2, 1));
        assert_eq!(from_rss[0], from_atom[0]);
        let first = &from_rss[0];
        assert_eq!((first.id.as_str(), first.summary.as_str(), first.details.as_str()), ("V-1", "Fix for CVE-2024-3094 & more", "See CVE-2024-3095"));
        assert_eq!(first.cves, ["CVE-2024-3094", "CVE-2024-3095"]);
        assert_eq!(first.published.unwrap().to_string(), "2024-03-29T12:00:00Z");
        assert_eq!((from_rss[1].id.as_str(), from_rss[1].kind), ("https://v.example/2", AdvisoryKind::Notice));
    }

    #[test]
    fn hostile_feeds_end_in_a_problem_or_stay_small() {
        let laughs = r#"<!DOCTYPE r [<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;&a;&a;">]><rss><item><guid>1</guid><title>&b;&b;</title></item></rss>"#;
        let (taken, _) = read(laughs).unwrap();
        assert_eq!(taken[0].summary, "&b;&b;");
        let deep = format!("<rss>{}", "<a>".repeat(10_000));
        let many = format!("<rss>{}</rss>", "<item><guid>1</guid></item>".repeat(ITEMS + 1));
        assert_eq!(read(&many).unwrap_err().code, "E-LIMIT");
        for text in ["", "<html/>", "<rss><item>", "<rss><item></rss>", "<rss <", "{}"] {
            assert_eq!(read(text).expect_err(text).code, "E-FORMAT");
        }
        let _ = read(&deep);
        assert!(feed("feed", b"<rss>\xff</rss>", &mut |_| ()).is_err());
    }
}
