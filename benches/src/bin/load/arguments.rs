//! What to do, bounded.

use clap::{Parser, ValueEnum};
use std::net::{SocketAddr, ToSocketAddrs};
use std::path::PathBuf;

/// Simulates many hosts against a running server on this machine
#[derive(Clone, Debug, Parser)]
pub struct Arguments {
    /// What the hosts do
    #[arg(value_enum)]
    pub mode: Mode,
    /// Address of a server, plain http on this machine; once for each of
    /// several that share a database, and hosts go to another when one dies
    #[arg(long, required = true)]
    pub server: Vec<String>,
    /// Where the hosts are kept between runs: ids and the seed of their keys
    #[arg(long)]
    pub state: PathBuf,
    /// Hosts; by default all of the state's
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..=200_000))]
    pub hosts: Option<u32>,
    /// Enrolment token with as many uses as hosts
    #[arg(long)]
    pub token: Option<String>,
    /// Digest of the root document, as the join command carries it
    #[arg(long)]
    pub root_digest: Option<String>,
    /// Hosts that join in a minute
    #[arg(long, default_value_t = 1_000, value_parser = clap::value_parser!(u32).range(1..=60_000))]
    pub per_minute: u32,
    /// Seconds of steady or storm
    #[arg(long, default_value_t = 120, value_parser = clap::value_parser!(u32).range(1..=7_200))]
    pub seconds: u32,
    /// Seconds between a host's check-ins, whatever the server says [default: what it says]
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..=3_600))]
    pub interval: Option<u32>,
    /// Check-ins in a thousand before which a package of the host has changed
    #[arg(long, default_value_t = 0, value_parser = clap::value_parser!(u16).range(0..=1_000))]
    pub changing: u16,
    /// Packages of a host
    #[arg(long, default_value_t = 450, value_parser = clap::value_parser!(u16).range(1..=600))]
    pub packages: u16,
    /// Packages of a host, in a thousand, at another version than the others'
    #[arg(long, default_value_t = 50, value_parser = clap::value_parser!(u16).range(0..=1_000))]
    pub drift: u16,
    /// Connections that are kept open
    #[arg(long, default_value_t = 64, value_parser = clap::value_parser!(u16).range(1..=2_000))]
    pub connections: u16,
    /// Threads of the generator
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u16).range(1..=64))]
    pub threads: u16,
    /// Process of a server, whose processor time, memory and writes are measured
    #[arg(long)]
    pub pid: Vec<u32>,
    /// Unpacked root that the packages are read from [default: hosts/deb12-drifted of the test data]
    #[arg(long)]
    pub root: Option<PathBuf>,
    /// Write the summary as JSON as well
    #[arg(long)]
    pub json: Option<PathBuf>,
}

/// What the hosts do.
#[derive(Clone, Copy, PartialEq, Eq, Debug, ValueEnum)]
pub enum Mode {
    /// Join at an even rate and send their first report
    Enrol,
    /// Check in, spread evenly over the interval
    Steady,
    /// All check in at once, then go on as they are told
    Storm,
}

impl Arguments {
    /// The servers' addresses; only this machine is spoken to.
    pub fn addresses(&self) -> Result<Vec<SocketAddr>, String> {
        self.server.iter().map(|server| address(server)).collect()
    }

    /// The root that packages are read from.
    pub fn packages_root(&self) -> PathBuf {
        self.root.clone().unwrap_or_else(|| {
            let data = std::env::var_os("PLIMSOLL_TEST_DATA").map(PathBuf::from);
            data.unwrap_or_else(|| PathBuf::from("../shared/data")).join("hosts/deb12-drifted")
        })
    }
}

fn address(server: &str) -> Result<SocketAddr, String> {
    let refused = |why: &str| format!("{server}: {why}; write it as http://127.0.0.1:PORT");
    let authority = server.trim_end_matches('/').strip_prefix("http://").ok_or_else(|| refused("is not plain http"))?;
    let addresses = authority.to_socket_addrs().map_err(|error| refused(&error.to_string()))?;
    let local = addresses.into_iter().find(|address| address.ip().is_loopback());
    local.ok_or_else(|| refused("is not this machine; load is for one's own server only"))
}
