//! The **events** that reports are counted from, line by line, for those who
//! count again.

use super::rollouts::Changes;
use super::stories::{Stories, Told};
use crate::app::Shared;
use crate::http::problem::Refusal;
use crate::identity::role::Scope;
use axum::body::Bytes;
use futures_util::Stream;
use futures_util::stream::unfold;
use jiff::Timestamp;
use plimsoll_core::measures::{ChangeStory, Event};
use plimsoll_core::model::identifier::ClientId;

/// Media type of lines of JSON.
pub const MEDIA_TYPE: &str = "application/x-ndjson";

/// An export under way.
struct Export {
    app: Shared,
    stories: Stories,
    changes: Changes,
    told: std::vec::IntoIter<Told>,
    as_of: Timestamp,
    client: Option<String>,
    begun: bool,
    ended: bool,
    hosts: u64,
    transitions: u64,
    parts: u64,
}

/// Exports what the reports of a moment are counted from, of one client or of
/// all hosts that somebody may see.
///
/// # Errors
///
/// `E-PARAMETER` for a moment that is still to come. What the store meets later
/// cuts the stream, which shows by its missing last line.
pub async fn events(app: Shared, scope: &Scope, as_of: Timestamp, client: Option<(ClientId, String)>) -> Result<impl Stream<Item = std::io::Result<Bytes>> + Send + use<>, Refusal> {
    let (id, client) = super::as_called(&app, client, as_of).await?.unzip();
    let stories = Stories::new(&app, scope, as_of, id)?;
    let changes = Changes::new(&app, scope, as_of, id, stories.hosts().iter().map(|host| host.id).collect()).await?;
    let export = Export { app, stories, changes, told: Vec::new().into_iter(), as_of, client, begun: false, ended: false, hosts: 0, transitions: 0, parts: 0 };
    Ok(unfold(export, |mut export| async move {
        let part = export.part().await.transpose()?;
        Some((part.map(Bytes::from), export))
    }))
}

impl Export {
    /// The next lines; none after the last.
    async fn part(&mut self) -> std::io::Result<Option<Vec<u8>>> {
        if !self.begun {
            self.begun = true;
            return lines(&[Event::Export { schema: Event::SCHEMA, as_of: self.as_of, client: self.client.as_deref() }]).map(Some);
        }
        while !self.ended {
            if let Some(told) = self.told.next() {
                let story = told.story();
                let events = story.events(self.as_of);
                if events.is_empty() {
                    continue;
                }
                self.hosts += 1;
                self.transitions += events.len() as u64 - 1;
                return lines(&events).map(Some);
            }
            if let Some(more) = self.stories.next(&self.app).await.map_err(cut)? {
                self.told = more.into_iter();
            } else if let Some(record) = self.changes.next(&self.app).await.map_err(cut)? {
                let parts: Vec<ChangeStory<'_>> = record.hosts.iter().map(|host| ChangeStory::of(&record, host)).collect();
                self.parts += parts.len() as u64;
                return lines(&parts.iter().map(ChangeStory::event).collect::<Vec<_>>()).map(Some);
            } else {
                self.ended = true;
                return lines(&[Event::End { hosts: self.hosts, transitions: self.transitions, changes: self.parts }]).map(Some);
            }
        }
        Ok(None)
    }
}

fn cut(refusal: Refusal) -> std::io::Error {
    tracing::error!(code = refusal.code(), "an export of events is cut: {}", refusal.detail());
    std::io::Error::other(refusal.code().to_owned())
}

fn lines(events: &[Event<'_>]) -> std::io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    for event in events {
        serde_json::to_writer(&mut bytes, event)?;
        bytes.push(b'\n');
    }
    Ok(bytes)
}
