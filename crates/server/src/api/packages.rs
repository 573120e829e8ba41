//! Packages: one name, its versions, and how many hosts have each.

use super::hosts::visible;
use super::{Answer, missing, window};
use crate::app::Shared;
use crate::http::gate::Allowed;
use crate::http::json::Json;
use crate::http::parameters::{Path, Query};
use axum::extract::State;
use plimsoll_core::model::identifier::HostId;
use plimsoll_core::model::stream::Stream;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Which packages.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Which {
    /// Beginning of the name.
    #[serde(default)]
    pub name: String,
    /// The last name of the page before.
    pub after: Option<String>,
    /// The stream of that name.
    pub after_stream: Option<String>,
    /// Rows wanted.
    pub take: Option<usize>,
}

/// One package.
#[derive(Debug, Serialize, ToSchema)]
pub struct PackageRow {
    /// Stream.
    pub stream: String,
    /// Name.
    pub name: String,
    /// Hosts that have it.
    pub hosts: u64,
    /// Distinct versions.
    pub versions: usize,
}

/// Lists packages by name.
pub async fn list(State(app): State<Shared>, allowed: Allowed, Query(which): Query<Which>) -> Answer<Vec<PackageRow>> {
    let (_, take) = window(None, which.take)?;
    let seen = visible(&app, &allowed.scope);
    let stream = which.after_stream.as_deref().map(Stream::language);
    let after = which.after.as_deref().zip(stream.as_ref());
    let found = app.fleet.read().index.search(&which.name, &seen, after, take);
    let rows = found.into_iter().map(|package| PackageRow {
        stream: package.stream.to_string(),
        name: package.name,
        hosts: package.hosts,
        versions: package.versions,
    });
    Ok(Json(rows.collect()))
}

/// One version and who has it.
#[derive(Debug, Serialize, ToSchema)]
pub struct VersionRow {
    /// Version.
    pub version: String,
    /// Hosts.
    #[schema(value_type = Vec<Vec<String>>)]
    pub hosts: Vec<(HostId, String)>,
}

/// One package's versions, oldest first.
pub async fn show(
    State(app): State<Shared>,
    allowed: Allowed,
    Path((stream, name)): Path<(String, String)>,
) -> Answer<Vec<VersionRow>> {
    let seen = visible(&app, &allowed.scope);
    let stream = Stream::language(&stream);
    let fleet = app.fleet.read();
    let versions = fleet.index.versions(&stream, &stream.normalise_name(&name), &seen);
    if versions.is_empty() {
        return Err(missing("package", &name));
    }
    let rows = versions.into_iter().map(|version| VersionRow {
        version: version.version,
        hosts: version
            .hosts
            .iter()
            .filter_map(|number| fleet.numbered(number))
            .map(|managed| (managed.registration.id, managed.registration.name.clone()))
            .collect(),
    });
    Ok(Json(rows.collect()))
}
