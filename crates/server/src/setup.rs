//! First steps: what a local command does before anybody can sign in. There is
//! no set-up page, because whatever a browser can reach, so can others.

use crate::api::acts::join_command;
use crate::app::Shared;
use crate::http::origin::Origins;
use crate::identity::Identity;
use crate::identity::api::link_address;
use crate::identity::enrolment::NewEnrolment;
use crate::identity::people::NewPerson;
use crate::identity::role::{Grant, Role};
use crate::identity::token::NewToken;
use jiff::Timestamp;
use plimsoll_core::model::identifier::{ClientId, PersonId};
use plimsoll_core::model::problem::Problem;
use plimsoll_core::model::registration::HostState;
use plimsoll_store::{Actor, Intent, Scope, Store};
use std::collections::BTreeMap;
use std::sync::Arc;

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
    let client = first_client(&app.store).await.map_err(|error| *error.problem)?;
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

/// The way in for a command on the server's own machine.
pub struct Door {
    store: Store,
    identity: Arc<Identity>,
    origins: Origins,
}

/// A link for somebody.
#[derive(Clone, Debug)]
pub struct Invitation {
    /// Account.
    pub account: String,
    /// Link that signs in once.
    pub link: String,
    /// When it ends.
    pub expires: Timestamp,
    /// Whether the account was made for it.
    pub is_new: bool,
}

impl Door {
    /// Opens it on a store; links lead to `url`.
    ///
    /// # Errors
    ///
    /// `E-URL` where no browser can use the address.
    pub fn open(store: &Store, url: &str) -> Result<Self, Problem> {
        let origins = Origins::new(&[url]).map_err(|text| crate::run::cannot_be_reached(url, &text))?;
        Ok(Self { store: store.clone(), identity: crate::run::identity(store, &origins)?, origins })
    }

    /// A link for an account, which is made with these roles, everywhere,
    /// unless it is there.
    ///
    /// # Errors
    ///
    /// A name that cannot be one, an account that is locked; what the store
    /// meets.
    pub async fn invite(&self, account: &str, email: Option<String>, roles: &[Role]) -> Result<Invitation, Problem> {
        first_client(&self.store).await.map_err(|error| *error.problem)?;
        if let Some(person) = self.find(account).await? {
            return self.link(person, account, false).await;
        }
        let grants = roles.iter().copied().map(Grant::everywhere).collect();
        let new = NewPerson { account: account.to_owned(), name: account.to_owned(), email, grants, break_glass: false };
        let steward = self.identity.local_steward();
        let person = self.identity.add_person(&steward, new).await.map_err(|refusal| refused(&refusal))?;
        self.link(person.id, account, true).await
    }

    /// Takes somebody's second proofs and sessions away and makes a link.
    ///
    /// # Errors
    ///
    /// `E-PERSON` where there is no such account; what the store meets.
    pub async fn reset(&self, account: &str) -> Result<Invitation, Problem> {
        let person = self.find(account).await?.ok_or_else(|| {
            Problem::new("E-PERSON", account, "is no account of this server", "make it with `plimsoll person invite`")
        })?;
        let steward = self.identity.local_steward();
        self.identity.remove_proofs(&steward, person).await.map_err(|refusal| refused(&refusal))?;
        self.link(person, account, false).await
    }

    async fn find(&self, account: &str) -> Result<Option<PersonId>, Problem> {
        let found = self.store.person_by_account(account).await.map_err(|error| *error.problem)?;
        Ok(found.map(|person| person.id))
    }

    async fn link(&self, person: PersonId, account: &str, is_new: bool) -> Result<Invitation, Problem> {
        let steward = self.identity.local_steward();
        let link = self.identity.link(&steward, person).await.map_err(|refusal| refused(&refusal))?;
        Ok(Invitation { account: account.to_owned(), link: link_address(&self.origins, &link), expires: link.expires, is_new })
    }
}

/// The first client, made at the first start.
///
/// # Errors
///
/// What the store meets.
pub async fn first_client(store: &Store) -> Result<ClientId, plimsoll_store::StoreError> {
    if let Some(client) = store.clients(&Scope::All).await?.first() {
        return Ok(client.id);
    }
    let now = Timestamp::now();
    let mut change = store.begin(Intent::new(Actor::server(), now, "client.add", "client")).await?;
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
        // Whoever runs a server speaks for no client of it.
        grants: Role::ALL.into_iter().filter(|role| *role != Role::Client).map(Grant::everywhere).collect(),
        break_glass: false,
    };
    let steward = app.identity.local_steward();
    Ok(app.identity.add_person(&steward, new).await.map_err(|refusal| refused(&refusal))?.id)
}
