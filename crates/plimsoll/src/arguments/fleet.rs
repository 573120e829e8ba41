//! The words of hosts that join a server, and of asking it about them.

use super::PlainFormat;
use clap::{Args, Subcommand};
use std::path::PathBuf;

/// Which server, and the right to ask it.
#[derive(Args, Debug, Clone)]
pub struct Remote {
    /// Address of the server
    #[arg(long, value_name = "URL", env = "PLIMSOLL_SERVER")]
    pub server: String,
    /// API token
    #[arg(long, value_name = "TOKEN", env = "PLIMSOLL_API_TOKEN", hide_env_values = true)]
    pub token: String,
    /// Certificate authority of the server, beside the system's (PEM)
    #[arg(long, value_name = "FILE", env = "PLIMSOLL_CA")]
    pub ca: Option<PathBuf>,
}

/// How much of a list, and in what form.
#[derive(Args, Debug, Clone)]
pub struct Rows {
    /// Form of the answer
    #[arg(long, value_enum, default_value_t = PlainFormat::Text)]
    pub format: PlainFormat,
    /// At most this many rows
    #[arg(long, value_name = "NUMBER")]
    pub limit: Option<usize>,
}

/// Commands on hosts.
#[derive(Subcommand, Debug)]
pub enum HostsCommand {
    /// List hosts, the most urgent first; exits 1 when something is overdue
    List(HostsList),
    /// Show one host with findings, updates and reasons, as JSON
    Show {
        #[command(flatten)]
        remote: Remote,
        /// Id of the host
        host: String,
    },
    /// Accept a host that waits for a decision
    Accept {
        #[command(flatten)]
        remote: Remote,
        /// Id of the host
        host: String,
    },
    /// Retire a host: its key is refused, its history stays
    Retire {
        #[command(flatten)]
        remote: Remote,
        /// Id of the host
        host: String,
    },
}

/// Arguments of `hosts list`.
#[derive(Args, Debug)]
pub struct HostsList {
    #[command(flatten)]
    pub remote: Remote,
    #[command(flatten)]
    pub rows: Rows,
    /// Part of the name
    #[arg(long)]
    pub name: Option<String>,
    /// active, silent, waiting, pending or retired
    #[arg(long)]
    pub state: Option<String>,
    /// Only hosts with something overdue
    #[arg(long)]
    pub overdue: bool,
    /// overdue, name, last_seen, security_updates, findings or next_due
    #[arg(long)]
    pub order: Option<String>,
}

/// Commands on findings.
#[derive(Subcommand, Debug)]
pub enum FindingsCommand {
    /// List findings, the most urgent first; exits 1 when something is overdue
    List {
        #[command(flatten)]
        remote: Remote,
        #[command(flatten)]
        rows: Rows,
        /// At least this severe
        #[arg(long)]
        severity: Option<String>,
        /// Only what is overdue
        #[arg(long)]
        overdue: bool,
        /// Part of the advisory's id or the package's name
        #[arg(long)]
        text: Option<String>,
    },
}

/// Commands on advisories.
#[derive(Subcommand, Debug)]
pub enum AdvisoriesCommand {
    /// List advisories with open findings, the most urgent first
    List {
        #[command(flatten)]
        remote: Remote,
        #[command(flatten)]
        rows: Rows,
        /// At least this severe
        #[arg(long)]
        severity: Option<String>,
        /// Part of the id or of a package's name
        #[arg(long)]
        text: Option<String>,
    },
    /// Show a CVE or an advisory with every host it concerns, as JSON
    Show {
        #[command(flatten)]
        remote: Remote,
        /// CVE or id of the advisory
        advisory: String,
    },
}

/// Arguments of `agent`.
#[derive(Args, Debug)]
pub struct Agent {
    /// Address of the server [default: the one it joined]
    #[arg(long, value_name = "URL")]
    pub server: Option<String>,
    /// One-time token, for a host that has not joined yet
    #[arg(long, value_name = "TOKEN", env = "PLIMSOLL_TOKEN", hide_env_values = true)]
    pub token: Option<String>,
    /// SHA-256 of the server's root document, as the join command names it
    #[arg(long, value_name = "HEX")]
    pub root_digest: Option<String>,
    /// Folder of the agent's key and state
    #[arg(long, value_name = "DIR", default_value = "/var/lib/plimsoll-agent")]
    pub state: PathBuf,
    /// Name to join under, instead of the host's own
    #[arg(long)]
    pub name: Option<String>,
    /// Certificate authorities of the server (PEM)
    #[arg(long, value_name = "FILE")]
    pub ca: Option<PathBuf>,
    /// Certificate of this host (PEM), where the server asks for one
    #[arg(long, value_name = "FILE", requires = "client_key")]
    pub client_certificate: Option<PathBuf>,
    /// Its private key (PEM)
    #[arg(long, value_name = "FILE", requires = "client_certificate")]
    pub client_key: Option<PathBuf>,
    /// Proxy; HTTPS_PROXY and NO_PROXY are honoured without it
    #[arg(long, value_name = "URL")]
    pub proxy: Option<String>,
    /// Speak plain http to other machines
    #[arg(long)]
    pub allow_http: bool,
    /// Look for language components as well (walks the file system)
    #[arg(long)]
    pub languages: bool,
}

/// Arguments of `collect`.
#[derive(Args, Debug)]
pub struct Collect {
    /// An unpacked root instead of this host
    #[arg(long, value_name = "DIR")]
    pub root: Option<PathBuf>,
    /// Look for language components as well (walks the file system)
    #[arg(long)]
    pub languages: bool,
    /// File to write
    #[arg(long, value_name = "FILE", default_value = "plimsoll-report.zst")]
    pub output: PathBuf,
}

/// Arguments of `import`.
#[derive(Args, Debug)]
pub struct Import {
    #[command(flatten)]
    pub remote: Remote,
    /// File that `collect` made
    pub file: PathBuf,
}
