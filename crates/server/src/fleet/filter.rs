//! The **filter language** over hosts: what lists are narrowed by and what
//! groups are defined by.
//!
//! ```text
//! environment = prod, label.role = web | proxy, name != test-*
//! ```
//!
//! Conditions are joined by commas and must all hold; values are separated by
//! `|`, and one of them must fit (with `!=`, none). `*` stands for any letters,
//! case aside. `(none)` fits a host that has no such fact. A value that holds
//! `,`, `|`, `*` or `"` is written in quotes, where only `"` is doubled.

use super::Managed;
use super::question::{Clock, Standing};
use plimsoll_core::model::problem::Problem;
use std::borrow::Cow;
use std::fmt;

/// Longest filter, in characters.
pub const LONGEST: usize = 1_000;

/// Conditions of one filter at most: each is held against every host.
const MOST: usize = 20;

/// Fits a host that has no such fact.
pub const NONE: &str = "(none)";

const NEXT: &str = "write conditions as `environment = prod, label.role = web | proxy, name != test-*`";

/// A fact about a host.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Field {
    /// Name.
    Name,
    /// Operating system, as people read it.
    Os,
    /// Release that its packages belong to, `debian:12`.
    Stream,
    /// Environment.
    Environment,
    /// Criticality.
    Tier,
    /// How far it can be reached.
    Exposure,
    /// Who answers for it.
    Owner,
    /// How its facts arrive: `agent`, `import`, `manual`.
    Source,
    /// One of its labels.
    Label(String),
    /// How it stands with the server; it changes with time.
    State,
    /// `yes` with something overdue, else `no`; it changes with time.
    Overdue,
}

impl Field {
    const WORDS: [(&'static str, Self); 10] = [
        ("name", Self::Name),
        ("os", Self::Os),
        ("stream", Self::Stream),
        ("environment", Self::Environment),
        ("tier", Self::Tier),
        ("exposure", Self::Exposure),
        ("owner", Self::Owner),
        ("source", Self::Source),
        ("state", Self::State),
        ("overdue", Self::Overdue),
    ];

    fn parse(word: &str) -> Option<Self> {
        if let Some(label) = word.strip_prefix("label.") {
            return (!label.is_empty()).then(|| Self::Label(label.to_owned()));
        }
        Self::WORDS.iter().find(|(known, _)| *known == word).map(|(_, field)| field.clone())
    }

    /// Whether it changes with time alone, so that a list may ask for it and a
    /// group may not.
    pub fn passes(&self) -> bool {
        matches!(self, Self::State | Self::Overdue)
    }

    /// What a host has; none where it has no such fact. The outer none: its
    /// report was not judged yet since the start, so nobody can tell.
    fn of<'a>(&self, managed: &'a Managed, clock: Clock) -> Option<Option<Cow<'a, str>>> {
        let host = &managed.registration;
        let text = |text: &'a Option<String>| text.as_deref().map(Cow::Borrowed);
        let reported = |fact: fn(&super::judged::Judged) -> &String| match managed.judged.as_deref() {
            Some(judged) => Some(Some(fact(judged)).filter(|fact| !fact.is_empty()).map(|fact| Cow::Borrowed(fact.as_str()))),
            None if host.report.is_some() => None,
            None => Some(None),
        };
        match self {
            Self::Name => Some(Some(Cow::Borrowed(&host.name))),
            Self::Os => reported(|judged| &judged.system),
            Self::Stream => reported(|judged| &judged.stream),
            Self::Environment => Some(text(&host.environment)),
            Self::Tier => Some(text(&host.tier)),
            Self::Exposure => Some(host.exposure.map(|exposure| Cow::Borrowed(exposure.as_str()))),
            Self::Owner => Some(text(&host.owner)),
            Self::Source => Some(Some(Cow::Borrowed(host.source.word()))),
            Self::Label(name) => Some(host.labels.get(name).map(|value| Cow::Borrowed(value.as_str()))),
            Self::State => Some(Some(Cow::Borrowed(managed.standing(clock).word()))),
            Self::Overdue => Some(Some(Cow::Borrowed(if managed.counts.overdue > 0 { "yes" } else { "no" }))),
        }
    }
}

impl fmt::Display for Field {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Self::Label(name) = self {
            return write!(formatter, "label.{name}");
        }
        let word = Self::WORDS.iter().find(|(_, field)| field == self).map_or("", |(word, _)| *word);
        formatter.write_str(word)
    }
}

/// What a value must be: texts between which anything may stand.
#[derive(Clone, PartialEq, Eq, Debug)]
enum Pattern {
    /// No value.
    Absent,
    /// These parts in order, lower case; one part is the whole value.
    Parts(Vec<String>),
}

impl Pattern {
    fn fits(&self, value: Option<&str>) -> bool {
        match (self, value) {
            (Self::Absent, value) => value.is_none(),
            (Self::Parts(_), None) => false,
            (Self::Parts(parts), Some(value)) => {
                let value = value.to_lowercase();
                let (Some((first, rest)), Some(last)) = (parts.split_first(), parts.last()) else { return false };
                if rest.is_empty() {
                    return value == *first;
                }
                let Some(mut left) = value.strip_prefix(first.as_str()) else { return false };
                for part in rest.iter().take(rest.len() - 1) {
                    match left.find(part.as_str()) {
                        Some(place) => left = left.get(place + part.len()..).unwrap_or_default(),
                        None => return false,
                    }
                }
                left.ends_with(last.as_str())
            }
        }
    }
}

/// One condition.
#[derive(Clone, PartialEq, Eq, Debug)]
struct Condition {
    field: Field,
    differs: bool,
    values: Vec<Pattern>,
}

/// Conditions that must all hold; without any, every host fits.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Filter {
    conditions: Vec<Condition>,
}

impl Filter {
    /// Adds that a fact must be exactly this, whatever letters are in it;
    /// [`NONE`] asks for hosts without it.
    #[must_use]
    pub fn and_is(mut self, field: Field, value: &str) -> Self {
        let pattern = if value == NONE { Pattern::Absent } else { Pattern::Parts(vec![value.to_lowercase()]) };
        self.conditions.push(Condition { field, differs: false, values: vec![pattern] });
        self
    }

    /// Adds that a fact must hold this text.
    #[must_use]
    pub fn and_holds(mut self, field: Field, part: &str) -> Self {
        let parts = vec![String::new(), part.to_lowercase(), String::new()];
        self.conditions.push(Condition { field, differs: false, values: vec![Pattern::Parts(parts)] });
        self
    }

    /// Whether it says something about a fact.
    pub fn names(&self, field: &Field) -> bool {
        self.conditions.iter().any(|condition| condition.field == *field)
    }

    /// Whether it asks for nothing.
    pub fn is_empty(&self) -> bool {
        self.conditions.is_empty()
    }

    /// Whether a host fits; none where its report was not judged yet since the
    /// start and the answer hangs on that.
    pub fn holds(&self, managed: &Managed, clock: Clock) -> Option<bool> {
        let mut told = true;
        for condition in &self.conditions {
            match condition.field.of(managed, clock) {
                None => told = false,
                Some(value) => {
                    let fits = condition.values.iter().any(|pattern| pattern.fits(value.as_deref()));
                    if fits == condition.differs {
                        return Some(false);
                    }
                }
            }
        }
        told.then_some(true)
    }

    /// Whether a list shows a host: retired ones only where they are asked for.
    pub fn shows(&self, managed: &Managed, clock: Clock) -> bool {
        let retired = managed.standing(clock) == Standing::Retired;
        (!retired || self.names(&Field::State)) && self.holds(managed, clock) == Some(true)
    }

    /// Reads a filter.
    ///
    /// # Errors
    ///
    /// `E-QUERY` with the column.
    pub fn parse(text: &str) -> Result<Self, Problem> {
        let length = text.chars().count();
        if length > LONGEST {
            return Err(refuse(1, format!("it has {length} characters, the limit is {LONGEST}")));
        }
        let mut reader = Reader { letters: text.chars().collect(), place: 0 };
        let mut filter = Self::default();
        reader.space();
        while !reader.at_end() {
            filter.conditions.push(reader.condition()?);
            if filter.conditions.len() > MOST {
                return Err(refuse(reader.column(), format!("it has more than {MOST} conditions")));
            }
            reader.space();
            if !reader.at_end() {
                reader.take(',').then_some(()).ok_or_else(|| refuse(reader.column(), format!("a comma must stand between two conditions, not {}", reader.shown())))?;
                reader.space();
                if reader.at_end() {
                    return Err(refuse(reader.column(), "a condition must follow the comma".to_owned()));
                }
            }
        }
        Ok(filter)
    }

    /// Reads the query of a group, whose members must not change with time
    /// alone: what roles reach would change with nobody having done anything.
    ///
    /// # Errors
    ///
    /// `E-QUERY`.
    pub fn parse_lasting(text: &str) -> Result<Self, Problem> {
        let filter = Self::parse(text)?;
        if filter.is_empty() {
            return Err(refuse(1, "it is empty".to_owned()));
        }
        match filter.conditions.iter().find(|condition| condition.field.passes()) {
            None => Ok(filter),
            Some(condition) => Err(refuse(1, format!("{} changes with time alone, and a group's members must not", condition.field))),
        }
    }
}

fn refuse(column: usize, text: String) -> Problem {
    Problem::new("E-QUERY", format!("query column {column}"), text, NEXT)
}

struct Reader {
    letters: Vec<char>,
    place: usize,
}

impl Reader {
    fn peek(&self) -> Option<char> {
        self.letters.get(self.place).copied()
    }

    fn at_end(&self) -> bool {
        self.place >= self.letters.len()
    }

    fn column(&self) -> usize {
        self.place + 1
    }

    fn shown(&self) -> String {
        self.peek().map_or_else(|| "the end".to_owned(), |letter| format!("{letter:?}"))
    }

    fn space(&mut self) {
        while self.peek().is_some_and(char::is_whitespace) {
            self.place += 1;
        }
    }

    fn take(&mut self, wanted: char) -> bool {
        let found = self.peek() == Some(wanted);
        self.place += usize::from(found);
        found
    }

    fn condition(&mut self) -> Result<Condition, Problem> {
        let start = self.column();
        let mut word = String::new();
        while let Some(letter) = self.peek().filter(|letter| letter.is_alphanumeric() || "._-/".contains(*letter)) {
            word.push(letter);
            self.place += 1;
        }
        let Some(field) = Field::parse(&word) else {
            let known: Vec<&str> = Field::WORDS.iter().map(|(word, _)| *word).collect();
            return Err(refuse(start, format!("{word:?} is no field; there are {} and label.NAME", known.join(", "))));
        };
        self.space();
        let differs = self.take('!');
        if !self.take('=') {
            return Err(refuse(self.column(), format!("= or != must follow {word}, not {}", self.shown())));
        }
        let mut values = vec![self.value()?];
        loop {
            self.space();
            if !self.take('|') {
                return Ok(Condition { field, differs, values });
            }
            values.push(self.value()?);
        }
    }

    fn value(&mut self) -> Result<Pattern, Problem> {
        self.space();
        let start = self.column();
        if self.take('"') {
            let mut text = String::new();
            loop {
                match self.peek() {
                    None => return Err(refuse(start, "the quotes do not end".to_owned())),
                    Some('"') => {
                        self.place += 1;
                        if !self.take('"') {
                            return Ok(Pattern::Parts(vec![text.to_lowercase()]));
                        }
                        text.push('"');
                    }
                    Some(letter) => {
                        text.push(letter);
                        self.place += 1;
                    }
                }
            }
        }
        let mut text = String::new();
        while let Some(letter) = self.peek().filter(|letter| !matches!(letter, ',' | '|' | '=' | '"')) {
            text.push(letter);
            self.place += 1;
        }
        if let Some(letter) = self.peek().filter(|letter| matches!(letter, '=' | '"')) {
            return Err(refuse(self.column(), format!("{letter:?} in a value needs quotes around the value")));
        }
        let text = text.trim();
        if text.is_empty() {
            return Err(refuse(start, format!("a value must stand here; {NONE} fits hosts that have none")));
        }
        if text == NONE {
            return Ok(Pattern::Absent);
        }
        Ok(Pattern::Parts(text.to_lowercase().split('*').map(str::to_owned).collect()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fleet::State;
    use jiff::Timestamp;
    use plimsoll_core::model::identifier::{ClientId, HostId};
    use plimsoll_core::model::registration::{HostSource, HostState, Registration};

    fn registration(number: u32, name: &str) -> Registration {
        Registration {
            id: HostId::from_bits(u128::from(number)),
            number,
            client: ClientId::from_bits(1),
            name: name.to_owned(),
            state: HostState::Active,
            source: HostSource::Agent,
            labels: [("role".to_owned(), "web".to_owned())].into(),
            tier: Some("High, very".to_owned()),
            exposure: None,
            environment: Some("prod".to_owned()),
            owner: None,
            public_key: None,
            enrolled: Timestamp::UNIX_EPOCH,
            last_seen: None,
            report: None,
            reported: None,
            flag: None,
        }
    }

    fn answers(registration: Registration, query: &str) -> Option<bool> {
        let mut state = State::default();
        let id = registration.id;
        state.register(registration, 0);
        let clock = Clock { now: Timestamp::UNIX_EPOCH, silence_seconds: 60 };
        Filter::parse(query).unwrap_or_else(|problem| panic!("{query}: {problem:?}")).holds(state.host(id).unwrap(), clock)
    }

    #[test]
    fn conditions_hold_or_not() {
        let cases = [
            ("", true),
            ("environment = prod", true),
            ("environment=PROD,label.role=web", true),
            ("environment = stage | prod", true),
            ("environment != stage | prod", false),
            ("environment != stage", true),
            ("label.role = db", false),
            ("label.shelf = (none), owner = (none)", true),
            ("label.role != (none)", true),
            ("name = web-*.example", true),
            ("name = *-1*", true),
            ("name = web-*-1.example", false),
            ("name = web-1.example*", true),
            ("name = web", false),
            ("tier = \"High, very\"", true),
            ("tier = \"High*\"", false),
            ("source = agent, state = waiting, overdue = no", true),
            ("os = (none)", true),
        ];
        for (query, wanted) in cases {
            assert_eq!(answers(registration(1, "web-1.example"), query), Some(wanted), "{query}");
        }
    }

    #[test]
    fn what_a_report_tells_cannot_be_told_before_it_was_judged() {
        let reported = || Registration { report: Some("00".to_owned()), ..registration(1, "a") };
        assert_eq!(answers(reported(), "os = Debian*"), None);
        assert_eq!(answers(reported(), "os = Debian*, environment = prod"), None);
        assert_eq!(answers(reported(), "os = Debian*, environment = stage"), Some(false));
    }

    #[test]
    fn who_reported_was_heard_of_although_the_last_flush_is_lost() {
        // Last words are stored once a minute; a report is stored with its time.
        let reported = |source| Registration { source, report: Some("00".to_owned()), reported: Some(Timestamp::UNIX_EPOCH), ..registration(1, "a") };
        assert_eq!(answers(reported(HostSource::Manual), "state = active"), Some(true));
        assert_eq!(answers(reported(HostSource::Agent), "state = active"), Some(true));
        assert_eq!(answers(Registration { report: None, ..reported(HostSource::Agent) }, "state = waiting"), Some(true));
    }

    #[test]
    fn refuses_with_the_column() {
        let long = "x".repeat(1_001);
        let many = "name = a,".repeat(21);
        let said: Vec<String> = ["shelf = 1", "environment", "environment prod", "environment = ", "environment = prod,", "environment = prod; name = a = b", "name = \"a", "name = a\"b", "label. = x", &long, &many]
            .iter()
            .map(|query| Filter::parse(query).map_or_else(|problem| format!("{}: {}", problem.place, problem.text), |filter| format!("{filter:?}")))
            .collect();
        insta::assert_snapshot!(said.join("\n"), @r#"
        query column 1: "shelf" is no field; there are name, os, stream, environment, tier, exposure, owner, source, state, overdue and label.NAME
        query column 12: = or != must follow environment, not the end
        query column 13: = or != must follow environment, not 'p'
        query column 15: a value must stand here; (none) fits hosts that have none
        query column 20: a condition must follow the comma
        query column 26: '=' in a value needs quotes around the value
        query column 8: the quotes do not end
        query column 9: '"' in a value needs quotes around the value
        query column 1: "label." is no field; there are name, os, stream, environment, tier, exposure, owner, source, state, overdue and label.NAME
        query column 1: it has 1001 characters, the limit is 1000
        query column 189: it has more than 20 conditions
        "#);
        assert!(Filter::parse_lasting("state = silent").unwrap_err().text.contains("changes with time"));
        assert!(Filter::parse_lasting(" ").is_err());
    }
}
