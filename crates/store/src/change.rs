//! A **change**: one transaction that cannot commit without its leaf in the
//! evidence log.

use crate::columns::to_json;
use crate::engine::Store;
use crate::error::{Result, StoreError};
use crate::evidence::leaf::{Content, Draft};
use jiff::Timestamp;
use plimsoll_core::model::identifier::ClientId;
use serde::Serialize;
use sqlx::AnyConnection;
use sqlx::{Any, Transaction};

/// Who causes a change.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Actor {
    /// Kind and id, `person:01h…`, `token:01h…`, `host:01h…`, `server`; not
    /// personal, and in the leaf for good.
    pub id: String,
    /// Name of a person; beside the leaf, so that it can be deleted.
    pub name: Option<String>,
    /// How the actor proved who it is, `passkey`, `password+totp`, `token`,
    /// `host-key`, `none`.
    pub strength: String,
    /// Id of the request that asked for it.
    pub request: Option<String>,
}

impl Actor {
    /// The server itself, on no one's behalf.
    pub fn server() -> Self {
        Self { id: "server".to_owned(), name: None, strength: "none".to_owned(), request: None }
    }
}

/// What is about to be done, by whom and when.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Intent {
    /// Who.
    pub actor: Actor,
    /// When, by the caller's clock.
    pub time: Timestamp,
    /// What, noun first: `host.rename`.
    pub verb: String,
    /// To what: kind and id, `host:01h…`.
    pub object: String,
    /// Client it concerns; the subject's methods set it where it is not given.
    pub client: Option<ClientId>,
    /// Why, in a person's words; beside the leaf.
    pub reason: Option<String>,
}

impl Intent {
    /// Makes an intent that concerns no client yet and gives no reason.
    pub fn new(actor: Actor, time: Timestamp, verb: impl Into<String>, object: impl Into<String>) -> Self {
        Self { actor, time, verb: verb.into(), object: object.into(), client: None, reason: None }
    }

    /// Says which client it concerns.
    #[must_use]
    pub fn for_client(mut self, client: ClientId) -> Self {
        self.client = Some(client);
        self
    }

    /// Says why.
    #[must_use]
    pub fn because(mut self, reason: impl Into<String>) -> Self {
        self.reason = Some(reason.into());
        self
    }
}

/// One transaction under way; dropping it undoes everything.
///
/// SQLite has one writer: keep no change open across anything slow.
pub struct Change {
    store: Store,
    transaction: Transaction<'static, Any>,
    intent: Intent,
    draft: Draft,
}

impl std::fmt::Debug for Change {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Change").field("intent", &self.intent).finish_non_exhaustive()
    }
}

impl Store {
    /// Starts a change and waits for its turn to write.
    ///
    /// # Errors
    /// The store cannot be reached or lost writes.
    pub async fn begin(&self, intent: Intent) -> Result<Change> {
        let transaction = self.writer().await?;
        Ok(Change { store: self.clone(), transaction, intent, draft: Draft::default() })
    }
}

impl Change {
    /// Writes the leaf and commits both.
    ///
    /// Gives the id of the leaf.
    ///
    /// # Errors
    /// `E-NO-CHANGE` when nothing was changed, and whatever commit meets; then
    /// nothing is stored.
    pub async fn commit(mut self, reason: Option<&str>) -> Result<String> {
        if let Some(reason) = reason {
            self.intent.reason = Some(reason.to_owned());
        }
        let leaf = self.write_leaf().await?;
        let Self { store, transaction, .. } = self;
        store.commit(transaction).await?;
        store.wake_integration();
        Ok(leaf)
    }

    /// When the change happens, by its caller's clock.
    pub fn time(&self) -> Timestamp {
        self.intent.time
    }

    /// Who causes it.
    pub fn actor(&self) -> &Actor {
        &self.intent.actor
    }

    /// Names what was changed, with its state before and after, for the leaf.
    ///
    /// The methods that change a subject do it themselves; callers add what
    /// only they know.
    pub fn record<T: Serialize>(&mut self, object: &str, before: Option<&T>, after: Option<&T>) -> Result<()> {
        self.draft.record(object, to_content(before)?, to_content(after)?, false);
        Ok(())
    }

    /// As [`Change::record`] for values that name or describe a person: they
    /// stay beside the leaf, which holds salted commitments only.
    pub fn record_personal<T: Serialize>(&mut self, object: &str, before: Option<&T>, after: Option<&T>) -> Result<()> {
        self.draft.record(object, to_content(before)?, to_content(after)?, true);
        Ok(())
    }

    /// Says which client the change concerns, unless the intent did.
    pub(crate) fn concerns(&mut self, client: ClientId) {
        self.intent.client.get_or_insert(client);
    }

    pub(crate) fn connection(&mut self) -> &mut AnyConnection {
        self.store.step();
        &mut self.transaction
    }

    pub(crate) fn store(&self) -> &Store {
        &self.store
    }

    async fn write_leaf(&mut self) -> Result<String> {
        let draft = std::mem::take(&mut self.draft);
        if draft.is_empty() {
            return Err(StoreError::conflict("E-NO-CHANGE", &self.intent.object, "Nothing was changed."));
        }
        self.hold_claim().await?;
        let id = self.store.next_leaf_id(self.intent.time)?;
        let written = draft.finish(id, &self.intent)?;
        written.insert_leaf(self.connection()).await?;
        for text in &written.texts {
            written.insert_text(self.connection(), text).await?;
        }
        Ok(written.id)
    }

    /// Runs one piece of work of a group: all of it with its leaf, or nothing.
    ///
    /// The outer error says that the whole transaction is lost, the inner one
    /// that this piece failed alone.
    pub(crate) async fn run_in_group(
        &mut self,
        intent: Intent,
        job: &mut dyn crate::group_commit::Job,
    ) -> Result<Result<()>> {
        self.intent = intent;
        self.draft = Draft::default();
        self.statement("SAVEPOINT piece").await?;
        let mut outcome = job.run(self).await;
        if outcome.is_ok() {
            outcome = self.write_leaf().await.map(|_| ());
        }
        match outcome {
            Ok(()) => {
                self.statement("RELEASE SAVEPOINT piece").await?;
                Ok(Ok(()))
            }
            Err(error) if error.is_local() => {
                self.statement("ROLLBACK TO SAVEPOINT piece").await?;
                self.statement("RELEASE SAVEPOINT piece").await?;
                Ok(Err(error))
            }
            // The engine may have undone everything already (SQLite does when
            // the disk is full), so that nothing before it can be kept.
            Err(error) => Err(error),
        }
    }

    pub(crate) async fn end_group(self) -> Result<()> {
        let Self { store, transaction, .. } = self;
        store.commit(transaction).await?;
        store.wake_integration();
        Ok(())
    }

    async fn statement(&mut self, sql: &'static str) -> Result<()> {
        sqlx::query(sql).execute(&mut *self.transaction).await?;
        Ok(())
    }
}

fn to_content<T: Serialize>(value: Option<&T>) -> Result<Content> {
    value.map(|value| serde_json::from_str(&to_json(value)?).map_err(|error| StoreError::invalid("value", error.to_string()))).transpose()
}
