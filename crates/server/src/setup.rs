//! First steps: what a local command does before anybody can sign in. There is
//! no set-up page, because whatever a browser can reach, so can others.

use crate::api::acts::join_command;
use crate::app::Shared;
use crate::identity::enrolment::NewEnrolment;
use crate::identity::people::NewPerson;
use crate::identity::role::{Grant, Role};
use crate::identity::token::NewToken;
use jiff::Timestamp;
use plimsoll_core::model::identifier::{ClientId, PersonId};
use plimsoll_core::model::problem::Problem;
use plimsoll_core::model::registration::HostState;
use plimsoll_store::{Actor, Intent, Scope};
use std::collections::BTreeMap;

/// Account of the person who started an evaluation.
const OWNER: &str = "owner";
/// Name of the one client of an organisation that serves nobody else.
const CLIENT: &str = "default";
/// Days that the token for scripts lives; each start makes a new one.
const TOKEN_DAYS: u16 = 30;

/// What `plimsoll up` tells.
pub struct FirstSteps {
    /// Link that signs the owner in, once.
    pub sign_in: String,
    /// API token for scripts: sees everything, looks after hosts, and can
    /// change neither people nor policy.
    pub token: String,
    /// Token with which this machine joins; none once it did.
    pub enrolment: Option<String>,
    /// Command with which another host joins.
    pub join: String,
}

fn refused(refusal: &crate::http::problem::Refusal) -> Problem {
    Problem::new(refusal.code(), "first steps", refusal.detail(), refusal.next())
}

/// Makes what is missing and gives the keys to the door.
///
/// # Errors
///
/// What the store meets.
pub async fn first_steps(app: &Shared) -> Result<FirstSteps, Problem> {
    let client = first_client(app).await.map_err(|error| *error.problem)?;
    let owner = owner(app).await?;
    let (identity, steward) = (&app.identity, app.identity.local_steward());
    let link = identity.link(&steward, owner).await.map_err(|refusal| refused(&refusal))?;
    let grants = vec![Grant::everywhere(Role::Viewer), Grant::everywhere(Role::Operator), Grant::everywhere(Role::Auditor)];
    let new = NewToken { name: "plimsoll up".to_owned(), grants, days: TOKEN_DAYS };
    let token = identity.make_local_token(owner, new).await.map_err(|refusal| refused(&refusal))?;
    let joined = app.fleet.read().hosts().any(|managed| managed.registration.state == HostState::Active);
    let enrolment = if joined { None } else { Some(enrol(app, client, "this machine").await?) };
    let other = enrol(app, client, "a second host").await?;
    Ok(FirstSteps {
        sign_in: app.doors.link_address(&link),
        token: token.secret.expose().to_owned(),
        enrolment,
        join: join_command(app, &other),
    })
}

async fn enrol(app: &Shared, client: ClientId, note: &str) -> Result<String, Problem> {
    let new = NewEnrolment { client, group: None, labels: BTreeMap::new(), note: note.to_owned(), hours: 24, uses: 1 };
    let made = app.identity.make_local_enrolment(new).await.map_err(|refusal| refused(&refusal))?;
    Ok(made.secret.expose().to_owned())
}

/// The first client, made at the first start.
///
/// # Errors
///
/// What the store meets.
pub async fn first_client(app: &Shared) -> Result<ClientId, plimsoll_store::StoreError> {
    if let Some(client) = app.store.clients(&Scope::All).await?.first() {
        return Ok(client.id);
    }
    let now = Timestamp::now();
    let mut change = app.store.begin(Intent::new(Actor::server(), now, "client.add", "client")).await?;
    let client = change.add_client(CLIENT).await?;
    change.commit(None).await?;
    Ok(client.id)
}

async fn owner(app: &Shared) -> Result<PersonId, Problem> {
    let people = app.identity.people().await.map_err(|refusal| refused(&refusal))?;
    if let Some(person) = people.iter().find(|person| person.account == OWNER) {
        return Ok(person.id);
    }
    let new = NewPerson {
        account: OWNER.to_owned(),
        name: "Owner".to_owned(),
        email: None,
        grants: Role::ALL.into_iter().map(Grant::everywhere).collect(),
        break_glass: false,
    };
    let steward = app.identity.local_steward();
    Ok(app.identity.add_person(&steward, new).await.map_err(|refusal| refused(&refusal))?.id)
}
