//! Which hosts an advisory, a rule or a whole database touches.

use super::index::Index;
use crate::knowledge::{AdvisoryFacts, AdvisoryText, Knowledge, Rule};
use crate::model::advisory::NamesWhat;
use crate::model::host::Host;
use crate::model::problem::Problem;
use crate::model::source::Source;
use crate::model::statement::Statement;
use crate::model::stream::Stream;
use crate::model::support::{PackageSupport, SupportWindow};
use crate::model::threat::Threat;
use crate::phases::evaluate;
use roaring::RoaringBitmap;
use std::cell::Cell;
use std::collections::{BTreeMap, BTreeSet};

impl Index {
    /// Hosts that an advisory affects, by the versions, architectures,
    /// modules and minor releases of its rules.
    ///
    /// This is [`evaluate::matches`] asked of every host at once: what VEX
    /// statements, kernels that do not run and other names of the same
    /// vulnerability do to a finding is left to [`evaluate::decide`].
    ///
    /// # Errors
    ///
    /// Those of the database; a damaged one never reads as "no host".
    pub fn affected(&self, knowledge: &dyn Knowledge, advisory: u32) -> Result<RoaringBitmap, Problem> {
        let mut alone = Alone::default();
        let packages = knowledge.advisory_text(advisory)?.packages;
        for package in &packages {
            let Some((stream, name)) = package.split_once('/') else { continue };
            let stream = Stream::from_stored(stream);
            if self.names.get(&stream, name).is_some() {
                alone.take(knowledge, advisory, &stream, name)?;
            }
        }
        // The list is cut where an advisory names hundreds of packages: then
        // every name from the last one on may be meant.
        if let Some(last) = packages.get(AdvisoryText::PACKAGE_LIMIT - 1) {
            for (stream, name, _) in self.names.all() {
                if format!("{stream}/{name}") > *last {
                    alone.take(knowledge, advisory, stream, name)?;
                }
            }
        }
        Ok(self.hit(self.judge(&alone)?))
    }

    /// Hosts whose version of a package lies inside one rule and for which
    /// the rule holds; `name` is in the spelling of [`Stream::normalise_name`].
    pub fn by_rule(&self, stream: &Stream, name: &str, rule: &Rule<'_>) -> Result<RoaringBitmap, Problem> {
        let mut alone = Alone::default();
        alone.names.insert((stream.clone(), name.to_owned()), vec![*rule]);
        Ok(self.hit(self.judge(&alone)?))
    }

    /// Judges every distinct component against a database once and passes
    /// each advisory that affects somebody, ascending by number, with the
    /// hosts it affects.
    ///
    /// The same question as [`Index::affected`] for all advisories; a new
    /// database asks it. The bitmaps are handed out one by one, because
    /// together they are larger than the index.
    pub fn affected_by_all(
        &self,
        knowledge: &dyn Knowledge,
        each: &mut dyn FnMut(u32, RoaringBitmap),
    ) -> Result<(), Problem> {
        // (advisory, circumstance + 1 or zero for all, component)
        let mut hits: Vec<(u32, u32, u32)> = Vec::new();
        let anywhere = Host::default();
        let watched = Watched::new(knowledge);
        for number in self.components.used() {
            let Some(component) = self.components.component(number) else { continue };
            watched.narrowed.set(false);
            let everywhere = evaluate::matches(&component, &anywhere, &watched)?;
            if !watched.is_narrowed() {
                hits.extend(everywhere.into_iter().map(|advisory| (advisory, 0, number)));
                continue;
            }
            for (circumstance, host, _) in self.circumstances.all() {
                let here = evaluate::matches(&component, &host, knowledge)?;
                hits.extend(here.into_iter().map(|advisory| (advisory, circumstance + 1, number)));
            }
        }
        hits.sort_unstable();
        for group in hits.chunk_by(|a, b| a.0 == b.0) {
            let mut sorted = Hits::default();
            group.iter().for_each(|(_, circumstance, number)| sorted.push(circumstance.checked_sub(1), *number));
            if let Some((advisory, _, _)) = group.first() {
                let hosts = self.hit(sorted);
                if !hosts.is_empty() {
                    each(*advisory, hosts);
                }
            }
        }
        Ok(())
    }

    /// Finds the components that rules affect.
    ///
    /// The versions are found by binary search; what else a rule asks about
    /// is asked of the few components that are left, by the phase itself.
    fn judge(&self, alone: &Alone<'_>) -> Result<Hits, Problem> {
        let mut hits = Hits::default();
        let mut candidates: BTreeSet<u32> = BTreeSet::new();
        for ((stream, name), rules) in &alone.names {
            let Some(entry) = self.names.get(stream, name) else { continue };
            candidates.extend(rules.iter().flat_map(|rule| entry.inside(rule)).map(|spot| spot.component));
        }
        let narrowed = alone.names.values().flatten().any(is_narrowed);
        let anywhere = Host::default();
        for number in candidates {
            let Some(component) = self.components.component(number) else { continue };
            if !narrowed {
                if !evaluate::matches(&component, &anywhere, alone)?.is_empty() {
                    hits.push(None, number);
                }
                continue;
            }
            for (circumstance, host, _) in self.circumstances.all() {
                if !evaluate::matches(&component, &host, alone)?.is_empty() {
                    hits.push(Some(circumstance), number);
                }
            }
        }
        Ok(hits)
    }

    /// The hosts of what was hit.
    pub(super) fn hit(&self, mut hits: Hits) -> RoaringBitmap {
        hits.somewhere.sort_unstable();
        let mut out = self.hosts_of(&hits.everywhere);
        for group in hits.somewhere.chunk_by(|a, b| a.0 == b.0) {
            let components: Vec<u32> = group.iter().map(|(_, component)| *component).collect();
            let hosts = group.first().and_then(|(circumstance, _)| self.circumstances.hosts(*circumstance));
            out |= hosts.map(|hosts| self.hosts_of(&components) & hosts).unwrap_or_default();
        }
        out
    }
}

/// Components that are affected on every host that has them, or in some
/// circumstances only.
#[derive(PartialEq, Debug, Default)]
pub(super) struct Hits {
    everywhere: Vec<u32>,
    somewhere: Vec<(u32, u32)>,
}

impl Hits {
    pub(super) fn push(&mut self, circumstance: Option<u32>, component: u32) {
        match circumstance {
            None => self.everywhere.push(component),
            Some(circumstance) => self.somewhere.push((circumstance, component)),
        }
    }
}

/// Whether a rule asks for a minor release line, which the host and not the
/// component answers.
fn is_narrowed(rule: &Rule<'_>) -> bool {
    rule.only.is_some_and(|only| only.minor.as_deref().is_some_and(|minor| minor.contains('-')))
}

/// A database that notes whether a rule asked about the host.
pub(super) struct Watched<'k> {
    inner: &'k dyn Knowledge,
    narrowed: Cell<bool>,
}

impl<'k> Watched<'k> {
    pub(super) fn new(inner: &'k dyn Knowledge) -> Self {
        Self { inner, narrowed: Cell::new(false) }
    }

    /// Whether a rule asked about the host since the note was last cleared.
    pub(super) fn is_narrowed(&self) -> bool {
        self.narrowed.get()
    }
}

impl Knowledge for Watched<'_> {
    fn rules<'a>(
        &'a self,
        stream: &Stream,
        names: NamesWhat,
        name: &str,
        settled_at: Option<&[u8]>,
        each: &mut dyn FnMut(Rule<'a>),
    ) -> Result<(), Problem> {
        self.inner.rules(stream, names, name, settled_at, &mut |rule| {
            if is_narrowed(&rule) {
                self.narrowed.set(true);
            }
            each(rule);
        })
    }
    fn advisory(&self, number: u32) -> Result<AdvisoryFacts, Problem> {
        self.inner.advisory(number)
    }
    fn advisory_text(&self, number: u32) -> Result<AdvisoryText, Problem> {
        self.inner.advisory_text(number)
    }
    fn advisories_named(&self, id: &str) -> Result<Vec<u32>, Problem> {
        self.inner.advisories_named(id)
    }
    fn threat(&self, cve: &str) -> Result<Option<Threat>, Problem> {
        self.inner.threat(cve)
    }
    fn statements(&self, vulnerability: &str) -> Result<Vec<Statement>, Problem> {
        self.inner.statements(vulnerability)
    }
    fn support(&self, product: &str) -> Result<Vec<SupportWindow>, Problem> {
        self.inner.support(product)
    }
    fn package_support(&self, stream: &Stream) -> Result<Vec<PackageSupport>, Problem> {
        self.inner.package_support(stream)
    }
    fn sources(&self) -> &[Source] {
        self.inner.sources()
    }
    fn streams(&self) -> Vec<Stream> {
        self.inner.streams()
    }
    fn covers(&self, stream: &Stream) -> bool {
        self.inner.covers(stream)
    }
}

/// The rules of one advisory on the names of the fleet, and nothing else.
#[derive(Default)]
struct Alone<'r> {
    names: BTreeMap<(Stream, String), Vec<Rule<'r>>>,
}

impl<'r> Alone<'r> {
    fn take(&mut self, knowledge: &'r dyn Knowledge, advisory: u32, stream: &Stream, name: &str) -> Result<(), Problem> {
        let mut rules = Vec::new();
        for names in [NamesWhat::Source, NamesWhat::Binary] {
            knowledge.rules(stream, names, name, None, &mut |rule: Rule<'r>| {
                if rule.advisory == advisory {
                    rules.push(rule);
                }
            })?;
        }
        if !rules.is_empty() {
            self.names.insert((stream.clone(), name.to_owned()), rules);
        }
        Ok(())
    }
}

impl Knowledge for Alone<'_> {
    fn rules<'a>(
        &'a self,
        stream: &Stream,
        names: NamesWhat,
        name: &str,
        _: Option<&[u8]>,
        each: &mut dyn FnMut(Rule<'a>),
    ) -> Result<(), Problem> {
        let rules = self.names.get(&(stream.clone(), name.to_owned()));
        rules.into_iter().flatten().filter(|rule| rule.names == names).for_each(|rule| each(*rule));
        Ok(())
    }
    fn advisory(&self, number: u32) -> Result<AdvisoryFacts, Problem> {
        Err(Problem::new("E-INTERNAL", "advisory", format!("only the rules of advisory {number} are at hand"), "report this as a fault of the program"))
    }
    fn advisory_text(&self, _: u32) -> Result<AdvisoryText, Problem> {
        Ok(AdvisoryText::default())
    }
    fn advisories_named(&self, _: &str) -> Result<Vec<u32>, Problem> {
        Ok(Vec::new())
    }
    fn threat(&self, _: &str) -> Result<Option<Threat>, Problem> {
        Ok(None)
    }
    fn statements(&self, _: &str) -> Result<Vec<Statement>, Problem> {
        Ok(Vec::new())
    }
    fn support(&self, _: &str) -> Result<Vec<SupportWindow>, Problem> {
        Ok(Vec::new())
    }
    fn package_support(&self, _: &Stream) -> Result<Vec<PackageSupport>, Problem> {
        Ok(Vec::new())
    }
    fn sources(&self) -> &[Source] {
        &[]
    }
    fn streams(&self) -> Vec<Stream> {
        self.names.keys().map(|(stream, _)| stream.clone()).collect()
    }
    fn covers(&self, stream: &Stream) -> bool {
        self.names.keys().any(|(named, _)| named == stream)
    }
}
