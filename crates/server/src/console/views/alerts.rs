//! **Alerts**: what somebody should look at that no list of work shows.

use jiff::Timestamp;

/// Open alerts.
#[derive(Clone, Debug)]
pub struct Alerts {
    /// Newest first.
    pub rows: Vec<AlertItem>,
    /// Whether the reader may close them.
    pub closes: bool,
}

/// One open alert.
#[derive(Clone, Debug)]
pub struct AlertItem {
    /// Id.
    pub id: String,
    /// Kind, a stable code.
    pub kind: String,
    /// One sentence.
    pub text: String,
    /// What it is about.
    pub object: String,
    /// Page of that inside the console, where there is one.
    pub link: Option<String>,
    /// Client it concerns; none for what concerns the server.
    pub client: Option<String>,
    /// When it was raised.
    pub raised: Timestamp,
    /// How often it happened since, the first time included.
    pub times: u64,
    /// When it last happened.
    pub last: Timestamp,
}
