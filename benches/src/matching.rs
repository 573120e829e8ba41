//! Matching 600 AlmaLinux packages against all AlmaLinux advisories, alone in
//! a process, so that its memory is its own.

use crate::measure::{Row, mib};
use plimsoll_core::model::component::Component;
use plimsoll_core::model::host::Host;
use plimsoll_core::model::stream::Stream;
use plimsoll_core::phases::evaluate;
use plimsoll_formats::advisories::{Fact, osv};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::path::Path;
use std::process::{Command, ExitCode};
use std::time::{Duration, Instant};

/// Packages matched, as many as a server has.
const PACKAGES: usize = 600;
/// Times the whole is repeated, to see under a clock's grain.
const REPEATS: u32 = 200;

#[derive(Serialize, Deserialize)]
struct Report {
    first_us: f64,
    each_us: f64,
    open_us: f64,
    hits: usize,
    packages: usize,
    peak: u64,
}

/// Draws packages from the records: every n-th name of one stream with a
/// version that some advisory once fixed, so that about half are affected by
/// later ones.
fn draw(archive: &[u8]) -> Result<Vec<(String, String)>, String> {
    let mut versions: BTreeMap<String, Vec<String>> = BTreeMap::new();
    let stream = Stream::release("almalinux", "8");
    osv::archive("osv/AlmaLinux/all.zip", archive, &mut |fact| {
        if let Fact::Advisory(advisory) = fact {
            for affected in advisory.affected.iter().filter(|affected| affected.stream == stream) {
                for range in &affected.ranges {
                    if let plimsoll_core::model::advisory::RangeEnd::Fixed(version) = &range.end {
                        versions.entry(affected.name.clone()).or_default().push(version.clone());
                    }
                }
            }
        }
    })
    .map_err(|problem| format!("{problem:?}"))?;
    let step = (versions.len() / PACKAGES).max(1);
    Ok(versions
        .into_iter()
        .step_by(step)
        .take(PACKAGES)
        .filter_map(|(name, mut list)| {
            list.sort();
            let middle = list.len() / 2;
            list.into_iter().nth(middle).map(|version| (name, version))
        })
        .collect())
}

/// The child that draws: reads the archive, writes `name version` lines.
pub fn draw_child(archive: &Path, packages: &Path) -> ExitCode {
    let drawn = std::fs::read(archive).map_err(|error| error.to_string()).and_then(|bytes| draw(&bytes));
    let lines = drawn.map(|list| list.into_iter().map(|(name, version)| format!("{name} {version}\n")).collect::<String>());
    match lines.and_then(|text| std::fs::write(packages, text).map_err(|error| error.to_string())) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::from(3)
        }
    }
}

/// Measures in a child process.
pub fn row(own: &Path, database: &Path, packages: &Path) -> Result<Vec<Row>, String> {
    let output = Command::new(own)
        .arg("--matching")
        .args([database, packages])
        .output()
        .map_err(|error| error.to_string())?;
    let report: Report = serde_json::from_slice(&output.stdout)
        .map_err(|error| format!("matching: {error}: {}", String::from_utf8_lossy(&output.stderr)))?;
    let memory = Some(mib(report.peak));
    Ok(vec![
        Row {
            name: format!("match {} AlmaLinux packages, first time", report.packages),
            cpu_ms: report.first_us / 1e3,
            cpu_limit_ms: None,
            memory_mib: memory,
            memory_limit_mib: Some(10.0),
            note: "digests of touched blocks checked and pages read in for the first time".to_owned(),
        },
        Row {
            name: format!("match {} AlmaLinux packages", report.packages),
            cpu_ms: report.each_us / 1e3,
            cpu_limit_ms: Some(1.0),
            memory_mib: memory,
            memory_limit_mib: Some(10.0),
            note: format!("{} hits", report.hits),
        },
        Row {
            name: "open the database".to_owned(),
            cpu_ms: report.open_us / 1e3,
            cpu_limit_ms: Some(1.0),
            memory_mib: None,
            memory_limit_mib: None,
            note: String::new(),
        },
    ])
}

/// The child: opens, matches, reports.
pub fn child(database: &Path, packages: &Path) -> ExitCode {
    match run(database, packages) {
        Ok(report) => {
            println!("{}", serde_json::to_string(&report).unwrap_or_default());
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("{error}");
            ExitCode::from(3)
        }
    }
}

fn run(database: &Path, packages: &Path) -> Result<Report, String> {
    let text = std::fs::read_to_string(packages).map_err(|error| error.to_string())?;
    let stream = Stream::release("almalinux", "8");
    let components: Vec<Component> = text
        .lines()
        .filter_map(|line| line.split_once(' '))
        .map(|(name, version)| Component {
            purl: format!("pkg:rpm/almalinux/{name}"),
            stream: Some(stream.clone()),
            name: name.to_owned(),
            version: version.to_owned(),
            ..Component::default()
        })
        .collect();
    let host = Host::default();
    let before = cpu()?;
    let open = Instant::now();
    let knowledge = plimsoll_feeds::open::open(database, None).map_err(|problem| format!("{problem:?}"))?;
    let open_us = open.elapsed().as_secs_f64() * 1e6;
    let _ = before;
    let matched = || -> Result<usize, String> {
        let mut hits = 0;
        for component in &components {
            hits += evaluate::matches(component, &host, &knowledge).map_err(|problem| format!("{problem:?}"))?.len();
        }
        Ok(hits)
    };
    let start = Instant::now();
    let hits = matched()?;
    let first_us = start.elapsed().as_secs_f64() * 1e6;
    let start = cpu()?;
    for _ in 0..REPEATS {
        std::hint::black_box(matched()?);
    }
    let each = cpu()?.saturating_sub(start) / REPEATS;
    Ok(Report { first_us, each_us: each.as_secs_f64() * 1e6, open_us, hits, packages: components.len(), peak: peak()? })
}

/// CPU time of this process so far.
fn cpu() -> Result<Duration, String> {
    // Nanoseconds on the run queue's own account; needs no system call
    // wrapper and has no clock-tick grain.
    let text = std::fs::read_to_string("/proc/self/schedstat").map_err(|error| error.to_string())?;
    let nanoseconds = text.split(' ').next().and_then(|word| word.parse().ok()).ok_or("no schedstat")?;
    Ok(Duration::from_nanos(nanoseconds))
}

/// Peak resident memory of this process.
fn peak() -> Result<u64, String> {
    let text = std::fs::read_to_string("/proc/self/status").map_err(|error| error.to_string())?;
    let line = text.lines().find(|line| line.starts_with("VmHWM:")).ok_or("no VmHWM")?;
    let kib: u64 = line.split_whitespace().nth(1).and_then(|word| word.parse().ok()).ok_or("no VmHWM")?;
    Ok(kib * 1024)
}
