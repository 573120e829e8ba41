//! Phase 3, evaluate: do we run it, is it relevant here, is there a
//! workaround, where is the fix?
//!
//! [`decide`] takes one component and what an advisory database knows of it,
//! and says for each advisory whether the component is affected, with the
//! reasons. It never drops what it cannot tell: an unreadable version is
//! `unknown`, a stream out of support is `unsupported`.

mod kernel;
mod relevance;
mod statements;
mod versions;

use crate::knowledge::{AdvisoryFacts, Knowledge, Rule};
use crate::model::advisory::{AdvisoryKind, NamesWhat, Status};
use crate::model::because::{Because, BecauseKind, Explained};
use crate::model::component::Component;
use crate::model::finding::{Fix, State};
use crate::model::host::Host;
use crate::model::problem::Problem;
use crate::model::stream::Stream;
use std::collections::BTreeMap;

use versions::{Compared, Outcome};

/// Everything the evaluation of one component may look at.
pub struct Input<'a> {
    /// The component.
    pub component: &'a Component,
    /// The host it is on.
    pub host: &'a Host,
    /// What is known.
    pub knowledge: &'a dyn Knowledge,
    /// Newest version that the host's repositories offer of this package, with
    /// its origin, when that is known.
    pub offered: Option<Offered<'a>>,
    /// Whether the host's repositories are known at all.
    pub repositories_known: bool,
}

/// What a host's repositories offer of one package.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Offered<'a> {
    /// Binary version.
    pub version: &'a str,
    /// Source version.
    pub source_version: Option<&'a str>,
    /// Origin.
    pub origin: &'a str,
}

/// The verdict on one component under one advisory.
#[derive(Clone, PartialEq, Debug)]
pub struct Verdict {
    /// Number of the advisory in the database.
    pub number: u32,
    /// The advisory.
    pub advisory: AdvisoryFacts,
    /// State.
    pub state: State,
    /// The source's finer word.
    pub detail: Option<&'static str>,
    /// First version that holds the fix.
    pub fixed_version: Option<String>,
    /// Whether the fix can be had here.
    pub fix: Fix,
    /// Why.
    pub because: Vec<Because>,
}

/// What evaluation decided of one component.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Decision {
    /// Verdicts, in the order of advisory ids; `fixed` ones included.
    pub verdicts: Vec<Verdict>,
    /// Whether any source speaks of the component's stream.
    pub covered: bool,
    /// Set when the version cannot be read, with the reason.
    pub unreadable: Option<String>,
}

/// What the rules of one advisory add up to.
#[derive(Default)]
struct Gathered {
    affected: Option<Match>,
    fixed: Option<Match>,
    denied: Option<Because>,
    unknown: Option<Because>,
    remarks: Vec<Because>,
}

struct Match {
    status: Status,
    fixed_version: Option<String>,
    because: Because,
    repository: Option<String>,
}

/// Evaluates one component against everything that is known of it.
pub fn decide(input: &Input<'_>) -> Result<Explained<Decision>, Problem> {
    let component = input.component;
    let Some(stream) = &component.stream else {
        let reason = Because::new(BecauseKind::Source, format!("no source is known to judge {}", component.purl));
        return Ok(Explained { decision: Decision::default(), because: vec![reason] });
    };
    let covered = input.knowledge.covers(stream);
    let mut decision = Decision { covered, ..Decision::default() };
    if !covered {
        let reason = Because::new(BecauseKind::Source, format!("the database holds no advisories for {stream}"));
        return Ok(Explained { decision, because: vec![reason] });
    }
    if let Some(reason) = relevance::third_party(component, stream) {
        decision.covered = false;
        return Ok(Explained { decision, because: vec![reason] });
    }
    let mut compared = match Compared::new(component, stream) {
        Ok(compared) => compared,
        Err(reason) => {
            decision.unreadable = Some(reason.clone());
            Compared::unreadable(reason)
        }
    };
    let gathered = gather(input, stream, &mut compared)?;
    for (number, gathered) in gathered {
        let advisory = input.knowledge.advisory(number)?;
        if advisory.withdrawn.is_none() {
            if let Some(verdict) = settle(input, stream, number, advisory, gathered)? {
                decision.verdicts.push(verdict);
            }
        }
    }
    relevance::choose_minor_release(component, &mut decision.verdicts);
    relevance::unite_aliases(&mut decision.verdicts);
    statements::apply(component, input.knowledge, &mut decision.verdicts)?;
    kernel::apply(component, &mut decision.verdicts);
    decision.verdicts.sort_by(|a, b| a.advisory.id.cmp(&b.advisory.id));
    Ok(Explained { decision, because: Vec::new() })
}

/// Asks the database for the rules on the component's names and sorts them by
/// advisory.
fn gather(
    input: &Input<'_>,
    stream: &Stream,
    compared: &mut Compared,
) -> Result<BTreeMap<u32, Gathered>, Problem> {
    let component = input.component;
    let mut out: BTreeMap<u32, Gathered> = BTreeMap::new();
    let name = stream.normalise_name(&component.name);
    let source = component.source.as_deref().unwrap_or(&component.name);
    let mut take = |wanted: NamesWhat, rule: Rule<'_>| {
        if rule.names == wanted {
            let gathered = out.entry(rule.advisory).or_default();
            judge(input, stream, compared, &rule, gathered);
        }
    };
    if stream.is_operating_system() {
        // A source rule must not match a binary that merely has the source's
        // name (emacs-filesystem is not emacs), nor the other way round.
        input.knowledge.rules(stream, source, &mut |rule| take(NamesWhat::Source, rule))?;
    }
    input.knowledge.rules(stream, &name, &mut |rule| take(NamesWhat::Binary, rule))?;
    Ok(out)
}

/// Holds one rule against the component and notes what it says.
fn judge(input: &Input<'_>, stream: &Stream, compared: &mut Compared, rule: &Rule<'_>, gathered: &mut Gathered) {
    match relevance::applies(input.component, input.host, stream, rule) {
        relevance::Applies::Yes => {}
        relevance::Applies::No(reason) => {
            if gathered.remarks.len() < 4 && !gathered.remarks.contains(&reason) {
                gathered.remarks.push(reason);
            }
            return;
        }
    }
    if rule.status == Status::NotAffected {
        gathered.denied = Some(Because::new(
            BecauseKind::Statement,
            format!("the source says that {} in {stream} is not affected", input.component.name),
        ));
        return;
    }
    match compared.against(rule) {
        Outcome::Inside { fixed, text } => {
            let matched = Match {
                status: rule.status,
                fixed_version: fixed,
                because: Because::new(BecauseKind::Version, text),
                repository: rule.only.and_then(|only| only.repository.clone()),
            };
            // Several ranges may hold the version (one a repository); the
            // one that names a fix, then the ordinary repository, wins.
            let better = gathered.affected.as_ref().is_none_or(|known| {
                (known.fixed_version.is_none(), known.repository.is_some())
                    > (matched.fixed_version.is_none(), matched.repository.is_some())
            });
            if better {
                gathered.affected = Some(matched);
            }
        }
        Outcome::AtOrAfterFix { fixed, text } => {
            gathered.fixed = Some(Match {
                status: rule.status,
                fixed_version: Some(fixed),
                because: Because::new(BecauseKind::Version, text),
                repository: None,
            });
        }
        Outcome::Outside => {}
        Outcome::Unreadable(text) => {
            gathered.unknown = Some(Because::new(BecauseKind::Version, text));
        }
    }
}

/// Adds up what the rules of one advisory said.
fn settle(
    input: &Input<'_>,
    stream: &Stream,
    number: u32,
    advisory: AdvisoryFacts,
    gathered: Gathered,
) -> Result<Option<Verdict>, Problem> {
    let mut verdict = Verdict {
        number,
        state: State::Affected,
        detail: None,
        fixed_version: None,
        fix: Fix::default(),
        because: vec![source_reason(input.knowledge, &advisory)],
        advisory,
    };
    verdict.because.extend(gathered.remarks);
    if let Some(reason) = gathered.denied {
        verdict.state = State::NotAffected;
        verdict.because.push(reason);
    } else if let Some(matched) = gathered.affected {
        verdict.because.push(matched.because);
        verdict.fixed_version = matched.fixed_version;
        (verdict.state, verdict.detail) = state_of(matched.status);
        if let Some(detail) = verdict.detail {
            verdict.because.push(Because::new(
                BecauseKind::Source,
                format!("the source's state for {stream} is “{detail}”"),
            ));
        }
        find_fix(input, stream, &mut verdict, matched.repository.as_deref());
    } else if let Some(reason) = gathered.unknown {
        verdict.state = State::Unknown;
        verdict.detail = Some("unreadable-version");
        verdict.because.push(reason);
    } else if let Some(matched) = gathered.fixed {
        verdict.state = State::Fixed;
        verdict.fixed_version = matched.fixed_version;
        verdict.because.push(matched.because);
    } else {
        return Ok(None);
    }
    Ok(Some(verdict))
}

fn state_of(status: Status) -> (State, Option<&'static str>) {
    match status {
        Status::Affected | Status::NotAffected => (State::Affected, None),
        Status::Postponed => (State::Affected, Some("postponed")),
        Status::WontFix => (State::Affected, Some("wont-fix")),
        Status::EndOfLife => (State::Unsupported, Some("end-of-life")),
        Status::UnderInvestigation => (State::Unknown, Some("under-investigation")),
    }
}

fn source_reason(knowledge: &dyn Knowledge, advisory: &AdvisoryFacts) -> Because {
    let names: Vec<&str> = advisory
        .sources
        .iter()
        .filter_map(|&number| knowledge.sources().get(usize::from(number)))
        .map(|source| source.name.as_str())
        .collect();
    let date = advisory.modified.or(advisory.published);
    let date = date.map_or_else(|| "without a date".to_owned(), |date| format!("of {}", day(date)));
    Because::new(BecauseKind::Source, format!("{} {date} in {}", advisory.id, names.join(", ")))
}

/// Says where the fix is, or why there is none.
fn find_fix(input: &Input<'_>, stream: &Stream, verdict: &mut Verdict, repository: Option<&str>) {
    let Some(fixed) = verdict.fixed_version.clone() else {
        verdict.fix.available = Some(false);
        verdict.because.push(Because::new(
            BecauseKind::Fix,
            format!("no version that fixes it is known for {stream}"),
        ));
        return;
    };
    if let Some(repository) = repository {
        let attached = input.host.subscriptions.as_ref().map(|list| list.iter().any(|name| name == repository));
        let word = match attached {
            Some(true) => "is attached to it",
            Some(false) => "is not attached to it",
            None => "cannot be told to be attached to it",
        };
        verdict.because.push(Because::new(
            BecauseKind::Fix,
            format!("the fix {fixed} exists only in {repository}; this host {word}"),
        ));
    }
    if !stream.is_operating_system() {
        // Registries keep every version; the fix can be had by changing the lock.
        verdict.fix = Fix { available: Some(true), version: Some(fixed), origin: Some(stream.to_string()) };
        return;
    }
    if !input.repositories_known {
        verdict.because.push(Because::new(BecauseKind::Fix, "the host's repositories are not known"));
        return;
    }
    let holds = input.offered.and_then(|offered| {
        let version = relevance::compared_version(input.component, stream, &offered);
        let at_least = versions::at_least(stream, version, &fixed)?;
        at_least.then_some(offered)
    });
    match holds {
        Some(offered) => {
            verdict.because.push(Because::new(
                BecauseKind::Fix,
                format!("{} from {} holds the fix {fixed}", offered.version, offered.origin),
            ));
            verdict.fix = Fix {
                available: Some(true),
                version: Some(offered.version.to_owned()),
                origin: Some(offered.origin.to_owned()),
            };
        }
        None => {
            verdict.fix.available = Some(false);
            verdict.because.push(Because::new(
                BecauseKind::Fix,
                format!("no enabled repository offers {} {fixed} or later", input.component.name),
            ));
        }
    }
}

/// Day of an instant in UTC, for reasons.
pub(crate) fn day(instant: jiff::Timestamp) -> jiff::civil::Date {
    instant.to_zoned(jiff::tz::TimeZone::UTC).date()
}

/// Whether a verdict is a finding that the policy binds.
pub fn is_obliging(verdict: &Verdict) -> bool {
    verdict.advisory.kind.is_security() && matches!(verdict.state, State::Affected | State::Unknown | State::Unsupported)
}

/// Whether a verdict is listed as a finding at all.
pub fn is_listed(verdict: &Verdict) -> bool {
    match verdict.advisory.kind {
        AdvisoryKind::Bugfix | AdvisoryKind::Enhancement => false,
        _ => verdict.state != State::Fixed,
    }
}
