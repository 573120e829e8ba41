//! Exceptions.

use super::super::views::{Choice, ExceptionForm, ExceptionItem, Exceptions};
use super::clients;
use crate::api::stored;
use crate::app::Shared;
use crate::exceptions::concerned;
use crate::http::gate::Allowed;
use crate::http::problem::Refusal;
use crate::identity::role::{Permission, Scope};
use jiff::Timestamp;
use plimsoll_core::model::exception::{Covered, Exception, ExceptionStanding, ExceptionState};
use plimsoll_core::model::identifier::{ClientId, GroupId};
use plimsoll_core::model::policy::WaiverKind;
use plimsoll_core::phases::prioritize::exception::review_due;
use std::collections::BTreeMap;

/// Exceptions on the page; more are better asked for by the API.
const ROWS: usize = 500;

/// What the reader may do with exceptions of which clients.
struct May {
    edit: Scope,
    approve: Scope,
    refuse: Scope,
}

/// Fills the page of exceptions; `with` are an advisory and a host's name that
/// the form is filled with.
///
/// # Errors
///
/// The store cannot be read.
pub async fn exceptions(app: &Shared, allowed: &Allowed, with: (String, String)) -> Result<Exceptions, Refusal> {
    let now = app.clock().now;
    let mut found = app.store.exceptions(&stored(&allowed.scope)).await?;
    // The sort is stable: the newest stay first.
    found.sort_by_key(|exception| {
        (exception.standing(now) != ExceptionStanding::Requested, exception.standing(now) != ExceptionStanding::Approved)
    });
    let total = found.len() as u64;
    let scope = |permission| allowed.principal.scope(permission);
    let may =
        May { edit: scope(Permission::EditExceptions), approve: scope(Permission::Approve), refuse: scope(Permission::RefuseExceptions) };
    let names: BTreeMap<ClientId, String> = clients(app, &allowed.principal).into_iter().collect();
    let groups = app.store.groups(&stored(&scope(Permission::ReadFleet))).await?;
    let group_names: BTreeMap<GroupId, String> = groups.iter().map(|group| (group.id, group.name.clone())).collect();
    let own = allowed.principal.person_id();
    let policy = app.policy();
    let row = |exception: Exception| {
        let asked = exception.requester.person;
        let waits = exception.standing(now) == ExceptionStanding::Requested;
        let another = own.is_some() && asked != own && !exception.approvals.iter().any(|approval| Some(approval.person) == own);
        let client = exception.client;
        ExceptionItem {
            client: names.get(&client).filter(|_| names.len() > 1).cloned(),
            may_approve: waits && another && may.approve.holds(client),
            may_refuse: waits && may.refuse.holds(client),
            review_due: review_due(&policy, &exception).filter(|_| exception.in_force(now)),
            may_review: may.edit.holds(client) && exception.in_force(now),
            may_withdraw: may.edit.holds(client) && (waits || exception.in_force(now)),
            may_renew: may.edit.holds(client) && exception.state == ExceptionState::Approved,
            findings: concerned(app, &exception).len() as u64,
            ..item(exception, &group_names, now)
        }
    };
    let rows = found.into_iter().take(ROWS).map(row).collect();
    let ask = allowed.principal.may(Permission::EditExceptions).then(|| {
        let held = names.iter().filter(|(client, _)| may.edit.holds(**client));
        let choice = |value: String, text: String| Choice { value, text, count: None };
        ExceptionForm {
            clients: held.map(|(client, name)| choice(client.to_string(), name.clone())).collect(),
            groups: groups.iter().map(|group| choice(group.id.to_string(), group.name.clone())).collect(),
            kinds: WaiverKind::ALL
                .into_iter()
                .filter(|kind| *kind != WaiverKind::FalsePositive)
                .map(|kind| choice(kind.as_str().to_owned(), kind.words().to_owned()))
                .collect(),
            advisories: with.0,
            hosts: with.1,
        }
    });
    Ok(Exceptions { rows, total, ask, approves: allowed.principal.may(Permission::Approve) })
}

fn item(exception: Exception, groups: &BTreeMap<GroupId, String>, now: Timestamp) -> ExceptionItem {
    let standing = exception.standing(now);
    let class = match standing {
        ExceptionStanding::Requested => "due-soon",
        ExceptionStanding::Approved => "excepted",
        ExceptionStanding::Expired => "late",
        ExceptionStanding::Refused | ExceptionStanding::Withdrawn | ExceptionStanding::Replaced => "none",
    };
    let ended = matches!(standing, ExceptionStanding::Refused | ExceptionStanding::Withdrawn);
    ExceptionItem {
        id: exception.id.to_string(),
        client: None,
        state: (standing.word(), class),
        kind: exception.kind.words(),
        hosts: match &exception.hosts {
            Covered::All => "all hosts".to_owned(),
            Covered::Group(group) => groups.get(group).map_or_else(|| "a group that is gone".to_owned(), |name| format!("group {name}")),
            Covered::Hosts(hosts) if hosts.len() == 1 => "1 host".to_owned(),
            Covered::Hosts(hosts) => format!("{} hosts", hosts.len()),
        },
        findings: 0,
        approvers: exception.approvers(),
        approvals: (exception.approvals.len() as u64, u64::from(exception.quorum)),
        ended: exception.decided.as_ref().filter(|_| ended).map(|decided| format!("by {}: {}", decided.by, decided.why)),
        renewals: u64::from(exception.renewals),
        advisories: exception.advisories.into_iter().collect(),
        package: exception.package,
        owner: exception.owner,
        reason: exception.reason,
        control: exception.control,
        until: exception.until,
        requester: exception.requester.name,
        requested: exception.requested,
        review_due: None,
        may_review: false,
        may_approve: false,
        may_refuse: false,
        may_withdraw: false,
        may_renew: false,
    }
}
