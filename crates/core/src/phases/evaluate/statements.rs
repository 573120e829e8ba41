//! VEX statements laid over verdicts.

use super::{Verdict, day};
use crate::knowledge::Knowledge;
use crate::model::because::{Because, BecauseKind};
use crate::model::component::Component;
use crate::model::finding::State;
use crate::model::problem::Problem;
use crate::model::statement::{Statement, VexStatus};

/// Applies the newest statement on each vulnerability of each verdict.
///
/// An advisory that bundles several CVEs is cleared only when every one of
/// them is spoken for; a partial clearance is shown as a reason.
pub(super) fn apply(component: &Component, knowledge: &dyn Knowledge, verdicts: &mut [Verdict]) -> Result<(), Problem> {
    for verdict in verdicts.iter_mut().filter(|verdict| verdict.state != State::Fixed) {
        let mut newest: Vec<Option<Statement>> = Vec::new();
        for name in names(verdict) {
            let statements = knowledge.statements(name)?;
            let own = statements.into_iter().filter(|statement| speaks_of(statement, component));
            newest.push(own.max_by_key(|statement| statement.timestamp));
        }
        if newest.iter().any(Option::is_some) {
            lay_over(verdict, &newest);
        }
    }
    Ok(())
}

/// The names under which statements speak of a verdict's vulnerabilities.
fn names(verdict: &Verdict) -> impl Iterator<Item = &str> {
    let advisory = &verdict.advisory;
    let single = advisory.cves.is_empty();
    let own = std::iter::once(&advisory.id).chain(&advisory.aliases).filter(move |_| single);
    own.chain(&advisory.cves).map(String::as_str)
}

fn lay_over(verdict: &mut Verdict, newest: &[Option<Statement>]) {
    let clears = |statement: &Statement| matches!(statement.status, VexStatus::NotAffected | VexStatus::Fixed);
    let single = verdict.advisory.cves.is_empty();
    let cleared = if single {
        newest.iter().flatten().any(clears)
    } else {
        !newest.is_empty() && newest.iter().all(|one| one.as_ref().is_some_and(clears))
    };
    let said: Vec<(Because, &Statement)> = names(verdict)
        .zip(newest)
        .filter_map(|(name, statement)| Some((name, statement.as_ref()?)))
        .map(|(name, statement)| (Because::new(BecauseKind::Statement, words(name, statement)), statement))
        .collect();
    for (because, statement) in said {
        verdict.because.push(because);
        if statement.status == VexStatus::UnderInvestigation && verdict.state == State::Affected && verdict.fixed_version.is_none() {
            verdict.detail = Some("under-investigation");
        }
    }
    if cleared {
        verdict.state = State::NotAffected;
        verdict.detail = Some("vex");
    }
}

fn words(name: &str, statement: &Statement) -> String {
    let status = match statement.status {
        VexStatus::Affected => "affected",
        VexStatus::NotAffected => "not affected",
        VexStatus::Fixed => "fixed",
        VexStatus::UnderInvestigation => "under investigation",
    };
    let when = statement.timestamp.map_or(String::new(), |when| format!(" on {}", day(when)));
    let why = statement.justification.as_deref().or(statement.text.as_deref()).map_or(String::new(), |why| format!(" ({why})"));
    format!("{} said{when} in {} that {name} is {status} here{why}", statement.author, statement.document)
}

/// Whether one of a statement's products is this component.
///
/// A product without version speaks of every version. Qualifiers that the
/// product names (`arch`, `distro`) must agree; ones it leaves out do not
/// narrow.
fn speaks_of(statement: &Statement, component: &Component) -> bool {
    let own = Purl::split(&component.purl);
    statement.products.iter().any(|product| Purl::split(product).covers(&own, component))
}

struct Purl<'a> {
    path: &'a str,
    version: Option<&'a str>,
    qualifiers: Vec<(&'a str, &'a str)>,
}

impl<'a> Purl<'a> {
    fn split(purl: &'a str) -> Self {
        let purl = purl.split('#').next().unwrap_or(purl);
        let (rest, query) = purl.split_once('?').unwrap_or((purl, ""));
        let at = rest.rfind('@').filter(|at| !rest[*at..].contains('/'));
        let (path, version) = at.map_or((rest, None), |at| (&rest[..at], Some(&rest[at + 1..])));
        let qualifiers = query.split('&').filter_map(|pair| pair.split_once('=')).collect();
        Self { path, version, qualifiers }
    }

    fn covers(&self, own: &Purl<'_>, component: &Component) -> bool {
        let source_path = component.source.as_deref().and_then(|source| {
            own.path.rsplit_once('/').map(|(head, _)| format!("{head}/{source}"))
        });
        let from_source = source_path.as_deref() == Some(self.path);
        if self.path != own.path && !from_source {
            return false;
        }
        let version_agrees = match self.version {
            None => true,
            Some(version) => {
                let decoded = version.replace("%3A", ":").replace("%3a", ":").replace("%2B", "+").replace("%2b", "+").replace("%7E", "~");
                own.version == Some(version) || decoded == component.version || component.source_version.as_deref() == Some(decoded.as_str())
            }
        };
        version_agrees
            && self.qualifiers.iter().all(|(key, value)| {
                let source_arch = *key == "arch" && *value == "source";
                source_arch || own.qualifiers.iter().find(|(name, _)| name == key).is_none_or(|(_, have)| have == value)
            })
    }
}
