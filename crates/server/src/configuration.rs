//! What a server is told when it starts.

use crate::http::tls;
use crate::identity::oidc::SignIn;
use crate::notices;
use crate::outside_alerts;
use crate::policy::Given;
use std::net::SocketAddr;
use std::path::PathBuf;

/// Settings of one server process.
#[derive(Clone)]
pub struct Configuration {
    /// Name and version, for answers and evidence.
    pub tool: String,
    /// Folder for everything it keeps, unless a database is named.
    pub data: PathBuf,
    /// Where it listens.
    pub listen: SocketAddr,
    /// Address that hosts and people use, where it is not the one it listens
    /// at (behind a proxy); no trailing slash.
    pub public_url: Option<String>,
    /// `postgres://…`; none for the embedded database in `data`.
    pub database: Option<String>,
    /// The advisory database; watched, so that a newer file is put in force.
    pub advisories: PathBuf,
    /// Ed25519 public key that must have signed it.
    pub advisories_key: Option<[u8; 32]>,
    /// Policies that the command line names; none takes those that people put
    /// in force in the console.
    pub policies: Option<Given>,
    /// The root document, byte for byte; every join command carries its digest.
    pub root: Option<Vec<u8>>,
    /// The online key that the root document names (PEM), which signs
    /// assignments; without it no rollout can be started.
    pub online_key: Option<OnlineKey>,
    /// Folder that keeps artefacts by their SHA-256; none for `artefacts` in
    /// `data`.
    pub artefacts: Option<PathBuf>,
    /// Whether a root key lies on this machine, which an evaluation may do and
    /// every page then says.
    pub evaluation: bool,
    /// Seconds between two check-ins of a host.
    pub check_in_seconds: u32,
    /// Seconds without a word after which a host counts as silent.
    pub silence_seconds: u32,
    /// Proxies whose `Forwarded` headers are believed.
    pub trusted_proxies: Vec<std::net::IpAddr>,
    /// What goes out to other systems and people, and how.
    pub notices: notices::Settings,
    /// Certificate of the server's own; none where a proxy in front ends TLS.
    pub tls: Option<tls::Files>,
    /// Identity providers that people may sign in by.
    pub sign_in: SignIn,
    /// Monitoring that the gates of rollouts ask.
    pub outside_alerts: outside_alerts::Settings,
}

/// A private key on its way in; it shows nothing of itself.
#[derive(Clone)]
pub struct OnlineKey(pub String);

impl std::fmt::Debug for OnlineKey {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("OnlineKey")
    }
}

impl Configuration {
    /// Seconds between check-ins unless told otherwise: a minute is what the
    /// figures are promised for.
    pub const CHECK_IN_SECONDS: u32 = 60;
    /// Ten missed check-ins: a reboot with a slow file-system check stays
    /// below it, and "last seen" may be a minute old in the store.
    pub const SILENCE_SECONDS: u32 = 660;

    /// The address to name to hosts and people.
    pub fn url(&self, bound: SocketAddr) -> String {
        let scheme = if self.tls.is_some() { "https" } else { "http" };
        self.public_url.clone().unwrap_or_else(|| format!("{scheme}://{bound}"))
    }
}
