//! A **directory in memory** for tests; it exists in no build but theirs.

use super::directory::{
    Act, Answer, ApiToken, Directory, EnrolmentToken, Factor, Person, Session, SignInLink, Subject,
};
use super::role::Grant;
use super::secret::SecretDigest;
use async_trait::async_trait;
use jiff::Timestamp;
use plimsoll_core::model::identifier::{ClientId, GroupId, PersonId, TokenId};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, MutexGuard};

/// The rows; public, so that a test can look for what must not be there.
#[derive(Debug, Default)]
pub struct Rows {
    /// People.
    pub people: BTreeMap<PersonId, Person>,
    /// Second proofs.
    pub factors: Vec<Factor>,
    /// Recovery codes.
    pub codes: BTreeSet<(PersonId, SecretDigest)>,
    /// Sessions.
    pub sessions: BTreeMap<SecretDigest, Session>,
    /// Links.
    pub links: BTreeMap<SecretDigest, SignInLink>,
    /// Tickets.
    pub tickets: BTreeMap<SecretDigest, (&'static str, Vec<u8>, Timestamp)>,
    /// API tokens.
    pub tokens: BTreeMap<TokenId, ApiToken>,
    /// Enrolment tokens.
    pub enrolments: BTreeMap<TokenId, EnrolmentToken>,
    /// Alarms.
    pub alarms: Vec<(&'static str, String)>,
    /// Writes that carry no leaf.
    pub touches: u32,
}

/// The directory.
#[derive(Debug, Default)]
pub struct Memory(Mutex<Rows>);

impl Memory {
    /// Its rows.
    pub fn rows(&self) -> MutexGuard<'_, Rows> {
        self.0.lock().unwrap()
    }
}

impl Rows {
    fn change(&mut self, person: PersonId, with: impl FnOnce(&mut Person)) {
        if let Some(person) = self.people.get_mut(&person) {
            with(person);
            person.generation += 1;
        }
        self.sessions.retain(|_, session| session.person != person);
    }
}

#[async_trait]
impl Directory for Memory {
    async fn person(&self, id: PersonId) -> Answer<Option<Person>> {
        Ok(self.rows().people.get(&id).cloned())
    }

    async fn person_by_account(&self, account: &str) -> Answer<Option<Person>> {
        let key = account.to_lowercase();
        Ok(self.rows().people.values().find(|person| person.account.to_lowercase() == key).cloned())
    }

    async fn person_by_subject(&self, subject: &Subject) -> Answer<Option<Person>> {
        Ok(self.rows().people.values().find(|person| person.subject.as_ref() == Some(subject)).cloned())
    }

    async fn people(&self) -> Answer<Vec<Person>> {
        let mut people: Vec<_> = self.rows().people.values().cloned().collect();
        people.sort_by_key(|person| person.account.to_lowercase());
        Ok(people)
    }

    async fn add_person(&self, _: &Act, person: &Person) -> Answer<bool> {
        let mut rows = self.rows();
        let taken = rows.people.values().any(|other| {
            other.account.to_lowercase() == person.account.to_lowercase()
                || (person.subject.is_some() && other.subject == person.subject)
        });
        if !taken {
            rows.people.insert(person.id, person.clone());
        }
        Ok(!taken)
    }

    async fn set_password(&self, _: &Act, person: PersonId, password: Option<String>) -> Answer<()> {
        let mut rows = self.rows();
        rows.change(person, |row| row.password = password);
        rows.links.retain(|_, link| link.person != person);
        Ok(())
    }

    async fn set_grants(&self, _: &Act, person: PersonId, grants: &[Grant]) -> Answer<()> {
        self.rows().change(person, |row| row.grants = grants.to_vec());
        Ok(())
    }

    async fn set_disabled(&self, act: &Act, person: PersonId, disabled: bool) -> Answer<()> {
        let mut rows = self.rows();
        rows.change(person, |row| row.disabled = disabled.then_some(act.time));
        rows.links.retain(|_, link| link.person != person);
        Ok(())
    }

    async fn factors(&self, person: PersonId) -> Answer<Vec<Factor>> {
        Ok(self.rows().factors.iter().filter(|factor| factor.person == person).cloned().collect())
    }

    async fn add_factor(&self, _: &Act, factor: &Factor) -> Answer<bool> {
        let mut rows = self.rows();
        let taken = factor.credential.is_some() && rows.factors.iter().any(|other| other.credential == factor.credential);
        if !taken {
            rows.factors.push(factor.clone());
        }
        Ok(!taken)
    }

    async fn remove_factor(&self, _: &Act, person: PersonId, id: &str) -> Answer<bool> {
        let mut rows = self.rows();
        let before = rows.factors.len();
        rows.factors.retain(|factor| factor.person != person || factor.id != id);
        Ok(rows.factors.len() < before)
    }

    async fn advance_factor(&self, factor: &Factor, to: i64, content: &[u8], now: Timestamp) -> Answer<bool> {
        let mut rows = self.rows();
        let row = rows.factors.iter_mut().find(|row| row.id == factor.id && row.counter == factor.counter);
        let Some(row) = row else { return Ok(false) };
        row.counter = to;
        row.content = content.to_vec();
        row.last_used = Some(now);
        Ok(true)
    }

    async fn set_recovery_codes(&self, _: &Act, person: PersonId, codes: &[SecretDigest]) -> Answer<()> {
        let mut rows = self.rows();
        rows.codes.retain(|(owner, _)| *owner != person);
        rows.codes.extend(codes.iter().map(|code| (person, code.clone())));
        Ok(())
    }

    async fn use_recovery_code(&self, _: &Act, person: PersonId, code: &SecretDigest) -> Answer<bool> {
        Ok(self.rows().codes.remove(&(person, code.clone())))
    }

    async fn recovery_codes_left(&self, person: PersonId) -> Answer<u32> {
        let count = self.rows().codes.iter().filter(|(owner, _)| *owner == person).count();
        Ok(u32::try_from(count).unwrap())
    }

    async fn session(&self, digest: &SecretDigest) -> Answer<Option<Session>> {
        Ok(self.rows().sessions.get(digest).cloned())
    }

    async fn sessions(&self, person: PersonId) -> Answer<Vec<Session>> {
        let mut sessions: Vec<_> = self.rows().sessions.values().filter(|session| session.person == person).cloned().collect();
        sessions.sort_by_key(|session| std::cmp::Reverse(session.created));
        Ok(sessions)
    }

    async fn begin_session(&self, _: &Act, session: &Session, replaces: Option<&SecretDigest>) -> Answer<()> {
        let mut rows = self.rows();
        if let Some(old) = replaces {
            rows.sessions.remove(old);
        }
        rows.sessions.insert(session.digest.clone(), session.clone());
        Ok(())
    }

    async fn touch_session(&self, digest: &SecretDigest, now: Timestamp, idle_expires: Timestamp) -> Answer<()> {
        let mut rows = self.rows();
        rows.touches += 1;
        if let Some(session) = rows.sessions.get_mut(digest) {
            session.last_used = now;
            session.idle_expires = idle_expires;
        }
        Ok(())
    }

    async fn end_session(&self, _: &Act, digest: &SecretDigest) -> Answer<()> {
        self.rows().sessions.remove(digest);
        Ok(())
    }

    async fn end_sessions(&self, _: &Act, person: PersonId, keep: Option<&SecretDigest>) -> Answer<()> {
        self.rows().sessions.retain(|digest, session| session.person != person || Some(digest) == keep);
        Ok(())
    }

    async fn add_link(&self, _: &Act, link: &SignInLink) -> Answer<()> {
        self.rows().links.insert(link.digest.clone(), link.clone());
        Ok(())
    }

    async fn take_link(&self, act: &Act, digest: &SecretDigest) -> Answer<Option<SignInLink>> {
        Ok(self.rows().links.remove(digest).filter(|link| act.time < link.expires))
    }

    async fn add_ticket(&self, kind: &'static str, digest: &SecretDigest, content: &[u8], expires: Timestamp) -> Answer<()> {
        self.rows().tickets.insert(digest.clone(), (kind, content.to_vec(), expires));
        Ok(())
    }

    async fn take_ticket(&self, kind: &'static str, digest: &SecretDigest, now: Timestamp) -> Answer<Option<Vec<u8>>> {
        let mut rows = self.rows();
        let fits = rows.tickets.get(digest).is_some_and(|(own, _, expires)| *own == kind && now < *expires);
        Ok(if fits { rows.tickets.remove(digest).map(|(_, content, _)| content) } else { None })
    }

    async fn token(&self, digest: &SecretDigest) -> Answer<Option<ApiToken>> {
        Ok(self.rows().tokens.values().find(|token| token.digest == *digest).cloned())
    }

    async fn tokens(&self, maker: Option<PersonId>) -> Answer<Vec<ApiToken>> {
        let rows = self.rows();
        Ok(rows.tokens.values().rev().filter(|token| maker.is_none_or(|maker| token.maker == maker)).cloned().collect())
    }

    async fn add_token(&self, _: &Act, token: &ApiToken) -> Answer<()> {
        self.rows().tokens.insert(token.id, token.clone());
        Ok(())
    }

    async fn revoke_token(&self, act: &Act, maker: Option<PersonId>, id: TokenId) -> Answer<bool> {
        let mut rows = self.rows();
        let token = rows.tokens.get_mut(&id).filter(|token| maker.is_none_or(|maker| token.maker == maker));
        let Some(token) = token else { return Ok(false) };
        token.revoked.get_or_insert(act.time);
        Ok(true)
    }

    async fn touch_token(&self, id: TokenId, now: Timestamp) -> Answer<()> {
        let mut rows = self.rows();
        rows.touches += 1;
        if let Some(token) = rows.tokens.get_mut(&id) {
            token.last_used = Some(now);
        }
        Ok(())
    }

    async fn add_enrolment(&self, _: &Act, token: &EnrolmentToken) -> Answer<()> {
        self.rows().enrolments.insert(token.id, token.clone());
        Ok(())
    }

    async fn enrolment(&self, digest: &SecretDigest) -> Answer<Option<EnrolmentToken>> {
        Ok(self.rows().enrolments.values().find(|token| token.digest == *digest).cloned())
    }

    /// Knows every client and group by its id, and none by name.
    async fn place(&self, client: &str, group: Option<&str>) -> Answer<Option<(ClientId, Option<GroupId>)>> {
        let (client, group) = (client.parse().ok(), group.map(str::parse).transpose().ok());
        Ok(client.zip(group))
    }

    async fn alarm(&self, _: &Act, code: &'static str, text: &str) -> Answer<()> {
        self.rows().alarms.push((code, text.to_owned()));
        Ok(())
    }
}
