//! The words of `lab`.

use super::PlainFormat;
use clap::{Args, ValueEnum};
use std::path::PathBuf;

/// Arguments of `lab`.
#[derive(Args, Debug)]
pub struct Lab {
    /// Hosts
    #[arg(long, value_name = "NUMBER", default_value_t = 5, value_parser = clap::value_parser!(u16).range(1..=200))]
    pub hosts: u16,
    /// How many of them run rpm and dnf, with a repository of the lab's own
    #[arg(long, value_name = "NUMBER", default_value_t = 0)]
    pub rpm: u16,
    /// Play this from end to end and say how it went; without it the lab stands until it is told to stop
    #[arg(long, value_enum, value_name = "SCENARIO")]
    pub scenario: Option<Scenario>,
    /// Release whose base the hosts run, by its code name
    #[arg(long, value_name = "NAME", default_value = "bookworm")]
    pub release: String,
    /// Port of the lab's server; the rpm hosts' repository takes the next
    #[arg(long, value_name = "PORT", default_value_t = 7558, value_parser = clap::value_parser!(u16).range(1..=65534))]
    pub port: u16,
    /// Folder of the base roots, kept for the next time
    #[arg(long, value_name = "DIR", default_value = "/var/cache/plimsoll/lab")]
    pub cache: PathBuf,
    /// Folder below which the lab lives, on a file system that can be under an overlay
    #[arg(long, value_name = "DIR", default_value = "/var/tmp")]
    pub work: PathBuf,
    /// Form of the answer
    #[arg(long, value_enum, default_value_t = PlainFormat::Text)]
    pub format: PlainFormat,
}

/// What the lab plays.
#[derive(Clone, Copy, PartialEq, Eq, Debug, ValueEnum)]
pub enum Scenario {
    /// Security updates go through all ten phases
    GoodPatch,
    /// A patch breaks what runs on the canary hosts, which go back; nobody else takes it
    BadCanary,
    /// Canary hosts take the change and are never heard of again; nobody else takes it
    SilentCanary,
    /// The power of hosts is cut while they install; they mend themselves
    PowerCut,
    /// The server, its database and all its keys are in somebody's hands; hosts let nothing happen, and say so
    ServerTakeover,
}
