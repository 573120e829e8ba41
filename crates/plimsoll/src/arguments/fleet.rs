//! The words of hosts that join a server, and of asking it about them.

use clap::{Args, ValueEnum};
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

/// Forms of a list.
#[derive(Clone, Copy, PartialEq, Eq, Debug, ValueEnum)]
pub enum ListFormat {
    /// For reading
    #[value(alias = "text")]
    Table,
    /// For machines
    Json,
    /// For spreadsheets
    Csv,
}

/// How much of a list, and in what form.
#[derive(Args, Debug, Clone)]
pub struct Rows {
    /// Form of the answer
    #[arg(long, value_enum, default_value_t = ListFormat::Table)]
    pub format: ListFormat,
    /// At most this many rows
    #[arg(long, value_name = "NUMBER")]
    pub limit: Option<usize>,
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
    /// Let deployment packages that people of the root document signed change this host; as root
    #[arg(long, requires = "root_digest")]
    pub apply: bool,
    /// Folder of the half that changes the host
    #[arg(long, value_name = "DIR", default_value = plimsoll_agent::HELPER_STATE)]
    pub helper_state: PathBuf,
}

/// Arguments of the halves of `agent` that change the host.
#[derive(Args, Debug)]
pub struct AgentHelper {
    /// Folder of the half that changes the host
    #[arg(long, value_name = "DIR")]
    pub helper_state: PathBuf,
    /// Folder of the agent's key and state
    #[arg(long, value_name = "DIR", default_value = "/var/lib/plimsoll-agent")]
    pub state: PathBuf,
    /// SHA-256 of the root document
    #[arg(long, value_name = "HEX", default_value = "")]
    pub root_digest: String,
    /// Attempt to carry out
    #[arg(default_value = "")]
    pub attempt: String,
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
