//! People, and roles in words.

use super::super::views::{Choice, Invitation, People, PersonRow, RoleHeld};
use crate::app::Shared;
use crate::http::gate::Allowed;
use crate::http::problem::Refusal;
use crate::identity::directory::FactorKind;
use crate::identity::role::{Grant, Permission, Role};
use axum::http::StatusCode;
use plimsoll_core::model::identifier::{ClientId, GroupId};
use std::collections::BTreeMap;

/// Names of clients and groups, for where a role holds.
pub struct Places {
    clients: BTreeMap<ClientId, String>,
    groups: BTreeMap<GroupId, (Option<ClientId>, String)>,
}

impl Places {
    /// Reads all of them.
    ///
    /// # Errors
    ///
    /// What the store meets.
    pub async fn read(app: &Shared) -> Result<Self, Refusal> {
        let all = plimsoll_store::Scope::All;
        let clients = app.store.clients(&all).await?.into_iter().map(|client| (client.id, client.name));
        let groups = app.store.groups(&all).await?.into_iter().map(|group| (group.id, (group.client, group.name)));
        Ok(Self { clients: clients.collect(), groups: groups.collect() })
    }

    fn client(&self, id: ClientId) -> String {
        self.clients.get(&id).cloned().unwrap_or_else(|| id.to_string())
    }

    fn words(&self, grant: &Grant) -> String {
        match (grant.client, grant.group) {
            (None, _) => "everywhere".to_owned(),
            (Some(client), None) => format!("client {}", self.client(client)),
            (Some(client), Some(group)) => {
                let name = self.groups.get(&group).map_or_else(|| group.to_string(), |(_, name)| name.clone());
                format!("group {name} of {}", self.client(client))
            }
        }
    }

    /// A role in words.
    pub fn held(&self, grant: &Grant) -> RoleHeld {
        RoleHeld { value: write_grant(grant), role: role_words(grant.role).to_owned(), scope: self.words(grant) }
    }

    /// Where a role can be given.
    fn choices(&self) -> Vec<Choice> {
        let choice = |value: String, text: String| Choice { value, text, count: None };
        let mut out = vec![choice("|".to_owned(), "everywhere".to_owned())];
        for (client, name) in &self.clients {
            out.push(choice(format!("{client}|"), format!("client {name}")));
            // A group across all clients holds hosts of each; a role for it is
            // given client by client.
            let of_client = self.groups.iter().filter(|(_, (owner, _))| owner.is_none() || *owner == Some(*client));
            out.extend(of_client.map(|(group, (_, text))| choice(format!("{client}|{group}"), format!("group {text} of {name}"))));
        }
        out
    }
}

/// A role in the words of the console.
pub fn role_words(role: Role) -> &'static str {
    match role {
        Role::PolicyAuthor => "policy author",
        role => role.word(),
    }
}

/// A grant as forms carry it: `role|client|group`.
pub fn write_grant(grant: &Grant) -> String {
    let text = |id: Option<String>| id.unwrap_or_default();
    format!("{}|{}|{}", grant.role.word(), text(grant.client.map(|id| id.to_string())), text(grant.group.map(|id| id.to_string())))
}

/// Reads a grant from a form.
///
/// # Errors
///
/// 400 `E-GRANT`.
pub fn read_grant(text: &str) -> Result<Grant, Refusal> {
    let wrong = || Refusal::new(StatusCode::BAD_REQUEST, "E-GRANT", format!("{text:?} is no role and place"), "reload the page and choose again");
    let mut parts = text.split('|');
    let (role, client, group) = (parts.next().unwrap_or_default(), parts.next().unwrap_or_default(), parts.next().unwrap_or_default());
    let role = Role::parse(role).ok_or_else(wrong)?;
    let client = if client.is_empty() { None } else { Some(client.parse().map_err(|_| wrong())?) };
    let group = if group.is_empty() { None } else { Some(group.parse().map_err(|_| wrong())?) };
    Ok(Grant { role, client, group })
}

/// A kind of second factor in words.
pub fn factor_words(kind: FactorKind) -> &'static str {
    match kind {
        FactorKind::Totp => "one-time codes",
        FactorKind::Passkey => "passkey",
    }
}

fn does(role: Role) -> &'static str {
    match role {
        Role::Client => "client: sees its own hosts and reports, answers what its client is asked",
        Role::Viewer => "viewer: sees hosts, findings and policy",
        Role::Operator => "operator: looks after hosts and groups",
        Role::Approver => "approver: approves what others prepared",
        Role::PolicyAuthor => "policy author: writes the policy",
        Role::Auditor => "auditor: sees everything, changes nothing",
        Role::Administrator => "administrator: keeps people and settings",
    }
}

/// Fills the page of people.
///
/// # Errors
///
/// What the store meets.
pub async fn people(app: &Shared, allowed: &Allowed, invitation: Option<Invitation>) -> Result<People, Refusal> {
    let places = Places::read(app).await?;
    let mut rows = Vec::new();
    for person in app.identity.people().await? {
        let mut factors: Vec<String> = app.identity.factors_of(person.id).await?.iter().map(|factor| factor_words(factor.kind).to_owned()).collect();
        factors.sort();
        factors.dedup();
        rows.push(PersonRow {
            id: person.id.to_string(),
            roles: person.grants.iter().map(|grant| places.held(grant)).collect(),
            own: allowed.principal.person_id() == Some(person.id),
            account: person.account,
            name: person.name,
            mail: person.email,
            factors,
            through: person.issuer.unwrap_or_else(|| "local account".to_owned()),
            made: person.created,
            locked: person.disabled.is_some(),
        });
    }
    let roles = Role::ALL.iter().map(|role| Choice { value: role.word().to_owned(), text: does(*role).to_owned(), count: None });
    Ok(People {
        rows,
        roles: roles.collect(),
        places: places.choices(),
        changes: allowed.principal.may(Permission::EditPeople),
        invitation,
    })
}
