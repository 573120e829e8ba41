//! What an update tells whoever watches it.

/// Receives progress from several threads at once; every call must return
/// quickly.
///
/// Every method does nothing by default, so that a watcher states only what it
/// shows.
pub trait Progress: Sync {
    /// A source is being asked for.
    fn started(&self, _source: &str) {}
    /// Bytes of a source so far, and of how many where the server says.
    fn bytes(&self, _source: &str, _done: u64, _total: Option<u64>) {}
    /// Documents of a CSAF provider so far, and of how many in this run.
    fn documents(&self, _source: &str, _done: u64, _total: u64) {}
    /// A try failed and another follows after a pause.
    fn retry(&self, _source: &str, _why: &str, _pause: std::time::Duration) {}
    /// A source is done; one plain sentence says how.
    fn finished(&self, _source: &str, _how: &str) {}
}

/// Watches nothing.
#[derive(Clone, Copy, Debug, Default)]
pub struct Silent;

impl Progress for Silent {}
