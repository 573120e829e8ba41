//! **Calendars**: iCalendar as RFC 5545 writes it, sent as RFC 5546 says.
//!
//! Every event keeps its identity: a calendar that has it takes a greater
//! sequence as the news, and a cancelled one away.

use jiff::Timestamp;

/// Longest line in octets, the break not counted (RFC 5545, 3.1).
const LINE: usize = 75;
/// Greatest number that the form holds (RFC 5545, 3.3.8).
const GREATEST: u64 = 2_147_483_647;

/// A calendar of one thing.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Calendar<'a> {
    /// Who publishes it: an address, `https://…` or `mailto:…`.
    pub organizer: &'a str,
    /// Whether its events are taken back.
    pub cancelled: bool,
    /// Number of its state, rising.
    pub sequence: u64,
    /// When that state came to be.
    pub changed: Timestamp,
    /// Its events, at least one.
    pub events: &'a [Event],
}

/// An event.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Event {
    /// The same in every version of it, different from every other's.
    pub uid: String,
    /// When it begins.
    pub from: Timestamp,
    /// When it ends.
    pub to: Timestamp,
    /// One line.
    pub summary: String,
    /// More, over several lines.
    pub description: String,
    /// Where.
    pub location: String,
    /// A page that shows it.
    pub url: String,
}

impl Calendar<'_> {
    /// Its bytes, the same for the same state.
    pub fn written(&self) -> String {
        let mut text = String::new();
        let mut line = |name: &str, value: &str| fold(&mut text, &format!("{name}:{value}"));
        line("BEGIN", "VCALENDAR");
        line("VERSION", "2.0");
        line("PRODID", "-//Plimsoll//Rollouts//EN");
        line("METHOD", if self.cancelled { "CANCEL" } else { "PUBLISH" });
        for event in self.events {
            line("BEGIN", "VEVENT");
            line("UID", &escaped(&event.uid));
            line("DTSTAMP", &moment(self.changed));
            line("LAST-MODIFIED", &moment(self.changed));
            line("SEQUENCE", &self.sequence.min(GREATEST).to_string());
            line("ORGANIZER", &uri(self.organizer));
            line("DTSTART", &moment(event.from));
            line("DTEND", &moment(event.to));
            line("SUMMARY", &escaped(&event.summary));
            line("DESCRIPTION", &escaped(&event.description));
            line("LOCATION", &escaped(&event.location));
            line("URL", &uri(&event.url));
            line("STATUS", if self.cancelled { "CANCELLED" } else { "CONFIRMED" });
            line("TRANSP", "OPAQUE");
            line("END", "VEVENT");
        }
        line("END", "VCALENDAR");
        text
    }
}

fn moment(at: Timestamp) -> String {
    at.strftime("%Y%m%dT%H%M%SZ").to_string()
}

/// An address stands as it is; what would end its line does not belong to one.
fn uri(text: &str) -> String {
    text.chars().filter(|letter| !letter.is_control() && !letter.is_whitespace()).collect()
}

/// Text as RFC 5545, 3.3.11 escapes it; other control characters have no place
/// in it.
fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for letter in text.replace("\r\n", "\n").chars() {
        match letter {
            '\\' | ';' | ',' => escaped.extend(['\\', letter]),
            '\n' => escaped.push_str("\\n"),
            '\t' => escaped.push('\t'),
            letter if letter.is_control() => escaped.push(' '),
            letter => escaped.push(letter),
        }
    }
    escaped
}

/// Adds a line, broken after at most 75 octets and never inside of a letter.
fn fold(text: &mut String, line: &str) {
    let mut used = 0;
    for letter in line.chars() {
        if used + letter.len_utf8() > LINE {
            text.push_str("\r\n ");
            used = 1;
        }
        text.push(letter);
        used += letter.len_utf8();
    }
    text.push_str("\r\n");
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn event(summary: &str, description: &str) -> Event {
        Event {
            uid: "0123-1@example.org".to_owned(),
            from: "2026-12-01T21:00:00Z".parse().unwrap(),
            to: "2026-12-02T01:00:00Z".parse().unwrap(),
            summary: summary.to_owned(),
            description: description.to_owned(),
            location: "Acme, Oslo".to_owned(),
            url: "https://plimsoll.example.org/console/rollouts/0123".to_owned(),
        }
    }

    fn written(cancelled: bool, events: &[Event]) -> String {
        let changed = "2026-11-23T10:00:00.123Z".parse().unwrap();
        Calendar { organizer: "https://plimsoll.example.org", cancelled, sequence: 7, changed, events }.written()
    }

    /// Undoes folding and escaping, on their own terms.
    fn read(text: &str, name: &str) -> String {
        let whole = text.replace("\r\n ", "");
        let line = whole.split("\r\n").find_map(|line| line.strip_prefix(name)?.strip_prefix(':')).unwrap();
        let mut letters = line.chars();
        let mut value = String::new();
        while let Some(letter) = letters.next() {
            match letter {
                '\\' => value.push(match letters.next().unwrap() {
                    'n' => '\n',
                    other => other,
                }),
                letter => value.push(letter),
            }
        }
        value
    }

    #[test]
    fn a_calendar_reads_as_the_standard_writes_it() {
        let text = written(false, &[event("Patches; the first, and \\ more", "One\nTwo")]);
        let expected = [
            "BEGIN:VCALENDAR", "VERSION:2.0", "PRODID:-//Plimsoll//Rollouts//EN", "METHOD:PUBLISH", "BEGIN:VEVENT", "UID:0123-1@example.org",
            "DTSTAMP:20261123T100000Z", "LAST-MODIFIED:20261123T100000Z", "SEQUENCE:7", "ORGANIZER:https://plimsoll.example.org",
            "DTSTART:20261201T210000Z", "DTEND:20261202T010000Z", "SUMMARY:Patches\\; the first\\, and \\\\ more", "DESCRIPTION:One\\nTwo",
            "LOCATION:Acme\\, Oslo", "URL:https://plimsoll.example.org/console/rollouts/0123", "STATUS:CONFIRMED", "TRANSP:OPAQUE", "END:VEVENT",
            "END:VCALENDAR", "",
        ];
        assert_eq!(text.split("\r\n").collect::<Vec<_>>(), expected);
        let cancelled = written(true, &[event("a", "b")]);
        assert!(cancelled.contains("\r\nMETHOD:CANCEL\r\n") && cancelled.contains("\r\nSTATUS:CANCELLED\r\n"));
    }

    #[test]
    fn what_others_wrote_makes_no_line_of_its_own() {
        let text = written(false, &[event("a\r\nSTATUS:CANCELLED\rX:1\u{0}", "b")]);
        assert_eq!(text.matches("\r\nSTATUS:").count(), 1);
        assert!(!text.contains("\r\nX:1") && !text.contains('\0'));
    }

    proptest! {
        #[test]
        fn no_line_is_too_long_and_nothing_is_lost(summary in "[a-zæøå😀,;\\\\ \\n]{0,200}", description in "[ -~\\n]{0,300}") {
            let text = written(false, &[event(&summary, &description)]);
            for line in text.split("\r\n") {
                prop_assert!(line.len() <= LINE, "{} octets", line.len());
            }
            prop_assert_eq!(read(&text, "SUMMARY"), summary);
            prop_assert_eq!(read(&text, "DESCRIPTION"), description);
        }
    }
}
