//! One host's facts carried through monitor, evaluate and prioritize into one
//! dated, explained answer.
//!
//! ```text
//! sources ──► monitor ──► warnings ─────────────────────────┐
//! components ──► evaluate ──► verdicts ──► prioritize ──► findings ─► Scan
//! updates ─────────────────────┴────────► prioritize ──► updates ──┘
//! ```

mod coverage;
mod memory;
mod part;
mod updates;

pub use coverage::{is_end_of_support, support_turned};
pub use memory::{Memory, Remembered, UPDATE, key_of};
pub use part::Part;

use crate::knowledge::Knowledge;
use crate::model::because::{Because, BecauseKind};
use crate::model::component::{Component, ComponentKind};
use crate::model::finding::{Finding, FindingComponent, State};
use crate::model::host::Host;
use crate::model::policy::{HostFacts, PolicySet};
use crate::model::problem::{Problem, printable};
use crate::model::scan::{Database, Scan};
use crate::model::source::{Source, SourceTrouble};
use crate::model::threat::Threat;
use crate::model::update::Update;
use crate::phases::evaluate::{self, Offered, Verdict};
use crate::phases::{monitor, prioritize};
use jiff::Timestamp;
use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::rc::Rc;

/// Everything an answer about one host may look at.
pub struct Input<'a> {
    /// The present; every clock is read at it.
    pub now: Timestamp,
    /// Program and version, for the answer's head.
    pub tool: String,
    /// The host.
    pub host: Host,
    /// Its components.
    pub components: Vec<Component>,
    /// Pending updates, where the package manager's view could be had.
    pub updates: Option<Vec<Update>>,
    /// Updates on offer that the plan leaves out.
    pub held_updates: Vec<Update>,
    /// Newest version on offer by (package, architecture).
    pub offered: &'a BTreeMap<(String, String), Offer>,
    /// What is known; none without a database.
    pub knowledge: Option<&'a dyn Knowledge>,
    /// The database as the answer names it.
    pub database: Option<Database>,
    /// The policies in force.
    pub policies: &'a PolicySet,
    /// What people say of the host.
    pub host_facts: &'a HostFacts,
    /// What was seen before.
    pub memory: &'a Memory,
    /// Whether findings that are fixed already are listed too, as
    /// explanations want them.
    pub include_fixed: bool,
    /// Problems met while reading.
    pub problems: Vec<Problem>,
}

/// A version on offer.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Offer {
    /// Binary version.
    pub version: String,
    /// Source version.
    pub source_version: Option<String>,
    /// Origin.
    pub origin: String,
}

/// The answer and what to remember of it.
pub struct Answer {
    /// The answer.
    pub scan: Scan,
    /// First-seen times, to be kept where the caller keeps a state file.
    pub memory: Memory,
}

/// What was decided of one component, for the parts that come after.
struct Judged {
    verdicts: Vec<Verdict>,
    covered: bool,
    unreadable: bool,
}

/// Makes the answer.
pub fn assess(mut input: Input<'_>) -> Result<Answer, Problem> {
    let mut memory = Memory::default();
    let warnings = watch(&mut input);
    let mut threats = Threats { knowledge: input.knowledge, merged: BTreeMap::new() };
    let by_source = kernel_offers(&input);
    let mut findings = Vec::new();
    let mut judged: Vec<Judged> = Vec::with_capacity(input.components.len());
    let repositories_known = !input.offered.is_empty() || !input.host.repositories.is_empty();
    for component in &input.components {
        let (verdicts, covered, unreadable) = match input.knowledge {
            Some(knowledge) => evaluate_one(&input, component, knowledge, repositories_known, &by_source)?,
            None => (Vec::new(), false, None),
        };
        if let Some(reason) = &unreadable {
            input.problems.push(unreadable_version(component, reason));
        }
        let listed = |verdict: &&Verdict| input.include_fixed || evaluate::is_listed(verdict);
        for verdict in verdicts.iter().filter(listed) {
            findings.push(finding(&input, component, verdict, &mut threats, &mut memory)?);
        }
        judged.push(Judged { verdicts, covered, unreadable: unreadable.is_some() });
    }
    let updates = input.updates.clone().map(|updates| updates::judge(updates, &input, &judged, &findings, &mut memory));
    let held_updates = updates::judge(input.held_updates.clone(), &input, &judged, &findings, &mut memory);
    let (coverage, ended) = coverage::measure(&input, &judged, &warnings)?;
    findings.extend(ended);
    if input.knowledge.is_some() {
        for stream in coverage.streams.iter().filter(|stream| !stream.evaluated && stream.components > 0) {
            input.problems.push(Problem::new(
                "W-NOT-COVERED",
                &stream.stream,
                format!("{} components of this stream were not judged: no source speaks of them", stream.components),
                "fetch a source for it (`plimsoll db sources` lists them), or watch its vendor by hand",
            ));
        }
    }
    findings.sort_by(|a, b| prioritize::urgency(a).cmp(&prioritize::urgency(b)));
    input.problems.sort();
    input.problems.dedup();
    Ok(Answer {
        scan: Scan {
            schema: Scan::SCHEMA.to_owned(),
            as_of: input.now,
            tool: input.tool,
            host: input.host,
            policies: input.policies.in_force(),
            database: input.database,
            components: input.components,
            findings,
            updates,
            held_updates,
            coverage,
            problems: input.problems,
        },
        memory,
    })
}

/// Judges the freshness of every source and lays the warnings into the
/// database part of the answer; returns the names of the troubled ones.
fn watch(input: &mut Input<'_>) -> BTreeSet<String> {
    let mut troubled = BTreeSet::new();
    let limit_seconds = input.policies.max_feed_age.seconds();
    let Some(database) = &mut input.database else {
        input.problems.push(Problem::new(
            "W-NO-DATABASE",
            "findings",
            "there is no advisory database, so findings are unknown",
            "get one with `plimsoll db update`, or name one with `--db FILE`",
        ));
        return troubled;
    };
    let used = used_streams(&input.components);
    for source in &mut database.sources {
        let decided = monitor::decide(&monitor::Input { source, now: input.now, limit_seconds });
        source.warnings = decided.decision;
        if source.warnings.is_empty() {
            continue;
        }
        troubled.insert(source.name.clone());
        if concerns(source, &used) {
            for warning in &source.warnings {
                input.problems.push(Problem::new(
                    format!("W-SOURCE-{}", format!("{:?}", warning.kind).to_uppercase()),
                    &source.name,
                    warning.text.clone(),
                    "run `plimsoll db update`; answers that rest on this source may miss news",
                ));
            }
        }
    }
    troubled
}

fn used_streams(components: &[Component]) -> BTreeSet<&str> {
    components.iter().filter_map(|component| component.stream.as_ref()).map(|stream| stream.as_str()).collect()
}

/// Whether a source speaks of what was scanned: of one of its streams, or of
/// CVEs in general. One that holds nothing says nothing, unless it failed.
fn concerns(source: &Source, used: &BTreeSet<&str>) -> bool {
    let failed = source.warnings.iter().any(|warning| warning.kind != SourceTrouble::Stale);
    let general = source.streams.is_empty() && (source.records > 0 || failed);
    general || source.streams.iter().any(|stream| used.contains(stream.as_str()))
}

fn evaluate_one(
    input: &Input<'_>,
    component: &Component,
    knowledge: &dyn Knowledge,
    repositories_known: bool,
    kernels: &BTreeMap<String, Offer>,
) -> Result<(Vec<Verdict>, bool, Option<String>), Problem> {
    let key = (component.name.clone(), component.arch.clone().unwrap_or_default());
    let kernel = (component.kind == ComponentKind::Kernel).then(|| kernels.get(component.source.as_ref()?)).flatten();
    let offered = kernel.or_else(|| input.offered.get(&key)).map(|offer| Offered {
        version: &offer.version,
        source_version: offer.source_version.as_deref(),
        origin: &offer.origin,
    });
    let explained = evaluate::decide(&evaluate::Input {
        component,
        host: &input.host,
        knowledge,
        offered,
        repositories_known,
        include_fixed: input.include_fixed,
    })?;
    let decision = explained.decision;
    Ok((decision.verdicts, decision.covered, decision.unreadable))
}

/// Newest kernel image that the plan installs, by source.
///
/// A kernel's fix comes as a package with a new name (a new ABI), so the
/// installed image's own name is never offered again.
fn kernel_offers(input: &Input<'_>) -> BTreeMap<String, Offer> {
    let sources: BTreeSet<&str> = input
        .components
        .iter()
        .filter(|component| component.kind == ComponentKind::Kernel)
        .filter_map(|component| component.source.as_deref())
        .collect();
    let mut out = BTreeMap::new();
    for update in input.updates.iter().flatten().filter(|update| update.new) {
        let Some(source) = update.source.as_deref().filter(|source| sources.contains(source)) else { continue };
        let offer = Offer {
            version: update.candidate.clone(),
            source_version: update.source_version.clone(),
            origin: format!("{} as {}", update.origin, update.package),
        };
        out.insert(source.to_owned(), offer);
    }
    out
}

fn unreadable_version(component: &Component, reason: &str) -> Problem {
    Problem::new(
        "W-UNREADABLE-VERSION",
        format!("{} {}", component.name, component.version),
        format!("its version cannot be read, so its findings are unknown: {}", printable(reason)),
        "look at this package by hand; compare with `plimsoll version compare`",
    )
}

/// Threats by advisory, each asked and merged once: a kernel
/// advisory names hundreds of CVEs and concerns several packages.
struct Threats<'a> {
    knowledge: Option<&'a dyn Knowledge>,
    merged: BTreeMap<u32, Rc<Threat>>,
}

impl Threats<'_> {
    /// All that is known of an advisory's CVEs, merged.
    fn of(&mut self, verdict: &Verdict) -> Result<Rc<Threat>, Problem> {
        if let Some(merged) = self.merged.get(&verdict.number) {
            return Ok(Rc::clone(merged));
        }
        let mut known = Vec::with_capacity(verdict.advisory.cves.len());
        if let Some(knowledge) = self.knowledge {
            for cve in &verdict.advisory.cves {
                known.extend(knowledge.threat(cve)?);
            }
        }
        let merged = Rc::new(Threat::of_bundle(&known));
        self.merged.insert(verdict.number, Rc::clone(&merged));
        Ok(merged)
    }
}

/// Makes one finding: the verdict, its threat facts, its obligations.
fn finding(
    input: &Input<'_>,
    component: &Component,
    verdict: &Verdict,
    threats: &mut Threats<'_>,
    memory: &mut Memory,
) -> Result<Finding, Problem> {
    let advisory = &verdict.advisory;
    let threat = threats.of(verdict)?;
    let obliging = evaluate::is_obliging(verdict);
    let first_seen = if obliging {
        memory.keep(input.memory, &memory::finding_key(&advisory.id, component), input.now)
    } else {
        None
    };
    // The day of the advisory is the day of the fix where the advisory *is*
    // the announcement of a fix, as errata and security advisories are.
    let fix_released = verdict.fixed_version.as_ref().and(advisory.published);
    let decided = prioritize::decide(&prioritize::Input {
        now: input.now,
        policies: input.policies,
        finding: prioritize::Facts {
            severities: &advisory.severities,
            threat: &threat,
            cves: &advisory.cves,
            component: Some(component),
            class: None,
            published: advisory.published.or(threat.published),
            fix_released,
            fix_exists: verdict.fixed_version.is_some(),
            fix_available: verdict.fix.available,
            first_seen,
            closed: None,
        },
        host: input.host_facts,
    });
    let mut because = verdict.because.clone();
    let (obligations, due) = if obliging {
        because.extend(decided.because);
        (decided.decision.obligations, decided.decision.due)
    } else {
        if verdict.state != State::NotAffected {
            because.push(Because::new(BecauseKind::Rule, "this kind of advisory carries no deadline"));
        }
        (Vec::new(), None)
    };
    Ok(Finding {
        advisory: advisory.id.clone(),
        aliases: aliases(verdict),
        kind: advisory.kind,
        summary: advisory.summary.clone(),
        component: FindingComponent::from(component),
        fixed_version: verdict.fixed_version.clone(),
        state: verdict.state,
        detail: verdict.detail.map(str::to_owned),
        fix: verdict.fix.clone(),
        severity: decided.decision.severity,
        priority: decided.decision.priority,
        kev: threat.kev.clone(),
        epss: threat.epss.clone(),
        ssvc: threat.ssvc,
        workarounds: advisory.workarounds.clone(),
        published: advisory.published,
        fix_released,
        first_seen,
        obligations,
        due,
        because,
        sources: source_names(input, &advisory.sources),
    })
}

/// CVEs first, then other names, each once, without the advisory's own id.
fn aliases(verdict: &Verdict) -> Vec<String> {
    let advisory = &verdict.advisory;
    // A kernel advisory names a thousand: looking through the list for each
    // would cost more than the rest of the finding.
    let mut seen: HashSet<&str> = HashSet::with_capacity(1 + advisory.cves.len() + advisory.aliases.len());
    seen.insert(&advisory.id);
    advisory.cves.iter().chain(&advisory.aliases).filter(|name| seen.insert(name)).cloned().collect()
}

fn source_names(input: &Input<'_>, numbers: &[u16]) -> Vec<String> {
    let sources = input.knowledge.map_or(&[][..], |knowledge| knowledge.sources());
    numbers.iter().filter_map(|&number| sources.get(usize::from(number))).map(|source| source.name.clone()).collect()
}
