//! **Document**: the record of a change, made of what the evidence log tells
//! and of nothing else, so that a server and an exported folder give the same
//! bytes.

use crate::app::Shared;
use axum::body::Bytes;
use plimsoll_core::model::problem::Problem;
use plimsoll_core::phases::document::{Event, Input, Record, decide};
use plimsoll_documents::Format;
use plimsoll_formats::trust::{HostTree, SignedPackage};
use plimsoll_store::evidence::record::{Told, exported};
use plimsoll_store::evidence::verify;
use serde::{Deserialize, Serialize};
use std::path::Path;

/// A written form of a record.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Form {
    /// For machines; holds everything.
    #[default]
    Json,
    /// For a browser and for paper.
    Html,
    /// For paper and for keeping.
    Pdf,
    /// For other people's pages.
    Markdown,
    /// For those who edit.
    Docx,
}

impl Form {
    /// The form that lays it out; none for machines.
    pub fn laid_out(self) -> Option<Format> {
        match self {
            Self::Json => None,
            Self::Html => Some(Format::Html),
            Self::Pdf => Some(Format::Pdf),
            Self::Markdown => Some(Format::Markdown),
            Self::Docx => Some(Format::Docx),
        }
    }

    /// How a file of it is called at its end.
    pub fn extension(self) -> &'static str {
        self.laid_out().map_or("json", Format::extension)
    }

    /// Its media type.
    pub fn media_type(self) -> &'static str {
        self.laid_out().map_or("application/json", Format::media_type)
    }
}

/// Makes the record of what the log tells, and holds the package in it against
/// the digest that names it.
///
/// # Errors
///
/// `E-RECORD` where the log does not tell enough, or another package.
pub fn record(told: &Told, package: &str) -> Result<Record, Problem> {
    let record = decide(&Input { package, entries: &told.entries, seal: told.seal.clone() })?;
    let other = |text: String| Problem::new("E-RECORD", format!("rollout:{package}"), text, "compare the log with a copy of it");
    let signed = SignedPackage::read("package in the log", told.document.as_bytes())?;
    if signed.digest() != package {
        return Err(other(format!("its start shows a package with the digest {}", signed.digest())));
    }
    let places = told.entries.iter().find_map(|entry| match &entry.event {
        Event::Started(started) => Some(started.places.clone()),
        _ => None,
    });
    if HostTree::new(places.unwrap_or_default())?.list() != record.content.hosts {
        return Err(other("its start shows another list of hosts than the signed one".to_owned()));
    }
    Ok(record)
}

/// Writes something for machines.
///
/// # Errors
///
/// `E-DOCUMENT` where it cannot be said in JSON.
pub fn for_machines(value: &impl Serialize) -> Result<Vec<u8>, Problem> {
    let mut bytes = serde_json::to_vec_pretty(value).map_err(|error| Problem::new("E-DOCUMENT", "document", error.to_string(), "report this as a bug"))?;
    bytes.push(b'\n');
    Ok(bytes)
}

/// Writes a record, or the release notes made of it.
///
/// # Errors
///
/// `E-FORMAT` for notes in the machines' form; `E-DOCUMENT`.
pub fn write(record: &Record, form: Form, notes: bool) -> Result<Vec<u8>, Problem> {
    let Some(format) = form.laid_out() else {
        if notes {
            return Err(Problem::new("E-FORMAT", "json", "has no notes of its own: the record holds everything", "leave the notes out, or take another form"));
        }
        return for_machines(record);
    };
    let document = if notes { plimsoll_documents::release_notes(record) } else { plimsoll_documents::change_record(record) };
    plimsoll_documents::write(&document, format)
}

/// The record of a rollout of this server, written.
///
/// # Errors
///
/// What the store meets, and as [`record`] and [`write`].
pub async fn of_the_server(app: &Shared, package: &str, form: Form, notes: bool) -> Result<Bytes, Problem> {
    let told = app.store.rollout_evidence(package).await.map_err(|error| *error.problem)?;
    let package = package.to_owned();
    app.compute(move || write(&record(&told, &package)?, form, notes)).await.map(Bytes::from)
}

/// The record of a rollout in an exported folder, written; the folder is
/// verified first.
///
/// # Errors
///
/// The first thing that is wrong with the folder, and as [`record`] and
/// [`write`].
pub fn of_a_folder(folder: &Path, key: &str, package: &str, form: Form, notes: bool) -> Result<Vec<u8>, Problem> {
    let verdict = verify::verify(folder, key, None);
    if let Some(first) = verdict.problems.into_iter().next() {
        return Err(first);
    }
    let told = exported(folder, key, package).map_err(|error| *error.problem)?;
    write(&record(&told, package)?, form, notes)
}
