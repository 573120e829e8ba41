//! The **directory on the store**: each question one look, each change one
//! transaction with its leaf.

use super::directory::{
    Act, Answer, ApiToken, Directory, EnrolmentToken, Factor, FactorKind, Person, Session, SignInLink, Subject, Unavailable,
};
use super::principal::Strength;
use super::role::{Grant, Portion, Role, Scope};
use super::secret::SecretDigest;
use async_trait::async_trait;
use jiff::Timestamp;
use plimsoll_core::model::identifier::{ClientId, GroupId, PersonId, TokenId};
use plimsoll_store::error::{ErrorKind, StoreError};
use plimsoll_store::{Actor, Change, Intent, Store, people, sessions, tokens};
use std::collections::BTreeSet;

/// Who gave a role; what a sign-in at a provider brings is replaced by the next.
const LOCAL: &str = "local";

impl From<StoreError> for Unavailable {
    fn from(error: StoreError) -> Self {
        Self::new("the store", error)
    }
}

impl From<&Scope> for plimsoll_store::Scope {
    fn from(scope: &Scope) -> Self {
        let Scope::Clients(portions) = scope else { return Self::All };
        let (mut clients, mut groups) = (BTreeSet::new(), BTreeSet::new());
        for (client, portion) in portions {
            match portion {
                Portion::Whole => {
                    clients.insert(*client);
                }
                Portion::Groups(own) => groups.extend(own),
            }
        }
        Self::Some { clients, groups }
    }
}

fn broken(what: &str) -> Unavailable {
    Unavailable::new("the store", format!("it keeps a {what} that does not read"))
}

fn intent(act: &Act, verb: &str, object: String) -> Intent {
    let actor = Actor {
        id: act.actor.clone(),
        name: act.name.clone(),
        strength: act.strength.word().to_owned(),
        request: act.request.clone(),
    };
    let mut intent = Intent::new(actor, act.time, verb, object);
    intent.reason.clone_from(&act.reason);
    intent
}

async fn begin(store: &Store, act: &Act, verb: &str, object: String) -> Answer<Change> {
    Ok(store.begin(intent(act, verb, object)).await?)
}

async fn commit(change: Change) -> Answer<()> {
    change.commit(None).await?;
    Ok(())
}

/// False for what is taken, true for done.
fn unless_taken(done: Result<(), StoreError>) -> Answer<bool> {
    match done {
        Ok(()) => Ok(true),
        Err(error) if error.kind == ErrorKind::Conflict && error.problem.code == "E-TAKEN" => Ok(false),
        Err(error) => Err(error.into()),
    }
}

async fn whole(store: &Store, row: people::Person) -> Answer<Person> {
    let grants = store.grants(row.id).await?.iter().map(read_grant).collect::<Answer<_>>()?;
    Ok(Person {
        id: row.id,
        account: row.account,
        name: row.name,
        email: row.email,
        password: row.password_hash,
        subject: row.oidc.map(|oidc| Subject { issuer: oidc.issuer, subject: oidc.subject }),
        disabled: row.disabled,
        break_glass: row.break_glass,
        grants,
        generation: row.generation,
        created: row.created,
    })
}

fn read_grant(row: &people::Grant) -> Answer<Grant> {
    let role = Role::parse(&row.role).ok_or_else(|| broken("role"))?;
    Ok(Grant { role, client: row.client, group: row.group })
}

fn write_grants(grants: &[Grant]) -> BTreeSet<people::Grant> {
    let write = |grant: &Grant| people::Grant {
        role: grant.role.word().to_owned(),
        client: grant.client,
        group: grant.group,
        origin: LOCAL.to_owned(),
    };
    grants.iter().map(write).collect()
}

fn purpose(factor: &str) -> String {
    format!("second-factor:{factor}")
}

fn read_session(row: sessions::Session) -> Answer<Session> {
    Ok(Session {
        digest: SecretDigest::kept(row.hash),
        person: row.person,
        generation: row.generation,
        strength: Strength::parse(&row.strength).ok_or_else(|| broken("session"))?,
        created: row.created,
        last_used: row.last_used,
        idle_expires: row.idle_expires,
        expires: row.expires,
        proven_until: row.proven_until,
        address: row.address.and_then(|address| address.parse().ok()),
        browser: row.browser,
    })
}

fn write_session(session: &Session) -> sessions::Session {
    sessions::Session {
        hash: session.digest.as_str().to_owned(),
        person: session.person,
        generation: session.generation,
        strength: session.strength.word().to_owned(),
        proven_until: session.proven_until,
        created: session.created,
        last_used: session.last_used,
        idle_expires: session.idle_expires,
        expires: session.expires,
        address: session.address.map(|address| address.to_string()),
        browser: session.browser.clone(),
    }
}

/// A list does not need the digest, and the store does not give it.
fn read_token(row: tokens::ApiToken, digest: Option<&SecretDigest>) -> Answer<ApiToken> {
    Ok(ApiToken {
        id: row.id,
        digest: digest.cloned().unwrap_or_else(|| SecretDigest::kept(String::new())),
        name: row.name,
        maker: row.maker,
        grants: serde_json::from_value(row.scopes).map_err(|_| broken("token"))?,
        created: row.created,
        expires: row.expires.unwrap_or(Timestamp::MIN),
        last_used: row.last_used,
        revoked: row.revoked,
    })
}

#[async_trait]
impl Directory for Store {
    async fn person(&self, id: PersonId) -> Answer<Option<Person>> {
        match Self::person(self, id).await {
            Ok(row) => whole(self, row).await.map(Some),
            Err(error) if error.kind == ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    async fn person_by_account(&self, account: &str) -> Answer<Option<Person>> {
        match Self::person_by_account(self, account).await? {
            Some(row) => whole(self, row).await.map(Some),
            None => Ok(None),
        }
    }

    async fn person_by_subject(&self, subject: &Subject) -> Answer<Option<Person>> {
        let oidc = people::OidcSubject { issuer: subject.issuer.clone(), subject: subject.subject.clone() };
        match Self::person_by_subject(self, &oidc).await? {
            Some(row) => whole(self, row).await.map(Some),
            None => Ok(None),
        }
    }

    async fn people(&self) -> Answer<Vec<Person>> {
        let mut all = Vec::new();
        for row in Self::people(self).await? {
            all.push(whole(self, row).await?);
        }
        Ok(all)
    }

    async fn add_person(&self, act: &Act, person: &Person) -> Answer<bool> {
        let mut change = begin(self, act, "person.add", format!("person:{}", person.id)).await?;
        let oidc = person.subject.as_ref();
        let row = people::Person {
            id: person.id,
            account: person.account.clone(),
            name: person.name.clone(),
            email: person.email.clone(),
            password_hash: person.password.clone(),
            oidc: oidc.map(|subject| people::OidcSubject { issuer: subject.issuer.clone(), subject: subject.subject.clone() }),
            disabled: person.disabled,
            created: person.created,
            last_sign_in: None,
            break_glass: person.break_glass,
            generation: person.generation,
        };
        if !unless_taken(change.add_person(&row).await)? {
            return Ok(false);
        }
        change.set_grants(person.id, &write_grants(&person.grants)).await?;
        commit(change).await?;
        Ok(true)
    }

    async fn set_password(&self, act: &Act, person: PersonId, password: Option<String>) -> Answer<()> {
        let mut change = begin(self, act, "person.password", format!("person:{person}")).await?;
        change.update_person(person, |row| row.password_hash = password).await?;
        change.raise_generation(person, true).await?;
        commit(change).await
    }

    async fn set_grants(&self, act: &Act, person: PersonId, grants: &[Grant]) -> Answer<()> {
        let mut change = begin(self, act, "person.grants", format!("person:{person}")).await?;
        change.set_grants(person, &write_grants(grants)).await?;
        change.raise_generation(person, false).await?;
        commit(change).await
    }

    async fn set_disabled(&self, act: &Act, person: PersonId, disabled: bool) -> Answer<()> {
        let verb = if disabled { "person.disable" } else { "person.enable" };
        let mut change = begin(self, act, verb, format!("person:{person}")).await?;
        let since = disabled.then_some(act.time);
        change.update_person(person, |row| row.disabled = since).await?;
        change.raise_generation(person, true).await?;
        commit(change).await
    }

    async fn factors(&self, person: PersonId) -> Answer<Vec<Factor>> {
        let rows = self.second_factors(person).await?;
        let known = rows.into_iter().filter_map(|row| FactorKind::parse(&row.kind).map(|kind| (kind, row)));
        known
            .map(|(kind, row)| {
                Ok(Factor {
                    content: self.unseal(&purpose(&row.id), &row.content)?,
                    id: row.id,
                    person: row.person,
                    kind,
                    label: row.label,
                    credential: row.credential,
                    counter: i64::try_from(row.counter).map_err(|_| broken("counter"))?,
                    created: row.created,
                    last_used: row.last_used,
                })
            })
            .collect()
    }

    async fn add_factor(&self, act: &Act, factor: &Factor) -> Answer<bool> {
        let mut change = begin(self, act, "person.factor-add", format!("person:{}", factor.person)).await?;
        let row = people::SecondFactor {
            id: factor.id.clone(),
            person: factor.person,
            kind: factor.kind.word().to_owned(),
            label: factor.label.clone(),
            credential: factor.credential.clone(),
            content: self.seal(&purpose(&factor.id), &factor.content)?,
            counter: u64::try_from(factor.counter).unwrap_or(0),
            created: factor.created,
            last_used: None,
        };
        if !unless_taken(change.add_second_factor(&row).await)? {
            return Ok(false);
        }
        commit(change).await?;
        Ok(true)
    }

    async fn remove_factor(&self, act: &Act, person: PersonId, id: &str) -> Answer<bool> {
        let mut change = begin(self, act, "person.factor-remove", format!("person:{person}")).await?;
        match change.remove_second_factor(person, id).await {
            Ok(()) => {
                commit(change).await?;
                Ok(true)
            }
            Err(error) if error.kind == ErrorKind::NotFound => Ok(false),
            Err(error) => Err(error.into()),
        }
    }

    async fn advance_factor(&self, factor: &Factor, to: i64, content: &[u8], now: Timestamp) -> Answer<bool> {
        let sealed = self.seal(&purpose(&factor.id), content)?;
        Ok(Self::advance_factor(self, &factor.id, factor.counter, to, &sealed, now).await?)
    }

    async fn set_recovery_codes(&self, act: &Act, person: PersonId, codes: &[SecretDigest]) -> Answer<()> {
        let mut change = begin(self, act, "person.recovery-codes", format!("person:{person}")).await?;
        let hashes: Vec<_> = codes.iter().map(|code| code.as_str().to_owned()).collect();
        change.set_recovery_codes(person, &hashes).await?;
        commit(change).await
    }

    async fn use_recovery_code(&self, act: &Act, person: PersonId, code: &SecretDigest) -> Answer<bool> {
        let mut change = begin(self, act, "person.recovery-code-use", format!("person:{person}")).await?;
        if !change.use_recovery_code(person, code.as_str()).await? {
            return Ok(false);
        }
        commit(change).await?;
        Ok(true)
    }

    async fn recovery_codes_left(&self, person: PersonId) -> Answer<u32> {
        let left = Self::recovery_codes_left(self, person).await?;
        Ok(u32::try_from(left).unwrap_or(u32::MAX))
    }

    async fn session(&self, digest: &SecretDigest) -> Answer<Option<Session>> {
        self.session_by_hash(digest.as_str()).await?.map(read_session).transpose()
    }

    async fn sessions(&self, person: PersonId) -> Answer<Vec<Session>> {
        self.sessions_of(person).await?.into_iter().map(read_session).collect()
    }

    async fn begin_session(&self, act: &Act, session: &Session, replaces: Option<&SecretDigest>) -> Answer<()> {
        let mut change = begin(self, act, "session.begin", format!("person:{}", session.person)).await?;
        change.begin_session(&write_session(session), replaces.map(SecretDigest::as_str)).await?;
        commit(change).await
    }

    async fn touch_session(&self, digest: &SecretDigest, now: Timestamp, idle_expires: Timestamp) -> Answer<()> {
        Ok(self.touch_sessions(&[(digest.as_str().to_owned(), now, idle_expires)]).await?)
    }

    async fn end_session(&self, act: &Act, digest: &SecretDigest) -> Answer<()> {
        let mut change = begin(self, act, "session.end", act.actor.clone()).await?;
        if !change.end_session(digest.as_str()).await? {
            return Ok(());
        }
        commit(change).await
    }

    async fn end_sessions(&self, act: &Act, person: PersonId, keep: Option<&SecretDigest>) -> Answer<()> {
        let mut change = begin(self, act, "session.end-all", format!("person:{person}")).await?;
        change.end_sessions(person, keep.map(SecretDigest::as_str)).await?;
        commit(change).await
    }

    async fn add_link(&self, act: &Act, link: &SignInLink) -> Answer<()> {
        let mut change = begin(self, act, "link.add", format!("person:{}", link.person)).await?;
        let row = sessions::SignInLink {
            person: link.person,
            purpose: "sign-in".to_owned(),
            created: link.created,
            expires: link.expires,
        };
        change.add_link(link.digest.as_str(), &row).await?;
        commit(change).await
    }

    async fn take_link(&self, act: &Act, digest: &SecretDigest) -> Answer<Option<SignInLink>> {
        let mut change = begin(self, act, "link.use", "sign-in-link".to_owned()).await?;
        let Some(row) = change.take_link(digest.as_str()).await? else { return Ok(None) };
        commit(change).await?;
        Ok(Some(SignInLink { digest: digest.clone(), person: row.person, created: row.created, expires: row.expires }))
    }

    async fn add_ticket(&self, kind: &'static str, digest: &SecretDigest, content: &[u8], expires: Timestamp) -> Answer<()> {
        let sealed = self.seal(&format!("ticket:{kind}"), content)?;
        Ok(Self::add_ticket(self, kind, digest.as_str(), &sealed, expires).await?)
    }

    async fn take_ticket(&self, kind: &'static str, digest: &SecretDigest, now: Timestamp) -> Answer<Option<Vec<u8>>> {
        match Self::take_ticket(self, kind, digest.as_str(), now).await? {
            Some(sealed) => Ok(Some(self.unseal(&format!("ticket:{kind}"), &sealed)?)),
            None => Ok(None),
        }
    }

    async fn token(&self, digest: &SecretDigest) -> Answer<Option<ApiToken>> {
        let row = self.api_token_by_hash(digest.as_str()).await?;
        row.map(|row| read_token(row, Some(digest))).transpose()
    }

    async fn tokens(&self, maker: Option<PersonId>) -> Answer<Vec<ApiToken>> {
        self.api_tokens(maker).await?.into_iter().map(|row| read_token(row, None)).collect()
    }

    async fn add_token(&self, act: &Act, token: &ApiToken) -> Answer<()> {
        let mut change = begin(self, act, "token.add", format!("api-token:{}", token.id)).await?;
        let row = tokens::ApiToken {
            id: token.id,
            name: token.name.clone(),
            maker: token.maker,
            scopes: serde_json::to_value(&token.grants).map_err(|error| Unavailable::new("the store", error))?,
            created: token.created,
            expires: Some(token.expires),
            last_used: None,
            revoked: None,
        };
        change.add_api_token(token.digest.as_str(), &row).await?;
        commit(change).await
    }

    async fn revoke_token(&self, act: &Act, maker: Option<PersonId>, id: TokenId) -> Answer<bool> {
        let known = self.api_tokens(maker).await?;
        let Some(token) = known.iter().find(|token| token.id == id) else { return Ok(false) };
        if token.revoked.is_some() {
            return Ok(true);
        }
        let mut change = begin(self, act, "token.revoke", format!("api-token:{id}")).await?;
        change.revoke_api_token(id).await?;
        commit(change).await?;
        Ok(true)
    }

    async fn touch_token(&self, id: TokenId, now: Timestamp) -> Answer<()> {
        Ok(self.touch_api_tokens(&[(id, now)]).await?)
    }

    async fn add_enrolment(&self, act: &Act, token: &EnrolmentToken) -> Answer<()> {
        let mut change = begin(self, act, "enrolment-token.add", format!("enrolment-token:{}", token.id)).await?;
        let row = tokens::EnrolmentToken {
            id: token.id,
            client: token.client,
            group: token.group,
            labels: token.labels.clone(),
            note: token.note.clone(),
            maker: token.maker.clone(),
            created: token.created,
            expires: token.expires,
            uses: token.uses,
            used: 0,
            last_used: None,
            revoked: None,
        };
        change.add_enrolment_token(token.digest.as_str(), &row).await?;
        commit(change).await
    }

    async fn enrolment(&self, digest: &SecretDigest) -> Answer<Option<EnrolmentToken>> {
        let row = self.enrolment_token_by_hash(digest.as_str()).await?;
        Ok(row.map(|row| EnrolmentToken {
            id: row.id,
            digest: digest.clone(),
            client: row.client,
            group: row.group,
            labels: row.labels,
            note: row.note,
            maker: row.maker,
            created: row.created,
            expires: row.expires,
            uses: row.uses,
            used: row.used,
            revoked: row.revoked,
        }))
    }

    async fn place(&self, client: &str, group: Option<&str>) -> Answer<Option<(ClientId, Option<GroupId>)>> {
        let clients = self.clients(&plimsoll_store::Scope::All).await?;
        let mut living = clients.iter().filter(|found| found.archived.is_none());
        let Some(client) = living.find(|found| found.name == client || found.id.to_string() == client).map(|found| found.id) else { return Ok(None) };
        let Some(group) = group else { return Ok(Some((client, None))) };
        let groups = self.groups(&plimsoll_store::Scope::Some { clients: BTreeSet::from([client]), groups: BTreeSet::new() }).await?;
        let group = groups.iter().find(|found| found.client == Some(client) && (found.name == group || found.id.to_string() == group));
        Ok(group.map(|group| (client, Some(group.id))))
    }

    async fn alarm(&self, act: &Act, code: &'static str, text: &str) -> Answer<()> {
        let mut change = begin(self, act, "alert.raise", act.actor.clone()).await?;
        change.raise_alert(None, code, &act.actor, text).await?;
        commit(change).await
    }
}

#[cfg(test)]
mod tests {
    use super::super::enrolment::NewEnrolment;
    use super::super::people::NewPerson;
    use super::super::proof::Proof;
    use super::super::session::Browser;
    use super::super::sign_in::Step;
    use super::super::stage::{CONSOLE, PASSWORD, administrator};
    use super::super::token::NewToken;
    use super::super::{Clock, Identity, Lifetimes, secret};
    use super::*;
    use crate::http::gate::Caller;
    use crate::http::origin::Origins;
    use axum::http::{HeaderMap, HeaderValue, header};
    use plimsoll_core::model::identifier::ClientId;
    use std::collections::BTreeMap;
    use std::sync::Arc;

    fn now() -> Timestamp {
        "2026-11-22T06:00:00Z".parse().unwrap()
    }

    async fn identity(store: &Store) -> Arc<Identity> {
        let origins = Origins::new(&[CONSOLE]).unwrap();
        let clock: Clock = Arc::new(now);
        let directory: Arc<dyn Directory> = Arc::new(store.clone());
        Arc::new(Identity::new(directory, &origins, Lifetimes::default(), clock).unwrap())
    }

    fn act() -> Act {
        Act { actor: "test".to_owned(), name: None, strength: Strength::Nothing, time: now(), request: None, reason: None }
    }

    async fn client(store: &Store) -> ClientId {
        let mut change = begin(store, &act(), "client.add", "client".to_owned()).await.unwrap();
        let client = change.add_client("Acme").await.unwrap().id;
        commit(change).await.unwrap();
        client
    }

    fn headers(cookie: Option<&str>) -> HeaderMap {
        let mut headers = HeaderMap::new();
        headers.insert(header::HOST, HeaderValue::from_static("plimsoll.example"));
        if let Some(cookie) = cookie {
            headers.insert(header::COOKIE, cookie.parse().unwrap());
        }
        headers
    }

    /// A person's life on a real database, with E1 and E3 on the way.
    #[tokio::test(flavor = "multi_thread")]
    async fn a_life_on_the_store() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("plimsoll.db");
        let store = Store::open(&format!("sqlite://{}", file.display())).await.unwrap();
        let identity = identity(&store).await;
        let origins = Origins::new(&[CONSOLE]).unwrap();
        let caller = Caller { address: "192.0.2.1".parse().unwrap(), request: "7".repeat(32) };
        let client = client(&store).await;
        let steward = identity.local_steward();
        let new = |account: &str, grants: Vec<Grant>| NewPerson {
            account: account.to_owned(),
            name: account.to_owned(),
            email: Some("a@example.org".to_owned()),
            grants,
            break_glass: account == "emergency",
        };
        let alice = identity.add_person(&steward, new("Alice", vec![administrator(), Grant::at(Role::Operator, client)])).await.unwrap().id;
        assert_eq!(identity.add_person(&steward, new("alice", vec![])).await.unwrap_err().code(), "E-ACCOUNT");
        identity.set_password(&steward, alice, PASSWORD).await.unwrap();

        // Of fifty at once one takes the link.
        let link = identity.link(&steward, alice).await.unwrap();
        let digest = link.secret.digest();
        let mut takes = tokio::task::JoinSet::new();
        for _ in 0..50 {
            let (store, digest) = (store.clone(), digest.clone());
            takes.spawn(async move { Directory::take_link(&store, &act(), &digest).await.unwrap().is_some() });
        }
        let won = takes.join_all().await.into_iter().filter(|won| *won).count();
        assert_eq!(won, 1);

        let bare = headers(None);
        let from = Browser { caller: &caller, headers: &bare, origins: &origins };
        let Step::Done(session) = identity.sign_in_by_password("alice", PASSWORD, &from).await.unwrap() else { panic!("one step") };
        let pair = |session: &super::super::session::NewSession| {
            session.cookie(&origins, &bare).unwrap().to_str().unwrap().split(';').next().unwrap().to_owned()
        };
        let who = |cookie: String| {
            let (identity, origins, caller) = (Arc::clone(&identity), origins.clone(), caller.clone());
            async move {
                let mut request = axum::http::Request::get("/");
                *request.headers_mut().unwrap() = headers(Some(&cookie));
                identity.authenticate(&request.body(()).unwrap().into_parts().0, &origins, &caller).await
            }
        };
        let principal = who(pair(&session)).await.unwrap();
        let question = identity.ask_fresh(&principal).await.unwrap();
        let with = headers(Some(&pair(&session)));
        let at = Browser { headers: &with, ..from };
        let proven = identity.prove_fresh(&principal, &question.ticket, &Proof::Password(PASSWORD.to_owned()), &at).await.unwrap();
        assert!(who(pair(&session)).await.is_err(), "rotated");
        let principal = who(pair(&proven)).await.unwrap();
        assert!(principal.is_proven(now()));

        let app = identity.begin_app(&principal).await.unwrap();
        let seed = data_encoding::BASE32_NOPAD.decode(app.seed.as_bytes()).unwrap();
        let code = totp_rs::Builder::new().with_secret(totp_rs::Secret::from(seed.clone())).build().unwrap();
        let code = code.generate(u64::try_from(now().as_second()).unwrap()).to_string();
        let codes = identity.end_app(&principal, &app.ticket, &code, "phone", &caller).await.unwrap().recovery_codes.unwrap();
        assert_eq!(identity.own_proofs(&principal).await.unwrap().recovery_codes, 10);
        let Step::Second(question) = identity.sign_in_by_password("alice", PASSWORD, &from).await.unwrap() else { panic!("two steps") };
        let recovery = Proof::RecoveryCode(codes[0].clone());
        identity.second_step(&question.ticket, &recovery, &from).await.unwrap();
        assert_eq!(Directory::recovery_codes_left(&store, alice).await.unwrap(), 9);
        let factor = Directory::factors(&store, alice).await.unwrap().remove(0);
        assert_eq!(factor.content, seed);
        assert!(Directory::advance_factor(&store, &factor, factor.counter + 1, &seed, now()).await.unwrap());
        assert!(!Directory::advance_factor(&store, &factor, factor.counter + 1, &seed, now()).await.unwrap());

        let token = NewToken { name: "script".to_owned(), grants: vec![Grant::at(Role::Viewer, client)], days: 3 };
        let token = identity.make_token(&principal, token, &caller).await.unwrap();
        let kept = Directory::token(&store, &token.secret.digest()).await.unwrap().unwrap();
        assert_eq!((kept.id, kept.grants), (token.token.id, vec![Grant::at(Role::Viewer, client)]));
        assert!(Directory::revoke_token(&store, &act(), Some(alice), kept.id).await.unwrap());
        let enrol = NewEnrolment { client, group: None, labels: BTreeMap::new(), note: "x".to_owned(), hours: 1, uses: 1 };
        let enrolment = identity.make_enrolment(&principal, enrol, &caller).await.unwrap();
        identity.enrolment(enrolment.secret.expose(), &caller).await.unwrap();

        // E1: of fifty machines at once one is admitted.
        let mut uses = tokio::task::JoinSet::new();
        for _ in 0..50 {
            let (store, secret) = (store.clone(), enrolment.secret.clone());
            uses.spawn(async move {
                let mut change = begin(&store, &act(), "host.enrol", "host".to_owned()).await.unwrap();
                match change.use_enrolment_token(secret.expose()).await {
                    Ok(_) => commit(change).await.map(|()| "won".to_owned()).unwrap(),
                    Err(error) => error.problem.code.clone(),
                }
            });
        }
        let mut answers = BTreeMap::new();
        for answer in uses.join_all().await {
            *answers.entry(answer).or_insert(0) += 1;
        }
        assert_eq!(answers, BTreeMap::from([("E-TOKEN-USED".to_owned(), 49), ("won".to_owned(), 1)]));
        assert_eq!(identity.enrolment(enrolment.secret.expose(), &caller).await.unwrap_err().code(), "E-TOKEN-USED");

        // Roles change: every session is dead, also one begun meanwhile.
        identity.add_person(&steward, new("emergency", vec![administrator()])).await.unwrap();
        let before = Directory::person(&store, alice).await.unwrap().unwrap();
        identity.set_grants(&steward, alice, &[Grant::at(Role::Viewer, client)]).await.unwrap();
        assert!(who(pair(&proven)).await.is_err());
        let after = Directory::person(&store, alice).await.unwrap().unwrap();
        assert_eq!((after.generation, after.grants.clone()), (before.generation + 1, vec![Grant::at(Role::Viewer, client)]));
        let late = identity.begin(&before, Strength::Password, false, &from, None).await.unwrap();
        assert_eq!(who(pair(&late)).await.unwrap_err().code(), "E-SESSION");
        let subject = Subject { issuer: "https://idp.example".to_owned(), subject: "u1".to_owned() };
        let stranger = Person { id: PersonId::from_bits(secret::identifier(now()).unwrap()), account: "bob".to_owned(), subject: Some(subject.clone()), ..after };
        assert!(Directory::add_person(&store, &act(), &stranger).await.unwrap());
        assert_eq!(Directory::person_by_subject(&store, &subject).await.unwrap().unwrap().id, stranger.id);
        Directory::alarm(&store, &act(), "A-TEST", "A test.").await.unwrap();

        // Places that an identity provider's groups lead to.
        assert_eq!(store.place("Nordwerft", None).await.unwrap(), None);
        let name = store.clients(&plimsoll_store::Scope::All).await.unwrap()[0].name.clone();
        for named in [name.clone(), client.to_string()] {
            assert_eq!(store.place(&named, None).await.unwrap(), Some((client, None)));
            assert_eq!(store.place(&named, Some("web")).await.unwrap(), None);
        }

        // E3: neither the database nor its log has anything that opens a door.
        let mut dump = Vec::new();
        for entry in std::fs::read_dir(folder.path()).unwrap() {
            let path = entry.unwrap().path();
            if path.is_file() {
                dump.extend(std::fs::read(path).unwrap());
            }
        }
        let cookie = pair(&proven);
        let (_, key) = cookie.split_once('=').unwrap();
        let seed_text = app.seed.as_bytes();
        let secrets = [link.secret.expose(), token.secret.expose(), enrolment.secret.expose(), key, &question.ticket, PASSWORD, &codes[1]];
        for secret in secrets.into_iter().map(str::as_bytes).chain([seed.as_slice(), seed_text]) {
            assert!(secret.len() >= 16);
            assert!(!dump.windows(secret.len()).any(|window| window == secret), "{}", String::from_utf8_lossy(secret));
        }
        assert!(dump.windows(digest.as_str().len()).any(|window| window == token.secret.digest().as_str().as_bytes()), "the dump is the right one");
    }
}
