//! What a new database says differently of the packages that a fleet has.

use super::index::Index;
use crate::knowledge::{AdvisoryFacts, Knowledge, Rule, RuleEnd, RuleVersion};
use crate::model::advisory::NamesWhat;
use crate::model::component::Component;
use crate::model::policy::EpssModel;
use crate::model::problem::Problem;
use crate::model::stream::Stream;
use crate::model::threat::Epss;
use roaring::RoaringBitmap;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::{self, Write};
use std::hash::{DefaultHasher, Hasher};

/// What the policies in force read of a prediction, as
/// [`PolicySet::read_of_prediction`](crate::model::policy::PolicySet::read_of_prediction)
/// gives it.
pub type Reading<'r> = &'r dyn Fn(&Epss) -> (Vec<bool>, Option<EpssModel>);

/// What a database says of each package name of a fleet, in short.
///
/// Kept in memory between two databases and nowhere else: the digests change
/// with the compiler and are no proof against anybody.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Digests {
    names: BTreeMap<Stream, BTreeMap<Box<str>, u64>>,
    /// Of each stream of the fleet: whether it is covered, and its support.
    streams: BTreeMap<Stream, u64>,
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

    fn get(&self, stream: &Stream, name: &str) -> Option<u64> {
        self.names.get(stream)?.get(name).copied()
    }
}

/// A package of which a new database says something else.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Touched {
    /// Stream.
    pub stream: Stream,
    /// Binary or source name, normalised; [`Index::hosts_with`] takes it.
    pub name: String,
}

/// What a new database says differently.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Difference {
    /// Packages whose rules, advisories, statements or threats differ.
    pub names: Vec<Touched>,
    /// Streams that came under its cover or left it, or whose support
    /// differs: whoever has one of them is to be judged as a whole.
    pub streams: Vec<Stream>,
}

impl Index {
    /// Digests of everything that a database says of each package name of
    /// the fleet and that the policies read; names of which it says nothing
    /// are left out.
    ///
    /// Costs about as much as one evaluation of every name: do it once a
    /// database, not once a question.
    ///
    /// # Errors
    ///
    /// Those of the database.
    pub fn digests(&self, knowledge: &dyn Knowledge, read: Reading<'_>) -> Result<Digests, Problem> {
        let mut reader = Reader { knowledge, read, advisories: BTreeMap::new() };
        let mut out = Digests::default();
        for (stream, name, _) in self.names.all() {
            if !out.streams.contains_key(stream) {
                out.streams.insert(stream.clone(), support(stream, knowledge)?);
            }
            if let Some(said) = reader.said(stream, name)? {
                out.names.entry(stream.clone()).or_default().insert(name.into(), said);
            }
        }
        Ok(out)
    }

    /// What `knowledge` says otherwise than the database that `before` was
    /// taken from, of the packages of the fleet, by stream and name.
    ///
    /// A name that came to the fleet since then is among them, if anything
    /// is said of it.
    ///
    /// # Errors
    ///
    /// Those of the database.
    pub fn touched(&self, before: &Digests, knowledge: &dyn Knowledge, read: Reading<'_>) -> Result<(Difference, Digests), Problem> {
        let now = self.digests(knowledge, read)?;
        let names = self.names.all().filter(|(stream, name, _)| before.get(stream, name) != now.get(stream, name));
        let names = names.map(|(stream, name, _)| Touched { stream: stream.clone(), name: name.to_owned() }).collect();
        // One that came to the fleet since then was judged when it came.
        let differs = |(stream, said): &(&Stream, &u64)| before.streams.get(*stream).is_some_and(|old| old != *said);
        let streams = now.streams.iter().filter(differs).map(|(stream, _)| stream.clone()).collect();
        Ok((Difference { names, streams }, now))
    }

    /// Numbers of the components that stand under some names, and of those
    /// that share a source package or, in any stream, a name with one of
    /// them: whoever judges one of them judges all that a list shows under its
    /// name, and all that its source's update installs.
    pub fn components_under(&self, names: &[Touched]) -> RoaringBitmap {
        let entries = names.iter().filter_map(|touched| self.names.get(&touched.stream, &touched.name));
        let mut numbers: RoaringBitmap = entries.flat_map(|entry| entry.components()).collect();
        let named: Vec<Component> = numbers.iter().filter_map(|number| self.components.component(number)).collect();
        for component in &named {
            let Some((stream, source)) = component.stream.as_ref().zip(component.source.as_ref()) else { continue };
            if stream.is_operating_system() {
                let entry = self.names.get(stream, source);
                numbers.extend(entry.into_iter().flat_map(|entry| &entry.source).map(|spot| spot.component));
            }
        }
        let own: BTreeSet<String> = numbers.iter().filter_map(|number| Some(self.components.component(number)?.name)).collect();
        for name in &own {
            for entry in self.names.in_all_streams(name) {
                numbers.extend(entry.binary.iter().map(|spot| spot.component));
            }
        }
        numbers
    }

    /// Hosts that have at least one of some components.
    pub fn hosts_with_any(&self, components: &RoaringBitmap) -> RoaringBitmap {
        self.hosts_of(&components.iter().collect::<Vec<_>>())
    }

    /// Streams that components belong to.
    pub fn streams(&self) -> impl Iterator<Item = &Stream> {
        self.names.streams()
    }

    /// Hosts that have a component of a stream.
    pub fn hosts_in(&self, stream: &Stream) -> RoaringBitmap {
        let of_stream = self.names.all().filter(|(other, ..)| *other == stream);
        self.hosts_with_any(&of_stream.flat_map(|(_, _, entry)| entry.components()).collect())
    }
}

/// What a database says of a stream as a whole.
fn support(stream: &Stream, knowledge: &dyn Knowledge) -> Result<u64, Problem> {
    let mut text = Text::default();
    text.put(&knowledge.covers(stream));
    if stream.is_operating_system() {
        text.put(&knowledge.support(stream.family())?);
        text.put(&knowledge.package_support(stream)?);
    }
    Ok(text.0.finish())
}

/// Reads a database name by name, each advisory once.
struct Reader<'k> {
    knowledge: &'k dyn Knowledge,
    read: Reading<'k>,
    advisories: BTreeMap<u32, u64>,
}

impl Reader<'_> {
    /// What is said under a name; none when nothing is.
    fn said(&mut self, stream: &Stream, name: &str) -> Result<Option<u64>, Problem> {
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
        all.sort_unstable();
        let mut digest = DefaultHasher::new();
        for (advisory, rule) in all {
            digest.write_u64(advisory);
            digest.write_u64(rule);
        }
        Ok(Some(digest.finish()))
    }

    fn advisory(&mut self, number: u32) -> Result<u64, Problem> {
        if let Some(known) = self.advisories.get(&number) {
            return Ok(*known);
        }
        let mut facts = self.knowledge.advisory(number)?;
        let mut text = Text::default();
        let sources = self.knowledge.sources();
        let mut names: Vec<&str> =
            facts.sources.iter().filter_map(|number| sources.get(usize::from(*number))).map(|source| source.name.as_str()).collect();
        names.sort_unstable();
        text.put(&names);
        facts.sources.clear();
        text.put(&facts);
        for vulnerability in vulnerabilities(&facts) {
            let statements = self.knowledge.statements(vulnerability)?;
            if !statements.is_empty() {
                text.put(&statements);
            }
        }
        for cve in &facts.cves {
            let Some(mut threat) = self.knowledge.threat(cve)? else { continue };
            // A prediction is made anew every day for every CVE; what counts
            // is on which side of the policies' thresholds it lies.
            let prediction = threat.epss.take().map(|epss| (self.read)(&epss));
            text.put(&(threat, prediction));
        }
        let said = text.0.finish();
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
