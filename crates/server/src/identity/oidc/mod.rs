//! Signing in by an **identity provider**: OpenID Connect, authorisation code
//! with PKCE. SAML is not spoken and never will be.

pub mod id_token;
mod signature;

#[cfg(test)]
mod tests;

use super::attempts::Target;
use super::cookie::Kind;
use super::directory::{Act, Person, Subject};
use super::people::NewPerson;
use super::principal::{Principal, Strength, Who, sign_in_first};
use super::role::{Grant, Role};
use super::secret::{Secret, SecretDigest};
use super::session::{Browser, NewSession};
use super::sign_in::Step;
use super::Identity;
use crate::http::problem::Refusal;
use crate::outward::{Allowed, Outbound, Outward};
use axum::http::{HeaderValue, StatusCode, header};
use data_encoding::{BASE64, BASE64URL_NOPAD};
use id_token::{Claims, Fault};
use jiff::{SignedDuration, Timestamp};
use jsonwebtoken::jwk::JwkSet;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, PoisonError};
use url::Url;
use utoipa::ToSchema;

/// Kind of the ticket between leaving and returning.
const TICKET: &str = "oidc";

/// Bytes of a provider's answer that are read.
const ANSWER: u64 = 512 << 10;

/// How long a provider's description and keys are kept.
const KEPT: SignedDuration = SignedDuration::from_hours(1);

/// Keys are fetched anew at most this often because a token names one we lack:
/// tokens come from outside.
const REFRESH: SignedDuration = SignedDuration::from_secs(60);

/// Identity providers, and how they are reached.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct SignIn {
    /// What may be asked beyond public addresses, and through which proxy.
    pub allowed: Allowed,
    /// The providers.
    pub providers: Vec<Provider>,
}

/// An identity provider, as the server's settings name it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Provider {
    /// Short name in addresses, `corp`: letters, digits and `-`.
    pub name: String,
    /// What the button says.
    pub title: String,
    /// Issuer, exactly as it stands in its tokens. An inward one must be
    /// allowed in the settings of outbound requests too.
    pub issuer: String,
    /// Our name there.
    pub client_id: String,
    /// Our secret there; none for a public client.
    pub client_secret: Option<ClientSecret>,
    /// Scopes asked beside `openid profile email`.
    pub scopes: Vec<String>,
    /// Claim with the person's groups.
    pub groups_claim: String,
    /// Roles that groups give. Where there are any, they are the person's
    /// roles at each sign-in, and who is in none of the groups is refused.
    pub groups: Vec<GroupGrant>,
    /// Whether somebody unknown gets an account.
    pub create: bool,
    /// Whether a mail address counts that the provider does not call verified.
    pub trust_email: bool,
}

/// A role that a group of the provider gives.
///
/// Client and group of hosts are looked up at each sign-in, so that settings
/// may name what is made later; what is not there gives nothing.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct GroupGrant {
    /// The group, as it stands in the claim.
    pub group: String,
    /// The role.
    pub role: Role,
    /// Name or id of the client; none is every client.
    pub client: Option<String>,
    /// Name or id of a group of that client's hosts; none is all of them.
    pub host_group: Option<String>,
}

/// Our secret at a provider; never shown.
#[derive(Clone, PartialEq, Eq)]
pub struct ClientSecret(String);

impl ClientSecret {
    /// Takes it from where the settings keep it.
    pub fn new(text: String) -> Self {
        Self(text)
    }

    /// The secret itself, for the request that carries it.
    pub(crate) fn text(&self) -> &str {
        &self.0
    }
}

impl std::fmt::Debug for ClientSecret {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("ClientSecret(…)")
    }
}

/// Where to send the browser, and the cookie that it must bring back.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Departure {
    /// The provider's page.
    pub url: Url,
    /// `Set-Cookie`.
    pub cookie: HeaderValue,
}

/// What the browser brings back in the query.
#[derive(Clone, PartialEq, Eq, Debug, Default, Deserialize)]
pub struct Return {
    /// Our ticket.
    #[serde(default)]
    pub state: String,
    /// The provider's code.
    #[serde(default)]
    pub code: Option<String>,
    /// The provider's issuer (RFC 9207).
    #[serde(default)]
    pub iss: Option<String>,
    /// What went wrong there.
    #[serde(default)]
    pub error: Option<String>,
}

/// A provider for the sign-in page.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, ToSchema)]
pub struct ProviderView {
    /// Short name in addresses.
    pub name: String,
    /// What the button says.
    pub title: String,
}

/// What a provider says of itself; the fields that we use.
#[derive(Clone, Debug, Deserialize)]
struct Description {
    issuer: String,
    authorization_endpoint: String,
    token_endpoint: String,
    jwks_uri: String,
    #[serde(default)]
    token_endpoint_auth_methods_supported: Option<Vec<String>>,
    #[serde(default)]
    authorization_response_iss_parameter_supported: bool,
}

#[derive(Clone, Debug)]
struct Known {
    description: Description,
    keys: JwkSet,
    fetched: Timestamp,
    keys_fetched: Timestamp,
}

#[derive(Serialize, Deserialize)]
struct Left {
    provider: String,
    nonce: String,
    verifier: String,
    redirect: String,
    /// Digest of the cookie that the same browser brings back.
    browser: String,
    /// Session that a fresh proof is for; none for a sign-in.
    session: Option<String>,
}

#[derive(Deserialize)]
struct TokenAnswer {
    id_token: Option<String>,
    error: Option<String>,
}

/// The identity providers of a server.
#[derive(Debug)]
pub struct Oidc {
    outward: Outward,
    providers: BTreeMap<String, Provider>,
    known: Mutex<BTreeMap<String, Known>>,
}

/// Whether an account name stands for a person of the policy or of the root
/// document, and the verified address does not show that it is theirs.
pub type Names<'a> = dyn Fn(&str, Option<&str>) -> bool + Sync + 'a;

impl Oidc {
    /// Takes the providers; none of them is asked yet.
    ///
    /// # Errors
    /// In words: a name twice or unusable, an issuer that is not allowed.
    pub fn new(outward: Outward, providers: Vec<Provider>) -> Result<Self, String> {
        // Fails only when it was installed before, by another instance of this.
        let _ = signature::PROVIDER.install_default();
        let mut named = BTreeMap::new();
        for provider in providers {
            check(&outward, &provider)?;
            if let Some(twice) = named.insert(provider.name.clone(), provider) {
                return Err(format!("the provider {} is named twice", twice.name));
            }
        }
        Ok(Self { outward, providers: named, known: Mutex::default() })
    }

    /// The providers, for the sign-in page.
    pub fn providers(&self) -> Vec<ProviderView> {
        let view = |provider: &Provider| ProviderView { name: provider.name.clone(), title: provider.title.clone() };
        self.providers.values().map(view).collect()
    }

    /// Leaves for a provider: to sign in, or for a fresh proof of the person
    /// in `session`, who must prove themselves there anew.
    ///
    /// # Errors
    /// 404 `E-PROVIDER`, 502 `E-OIDC-PROVIDER`, 429 `E-ATTEMPTS`.
    pub async fn leave(&self, identity: &Identity, name: &str, session: Option<&Principal>, from: &Browser<'_>) -> Result<Departure, Refusal> {
        identity.attempts.count(&[Target::sign_in(from.caller.address)], identity.now())?;
        let provider = self.provider(name)?;
        let description = self.known(identity, provider).await?.description;
        let own = from.origins.of_host(from.headers).ok_or_else(sign_in_first)?;
        let session = match session.map(|principal| &principal.who) {
            None => None,
            Some(Who::Person { session, .. }) => Some(session.as_str().to_owned()),
            Some(_) => return Err(sign_in_first()),
        };
        let (nonce, verifier, browser) = (Secret::make("")?, Secret::make("")?, Secret::make("")?);
        let redirect = format!("{}/sign-in/{}/return", own.origin().ascii_serialization(), provider.name);
        let fresh = session.is_some();
        let left = Left {
            provider: provider.name.clone(),
            nonce: nonce.expose().to_owned(),
            verifier: verifier.expose().to_owned(),
            redirect: redirect.clone(),
            browser: browser.digest().as_str().to_owned(),
            session,
        };
        let state = identity.ticket(TICKET, &left).await?;
        let mut url = self.outward_page(&description.authorization_endpoint)?;
        let challenge = BASE64URL_NOPAD.encode(&Sha256::digest(verifier.expose()));
        let scopes: Vec<&str> = ["openid", "profile", "email"].into_iter().chain(provider.scopes.iter().map(String::as_str)).collect();
        url.query_pairs_mut()
            .append_pair("response_type", "code")
            .append_pair("client_id", &provider.client_id)
            .append_pair("redirect_uri", &redirect)
            .append_pair("scope", &scopes.join(" "))
            .append_pair("state", state.expose())
            .append_pair("nonce", nonce.expose())
            .append_pair("code_challenge", &challenge)
            .append_pair("code_challenge_method", "S256");
        if fresh {
            url.query_pairs_mut().append_pair("prompt", "login").append_pair("max_age", "0");
        }
        let seconds = identity.lifetimes.ticket.as_secs();
        let cookie = Kind::Return.write(own, browser.expose(), seconds).ok_or_else(sign_in_first)?;
        Ok(Departure { url, cookie })
    }

    /// Returns from a provider: signs in, or gives the session its fresh proof.
    ///
    /// # Errors
    /// 401 and 403 with the reason, see [`id_token::check`], `E-TICKET`,
    /// `E-OIDC-CODE`, `E-OIDC-GROUPS`, `E-OIDC-ACCOUNT`, `E-OIDC-FRESH`,
    /// `E-OIDC-NAME`.
    pub async fn back(&self, identity: &Identity, name: &str, returned: &Return, from: &Browser<'_>, names: &Names<'_>) -> Result<Step, Refusal> {
        identity.attempts.count(&[Target::sign_in(from.caller.address)], identity.now())?;
        let left: Left = identity.redeem(TICKET, &returned.state).await?;
        let own = from.origins.of_host(from.headers).ok_or_else(sign_in_first)?;
        let cookie = Kind::Return.read(own, from.headers).map(|secret| secret.digest());
        if left.provider != name || cookie != Some(SecretDigest::kept(left.browser.clone())) {
            return Err(refused("E-OIDC-BROWSER", "this browser did not begin this sign-in"));
        }
        let provider = self.provider(name)?;
        let known = self.known(identity, provider).await?;
        let issuer_fits = match &returned.iss {
            Some(issuer) => *issuer == provider.issuer,
            None => !known.description.authorization_response_iss_parameter_supported,
        };
        if !issuer_fits {
            return Err(refused("E-OIDC-ISSUER", "the answer comes from another provider"));
        }
        let Some(code) = returned.code.as_deref().filter(|_| returned.error.is_none()) else {
            let error = returned.error.as_deref().unwrap_or("no code");
            return Err(refused("E-OIDC-CODE", &format!("the provider says: {error}")));
        };
        let token = self.redeem_code(provider, &known.description, code, &left).await?;
        let claims = self.claims(identity, provider, known, &token, &left.nonce).await?;
        match &left.session {
            None => {
                let person = self.person(identity, provider, &claims, from, names).await?;
                identity.first_step(&person, Strength::Oidc, from).await
            }
            Some(session) => {
                let done = fresh(identity, provider, &claims, SecretDigest::kept(session.clone()), from).await?;
                Ok(Step::Done(Box::new(done)))
            }
        }
    }

    fn provider(&self, name: &str) -> Result<&Provider, Refusal> {
        self.providers.get(name).ok_or_else(|| {
            Refusal::new(StatusCode::NOT_FOUND, "E-PROVIDER", format!("there is no identity provider {name}"), "choose one of the sign-in page")
        })
    }

    /// A page that the browser goes to, not we: only its scheme matters.
    fn outward_page(&self, text: &str) -> Result<Url, Refusal> {
        let url = Url::parse(text).map_err(|error| faulty(&format!("its sign-in page does not read: {error}")))?;
        let sound = url.scheme() == "https" || self.outward.check(text).is_ok();
        if sound { Ok(url) } else { Err(faulty("its sign-in page is not https")) }
    }

    async fn known(&self, identity: &Identity, provider: &Provider) -> Result<Known, Refusal> {
        let now = identity.now();
        let kept = self.known.lock().unwrap_or_else(PoisonError::into_inner).get(&provider.name).cloned();
        if let Some(known) = kept.filter(|known| now.duration_since(known.fetched).abs() < KEPT) {
            return Ok(known);
        }
        let address = format!("{}/.well-known/openid-configuration", provider.issuer.trim_end_matches('/'));
        let description: Description = self.fetch(&address).await?;
        if description.issuer != provider.issuer {
            return Err(faulty(&format!("it calls itself {}, its settings here {}", description.issuer, provider.issuer)));
        }
        let keys = self.fetch(&description.jwks_uri).await?;
        let known = Known { description, keys, fetched: now, keys_fetched: now };
        self.keep(provider, &known);
        Ok(known)
    }

    fn keep(&self, provider: &Provider, known: &Known) {
        self.known.lock().unwrap_or_else(PoisonError::into_inner).insert(provider.name.clone(), known.clone());
    }

    async fn claims(&self, identity: &Identity, provider: &Provider, mut known: Known, token: &str, nonce: &str) -> Result<Claims, Refusal> {
        let now = identity.now();
        match id_token::check(token, &known.keys, provider, nonce, now) {
            Ok(claims) => return Ok(claims),
            Err(Fault::Refused(refusal)) => return Err(refusal),
            Err(Fault::UnknownKey) => {}
        }
        let unknown = || refused("E-OIDC-SIGNATURE", "the ID token is signed with a key that the provider does not publish");
        if now.duration_since(known.keys_fetched).abs() < REFRESH {
            return Err(unknown());
        }
        known.keys = self.fetch(&known.description.jwks_uri).await?;
        known.keys_fetched = now;
        self.keep(provider, &known);
        match id_token::check(token, &known.keys, provider, nonce, now) {
            Ok(claims) => Ok(claims),
            Err(Fault::Refused(refusal)) => Err(refusal),
            Err(Fault::UnknownKey) => Err(unknown()),
        }
    }

    async fn fetch<T: serde::de::DeserializeOwned>(&self, address: &str) -> Result<T, Refusal> {
        let url = self.outward.check(address).map_err(|refusal| faulty(refusal.detail()))?;
        let answer = self.outward.send(Outbound::get(url, ANSWER)).await.map_err(|refusal| faulty(refusal.detail()))?;
        if answer.status != StatusCode::OK {
            return Err(faulty(&format!("{address} answers {}", answer.status)));
        }
        serde_json::from_slice(&answer.body).map_err(|error| faulty(&format!("{address} does not read: {error}")))
    }

    async fn redeem_code(&self, provider: &Provider, description: &Description, code: &str, left: &Left) -> Result<String, Refusal> {
        let url = self.outward.check(&description.token_endpoint).map_err(|refusal| faulty(refusal.detail()))?;
        let answer = self.outward.send(token_request(url, provider, description, code, left)).await;
        let answer = answer.map_err(|refusal| faulty(refusal.detail()))?;
        let read: TokenAnswer = serde_json::from_slice(&answer.body).map_err(|_| faulty(&format!("it answers {} to the code", answer.status)))?;
        match (read.id_token, read.error) {
            (Some(token), None) if answer.status == StatusCode::OK => Ok(token),
            (_, error) => {
                let error = error.unwrap_or_else(|| answer.status.to_string());
                Err(refused("E-OIDC-CODE", &format!("the provider does not take the code: {error}")))
            }
        }
    }

    async fn person(&self, identity: &Identity, provider: &Provider, claims: &Claims, from: &Browser<'_>, names: &Names<'_>) -> Result<Person, Refusal> {
        let subject = Subject { issuer: provider.issuer.clone(), subject: claims.subject.clone() };
        let grants = mapped(identity, provider, claims).await?;
        if !provider.groups.is_empty() && grants.is_empty() {
            return Err(forbidden("E-OIDC-GROUPS", "none of the person's groups has a role here"));
        }
        let mut act = identity.act(&Principal::nobody(), from.caller);
        act.actor = format!("provider:{}", provider.name);
        act.strength = Strength::Oidc;
        match identity.directory.person_by_subject(&subject).await? {
            Some(person) if person.disabled.is_some() => Err(forbidden("E-OIDC-ACCOUNT", "the account is disabled")),
            Some(person) if provider.groups.is_empty() || same(&person.grants, &grants) => Ok(person),
            Some(person) => {
                identity.directory.set_grants(&act, person.id, &grants).await?;
                identity.directory.person(person.id).await?.ok_or_else(sign_in_first)
            }
            None if !provider.create => Err(forbidden("E-OIDC-ACCOUNT", "there is no account for this person")),
            None => {
                let account = account(claims);
                if names(account, claims.email.as_deref()) {
                    let text = format!("the policy or the root document names somebody `{account}`, and a name that a provider tells is no proof of being them");
                    let next = "give this person the address that the provider verifies in [people] of the policy, or have an administrator make another account";
                    return Err(Refusal::new(StatusCode::FORBIDDEN, "E-OIDC-NAME", text, next));
                }
                self.create(identity, &act, subject, claims, grants).await
            }
        }
    }

    /// Never joins an account that is there already: a mail address or name
    /// that a provider claims is no proof of being its owner.
    async fn create(&self, identity: &Identity, act: &Act, subject: Subject, claims: &Claims, grants: Vec<Grant>) -> Result<Person, Refusal> {
        let account = account(claims).to_owned();
        let name = claims.name.clone().unwrap_or_else(|| account.clone());
        let new = NewPerson { account, name, email: claims.email.clone(), grants, break_glass: false };
        let person = identity.draft(new, Some(subject))?;
        identity.keep_person(act, &person).await?;
        Ok(person)
    }
}

fn account(claims: &Claims) -> &str {
    claims.account.as_ref().or(claims.email.as_ref()).unwrap_or(&claims.subject)
}

/// The request that turns a code into a token; our secret goes into the header
/// unless the provider takes it in the body only.
fn token_request(url: Url, provider: &Provider, description: &Description, code: &str, left: &Left) -> Outbound {
    let mut form = url::form_urlencoded::Serializer::new(String::new());
    form.append_pair("grant_type", "authorization_code")
        .append_pair("code", code)
        .append_pair("redirect_uri", &left.redirect)
        .append_pair("code_verifier", &left.verifier);
    let methods = description.token_endpoint_auth_methods_supported.as_deref().unwrap_or_default();
    let takes = |name: &str| methods.iter().any(|method| method == name);
    let in_body = takes("client_secret_post") && !takes("client_secret_basic");
    let mut authorization = None;
    match &provider.client_secret {
        Some(secret) if !in_body => {
            let encode = |text: &str| url::form_urlencoded::byte_serialize(text.as_bytes()).collect::<String>();
            let pair = format!("{}:{}", encode(&provider.client_id), encode(&secret.0));
            authorization = HeaderValue::from_str(&format!("Basic {}", BASE64.encode(pair.as_bytes()))).ok();
        }
        Some(secret) => {
            form.append_pair("client_id", &provider.client_id).append_pair("client_secret", &secret.0);
        }
        None => {
            form.append_pair("client_id", &provider.client_id);
        }
    }
    let mut request = Outbound::post(url, form.finish().into_bytes(), ANSWER);
    request.headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/x-www-form-urlencoded"));
    request.headers.insert(header::ACCEPT, HeaderValue::from_static("application/json"));
    if let Some(value) = authorization {
        request.headers.insert(header::AUTHORIZATION, value);
    }
    request
}

async fn fresh(identity: &Identity, provider: &Provider, claims: &Claims, session: SecretDigest, from: &Browser<'_>) -> Result<NewSession, Refusal> {
    let now = identity.now();
    let recent = claims.authenticated.is_some_and(|time| now.duration_since(time) < identity.lifetimes.ticket);
    if !recent {
        return Err(refused("E-OIDC-FRESH", "the provider did not ask the person anew (auth_time is missing or old)"));
    }
    let kept = identity.directory.session(&session).await?.filter(|kept| now < kept.expires && now < kept.idle_expires);
    let kept = kept.ok_or_else(sign_in_first)?;
    let person = identity.directory.person(kept.person).await?;
    let wanted = Subject { issuer: provider.issuer.clone(), subject: claims.subject.clone() };
    let person = person.filter(|person| {
        person.subject.as_ref() == Some(&wanted) && person.generation == kept.generation && person.disabled.is_none()
    });
    let Some(person) = person else {
        return Err(forbidden("E-OIDC-ACCOUNT", "somebody else proved themselves at the provider"));
    };
    identity.begin(&person, Strength::Oidc, true, from, Some(&session)).await
}

/// What the person's groups give here now.
async fn mapped(identity: &Identity, provider: &Provider, claims: &Claims) -> Result<Vec<Grant>, Refusal> {
    let groups: BTreeSet<&str> = claims.groups.iter().map(String::as_str).collect();
    let mut grants = BTreeSet::new();
    for entry in provider.groups.iter().filter(|entry| groups.contains(entry.group.as_str())) {
        let Some(client) = &entry.client else {
            grants.insert(Grant::everywhere(entry.role));
            continue;
        };
        match identity.directory.place(client, entry.host_group.as_deref()).await? {
            Some((client, group)) => {
                grants.insert(Grant { role: entry.role, client: Some(client), group });
            }
            None => tracing::warn!(
                provider = provider.name,
                group = entry.group,
                client,
                host_group = entry.host_group,
                "the settings give a role for a client or group of hosts that is not there; it gives nothing"
            ),
        }
    }
    Ok(grants.into_iter().collect())
}

/// Checks a provider of the settings.
///
/// # Errors
/// In words: an unusable name, an issuer that is not allowed, a role for a
/// group of hosts without its client.
pub fn check(outward: &Outward, provider: &Provider) -> Result<(), String> {
    let sound = !provider.name.is_empty() && provider.name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
    if !sound {
        return Err(format!("the provider's name {:?} has more than letters, digits and -", provider.name));
    }
    outward.check(&provider.issuer).map_err(|refusal| format!("issuer of {}: {}", provider.name, refusal.detail()))?;
    if provider.groups.iter().any(|group| group.client.is_none() && group.host_group.is_some()) {
        return Err(format!("a group of {} gives a role for a group of hosts without its client", provider.name));
    }
    Ok(())
}

fn same(left: &[Grant], right: &[Grant]) -> bool {
    left.iter().collect::<BTreeSet<_>>() == right.iter().collect::<BTreeSet<_>>()
}

fn faulty(detail: &str) -> Refusal {
    Refusal::new(
        StatusCode::BAD_GATEWAY,
        "E-OIDC-PROVIDER",
        format!("the identity provider cannot be used: {detail}"),
        "tell who runs it; a local account works without it",
    )
}

fn refused(code: &'static str, detail: &str) -> Refusal {
    Refusal::new(StatusCode::UNAUTHORIZED, code, detail, "begin the sign-in again; if it stays, tell who runs the identity provider")
}

fn forbidden(code: &'static str, detail: &str) -> Refusal {
    Refusal::new(StatusCode::FORBIDDEN, code, detail, "ask an administrator of this server for an account or a role")
}
