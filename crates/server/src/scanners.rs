//! **Outside scanners**: their results are brought, kept with their leaf, and
//! held against what hosts report; API, console and confirming share it.

use crate::api::acts::actor;
use crate::api::hosts::seen_host;
use crate::api::parameter;
use crate::app::{App, News, Shared};
use crate::http::gate::Allowed;
use crate::http::problem::Refusal;
use axum::body::Bytes;
use axum::http::StatusCode;
use jiff::{SignedDuration, Timestamp};
use plimsoll_core::knowledge::Knowledge;
use plimsoll_core::model::finding::Finding;
use plimsoll_core::model::identifier::HostId;
use plimsoll_core::model::policy::governance::{Disagreement, VerifyMethod};
use plimsoll_core::model::policy::{Done, Length, PolicySet};
use plimsoll_core::model::scanner::{Reading, ScannerResult};
use plimsoll_core::phases::confirm::second::{self, Asked};
use plimsoll_formats::scanners;
use plimsoll_store::{Intent, StoreError};
use serde::Deserialize;
use sha2::{Digest, Sha256};
use std::collections::BTreeSet;

/// Largest file.
pub const FILE: usize = scanners::FILE_LIMIT;
/// How far a scanner's clock may be ahead of ours.
const AHEAD: SignedDuration = SignedDuration::from_mins(10);

/// What a scanner's file does not say itself.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ResultWish {
    /// When it looked, for files that do not say (OSV-Scanner, OVAL).
    pub moment: Option<Timestamp>,
    /// When its vulnerability data was made, for files that do not say
    /// (Trivy, OSV-Scanner).
    pub database: Option<Timestamp>,
    /// Takes a file that names another host.
    pub renamed: Option<bool>,
}

/// Takes a scanner's result for a host.
///
/// # Errors
///
/// 404 for a host that the asker may not import for, 400 for a file that is
/// not a result, says no moment or names another host, 409 where it was brought
/// before.
pub async fn bring(app: &Shared, allowed: &Allowed, host: &str, wish: ResultWish, file: Bytes) -> Result<ScannerResult, Refusal> {
    let (id, client, name) = seen_host(app, &allowed.scope, host, |managed| {
        let registration = &managed.registration;
        (registration.id, registration.client, registration.name.clone())
    })?;
    let (reading, digest) = app
        .compute(move || {
            let digest = data_encoding::HEXLOWER.encode(&Sha256::digest(&file));
            scanners::read("the scanner's file", &file).map(|reading| (reading, digest))
        })
        .await?;
    let now = Timestamp::now();
    let result = ScannerResult {
        digest,
        client,
        host: id,
        scanner: reading.scanner,
        version: reading.version.clone(),
        database: reading.database.or(wish.database),
        moment: moment(&reading, &wish, now)?,
        received: now,
        there: reading.said.iter().filter(|said| said.there == Some(true)).count() as u64,
    };
    if wish.renamed != Some(true) {
        same_host(&reading, &name)?;
    }
    let object = format!("scanner-result:{id}:{}", result.digest);
    let mut change = app.store.begin(Intent::new(actor(allowed), now, "scanner-result.bring", object)).await?;
    change.add_scanner_result(&result, &reading).await?;
    change.commit(None).await?;
    // What a rollout confirmed may stand otherwise now.
    app.rollouts.wake.notify_one();
    let _ = app.news.send(News::Other);
    Ok(result)
}

fn moment(reading: &Reading, wish: &ResultWish, now: Timestamp) -> Result<Timestamp, Refusal> {
    let moment = reading.moment.or(wish.moment).ok_or_else(|| {
        let text = format!("the file of {} does not say when it looked", reading.scanner.name());
        Refusal::new(StatusCode::BAD_REQUEST, "E-SCANNER-MOMENT", text, "say it: moment=2026-11-22T10:00:00Z (--moment)").at("moment")
    })?;
    let database = reading.database.or(wish.database);
    if moment.duration_since(now) > AHEAD {
        return Err(parameter("moment", format!("{moment} has not come yet"), "set the clock of the scanner's machine"));
    }
    if database.is_some_and(|database| database > moment) {
        return Err(parameter("database", format!("is younger than the look itself at {moment}"), "say when the data was made that the scanner used"));
    }
    Ok(moment)
}

/// A result for another machine would confirm what nobody saw: where the file
/// names a host, it must be this one.
fn same_host(reading: &Reading, name: &str) -> Result<(), Refusal> {
    let short = |name: &str| name.split('.').next().unwrap_or_default().to_ascii_lowercase();
    let named = reading.target.as_deref().filter(|target| !target.contains(['/', ':']) && *target != "." && !target.is_empty());
    match named {
        Some(target) if short(target) != short(name) => {
            let text = format!("the file is about {target}, and the host is called {name}");
            Err(Refusal::new(StatusCode::BAD_REQUEST, "E-SCANNER-HOST", text, "bring it for the host that it is about, or say renamed=true (--renamed) where it is the same machine").at("host"))
        }
        _ => Ok(()),
    }
}

/// What the policy asks of scanners: none where it asks for none.
pub struct Terms {
    /// The figures.
    pub asked: Asked,
    /// Rules that are done only by a second source; empty asks for every
    /// change.
    pub rules: BTreeSet<String>,
}

/// What the policy asks of scanners.
pub fn terms(policy: &PolicySet) -> Option<Terms> {
    let verify = policy.governance.verify.as_ref()?;
    let other = verify.out_of_band.clone().unwrap_or_default();
    if !other.scanner && !verify.method.contains(&VerifyMethod::Scanner) {
        return None;
    }
    let span = |length: &Option<Length>| length.as_ref().map(|length| SignedDuration::from_secs(length.nominal_seconds()));
    let all = policy.policies.iter().flat_map(|policy| policy.rules.iter());
    let rules = all.filter(|rule| rule.done == Done::VerifiedBySecondSource).map(|rule| rule.name.clone()).collect();
    let asked = Asked { within: span(&other.within), oldest: span(&verify.max_evidence_age), reopens: other.disagree != Some(Disagreement::Review) };
    Some(Terms { asked, rules })
}

/// Whether the policy asks for a scanner's word on a host: where rules name a
/// second source, only for what fell under one of them.
///
/// # Errors
///
/// What the store meets.
pub async fn concerns(app: &App, terms: &Terms, host: HostId, advisories: &BTreeSet<String>) -> Result<bool, StoreError> {
    if terms.rules.is_empty() {
        return Ok(true);
    }
    let journal = app.store.transitions(host).await?;
    let mut obliged = journal.iter().flat_map(|transition| &transition.obliged).filter(|(key, _)| advisories.contains(&key.advisory));
    Ok(obliged.any(|(_, obliged)| obliged.bounds.iter().any(|bound| terms.rules.contains(&bound.rule))))
}

/// Every id that advisories go by, as far as the advisory database knows.
pub fn ids(app: &App, advisories: &[String]) -> BTreeSet<String> {
    let mut ids: BTreeSet<String> = advisories.iter().cloned().collect();
    let Some(held) = app.advisories.held() else { return ids };
    for advisory in advisories {
        for number in held.database.advisories_named(advisory).unwrap_or_default() {
            if let Ok(facts) = held.database.advisory(number) {
                ids.extend(std::iter::once(facts.id).chain(facts.aliases).chain(facts.cves));
            }
        }
    }
    ids
}

/// Adds to the reasons of a host's findings what scanners say of them.
pub fn explain(findings: &mut [Finding], readings: &[(ScannerResult, Reading)]) {
    for finding in findings {
        let ids: BTreeSet<&str> = std::iter::once(finding.advisory.as_str()).chain(finding.aliases.iter().map(String::as_str)).collect();
        let said = readings.iter().filter_map(|(result, reading)| second::of_finding(result, reading, &ids, &finding.component));
        finding.because.extend(said.collect::<Vec<_>>());
    }
}

#[cfg(test)]
mod tests;
