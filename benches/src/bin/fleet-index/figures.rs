//! The figures.

use crate::synthetic::{Chance, Synthetic};
use crate::{Arguments, records};
use plimsoll_core::fleet::Index;
use plimsoll_core::knowledge::Knowledge;
use plimsoll_core::model::component::Component;
use plimsoll_core::model::host::Host;
use plimsoll_core::model::identifier::ClientId;
use roaring::RoaringBitmap;
use serde::Serialize;
use std::fmt;
use std::path::Path;
use std::time::{Duration, Instant};

/// Clients that the hosts belong to.
const CLIENTS: u64 = 20;
/// Hosts that are patched again once all are there.
const PATCHED: usize = 2_000;

/// One figure beside its limit.
#[derive(Serialize)]
pub struct Figure {
    name: String,
    value: f64,
    unit: &'static str,
    limit: Option<f64>,
    note: String,
}

impl Figure {
    fn new(name: &str, value: f64, unit: &'static str, limit: Option<f64>, note: String) -> Self {
        Self { name: name.to_owned(), value, unit, limit, note }
    }

    /// Whether its limit is missed.
    pub fn misses(&self) -> bool {
        self.limit.is_some_and(|limit| self.value > limit)
    }
}

impl fmt::Display for Figure {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{:<52} {:>10.3} {}", self.name, self.value, self.unit)?;
        if let Some(limit) = self.limit {
            write!(formatter, " (limit {limit}{})", if self.misses() { ", MISSED" } else { "" })?;
        }
        if !self.note.is_empty() {
            write!(formatter, "  {}", self.note)?;
        }
        Ok(())
    }
}

/// Builds the fleet and asks it.
pub fn measure(arguments: &Arguments, folder: &Path) -> Result<Vec<Figure>, String> {
    let synthetic = Synthetic::new(&records::read(folder)?, usize::from(arguments.packages), u64::from(arguments.drift))?;
    let mut figures = Vec::new();
    let mut index = Index::new();
    fill(arguments, &synthetic, &mut index, &mut figures)?;
    let database = folder.join("all.plimsolldb");
    let knowledge = plimsoll_feeds::open::open(&database, None).map_err(|problem| format!("{problem:?}"))?;
    let advisories = whole(&index, &knowledge, &mut figures)?;
    one_by_one(&index, &knowledge, advisories, arguments.advisories, &mut figures)?;
    pages(&index, &mut figures)?;
    digests(&index, &knowledge, &mut figures)?;
    restart(&index, &mut figures)?;
    patch(arguments, &synthetic, &mut index, &mut figures)?;
    Ok(figures)
}

/// Enters every host.
fn fill(arguments: &Arguments, synthetic: &Synthetic, index: &mut Index, figures: &mut Vec<Figure>) -> Result<(), String> {
    let mut chance = Chance::new(1);
    let mut numbers = Vec::new();
    let (memory, mut spent) = (memory()?, Duration::ZERO);
    for host in 0..arguments.hosts {
        synthetic.host(&mut chance, &mut numbers);
        let client = client(chance.below(CLIENTS));
        let start = Clock::start()?;
        set(synthetic, index, host, client, 0, &numbers)?;
        spent += start.cpu()?;
    }
    let size = index.size();
    let hosts = f64::from(arguments.hosts);
    let grown = self::memory()?.saturating_sub(memory);
    figures.push(Figure::new(
        "index, resident memory a host",
        grown as f64 / hosts,
        "B",
        Some(512.0),
        format!("{:.0} MiB in all, measured", grown as f64 / f64::from(1 << 20)),
    ));
    figures.push(Figure::new("index, its own estimate", size.bytes() as f64 / hosts, "B", Some(512.0), format!("{size:?}")));
    let note = format!("{} packages each, none alike", arguments.packages);
    figures.push(Figure::new("enter a host, whole report", spent.as_secs_f64() * 1e6 / hosts, "us CPU", None, note));
    Ok(())
}

/// Writes it down as a server does that stops, and takes it up again.
fn restart(index: &Index, figures: &mut Vec<Figure>) -> Result<(), String> {
    let clock = Clock::start()?;
    let kept = index.keep();
    let (written, bytes) = (clock.cpu()?, kept.bytes());
    let clock = Clock::start()?;
    let restored = Index::restore(kept).ok_or("what was kept contradicts itself")?;
    let taken = clock.cpu()?;
    if restored.hosts() != index.hosts() {
        return Err("the index that was kept has other hosts".to_owned());
    }
    let note = format!("{} MiB before compression; it is locked for reading meanwhile", bytes >> 20);
    figures.push(Figure::new("write the index down", written.as_secs_f64() * 1e3, "ms CPU", None, note));
    figures.push(Figure::new("take it up again", taken.as_secs_f64(), "s CPU", None, String::new()));
    Ok(())
}

fn set(synthetic: &Synthetic, index: &mut Index, host: u32, client: ClientId, turn: u8, numbers: &[u32]) -> Result<(), String> {
    let mut digest = [turn; 32];
    digest[..4].copy_from_slice(&host.to_be_bytes());
    let components = numbers.iter().map(|number| synthetic.component(*number));
    index.set(host, client, digest, &Host::default(), components).map(|_| ()).map_err(|problem| format!("{problem:?}"))
}

fn client(number: u64) -> ClientId {
    ClientId::from_bits(u128::from(number))
}

/// Judges everything once; numbers of the advisories that affect somebody.
fn whole(index: &Index, knowledge: &dyn Knowledge, figures: &mut Vec<Figure>) -> Result<Vec<u32>, String> {
    // A database's blocks are checked at their first touch; the second time is
    // what a server sees.
    let cold = Clock::start()?;
    index.affected_by_all(knowledge, &mut |_, _| {}).map_err(|problem| format!("{problem:?}"))?;
    let cold = cold.cpu()?;
    let (mut advisories, mut pairs) = (Vec::new(), 0u64);
    let clock = Clock::start()?;
    let each = &mut |advisory, hosts: RoaringBitmap| {
        advisories.push(advisory);
        pairs += hosts.len();
    };
    index.affected_by_all(knowledge, each).map_err(|problem| format!("{problem:?}"))?;
    let note = format!(
        "{} advisories affect {pairs} pairs of host and advisory; first time {:.3} s, wall {:.3} s",
        advisories.len(),
        cold.as_secs_f64(),
        clock.wall().as_secs_f64()
    );
    figures.push(Figure::new("full re-evaluation", clock.cpu()?.as_secs_f64(), "s CPU", Some(5.0), note));
    Ok(advisories)
}

/// One advisory at a time.
fn one_by_one(
    index: &Index,
    knowledge: &dyn Knowledge,
    mut advisories: Vec<u32>,
    count: usize,
    figures: &mut Vec<Figure>,
) -> Result<(), String> {
    let mut chance = Chance::new(2);
    for at in (1..advisories.len()).rev() {
        advisories.swap(at, chance.below(at as u64 + 1) as usize);
    }
    advisories.truncate(count);
    let (mut cpu, mut wall, mut largest) = (Vec::new(), Vec::new(), 0);
    for advisory in &advisories {
        let clock = Clock::start()?;
        let hosts = index.affected(knowledge, *advisory).map_err(|problem| format!("{problem:?}"))?;
        cpu.push(clock.cpu()?.as_secs_f64() * 1e3);
        wall.push(clock.wall().as_secs_f64() * 1e3);
        largest = largest.max(hosts.len());
    }
    let (cpu, wall) = (Spread::of(cpu), Spread::of(wall));
    let note = format!(
        "p50 {:.3}, max {:.3}; wall p50 {:.3}, p99 {:.3}, max {:.3}; {} advisories that affect somebody, at most {largest} hosts",
        cpu.half, cpu.most, wall.half, wall.p99, wall.most,
        advisories.len()
    );
    figures.push(Figure::new("one advisory against all hosts, p99", cpu.p99, "ms CPU", Some(10.0), note));
    Ok(())
}

/// What the Packages page asks.
fn pages(index: &Index, figures: &mut Vec<Figure>) -> Result<(), String> {
    let nobody = RoaringBitmap::new();
    for (who, visible) in [("everybody", index.hosts()), ("one client", index.hosts_of_client(client(3)).unwrap_or(&nobody))] {
        for prefix in ["", "lib", "openss"] {
            let clock = Clock::start()?;
            let found = index.search(prefix, visible, None, 50);
            let note = format!("{} names, first {:?}", found.len(), found.first().map(|one| (&one.name, one.hosts, one.versions)));
            figures.push(Figure::new(&format!("search “{prefix}” as {who}"), clock.cpu()?.as_secs_f64() * 1e3, "ms CPU", None, note));
        }
    }
    Ok(())
}

fn digests(index: &Index, knowledge: &dyn Knowledge, figures: &mut Vec<Figure>) -> Result<(), String> {
    let clock = Clock::start()?;
    let digests = index.digests(knowledge, &|epss| (vec![epss.score >= 0.1], None)).map_err(|problem| format!("{problem:?}"))?;
    let note = format!("{} names of which something is said", digests.len());
    figures.push(Figure::new("digest of what is known of every name", clock.cpu()?.as_secs_f64(), "s CPU", None, note));
    Ok(())
}

/// Patches some packages of some hosts.
fn patch(arguments: &Arguments, synthetic: &Synthetic, index: &mut Index, figures: &mut Vec<Figure>) -> Result<(), String> {
    let mut chance = Chance::new(1);
    let mut numbers = Vec::new();
    let mut spent = Duration::ZERO;
    let hosts = PATCHED.min(arguments.hosts as usize);
    for host in 0..hosts as u32 {
        // The same chance as at first gives the host as it is.
        synthetic.host(&mut chance, &mut numbers);
        let client = client(chance.below(CLIENTS));
        synthetic.patch(&mut numbers, &mut Chance::new(u64::from(host)), 5);
        let components: Vec<Component> = numbers.iter().map(|number| synthetic.component(*number).clone()).collect();
        let mut digest = [1; 32];
        digest[..4].copy_from_slice(&host.to_be_bytes());
        let clock = Clock::start()?;
        index.set(host, client, digest, &Host::default(), &components).map_err(|problem| format!("{problem:?}"))?;
        spent += clock.cpu()?;
    }
    let each = spent.as_secs_f64() * 1e6 / hosts as f64;
    figures.push(Figure::new("enter a host again, 5 packages changed", each, "us CPU", None, String::new()));
    Ok(())
}

/// Values in order.
struct Spread {
    half: f64,
    p99: f64,
    most: f64,
}

impl Spread {
    fn of(mut values: Vec<f64>) -> Self {
        values.sort_by(f64::total_cmp);
        let at = |share: f64| values.get(((values.len() as f64 * share) as usize).min(values.len().saturating_sub(1))).copied().unwrap_or(0.0);
        Self { half: at(0.5), p99: at(0.99), most: at(1.0) }
    }
}

/// CPU and wall time since a start.
struct Clock {
    cpu: Duration,
    wall: Instant,
}

impl Clock {
    fn start() -> Result<Self, String> {
        Ok(Self { cpu: cpu()?, wall: Instant::now() })
    }

    fn cpu(&self) -> Result<Duration, String> {
        Ok(cpu()?.saturating_sub(self.cpu))
    }

    fn wall(&self) -> Duration {
        self.wall.elapsed()
    }
}

/// CPU time of this thread so far, without the grain of a clock tick.
fn cpu() -> Result<Duration, String> {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").map_err(|error| error.to_string())?;
    let nanoseconds = text.split(' ').next().and_then(|word| word.parse().ok()).ok_or("no schedstat")?;
    Ok(Duration::from_nanos(nanoseconds))
}

/// Resident memory of this process in bytes.
fn memory() -> Result<u64, String> {
    let text = std::fs::read_to_string("/proc/self/status").map_err(|error| error.to_string())?;
    let line = text.lines().find(|line| line.starts_with("VmRSS:")).ok_or("no VmRSS")?;
    let kib: u64 = line.split_whitespace().nth(1).and_then(|word| word.parse().ok()).ok_or("no VmRSS")?;
    Ok(kib * 1024)
}
