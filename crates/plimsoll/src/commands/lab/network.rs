//! A bridge of the lab's own, and a network namespace for every host on it.
//!
//! Hosts reach the server and nothing else: no route leads out of the lab.

use super::tools::run;
use crate::printer::Failure;
use std::path::Path;
use std::process::Command;

/// First half of every address: RFC 2544 keeps 198.18.0.0/15 for measurements,
/// so that no real network stands behind it.
const NETWORK: &str = "198.18";
/// The server's own address.
pub const SERVER: &str = "198.18.0.1";

/// The bridge; gone with its namespaces when it is dropped.
#[derive(Debug)]
pub struct Network {
    name: String,
    places: Vec<String>,
}

fn ip(words: &str) -> Result<(), Failure> {
    run(Command::new("ip").args(words.split(' ')))
}

impl Network {
    /// Makes the bridge, after clearing away what a killed lab left.
    ///
    /// # Errors
    ///
    /// Where this process may not.
    pub fn new() -> Result<Self, Failure> {
        clear_dead();
        let name = format!("plimsoll{}", std::process::id() % 1_000_000);
        let network = Self { name, places: Vec::new() };
        let bridge = &network.name;
        ip(&format!("link add {bridge} type bridge"))?;
        ip(&format!("addr add {SERVER}/16 dev {bridge}"))?;
        ip(&format!("link set {bridge} up"))?;
        Ok(network)
    }

    /// Name of the namespace of a place.
    pub fn namespace(&self, place: u16) -> String {
        format!("plimsoll-lab-{}-{place}", std::process::id())
    }

    /// Makes a place, numbered from 1.
    pub fn place(&mut self, place: u16) -> Result<(), Failure> {
        let (space, link, bridge) = (self.namespace(place), format!("pl{}-{place}", std::process::id() % 100_000), self.name.clone());
        self.places.push(space.clone());
        ip(&format!("netns add {space}"))?;
        ip(&format!("-n {space} link set lo up"))?;
        ip(&format!("link add {link} type veth peer name eth0 netns {space}"))?;
        ip(&format!("link set {link} master {bridge} up"))?;
        let (high, low) = ((place + 1) / 250, (place + 1) % 250 + 1);
        ip(&format!("-n {space} addr add {NETWORK}.{high}.{low}/16 dev eth0"))?;
        ip(&format!("-n {space} link set eth0 up"))
    }
}

impl Drop for Network {
    fn drop(&mut self) {
        for space in &self.places {
            let _ = ip(&format!("netns del {space}"));
        }
        let _ = ip(&format!("link del {}", self.name));
    }
}

/// Clears away the namespaces of labs whose process is gone.
fn clear_dead() {
    let Ok(entries) = std::fs::read_dir("/run/netns") else { return };
    for name in entries.flatten().filter_map(|entry| entry.file_name().into_string().ok()) {
        let owner = name.strip_prefix("plimsoll-lab-").and_then(|rest| rest.split('-').next()).and_then(|pid| pid.parse::<u32>().ok());
        if let Some(owner) = owner.filter(|owner| !Path::new(&format!("/proc/{owner}")).exists()) {
            let _ = ip(&format!("netns del {name}"));
            let _ = ip(&format!("link del plimsoll{}", owner % 1_000_000));
        }
    }
}
