//! What a new database says differently of the packages that a fleet has.

use super::index::Index;
use crate::knowledge::{AdvisoryFacts, Knowledge, Rule, RuleEnd, RuleVersion};
use crate::model::advisory::NamesWhat;
use crate::model::problem::Problem;
use crate::model::stream::Stream;
use std::collections::BTreeMap;
use std::fmt::{self, Write};
use std::hash::{DefaultHasher, Hasher};

/// What a database says of each package name of a fleet, in short.
///
/// Kept in memory between two databases and nowhere else: the digests change
/// with the compiler and are no proof against anybody.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Digests {
    names: BTreeMap<Stream, BTreeMap<Box<str>, Said>>,
}

impl Digests {
    /// Number of names.
    pub fn len(&self) -> usize {
        self.names.values().map(BTreeMap::len).sum()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.names.is_empty()
    }

    fn get(&self, stream: &Stream, name: &str) -> Option<Said> {
        self.names.get(stream)?.get(name).copied()
    }
}

/// What is said under one name.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
struct Said {
    /// Rules, their advisories, and statements on their vulnerabilities.
    verdicts: u64,
    /// Scores and exploitation of their CVEs.
    threats: u64,
}

/// A package of which a new database says something else.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Touched {
    /// Stream.
    pub stream: Stream,
    /// Binary or source name, normalised; [`Index::hosts_with`] takes it.
    pub name: String,
    /// Whether verdicts may change: rules, advisories or statements differ.
    pub verdicts: bool,
    /// Whether priorities may change: scores or exploitation differ.
    pub threats: bool,
}

impl Index {
    /// Digests of everything that a database says of each package name of
    /// the fleet; names of which it says nothing are left out.
    ///
    /// Costs about as much as one evaluation of every name: do it once a
    /// database, not once a question.
    pub fn digests(&self, knowledge: &dyn Knowledge) -> Result<Digests, Problem> {
        let mut reader = Reader { knowledge, advisories: BTreeMap::new() };
        let mut out = Digests::default();
        for (stream, name, _) in self.names.all() {
            if let Some(said) = reader.said(stream, name)? {
                out.names.entry(stream.clone()).or_default().insert(name.into(), said);
            }
        }
        Ok(out)
    }

    /// Package names of the fleet of which `knowledge` says something else
    /// than what `before` was taken from, by stream and name.
    ///
    /// A name that came to the fleet since then is among them, if anything
    /// is said of it.
    ///
    /// # Errors
    ///
    /// Those of the database.
    pub fn touched(&self, before: &Digests, knowledge: &dyn Knowledge) -> Result<(Vec<Touched>, Digests), Problem> {
        let now = self.digests(knowledge)?;
        let nothing = Said::default();
        let touched = self.names.all().filter_map(|(stream, name, _)| {
            let old = before.get(stream, name).unwrap_or(nothing);
            let new = now.get(stream, name).unwrap_or(nothing);
            (old != new).then(|| Touched {
                stream: stream.clone(),
                name: name.to_owned(),
                verdicts: old.verdicts != new.verdicts,
                threats: old.threats != new.threats,
            })
        });
        let touched = touched.collect();
        Ok((touched, now))
    }
}

/// Reads a database name by name, each advisory once.
struct Reader<'k> {
    knowledge: &'k dyn Knowledge,
    advisories: BTreeMap<u32, Said>,
}

impl Reader<'_> {
    /// What is said under a name; none when nothing is.
    fn said(&mut self, stream: &Stream, name: &str) -> Result<Option<Said>, Problem> {
        let mut rules: Vec<(u32, u64)> = Vec::new();
        for names in [NamesWhat::Source, NamesWhat::Binary] {
            self.knowledge.rules(stream, names, name, None, &mut |rule| rules.push((rule.advisory, rule_digest(&rule))))?;
        }
        if rules.is_empty() {
            return Ok(None);
        }
        let mut all = Vec::with_capacity(rules.len());
        for (advisory, rule) in rules {
            all.push((self.advisory(advisory)?, rule));
        }
        // Numbers of advisories are a database's own; their order must not count.
        all.sort_unstable_by_key(|(said, rule)| (said.verdicts, said.threats, *rule));
        let (mut verdicts, mut threats) = (DefaultHasher::new(), DefaultHasher::new());
        for (said, rule) in all {
            verdicts.write_u64(said.verdicts);
            verdicts.write_u64(rule);
            threats.write_u64(said.threats);
        }
        Ok(Some(Said { verdicts: verdicts.finish(), threats: threats.finish() }))
    }

    fn advisory(&mut self, number: u32) -> Result<Said, Problem> {
        if let Some(known) = self.advisories.get(&number) {
            return Ok(*known);
        }
        let mut facts = self.knowledge.advisory(number)?;
        let (mut verdicts, mut threats) = (Text::default(), Text::default());
        let sources = self.knowledge.sources();
        let mut names: Vec<&str> =
            facts.sources.iter().filter_map(|number| sources.get(usize::from(*number))).map(|source| source.name.as_str()).collect();
        names.sort_unstable();
        verdicts.put(&names);
        facts.sources.clear();
        verdicts.put(&facts);
        for vulnerability in vulnerabilities(&facts) {
            let statements = self.knowledge.statements(vulnerability)?;
            if !statements.is_empty() {
                verdicts.put(&statements);
            }
        }
        for cve in &facts.cves {
            threats.put(&self.knowledge.threat(cve)?);
        }
        let said = Said { verdicts: verdicts.0.finish(), threats: threats.0.finish() };
        self.advisories.insert(number, said);
        Ok(said)
    }
}

/// Names under which statements on an advisory are looked for.
fn vulnerabilities(facts: &AdvisoryFacts) -> impl Iterator<Item = &str> {
    std::iter::once(&facts.id).chain(&facts.aliases).chain(&facts.cves).map(String::as_str)
}

fn rule_digest(rule: &Rule<'_>) -> u64 {
    let mut text = Text::default();
    let mut version = |version: Option<RuleVersion<'_>>| {
        text.0.write_u8(u8::from(version.is_some()));
        if let Some(version) = version {
            text.0.write_usize(version.text.len());
            text.0.write(version.text);
        }
    };
    version(rule.introduced);
    let kind = match rule.end {
        RuleEnd::Fixed(end) => {
            version(Some(end));
            1
        }
        RuleEnd::LastAffected(end) => {
            version(Some(end));
            2
        }
        RuleEnd::Exactly => 3,
        RuleEnd::Open => 4,
    };
    text.0.write_u8(kind);
    text.0.write_u16(rule.order);
    text.put(&(rule.status, rule.names, rule.only));
    text.0.finish()
}

/// Takes in the debugging text of values, so that no field is forgotten when
/// one is added.
#[derive(Default)]
struct Text(DefaultHasher);

impl Text {
    fn put(&mut self, value: &dyn fmt::Debug) {
        // Writing into a hasher cannot fail.
        let _ = write!(self, "{value:?};");
    }
}

impl Write for Text {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        self.0.write(text.as_bytes());
        Ok(())
    }
}
