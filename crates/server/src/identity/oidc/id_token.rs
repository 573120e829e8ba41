//! The **ID token** of an identity provider: every claim that counts is
//! checked here, and nothing else is believed.

use super::signature::TAKEN;
use super::{Provider, refused};
use crate::http::problem::Refusal;
use jiff::{SignedDuration, Timestamp};
use jsonwebtoken::jwk::{Jwk, JwkSet, PublicKeyUse};
use jsonwebtoken::{DecodingKey, Validation, decode, decode_header};
use serde::Deserialize;
use std::collections::BTreeMap;
use subtle::ConstantTimeEq;

/// How far the provider's clock may be off.
const SKEW: SignedDuration = SignedDuration::from_secs(60);

/// Longest token that is read, in bytes; one with hundreds of groups fits.
const LONGEST: usize = 64 << 10;

/// Groups that are looked at.
const GROUPS: usize = 2_000;

/// What a checked token says.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Claims {
    /// The provider's name for the person; never changes.
    pub subject: String,
    /// Mail address; only where the provider says that it checked it, or is
    /// trusted to.
    pub email: Option<String>,
    /// A name to show.
    pub name: Option<String>,
    /// A name for the account.
    pub account: Option<String>,
    /// Groups, from the claim that the provider's settings name.
    pub groups: Vec<String>,
    /// When the person last proved themselves to the provider.
    pub authenticated: Option<Timestamp>,
}

#[derive(Deserialize)]
struct Raw {
    iss: String,
    sub: String,
    aud: Audience,
    azp: Option<String>,
    exp: f64,
    iat: Option<f64>,
    nbf: Option<f64>,
    nonce: Option<String>,
    auth_time: Option<f64>,
    email: Option<String>,
    #[serde(default)]
    email_verified: Option<Verified>,
    name: Option<String>,
    preferred_username: Option<String>,
    #[serde(flatten)]
    other: BTreeMap<String, serde_json::Value>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Audience {
    One(String),
    Many(Vec<String>),
}

/// Some providers write the boolean as text.
#[derive(Deserialize)]
#[serde(untagged)]
enum Verified {
    Flag(bool),
    Text(String),
}

/// Whether a token's key might be among newer ones of the provider.
#[derive(Debug)]
pub enum Fault {
    /// No key of this name: fetch the keys again, once.
    UnknownKey,
    /// Anything else: refused.
    Refused(Refusal),
}

/// Checks a token: algorithm, signature, issuer, audience, times, nonce.
///
/// # Errors
/// 401 with the reason: `E-OIDC-TOKEN`, `-ALGORITHM`, `-SIGNATURE`, `-ISSUER`,
/// `-AUDIENCE`, `-TIME`, `-NONCE`, `-EMAIL`.
pub fn check(token: &str, keys: &JwkSet, provider: &Provider, nonce: &str, now: Timestamp) -> Result<Claims, Fault> {
    let refuse = |code: &'static str, detail: String| Fault::Refused(refused(code, &detail));
    if token.len() > LONGEST {
        return Err(refuse("E-OIDC-TOKEN", format!("the ID token has {} bytes, the limit is {LONGEST}", token.len())));
    }
    let header = decode_header(token).map_err(|error| refuse("E-OIDC-ALGORITHM", format!("the ID token's header does not read: {error}")))?;
    if !TAKEN.contains(&header.alg) {
        return Err(refuse("E-OIDC-ALGORITHM", format!("the ID token is signed with {:?}", header.alg)));
    }
    let key = find(keys, header.kid.as_deref()).ok_or(Fault::UnknownKey)?;
    let key = DecodingKey::from_jwk(key).map_err(|error| refuse("E-OIDC-SIGNATURE", format!("the provider's key does not read: {error}")))?;
    let mut validation = Validation::new(header.alg);
    // Claims are checked below, by our own clock and with reasons.
    validation.validate_exp = false;
    validation.validate_aud = false;
    validation.set_required_spec_claims::<&str>(&[]);
    let raw: Raw = decode(token, &key, &validation)
        .map_err(|error| refuse("E-OIDC-SIGNATURE", format!("the ID token is not to be believed: {error}")))?
        .claims;
    check_claims(&raw, provider, nonce, now).map_err(Fault::Refused)?;
    let groups = groups(&raw, &provider.groups_claim);
    let verified = match raw.email_verified {
        Some(Verified::Flag(flag)) => flag,
        Some(Verified::Text(text)) => text == "true",
        None => false,
    };
    if raw.email.is_some() && !verified && !provider.trust_email {
        return Err(refuse("E-OIDC-EMAIL", "the provider did not verify the person's mail address".to_owned()));
    }
    Ok(Claims {
        subject: raw.sub,
        email: raw.email,
        name: raw.name,
        account: raw.preferred_username,
        groups,
        authenticated: raw.auth_time.and_then(seconds),
    })
}

fn check_claims(raw: &Raw, provider: &Provider, nonce: &str, now: Timestamp) -> Result<(), Refusal> {
    if raw.iss != provider.issuer {
        return Err(refused("E-OIDC-ISSUER", &format!("the ID token is from {}, not {}", raw.iss, provider.issuer)));
    }
    let (ours, several) = match &raw.aud {
        Audience::One(audience) => (*audience == provider.client_id, false),
        Audience::Many(audiences) => (audiences.contains(&provider.client_id), audiences.len() > 1),
    };
    // One for several must name us as the party it was given to.
    let party = raw.azp.as_ref().map_or(!several, |party| *party == provider.client_id);
    if !ours || !party {
        return Err(refused("E-OIDC-AUDIENCE", "the ID token is for somebody else"));
    }
    let early = now.saturating_sub(SKEW).unwrap_or(Timestamp::MIN);
    let late = now.saturating_add(SKEW).unwrap_or(Timestamp::MAX);
    let expired = seconds(raw.exp).is_none_or(|end| end <= early);
    let future = [raw.iat, raw.nbf].into_iter().flatten().any(|start| seconds(start).is_none_or(|start| start > late));
    if expired || future {
        return Err(refused("E-OIDC-TIME", &format!("the ID token is not for now, {now}")));
    }
    let same = raw.nonce.as_ref().is_some_and(|given| given.as_bytes().ct_eq(nonce.as_bytes()).into());
    if !same {
        return Err(refused("E-OIDC-NONCE", "the ID token belongs to another sign-in"));
    }
    if raw.sub.is_empty() || raw.sub.len() > 255 {
        return Err(refused("E-OIDC-TOKEN", "the ID token names nobody"));
    }
    Ok(())
}

fn find<'a>(keys: &'a JwkSet, name: Option<&str>) -> Option<&'a Jwk> {
    let mut usable = keys
        .keys
        .iter()
        .filter(|key| key.common.public_key_use.as_ref().is_none_or(|purpose| *purpose == PublicKeyUse::Signature));
    match name {
        Some(name) => usable.find(|key| key.common.key_id.as_deref() == Some(name)),
        // Without a name there must be no choice.
        None => usable.next().filter(|_| keys.keys.len() == 1),
    }
}

fn groups(raw: &Raw, claim: &str) -> Vec<String> {
    let text = |value: &serde_json::Value| value.as_str().map(str::to_owned);
    match raw.other.get(claim) {
        Some(serde_json::Value::Array(values)) => values.iter().take(GROUPS).filter_map(text).collect(),
        Some(value) => text(value).into_iter().collect(),
        None => Vec::new(),
    }
}

fn seconds(number: f64) -> Option<Timestamp> {
    // Year 9999 and what is no number end here.
    (number.is_finite() && number.abs() < 2.5e11).then(|| Timestamp::from_second(number as i64).ok()).flatten()
}
