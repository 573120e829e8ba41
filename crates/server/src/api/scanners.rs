//! **Outside scanners**: what they said of hosts.

use super::hosts::{seen_host, visible};
use super::{Answer, parameter, stored, window};
use crate::app::Shared;
use crate::fleet::question::Page;
use crate::http::gate::Allowed;
use crate::http::json::Json;
use crate::http::parameters::{Path, Query};
use crate::scanners::{self, ResultWish};
use axum::body::Bytes;
use axum::extract::State;
use jiff::Timestamp;
use plimsoll_core::model::identifier::HostId;
use plimsoll_core::model::scanner::{Scanner, ScannerResult};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Most results that lists look at: older ones are in the evidence log.
const LISTED: u32 = 10_000;

/// A scanner's result for a host.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct ScannerResultAnswer {
    /// SHA-256 of the file, hex.
    pub digest: String,
    /// The host.
    #[schema(value_type = String)]
    pub host: HostId,
    /// Its name.
    pub host_name: String,
    /// `openscap`, `trivy`, `grype` or `osv-scanner`.
    #[schema(value_type = String)]
    pub scanner: Scanner,
    /// Its version.
    pub version: Option<String>,
    /// When its vulnerability data was made; none where nobody said.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub database: Option<Timestamp>,
    /// When it looked.
    #[schema(value_type = String, format = DateTime)]
    pub moment: Timestamp,
    /// When the result was brought.
    #[schema(value_type = String, format = DateTime)]
    pub received: Timestamp,
    /// Vulnerabilities that it says are there.
    pub there: u64,
}

fn answer(app: &Shared, result: ScannerResult) -> ScannerResultAnswer {
    let ScannerResult { digest, client: _, host, scanner, version, database, moment, received, there } = result;
    let host_name = super::deployment_packages::name_of(app, host);
    ScannerResultAnswer { digest, host, host_name, scanner, version, database, moment, received, there }
}

/// Which results.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Which {
    /// For this host, by id.
    pub host: Option<String>,
    /// Of this scanner.
    pub scanner: Option<String>,
    /// Rows left out at the front.
    pub skip: Option<usize>,
    /// Rows wanted.
    pub take: Option<usize>,
}

/// Lists results, the newest first.
pub async fn list(State(app): State<Shared>, allowed: Allowed, Query(which): Query<Which>) -> Answer<Page<ScannerResultAnswer>> {
    let (skip, take) = window(which.skip, which.take)?;
    let scanner = which.scanner.as_deref().map(|word| {
        Scanner::parse(word).ok_or_else(|| parameter("scanner", format!("is {word:?}, allowed are {}", Scanner::ALL.map(Scanner::word).join(", ")), "choose one of them"))
    });
    let scanner = scanner.transpose()?;
    let host = which.host.as_deref().map(|id| seen_host(&app, &allowed.scope, id, |managed| managed.registration.id)).transpose()?;
    // A host that was looked up is one that the asker may see; a grant of a
    // group reaches no list of a whole client.
    let within = if host.is_some() { plimsoll_store::Scope::All } else { stored(&allowed.scope) };
    let mut found = app.store.scanner_results(&within, host, LISTED).await?;
    let seen = visible(&app, &allowed.scope);
    {
        let fleet = app.fleet.read();
        found.retain(|result| fleet.host(result.host).is_some_and(|managed| seen.contains(managed.registration.number)) && scanner.is_none_or(|scanner| result.scanner == scanner));
    }
    let total = found.len();
    Ok(Json(Page { rows: found.into_iter().skip(skip).take(take).map(|result| answer(&app, result)).collect(), total }))
}

/// Takes a result for a host.
pub async fn bring(State(app): State<Shared>, allowed: Allowed, Path(id): Path<String>, Query(wish): Query<ResultWish>, file: Bytes) -> Answer<ScannerResultAnswer> {
    let result = scanners::bring(&app, &allowed, &id, wish, file).await?;
    Ok(Json(answer(&app, result)))
}
