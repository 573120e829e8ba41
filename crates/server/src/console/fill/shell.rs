//! What every page shows: the reader, the age of the answer, its coverage.

use super::super::views::{Abilities, Answer, Choice, DatabaseAge, Reader, Shell};
use crate::api::hosts::visible;
use crate::app::App;
use crate::fleet::question::{Clock, Standing};
use crate::http::gate::Allowed;
use crate::identity::principal::{Principal, Who};
use crate::identity::role::{Permission, Scope};
use plimsoll_core::model::identifier::ClientId;
use plimsoll_core::model::scan::Coverage;
use roaring::RoaringBitmap;

/// The shell of a page.
pub fn shell(app: &App, allowed: &Allowed) -> Shell {
    let clock = app.clock();
    let reader = reader(app, allowed, clock.now);
    let answer = reader.is_some().then(|| {
        let seen = visible(app, &allowed.principal.scope(Permission::ReadFleet));
        answer(app, &seen, clock)
    });
    Shell {
        now: clock.now,
        reader,
        evaluation: app.configuration.evaluation,
        answer,
        version: env!("CARGO_PKG_VERSION").to_owned(),
        // Every changing request is held against Origin and Sec-Fetch-Site.
        form_token: None,
        notice: None,
    }
}

/// Clients of which the reader may see something, by name.
pub fn clients(app: &App, principal: &Principal) -> Vec<(ClientId, String)> {
    let scope = principal.whole_scope(Permission::ReadFleet);
    let fleet = app.fleet.read();
    let seen = fleet.client_names.iter().filter(|(client, _)| match &scope {
        Scope::Everything => true,
        Scope::Clients(clients) => clients.contains_key(client),
    });
    let mut seen: Vec<_> = seen.map(|(client, name)| (*client, name.clone())).collect();
    seen.sort_by(|left, right| left.1.cmp(&right.1));
    seen
}

fn reader(app: &App, allowed: &Allowed, now: jiff::Timestamp) -> Option<Reader> {
    let principal = &allowed.principal;
    let clients = clients(app, principal);
    let Who::Person { name, .. } = &principal.who else { return None };
    // The roles are ordered by what they may do.
    let role = principal.grants().iter().map(|grant| grant.role).max().map_or("no role", |role| role.word());
    Some(Reader {
        name: name.clone(),
        role: role.to_owned(),
        client: principal.focus().map(|focus| {
            let named = clients.iter().find(|(client, _)| *client == focus);
            named.map_or_else(|| "a client that was put away".to_owned(), |(_, name)| name.clone())
        }),
        clients: if clients.len() > 1 || principal.focus().is_some() {
            clients.into_iter().map(|(client, name)| Choice { value: client.to_string(), text: name, count: None }).collect()
        } else {
            Vec::new()
        },
        proven: principal.proven_until(now),
        may: Abilities {
            operate: principal.may(Permission::EditHosts),
            enrol: principal.may(Permission::EnrolHosts),
            audit: principal.may(Permission::ReadEvidence),
            administer: principal.may(Permission::ReadPeople),
            notices: principal.may(Permission::ReadNotifications),
            portal: portal(principal),
        },
    })
}

/// Whether somebody speaks for a client and has no part in the provider's work.
pub fn portal(principal: &Principal) -> bool {
    principal.may(Permission::AnswerQuestions) && !principal.may(Permission::ReadPolicy)
}

fn answer(app: &App, seen: &RoaringBitmap, clock: Clock) -> Answer {
    let limit = app.policy().max_feed_age.seconds();
    let database = app.advisories.held().map(|held| {
        let troubled = held.sources(clock.now, limit).iter().filter(|source| !source.warnings.is_empty()).count() as u64;
        DatabaseAge {
            built: held.named.built,
            digest: held.named.digest.clone(),
            stale: held.named.built.is_none_or(|built| clock.now.as_second() - built.as_second() > limit),
            troubled_sources: troubled,
        }
    });
    let fleet = app.fleet.read();
    let (mut coverage, mut hosts, mut fresh) = (Coverage::default(), 0, 0);
    for managed in seen.iter().filter_map(|number| fleet.numbered(number)) {
        let standing = managed.standing(clock);
        if matches!(standing, Standing::Retired | Standing::Pending) {
            continue;
        }
        hosts += 1;
        fresh += u64::from(standing == Standing::Active);
        coverage.components += u64::from(managed.counts.components);
        coverage.evaluated += u64::from(managed.counts.evaluated);
    }
    coverage.not_covered = coverage.components - coverage.evaluated;
    Answer { as_of: clock.now, database, coverage, hosts, fresh_hosts: fresh }
}
