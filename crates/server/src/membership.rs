//! **Membership**: who belongs to which group, kept in step with the hosts'
//! facts and with what people say of hosts and groups.
//!
//! The fleet in memory decides; the store keeps what was decided, so that a
//! role for a group reaches the same hosts after a start. One change at a time
//! goes through [`App::grouping`], so that the two cannot pass each other.

use crate::app::{App, News};
use crate::fleet::filter::Filter;
use plimsoll_core::model::identifier::{GroupId, HostId};
use plimsoll_store::groups::Group;
use plimsoll_store::{Scope, StoreError};
use roaring::RoaringBitmap;
use std::collections::BTreeSet;

/// Takes up all groups: at the start, and now and then for what another server
/// on the same store did.
///
/// # Errors
///
/// The store cannot be read.
pub async fn refresh(app: &App) -> Result<(), StoreError> {
    let _turn = app.grouping.lock().await;
    let groups = app.store.groups(&Scope::All).await?;
    let living = app.store.clients(&Scope::All).await?.into_iter().filter(|client| client.archived.is_none());
    app.fleet.write().client_names = living.map(|client| (client.id, client.name)).collect();
    let known: BTreeSet<GroupId> = groups.iter().map(|group| group.id).collect();
    {
        let mut fleet = app.fleet.write();
        let gone: Vec<GroupId> = fleet.groups().filter(|group| !known.contains(group)).collect();
        gone.into_iter().for_each(|group| fleet.drop_group(group));
    }
    for group in &groups {
        take_up(app, group).await?;
    }
    Ok(())
}

/// Brings one group up to what its query says, after it was made or edited.
///
/// # Errors
///
/// The store cannot be reached; the next [`refresh`] brings it up.
pub async fn settle(app: &App, group: &Group) -> Result<(), StoreError> {
    let _turn = app.grouping.lock().await;
    take_up(app, group).await
}

async fn take_up(app: &App, group: &Group) -> Result<(), StoreError> {
    let query = match group.query.as_str() {
        "" => None,
        text => match Filter::parse_lasting(text) {
            Ok(filter) => Some(filter),
            // What an older server took stays as it was until somebody looks.
            Err(problem) => {
                tracing::error!(group = group.name, code = problem.code, "its query cannot be read: {}", problem.text);
                None
            }
        },
    };
    let derived = query.is_some();
    let first = app.fleet.read().of_group(group.id).is_none();
    app.fleet.write().lay_query(group.id, group.client, query);
    if first || !derived {
        let members = app.store.group_members(group.id).await?;
        let mut fleet = app.fleet.write();
        let numbers = members.iter().filter_map(|id| fleet.host(*id).map(|managed| managed.registration.number)).collect();
        fleet.lay_group(group.id, numbers);
    }
    let wanted = app.fleet.read().members_by_query(group.id, app.clock());
    let Some(wanted) = wanted.filter(|wanted| app.fleet.read().of_group(group.id) != Some(wanted)) else { return Ok(()) };
    lay(app, group.id, wanted).await
}

/// Who loses a place loses it in memory first, and who gains one gains it once
/// it is kept: at no instant is anything seen that should not be.
async fn lay(app: &App, group: GroupId, wanted: RoaringBitmap) -> Result<(), StoreError> {
    let kept = app.store.group_members(group).await?;
    let ids: BTreeSet<HostId> = {
        let mut fleet = app.fleet.write();
        let left = fleet.of_group(group).map(|there| there & &wanted).unwrap_or_default();
        fleet.lay_group(group, left);
        // Hosts that only another server knows are that server's to place.
        let elsewhere = kept.into_iter().filter(|id| fleet.host(*id).is_none());
        wanted.iter().filter_map(|number| Some(fleet.numbered(number)?.registration.id)).chain(elsewhere).collect()
    };
    app.store.derive_group_members(group, &ids).await?;
    app.fleet.write().lay_group(group, wanted);
    let _ = app.news.send(News::Other);
    Ok(())
}

/// Puts one host where the groups' queries want it, after something about it
/// changed. What fails is in the log and comes right with the next
/// [`refresh`]: a host's report is not refused for it.
pub async fn follow(app: &App, host: HostId) {
    if app.fleet.read().misplaced(host, app.clock()).is_empty() {
        return;
    }
    let _turn = app.grouping.lock().await;
    let (number, moves) = {
        let fleet = app.fleet.read();
        let Some(managed) = fleet.host(host) else { return };
        (managed.registration.number, fleet.misplaced(host, app.clock()))
    };
    for (group, joins) in moves {
        if !joins {
            app.fleet.write().leave_group(group, number);
        }
        match app.store.derive_membership(group, host, joins).await {
            Ok(()) if joins => app.fleet.write().join_group(group, number),
            Ok(()) => {}
            Err(error) => tracing::error!(%host, %group, code = error.problem.code, "its place in a group is not kept: {}", error.problem.text),
        }
    }
}
