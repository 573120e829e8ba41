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

use crate::knowledge::{AdvisoryFacts, Knowledge, Rule, RuleEnd};
use crate::model::advisory::{AdvisoryKind, NamesWhat, Status};
use crate::model::because::{Because, BecauseKind, Explained};
use crate::model::component::Component;
use crate::model::finding::{Fix, State};
use crate::model::host::Host;
use crate::model::problem::Problem;
use crate::model::stream::Stream;

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
    /// Whether verdicts of advisories that are fixed already are wanted.
    pub include_fixed: bool,
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
    /// Verdicts, in the order of advisory ids.
    pub verdicts: Vec<Verdict>,
    /// Whether any source speaks of the component's stream.
    pub covered: bool,
    /// Set when the version cannot be read, with the reason.
    pub unreadable: Option<String>,
}

/// One rule that says something of the component.
struct Hit<'a> {
    rule: Rule<'a>,
    says: Says,
}

/// What it says.
#[derive(Clone, PartialEq, Eq, Debug)]
enum Says {
    Outcome(Outcome),
    Denied,
    Elsewhere(Because),
}

/// What the rules of one advisory add up to.
#[derive(Default)]
struct Gathered<'h, 'a> {
    affected: Option<&'h Hit<'a>>,
    fixed: Option<&'h Hit<'a>>,
    unreadable: Option<&'h Hit<'a>>,
    denied_by: Option<u32>,
    remarks: Vec<Because>,
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
    let compared = Compared::new(component, stream);
    decision.unreadable = compared.unreadable().map(str::to_owned);
    let keep_fixed = input.include_fixed || relevance::minor_tag(&component.version).is_some();
    let hits = gather(component, input.host, input.knowledge, stream, &compared, keep_fixed)?;
    for group in hits.chunk_by(|a, b| a.rule.advisory == b.rule.advisory) {
        let gathered = add_up(group);
        if let Some(verdict) = settle(input, stream, &compared, gathered)? {
            decision.verdicts.push(verdict);
        }
    }
    relevance::choose_minor_release(component, &mut decision.verdicts);
    relevance::unite_aliases(&mut decision.verdicts);
    statements::apply(component, input.knowledge, &mut decision.verdicts)?;
    kernel::apply(component, &mut decision.verdicts);
    decision.verdicts.sort_by(|a, b| a.advisory.id.cmp(&b.advisory.id));
    Ok(Explained { decision, because: Vec::new() })
}

/// Numbers of the advisories that affect a component, ascending, without the
/// reasons.
///
/// This is matching alone, by the very rules that [`decide`] explains; a
/// fleet's index and the benchmarks use it.
pub fn matches(component: &Component, host: &Host, knowledge: &dyn Knowledge) -> Result<Vec<u32>, Problem> {
    let Some(stream) = component.stream.as_ref().filter(|stream| knowledge.covers(stream)) else {
        return Ok(Vec::new());
    };
    let compared = Compared::new(component, stream);
    let hits = gather(component, host, knowledge, stream, &compared, false)?;
    let groups = hits.chunk_by(|a, b| a.rule.advisory == b.rule.advisory);
    Ok(groups
        .filter(|group| {
            let inside = |hit: &Hit<'_>| hit.says == Says::Outcome(Outcome::Inside);
            group.iter().any(inside) && !group.iter().any(|hit| hit.says == Says::Denied)
        })
        .filter_map(|group| group.first().map(|hit| hit.rule.advisory))
        .collect())
}

/// Asks the database for the rules on the component's names and keeps those
/// that say something, by advisory.
///
/// Those that are fixed already are kept only where somebody wants to know.
fn gather<'a>(
    component: &Component,
    host: &Host,
    knowledge: &'a dyn Knowledge,
    stream: &Stream,
    compared: &Compared<'_>,
    keep_fixed: bool,
) -> Result<Vec<Hit<'a>>, Problem> {
    let mut hits: Vec<Hit<'a>> = Vec::new();
    let mut take = |rule: Rule<'a>| {
        // The cheap test first: most rules do not concern this version.
        let says = match compared.against(&rule) {
            Outcome::Outside => return,
            Outcome::AtOrAfterFix if !keep_fixed && rule.status != Status::NotAffected => return,
            outcome => match relevance::applies(component, host, stream, &rule) {
                relevance::Applies::No(reason) => Says::Elsewhere(reason),
                relevance::Applies::Yes if rule.status == Status::NotAffected => Says::Denied,
                relevance::Applies::Yes => Says::Outcome(outcome),
            },
        };
        hits.push(Hit { rule, says });
    };
    let mut ask = |names: NamesWhat, name: &str| {
        let settled_at = compared.key(names).filter(|_| !keep_fixed);
        knowledge.rules(stream, names, name, settled_at, &mut take)
    };
    if stream.is_operating_system() {
        // A source rule must not match a binary that merely has the source's
        // name (emacs-filesystem is not emacs), nor the other way round.
        ask(NamesWhat::Source, component.source.as_deref().unwrap_or(&component.name))?;
        ask(NamesWhat::Binary, &component.name)?;
    } else {
        ask(NamesWhat::Binary, &stream.normalise_name(&component.name))?;
    }
    hits.sort_by_key(|hit| (hit.rule.advisory, hit.rule.names, hit.rule.order));
    Ok(hits)
}

/// Adds up what the rules of one advisory said.
fn add_up<'h, 'a>(group: &'h [Hit<'a>]) -> Gathered<'h, 'a> {
    let mut gathered = Gathered::default();
    for hit in group {
        match &hit.says {
            Says::Denied => gathered.denied_by = Some(hit.rule.advisory),
            Says::Elsewhere(reason) => {
                if gathered.remarks.len() < 4 && !gathered.remarks.contains(reason) {
                    gathered.remarks.push(reason.clone());
                }
            }
            Says::Outcome(Outcome::Inside) => {
                // Several ranges may hold the version (one a repository); one
                // that names a fix, then the ordinary repository, wins.
                let rank = |hit: &Hit<'_>| {
                    let fixed = matches!(hit.rule.end, RuleEnd::Fixed(_));
                    (!fixed, hit.rule.only.is_some_and(|only| only.repository.is_some()))
                };
                if gathered.affected.is_none_or(|known| rank(hit) < rank(known)) {
                    gathered.affected = Some(hit);
                }
            }
            Says::Outcome(Outcome::AtOrAfterFix) => gathered.fixed = Some(hit),
            Says::Outcome(Outcome::Unreadable) => gathered.unreadable = Some(hit),
            Says::Outcome(Outcome::Outside) => {}
        }
    }
    gathered
}

/// Makes the verdict of one advisory.
fn settle(
    input: &Input<'_>,
    stream: &Stream,
    compared: &Compared<'_>,
    gathered: Gathered<'_, '_>,
) -> Result<Option<Verdict>, Problem> {
    let hits = [gathered.affected, gathered.unreadable, gathered.fixed];
    let Some(number) = hits.into_iter().flatten().next().map(|hit| hit.rule.advisory).or(gathered.denied_by) else {
        return Ok(None);
    };
    let advisory = input.knowledge.advisory(number)?;
    if advisory.withdrawn.is_some() {
        return Ok(None);
    }
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
    if gathered.denied_by.is_some() {
        verdict.state = State::NotAffected;
        verdict.because.push(Because::new(
            BecauseKind::Statement,
            format!("the source says that {} in {stream} is not affected", input.component.name),
        ));
    } else if let Some(hit) = gathered.affected {
        affected(input, stream, compared, hit, &mut verdict);
    } else if let Some(hit) = gathered.unreadable {
        verdict.state = State::Unknown;
        verdict.detail = Some("unreadable-version");
        verdict.because.push(compared.explain(&hit.rule, Outcome::Unreadable));
    } else if let Some(hit) = gathered.fixed {
        verdict.state = State::Fixed;
        verdict.fixed_version = fixed_version(&hit.rule);
        verdict.because.push(compared.explain(&hit.rule, Outcome::AtOrAfterFix));
    }
    Ok(Some(verdict))
}

/// Fills in the verdict of a component that a rule says is affected.
fn affected(input: &Input<'_>, stream: &Stream, compared: &Compared, hit: &Hit<'_>, verdict: &mut Verdict) {
    verdict.because.push(compared.explain(&hit.rule, Outcome::Inside));
    verdict.fixed_version = fixed_version(&hit.rule);
    (verdict.state, verdict.detail) = state_of(hit.rule.status);
    if let Some(detail) = verdict.detail {
        let text = format!("the source's state for {stream} is “{detail}”");
        verdict.because.push(Because::new(BecauseKind::Source, text));
    }
    let repository = hit.rule.only.and_then(|only| only.repository.as_deref());
    find_fix(input, stream, verdict, repository);
}

fn fixed_version(rule: &Rule<'_>) -> Option<String> {
    match rule.end {
        RuleEnd::Fixed(version) => Some(version.shown().into_owned()),
        _ => None,
    }
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
