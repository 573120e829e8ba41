//! **Clients** of a service provider.

use jiff::Timestamp;

/// All that the reader may see.
#[derive(Clone, Debug)]
pub struct Clients {
    /// By name.
    pub rows: Vec<ClientItem>,
    /// Whether the reader may make and change them.
    pub changes: bool,
}

/// One client.
#[derive(Clone, Debug)]
pub struct ClientItem {
    /// Id.
    pub id: String,
    /// Name.
    pub name: String,
    /// When it was made.
    pub made: Timestamp,
    /// When it was put away.
    pub away: Option<Timestamp>,
    /// Its hosts.
    pub hosts: u64,
}
