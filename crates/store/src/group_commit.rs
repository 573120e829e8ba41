//! **Group commit**: changes that arrive together share one transaction and so
//! one fsync.
//!
//! While a group is being written to the disk the next one gathers, so that
//! the busier the store is, the more changes share a write, and an idle store
//! adds no delay.

use crate::change::{Change, Intent};
use crate::engine::{Inner, Store};
use crate::error::{Result, StoreError};
use std::future::Future;
use std::pin::Pin;
use std::sync::{OnceLock, Weak};
use tokio::sync::{mpsc, oneshot};

/// Work under way on a change.
pub type Working<'a, T> = Pin<Box<dyn Future<Output = Result<T>> + Send + 'a>>;

/// Changes waiting for their turn; beyond it callers are told to come back.
const QUEUE: usize = 4096;

/// Greatest number of changes in one transaction: keeps the write lock short
/// for those who begin changes of their own.
const GROUP: usize = 256;

/// One piece of work, its type forgotten.
pub(crate) trait Job: Send {
    fn intent(&mut self) -> Option<Intent>;
    fn run<'a>(&'a mut self, change: &'a mut Change) -> Working<'a, ()>;
    fn finish(self: Box<Self>, outcome: Result<()>);
}

#[derive(Default)]
pub(crate) struct GroupCommit {
    sender: OnceLock<mpsc::Sender<Box<dyn Job>>>,
}

struct Piece<W, T> {
    intent: Option<Intent>,
    work: Option<W>,
    output: Option<T>,
    answer: oneshot::Sender<Result<T>>,
}

impl<W, T> Job for Piece<W, T>
where
    W: for<'a> FnOnce(&'a mut Change) -> Working<'a, T> + Send + 'static,
    T: Send + 'static,
{
    fn intent(&mut self) -> Option<Intent> {
        self.intent.take()
    }

    fn run<'a>(&'a mut self, change: &'a mut Change) -> Working<'a, ()> {
        Box::pin(async move {
            if let Some(work) = self.work.take() {
                self.output = Some(work(change).await?);
            }
            Ok(())
        })
    }

    fn finish(self: Box<Self>, outcome: Result<()>) {
        let lost = || StoreError::unavailable("E-STORE", "group commit", "The work was not run.");
        // The asker may be gone; the change stands all the same.
        let Self { output, answer, .. } = *self;
        let _ = answer.send(outcome.and_then(|()| output.ok_or_else(lost)));
    }
}

impl Store {
    /// Does one change, in one transaction with others that wait, and answers
    /// once all of them are durable.
    ///
    /// The work must touch nothing but its change: when it fails, only its own
    /// part is undone. Write the closure in the call itself; put into a variable
    /// first, its type is not found.
    ///
    /// ```text
    /// store.submit(intent, move |change| Box::pin(async move {
    ///     change.put_report(host, &report, arrived).await
    /// })).await?;
    /// ```
    ///
    /// # Errors
    /// The error of the work; `E-STORE-QUEUE` at once when too much waits; the
    /// error of the commit, and then nothing of the group is stored.
    pub async fn submit<T, W>(&self, intent: Intent, work: W) -> Result<T>
    where
        W: for<'a> FnOnce(&'a mut Change) -> Working<'a, T> + Send + 'static,
        T: Send + 'static,
    {
        let (answer, waiting) = oneshot::channel();
        let piece = Piece { intent: Some(intent), work: Some(work), output: None, answer };
        let sender = self.inner.group.sender.get_or_init(|| {
            let (sender, receiver) = mpsc::channel(QUEUE);
            tokio::spawn(write_groups(std::sync::Arc::downgrade(&self.inner), receiver));
            sender
        });
        sender.try_send(Box::new(piece)).map_err(|_| {
            StoreError::unavailable("E-STORE-QUEUE", "database", format!("{QUEUE} changes wait to be written already."))
        })?;
        waiting.await.map_err(|_| StoreError::unavailable("E-STORE", "group commit", "The writer ended."))?
    }
}

async fn write_groups(store: Weak<Inner>, mut receiver: mpsc::Receiver<Box<dyn Job>>) {
    while let Some(first) = receiver.recv().await {
        let Some(inner) = store.upgrade() else { return };
        write_group(&Store { inner }, first, &mut receiver).await;
    }
}

async fn write_group(store: &Store, first: Box<dyn Job>, receiver: &mut mpsc::Receiver<Box<dyn Job>>) {
    let placeholder = Intent::new(crate::change::Actor::server(), jiff::Timestamp::UNIX_EPOCH, "group", "group");
    let mut change = match store.begin(placeholder).await {
        Ok(change) => change,
        Err(error) => return first.finish(Err(error)),
    };
    let mut done: Vec<Box<dyn Job>> = Vec::new();
    let mut next = Some(first);
    while let Some(mut job) = next {
        let Some(intent) = job.intent() else { return };
        match change.run_in_group(intent, job.as_mut()).await {
            Ok(Ok(())) => done.push(job),
            Ok(Err(error)) => job.finish(Err(error)),
            Err(error) => {
                drop(change);
                fail_all(done, &error);
                return job.finish(Err(error));
            }
        }
        next = if done.len() < GROUP { receiver.try_recv().ok() } else { None };
    }
    if done.is_empty() {
        return;
    }
    match change.end_group().await {
        Ok(()) => done.into_iter().for_each(|job| job.finish(Ok(()))),
        Err(error) => fail_all(done, &error),
    }
}

fn fail_all(jobs: Vec<Box<dyn Job>>, error: &StoreError) {
    jobs.into_iter().for_each(|job| job.finish(Err(error.clone())));
}
