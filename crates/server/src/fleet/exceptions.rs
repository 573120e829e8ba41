//! **Exceptions** held against findings: which of them somebody accepts, and
//! until when. It only marks; no due date comes from here.

use super::judged::Open;
use super::names::{Name, Names};
use super::{Managed, State};
use jiff::Timestamp;
use plimsoll_core::model::advisory::Rating;
use plimsoll_core::model::exception::{Covered, Exception, ExceptionState};
use plimsoll_core::model::identifier::{ClientId, ExceptionId, GroupId, HostId};
use plimsoll_core::model::policy::WaiverKind;
use plimsoll_core::model::registration::Registration;
use roaring::RoaringBitmap;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use utoipa::ToSchema;

/// Approved exceptions by the advisories that they name.
#[derive(Default)]
pub struct Exceptions(BTreeMap<Name, Vec<Accepted>>);

/// One approved exception.
struct Accepted {
    client: ClientId,
    package: Option<Name>,
    hosts: Covered,
    mark: ExceptionMark,
}

/// The exception that a finding is under.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, ToSchema)]
pub struct ExceptionMark {
    /// Id.
    #[schema(value_type = String)]
    pub id: ExceptionId,
    /// What justifies it.
    #[schema(value_type = String)]
    pub kind: WaiverKind,
    /// First moment in which the finding counts again.
    #[schema(value_type = String, format = DateTime)]
    pub until: Timestamp,
    /// Who approved it.
    pub by: String,
}

/// A finding that is under an exception.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, ToSchema)]
pub struct Excepted {
    /// Advisory.
    pub advisory: String,
    /// Component's name.
    pub component: String,
    /// Its due date, which stays.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub due: Option<Timestamp>,
    /// The exception.
    pub exception: ExceptionMark,
}

impl ExceptionMark {
    /// For readers.
    pub fn sentence(&self) -> String {
        format!("Excepted until {:.0} by {}: {}.", self.until, self.by, self.kind.words())
    }
}

impl Exceptions {
    /// Takes the approved ones out of all.
    pub fn of(all: &[Exception], names: &mut Names) -> Self {
        let mut by: BTreeMap<Name, Vec<Accepted>> = BTreeMap::new();
        for one in all.iter().filter(|one| one.state == ExceptionState::Approved) {
            let package = one.package.as_deref().map(|package| names.keep(package));
            let mark = ExceptionMark { id: one.id, kind: one.kind, until: one.until, by: one.approvers() };
            for advisory in &one.advisories {
                let accepted = Accepted { client: one.client, package, hosts: one.hosts.clone(), mark: mark.clone() };
                by.entry(names.keep(advisory)).or_default().push(accepted);
            }
        }
        Self(by)
    }

    /// The exception that a finding is under at a moment; of several the one
    /// that lasts longest.
    pub fn over(
        &self,
        groups: &BTreeMap<GroupId, RoaringBitmap>,
        host: &Registration,
        open: &Open,
        now: Timestamp,
    ) -> Option<&ExceptionMark> {
        let accepted = self.0.get(&open.advisory)?.iter().filter(|one| {
            now < one.mark.until
                && one.client == host.client
                && one.package.is_none_or(|package| package == open.component)
                && covers(&one.hosts, groups, host)
        });
        accepted.map(|one| &one.mark).max_by_key(|mark| (mark.until, mark.id))
    }
}

/// Whether a host of the client is among those covered.
fn covers(hosts: &Covered, groups: &BTreeMap<GroupId, RoaringBitmap>, host: &Registration) -> bool {
    match hosts {
        Covered::All => true,
        Covered::Group(group) => groups.get(group).is_some_and(|members| members.contains(host.number)),
        Covered::Hosts(hosts) => hosts.contains(&host.id),
    }
}

/// Which findings an exception is about.
#[derive(Clone, Copy, Debug)]
pub struct Selection<'a> {
    /// Client.
    pub client: ClientId,
    /// Advisories.
    pub advisories: &'a BTreeSet<String>,
    /// Package; none for any.
    pub package: Option<&'a str>,
    /// Hosts.
    pub hosts: &'a Covered,
}

impl<'a> From<&'a Exception> for Selection<'a> {
    fn from(exception: &'a Exception) -> Self {
        Self { client: exception.client, advisories: &exception.advisories, package: exception.package.as_deref(), hosts: &exception.hosts }
    }
}

/// An open finding that a selection holds.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Concerned {
    /// Host.
    pub host: HostId,
    /// Its number.
    pub number: u32,
    /// Advisory.
    pub advisory: String,
    /// Severity.
    pub rating: Rating,
}

impl State {
    /// Lays down the exceptions there are, and counts again.
    pub fn lay_exceptions(&mut self, all: &[Exception], now: Timestamp) -> Vec<HostId> {
        self.exceptions = Exceptions::of(all, &mut self.names);
        self.recount(now)
    }

    /// The exception that a finding of a host is under.
    pub fn exception(&self, managed: &Managed, open: &Open, now: Timestamp) -> Option<&ExceptionMark> {
        self.exceptions.over(&self.by_group, &managed.registration, open, now)
    }

    /// Findings of a host that are under an exception.
    pub fn excepted(&self, managed: &Managed, now: Timestamp) -> Vec<Excepted> {
        let findings = managed.judged.iter().flat_map(|judged| &judged.findings);
        let excepted = findings.filter_map(|open| {
            let exception = self.exception(managed, open, now)?.clone();
            let text = |name: Name| self.names.text(name).to_owned();
            let due = open.due().and_then(|due| Timestamp::from_second(due).ok());
            Some(Excepted { advisory: text(open.advisory), component: text(open.component), due, exception })
        });
        excepted.collect()
    }

    /// Open findings that a selection holds, whether anything is in force or
    /// not.
    pub fn concerned(&self, which: Selection<'_>) -> Vec<Concerned> {
        let Some(own) = self.of_client(which.client) else {
            return Vec::new();
        };
        let package = which.package.map(|package| self.names.find(package));
        let mut found = Vec::new();
        for advisory in which.advisories {
            let Some(name) = self.names.find(advisory) else {
                continue;
            };
            let hosts = self.under(name).map(|hosts| hosts & own).unwrap_or_default();
            for managed in hosts.iter().filter_map(|number| self.numbered(number)) {
                let host = &managed.registration;
                if !covers(which.hosts, &self.by_group, host) {
                    continue;
                }
                let open = managed.judged.iter().flat_map(|judged| &judged.findings).filter(|open| open.advisory == name);
                let open = open.filter(|open| package.is_none_or(|package| package == Some(open.component)));
                found.extend(open.map(|open| Concerned {
                    host: host.id,
                    number: host.number,
                    advisory: advisory.clone(),
                    rating: open.rating,
                }));
            }
        }
        found
    }
}

#[cfg(test)]
mod tests;
