//! The words of the command line.

mod acquire;
mod fleet;
mod lab;
mod policy;
mod server;

pub use acquire::{AcquireCommand, Export, Freeze, ImportSet, Key, Set, Sweep, VerifySet, What};
pub use fleet::{Agent, AgentHelper, Collect, Import, ListFormat, Remote, Rows};
pub use lab::{Lab, Scenario};
pub use policy::{Clients, PaperFormat, Policy, PolicyDifference, PolicyDraft, PolicyExplain, PolicyRender, PolicyTable, TableDepth, TableFormat};
pub use server::{Backup, EvidenceCommand, Kept, PersonCommand, Restore, RootCommand, RootInit, Serve, Up, Written};

use crate::remote;
use clap::{Args, Parser, Subcommand, ValueEnum};
use jiff::Timestamp;
use std::path::PathBuf;

/// Patch management with time guarantees that can be proved.
///
/// Exit codes: 0 clean, 1 the policy says no, 2 usage or input, 3 could not
/// finish.
#[derive(Parser, Debug)]
#[command(name = "plimsoll", version, propagate_version = true, max_term_width = 100)]
pub struct Arguments {
    /// What to do
    #[command(subcommand)]
    pub command: Command,
    /// When to colour the output; NO_COLOR is honoured
    #[arg(long, global = true, value_enum, default_value_t = Color::Auto)]
    pub color: Color,
    /// Say nothing on standard error but failures
    #[arg(long, short, global = true)]
    pub quiet: bool,
}

/// When to colour.
#[derive(Clone, Copy, PartialEq, Eq, Debug, ValueEnum)]
pub enum Color {
    /// When standard output is a terminal
    Auto,
    /// Always
    Always,
    /// Never
    Never,
}

/// The commands.
#[derive(Subcommand, Debug)]
pub enum Command {
    /// Say what is on a host, what is wrong with it, by when it must be fixed, and why
    Scan(Scan),
    /// Show the whole reasoning about a CVE, an advisory or a package
    Explain(Explain),
    /// Compare two scans: what came, what went, what changed
    Diff(Diff),
    /// The advisory database
    #[command(subcommand)]
    Db(Db),
    /// Artefacts and frozen sets of repositories
    #[command(subcommand)]
    Acquire(Box<AcquireCommand>),
    /// The written policy and its presets
    #[command(subcommand)]
    Policy(Policy),
    /// Versions
    #[command(subcommand)]
    Version(VersionCommand),
    /// Start a server here, join this machine as its first host, and print a link to sign in
    Up(Up),
    /// Run a server
    Serve(Serve),
    /// Hosts of a server
    #[command(subcommand)]
    Hosts(remote::hosts::Command),
    /// Findings of a server's hosts
    #[command(subcommand)]
    Findings(remote::findings::Command),
    /// Advisories that concern a server's hosts
    #[command(subcommand)]
    Advisories(remote::advisories::Command),
    /// Packages of a server's hosts
    #[command(subcommand)]
    Packages(remote::packages::Command),
    /// Applications: what teams run on hosts
    #[command(subcommand)]
    Applications(remote::applications::Command),
    /// Questions to clients about changes of their hosts, and their answers
    #[command(subcommand)]
    Questions(remote::questions::Command),
    /// Notices: what people were told as the policy says, who saw and who acknowledged it
    #[command(subcommand)]
    Notices(remote::notices::Command),
    /// Exceptions: findings that somebody accepts for a time
    #[command(subcommand)]
    Exceptions(remote::exceptions::Command),
    /// Accreditations: what authorities signed off for changes
    #[command(subcommand)]
    Accreditations(remote::accreditations::Command),
    /// Forensic triage: hosts on which traces of a break-in are looked for before a change
    #[command(subcommand)]
    Triage(remote::triage::Command),
    /// Mitigations: what was done in place of a patch
    #[command(subcommand)]
    Mitigations(remote::mitigations::Command),
    /// Outside scanners: what they said of hosts
    #[command(subcommand)]
    Scanners(remote::scanners::Command),
    /// Briefings: who is to be told, and whom it reached
    #[command(subcommand)]
    Briefings(remote::briefings::Command),
    /// Meetings of operations and development
    #[command(subcommand)]
    Meetings(remote::meetings::Command),
    /// Groups of hosts
    #[command(subcommand)]
    Groups(remote::groups::Command),
    /// Clients of a service provider
    #[command(subcommand)]
    Clients(remote::clients::Command),
    /// What somebody should look at
    #[command(subcommand)]
    Alerts(remote::alerts::Command),
    /// Sources of a server's advisory database
    #[command(subcommand)]
    Sources(remote::sources::Command),
    /// People with an account on a server
    #[command(subcommand)]
    People(remote::people::Command),
    /// API tokens of a server
    #[command(subcommand)]
    Tokens(remote::tokens::Command),
    /// Where a server sends its events
    #[command(subcommand)]
    Webhooks(remote::webhooks::Command),
    /// Deployment packages: drafted on a server, signed here
    #[command(subcommand)]
    Package(remote::package::Command),
    /// Rollouts of deployment packages
    #[command(subcommand)]
    Rollout(remote::rollout::Command),
    /// What was late, what was in time, how long it took and what it cost, as of a moment
    Report(remote::report::Report),
    /// Hours that people worked, for the report of cost
    #[command(subcommand)]
    Work(remote::work::Command),
    /// What was done on a server
    #[command(subcommand)]
    Activity(remote::activity::Command),
    /// Join this machine to a server and keep it informed
    Agent(Agent),
    /// The half of `agent` that talks to the network
    #[command(hide = true)]
    AgentNetwork(Agent),
    /// The half of `agent` that reads the host
    #[command(hide = true)]
    AgentWorker,
    /// Pins the root document for the half that changes the host
    #[command(hide = true)]
    AgentPin(AgentHelper),
    /// Starts runners for the half that changes the host
    #[command(hide = true)]
    AgentLaunch(AgentHelper),
    /// Carries out one attempt
    #[command(hide = true)]
    AgentRun(AgentHelper),
    /// Read a host that may never talk into a file
    Collect(Collect),
    /// Bring a collected file to a server
    Import(Import),
    /// Real hosts in namespaces of this machine, with a server of their own, to try everything out
    Lab(Lab),
    /// The evidence log of a server
    #[command(subcommand)]
    Evidence(EvidenceCommand),
    /// People, from the server's own machine: the first administrator, and a way back in
    #[command(subcommand)]
    Person(PersonCommand),
    /// Write a backup of what a server keeps, while it works
    Backup(Backup),
    /// Restore a backup into an empty place
    Restore(Restore),
    /// The root keys, made by people and outside the server
    #[command(subcommand)]
    Root(RootCommand),
    /// Print a published JSON schema
    Schema {
        /// Which one
        #[arg(value_enum, default_value_t = SchemaName::Scan)]
        name: SchemaName,
    },
    /// Print shell completions
    Completions {
        /// Shell
        shell: clap_complete::Shell,
    },
    /// Write the manual pages
    Man {
        /// Folder to write them to
        folder: PathBuf,
    },
}

/// Published schemas.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub enum SchemaName {
    /// The answer of `scan --format json`
    Scan,
    /// The answer of `policy lint --format json`
    PolicyLint,
    /// The answer of `policy table --format json`
    PolicyTable,
    /// The answer of `policy diff --format json`
    PolicyDiff,
    /// The answer of `policy simulate --format json`
    PolicySimulation,
}

/// What to scan.
#[derive(Args, Debug, Clone, Default)]
#[group(multiple = false)]
pub struct Target {
    /// An unpacked root file system, taken as hostile: nothing in it is run
    #[arg(long, value_name = "DIR")]
    pub root: Option<PathBuf>,
    /// An SBOM: CycloneDX (JSON, XML) or SPDX (JSON, tag-value)
    #[arg(long, value_name = "FILE")]
    pub sbom: Option<PathBuf>,
    /// A project folder: every lock file in it
    #[arg(long, value_name = "DIR")]
    pub project: Option<PathBuf>,
    /// One lock file
    #[arg(long, value_name = "FILE")]
    pub lockfile: Option<PathBuf>,
}

/// What an answer rests on.
#[derive(Args, Debug, Clone, Default)]
pub struct Basis {
    /// Advisory database [default: the one that `plimsoll db update` made]
    #[arg(long, value_name = "FILE", env = "PLIMSOLL_DB")]
    pub db: Option<PathBuf>,
    /// Accept only a database signed by this Ed25519 public key (hex)
    #[arg(long, value_name = "HEX", env = "PLIMSOLL_DB_KEY")]
    pub db_key: Option<String>,
    /// Policy file, or the name of a preset [default: samm]
    #[arg(long, value_name = "FILE|PRESET", env = "PLIMSOLL_POLICY")]
    pub policy: Option<String>,
    /// Keep first-seen times in this file; without it nothing is remembered
    #[arg(long, value_name = "FILE")]
    pub state: Option<PathBuf>,
    /// Read every clock at this instant (RFC 3339)
    #[arg(long, value_name = "RFC3339")]
    pub as_of: Option<Timestamp>,
    /// Ask nothing outside this machine (a scan never does; accepted so that scripts can insist)
    #[arg(long)]
    pub offline: bool,
    /// How far the host can be reached: open, controlled or small
    #[arg(long, value_name = "WORD")]
    pub exposure: Option<String>,
    /// Environment of the host, as the policy names it
    #[arg(long, value_name = "WORD")]
    pub environment: Option<String>,
    /// Tier of the host, as the policy names it
    #[arg(long, value_name = "WORD")]
    pub tier: Option<String>,
}

/// Arguments of `scan`.
#[derive(Args, Debug)]
pub struct Scan {
    #[command(flatten)]
    pub target: Target,
    #[command(flatten)]
    pub basis: Basis,
    /// Look for language components on the host as well (walks the file system)
    #[arg(long)]
    pub languages: bool,
    /// Form of the answer
    #[arg(long, value_enum, default_value_t = Format::Text)]
    pub format: Format,
    /// Write the answer to this file instead of standard output
    #[arg(long, short, value_name = "FILE")]
    pub output: Option<PathBuf>,
    /// Show every row instead of the most urgent ones (text)
    #[arg(long)]
    pub all: bool,
}

/// Forms of the answer.
#[derive(Clone, Copy, PartialEq, Eq, Debug, ValueEnum)]
pub enum Format {
    /// For reading
    Text,
    /// The published contract, see `plimsoll schema`
    Json,
    /// SARIF 2.1.0
    Sarif,
    /// CycloneDX 1.6 with vulnerabilities
    Cyclonedx,
    /// OpenVEX
    Openvex,
    /// Comma-separated values
    Csv,
    /// A report that stands alone
    Html,
    /// Markdown
    Markdown,
}

/// Arguments of `explain`.
#[derive(Args, Debug)]
pub struct Explain {
    /// CVE, advisory id or package name
    pub subject: String,
    #[command(flatten)]
    pub target: Target,
    #[command(flatten)]
    pub basis: Basis,
    /// Form of the answer
    #[arg(long, value_enum, default_value_t = PlainFormat::Text)]
    pub format: PlainFormat,
}

/// Forms of smaller answers.
#[derive(Clone, Copy, PartialEq, Eq, Debug, ValueEnum)]
pub enum PlainFormat {
    /// For reading
    Text,
    /// For machines
    Json,
}

/// Arguments of `diff`.
#[derive(Args, Debug)]
pub struct Diff {
    /// The earlier scan (`scan --format json`)
    pub before: PathBuf,
    /// The later scan
    pub after: PathBuf,
    /// Form of the answer
    #[arg(long, value_enum, default_value_t = PlainFormat::Text)]
    pub format: PlainFormat,
}

/// Commands on the advisory database.
#[derive(Subcommand, Debug)]
pub enum Db {
    /// Fetch the sources that this host's streams need, and build the database
    Update(DbUpdate),
    /// Build a database from a folder of sources, without a network
    Build(DbBuild),
    /// Show a database's sources, streams and age
    Info(DbInfo),
    /// Check every digest and every record of a database
    Verify(DbInfo),
    /// Make a key pair to sign databases with
    Key {
        /// File for the private key (mode 0600); the public key is printed
        file: PathBuf,
    },
    /// List the sources that can be fetched
    Sources {
        /// Form of the answer
        #[arg(long, value_enum, default_value_t = PlainFormat::Text)]
        format: PlainFormat,
    },
}

/// Arguments of `db update`.
#[derive(Args, Debug)]
pub struct DbUpdate {
    /// Every source, as a server needs, instead of this host's
    #[arg(long)]
    pub all: bool,
    /// Streams to fetch for, instead of this host's (debian:12, npm, …)
    #[arg(long, value_name = "STREAM", value_delimiter = ',')]
    pub streams: Vec<String>,
    /// Only these sources, by name
    #[arg(long, value_name = "NAME", value_delimiter = ',')]
    pub only: Vec<String>,
    /// Where the database goes [default: see `plimsoll db info`]
    #[arg(long, value_name = "FILE", env = "PLIMSOLL_DB")]
    pub to: Option<PathBuf>,
    /// Folder that keeps what was fetched
    #[arg(long, value_name = "DIR", env = "PLIMSOLL_CACHE")]
    pub cache: Option<PathBuf>,
    /// File with more sources, mirrors and allowed hosts (TOML)
    #[arg(long, value_name = "FILE")]
    pub sources: Option<PathBuf>,
    /// Fetch everything below this address instead: https://host/path becomes MIRROR/host/path
    #[arg(long, value_name = "URL")]
    pub mirror: Option<String>,
    /// Trust these certificate authorities too (PEM)
    #[arg(long, value_name = "FILE")]
    pub ca: Option<PathBuf>,
    /// Proxy; HTTPS_PROXY and NO_PROXY are honoured without it
    #[arg(long, value_name = "URL")]
    pub proxy: Option<String>,
    /// Accept that these sources shrank or went back
    #[arg(long, value_name = "NAME", value_delimiter = ',')]
    pub accept: Vec<String>,
    /// Sign the database with this key (see `db key`)
    #[arg(long, value_name = "FILE")]
    pub sign: Option<PathBuf>,
    /// Fetch nothing: build again from what was fetched before
    #[arg(long)]
    pub offline: bool,
    /// Form of the answer
    #[arg(long, value_enum, default_value_t = PlainFormat::Text)]
    pub format: PlainFormat,
}

/// Arguments of `db build`.
#[derive(Args, Debug)]
pub struct DbBuild {
    /// Folder of sources
    #[arg(long, value_name = "DIR")]
    pub from: PathBuf,
    /// Where the database goes
    #[arg(long, value_name = "FILE")]
    pub to: PathBuf,
    /// Sign it with this key (see `db key`)
    #[arg(long, value_name = "FILE")]
    pub sign: Option<PathBuf>,
    /// Form of the answer
    #[arg(long, value_enum, default_value_t = PlainFormat::Text)]
    pub format: PlainFormat,
}

/// Arguments of `db info` and `db verify`.
#[derive(Args, Debug)]
pub struct DbInfo {
    /// Database [default: the one that `plimsoll db update` made]
    #[arg(long, value_name = "FILE", env = "PLIMSOLL_DB")]
    pub db: Option<PathBuf>,
    /// Accept only this Ed25519 public key (hex)
    #[arg(long, value_name = "HEX", env = "PLIMSOLL_DB_KEY")]
    pub db_key: Option<String>,
    /// Form of the answer
    #[arg(long, value_enum, default_value_t = PlainFormat::Text)]
    pub format: PlainFormat,
}

/// Commands on versions.
#[derive(Subcommand, Debug)]
pub enum VersionCommand {
    /// Compare two versions: prints <, = or >
    Compare {
        /// OSV's name of the ecosystem, or rpm, pacman, semver
        ecosystem: String,
        /// First version
        #[arg(required_unless_present = "batch", allow_hyphen_values = true)]
        a: Option<String>,
        /// Second version
        #[arg(required_unless_present = "batch", allow_hyphen_values = true)]
        b: Option<String>,
        /// Read lines `A B` from standard input, print one sign a line, `!` where it cannot tell
        #[arg(long, conflicts_with_all = ["a", "b"])]
        batch: bool,
        /// Form of the answer
        #[arg(long, value_enum, default_value_t = PlainFormat::Text)]
        format: PlainFormat,
    },
}
