//! The words of phase 2, acquire.

use super::PlainFormat;
use clap::{Args, Subcommand};
use std::path::PathBuf;

/// Commands on artefacts and frozen sets.
#[derive(Subcommand, Debug)]
pub enum AcquireCommand {
    /// Say which artefacts are needed, from where, and what proves each of them
    Resolve(Resolve),
    /// Fetch what is needed ahead of time, each content once
    Fetch(Fetch),
    /// Make a frozen set that apt and dnf install from, or a new one from an older one
    Freeze(Freeze),
    /// Show what is in a frozen set, after holding every file against its signature
    Show(Set),
    /// Hold a frozen set against its signature, and its packages against their publishers'
    Verify(VerifySet),
    /// Write a frozen set as one file, for a site without a network
    Export(Export),
    /// Read a frozen set from one file
    Import(ImportSet),
    /// Remove kept artefacts that no set and no list names any more
    Sweep(Sweep),
    /// Make a key to sign frozen sets with
    Key(Key),
}

/// What is wanted, and from where.
#[derive(Args, Debug, Clone)]
pub struct What {
    /// Repositories and whose signature is accepted for each (TOML)
    #[arg(long, value_name = "FILE")]
    pub repositories: Option<PathBuf>,
    /// Only repositories of these streams (debian:12, …)
    #[arg(long, value_name = "STREAM", value_delimiter = ',')]
    pub stream: Vec<String>,
    /// Only these suites; for dnf the names of repositories
    #[arg(long, value_name = "SUITE", value_delimiter = ',')]
    pub suite: Vec<String>,
    /// What this host's package manager would install (`scan --format json`), dependencies included
    #[arg(long, value_name = "FILE")]
    pub scan: Vec<PathBuf>,
    /// Packages by name, or NAME=VERSION; dependencies are followed
    #[arg(long, value_name = "NAME[=VERSION]", value_delimiter = ',')]
    pub packages: Vec<String>,
    /// Count what this host has (`scan --format json`) as there when dependencies are followed
    #[arg(long, value_name = "FILE")]
    pub installed: Option<PathBuf>,
    /// Leave out the versions that hosts have now
    #[arg(long)]
    pub no_way_back: bool,
    /// Go on where something that is needed cannot be had
    #[arg(long)]
    pub incomplete: bool,
    /// Folder that keeps artefacts and what was last seen of each suite
    #[arg(long, value_name = "DIR", env = "PLIMSOLL_ARTEFACTS")]
    pub artefacts: Option<PathBuf>,
    /// Trust these certificate authorities too (PEM)
    #[arg(long, value_name = "FILE")]
    pub ca: Option<PathBuf>,
    /// Proxy; HTTPS_PROXY and NO_PROXY are honoured without it
    #[arg(long, value_name = "URL")]
    pub proxy: Option<String>,
    /// Allow plain http; signatures and digests hold all the same, but others see what you fetch
    #[arg(long)]
    pub allow_http: bool,
    /// Most KiB a second over all connections
    #[arg(long, value_name = "KIB")]
    pub rate: Option<u64>,
    /// Form of the answer
    #[arg(long, value_enum, default_value_t = PlainFormat::Text)]
    pub format: PlainFormat,
}

/// Arguments of `acquire resolve`.
#[derive(Args, Debug)]
pub struct Resolve {
    #[command(flatten)]
    pub what: What,
}

/// Arguments of `acquire fetch`.
#[derive(Args, Debug)]
pub struct Fetch {
    #[command(flatten)]
    pub what: What,
}

/// Arguments of `acquire freeze`.
#[derive(Args, Debug)]
pub struct Freeze {
    #[command(flatten)]
    pub what: What,
    /// Folder of the set; must not exist, because sets are never changed
    #[arg(long, value_name = "DIR")]
    pub to: PathBuf,
    /// Name of the set, which is also the suite that hosts name [default: the folder's]
    #[arg(long, value_name = "NAME")]
    pub name: Option<String>,
    /// Make it from this set, with everything that is in it
    #[arg(long, value_name = "DIR")]
    pub parent: Option<PathBuf>,
    /// Add a package of your own (.deb or .rpm)
    #[arg(long, value_name = "FILE")]
    pub upload: Vec<PathBuf>,
    /// Stream of the uploaded packages (debian:12, rocky:9); one for each kind of package
    #[arg(long, value_name = "STREAM", value_delimiter = ',')]
    pub upload_stream: Vec<String>,
    /// Keep each suite's own index and signature; without names every package of it
    #[arg(long)]
    pub whole: bool,
    /// Sign with this key (see `acquire key`); its certificate lies beside it as .asc
    #[arg(long, value_name = "FILE")]
    pub key: PathBuf,
    /// Read the key's passphrase from this file
    #[arg(long, value_name = "FILE")]
    pub passphrase_file: Option<PathBuf>,
}

/// A frozen set and whose signature it must carry.
#[derive(Args, Debug)]
pub struct Set {
    /// Folder of the set
    pub set: PathBuf,
    /// Certificate that must have signed it (the .asc that `acquire key` made)
    #[arg(long, value_name = "FILE")]
    pub keyring: PathBuf,
    /// Form of the answer
    #[arg(long, value_enum, default_value_t = PlainFormat::Text)]
    pub format: PlainFormat,
}

/// Arguments of `acquire verify`.
#[derive(Args, Debug)]
pub struct VerifySet {
    #[command(flatten)]
    pub set: Set,
    /// Also hold each package against what its publisher signed, with these public keys
    #[arg(long, value_name = "FILE")]
    pub publishers: Vec<PathBuf>,
}

/// Arguments of `acquire export`.
#[derive(Args, Debug)]
pub struct Export {
    #[command(flatten)]
    pub set: Set,
    /// File to write
    #[arg(long, value_name = "FILE")]
    pub to: PathBuf,
}

/// Arguments of `acquire import`.
#[derive(Args, Debug)]
pub struct ImportSet {
    /// File that `acquire export` wrote
    pub file: PathBuf,
    /// Certificate that must have signed the set
    #[arg(long, value_name = "FILE")]
    pub keyring: PathBuf,
    /// Folder of the set; must not exist
    #[arg(long, value_name = "DIR")]
    pub to: PathBuf,
    /// Form of the answer
    #[arg(long, value_enum, default_value_t = PlainFormat::Text)]
    pub format: PlainFormat,
}

/// Arguments of `acquire key`.
#[derive(Args, Debug)]
pub struct Key {
    /// File for the private key (mode 0600); the certificate for hosts is written beside it as .asc
    pub file: PathBuf,
    /// Name that hosts' administrators see
    #[arg(long, default_value = "Plimsoll frozen sets")]
    pub name: String,
    /// Days that the key signs
    #[arg(long, default_value_t = 1095)]
    pub days: u32,
    /// Read the passphrase from this file
    #[arg(long, value_name = "FILE")]
    pub passphrase_file: Option<PathBuf>,
    /// Leave the key open, for an evaluation
    #[arg(long, conflicts_with = "passphrase_file")]
    pub no_passphrase: bool,
}

/// Arguments of `acquire sweep`.
#[derive(Args, Debug)]
pub struct Sweep {
    /// Keep what is in this frozen set
    #[arg(long, value_name = "DIR", requires = "keyring")]
    pub set: Vec<PathBuf>,
    /// Certificate that must have signed the sets
    #[arg(long, value_name = "FILE")]
    pub keyring: Option<PathBuf>,
    /// Keep the SHA-256 digests of this file, one a line
    #[arg(long, value_name = "FILE")]
    pub keep: Vec<PathBuf>,
    /// Keep what came within so many days
    #[arg(long, default_value_t = 30)]
    pub days: u32,
    /// Only say what would be removed
    #[arg(long)]
    pub dry_run: bool,
    /// Folder that keeps artefacts
    #[arg(long, value_name = "DIR", env = "PLIMSOLL_ARTEFACTS")]
    pub artefacts: Option<PathBuf>,
    /// Form of the answer
    #[arg(long, value_enum, default_value_t = PlainFormat::Text)]
    pub format: PlainFormat,
}
