//! Side by side with each peer found on the PATH, in one run, on the same
//! data: process against process, CPU, memory and hits. It builds none of
//! them.

use crate::figures::{Bench, text};
use crate::measure::{Row, Run, median, mib, ms};
use serde_json::Value;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Measures against every peer that is there.
pub fn measure(bench: &Bench) -> Result<Vec<Row>, String> {
    let folder = tempfile::tempdir().map_err(|error| error.to_string())?;
    let mut rows = Vec::new();
    cargo_audit(bench, folder.path(), &mut rows)?;
    osv_scanner(bench, folder.path(), &mut rows)?;
    for (peer, arguments) in [("trivy", ["fs", "--offline-scan", "--skip-db-update", "--format", "json"]), ("grype", ["-q", "-o", "json", "--by-cve", "dir:."])] {
        if find(peer).is_some() {
            let lock = bench.data.join("lockfiles/dani-garcia_vaultwarden");
            let run = median(3, || {
                let mut command = Command::new(peer);
                command.args(arguments).current_dir(&lock);
                if peer == "trivy" {
                    command.arg(".");
                }
                command
            })?;
            rows.push(row(&format!("{peer} on the same lock file, its own database"), run, "hits not comparable"));
        } else {
            println!("{peer}: not on the PATH, left out");
        }
    }
    Ok(rows)
}

/// The same records, unpacked as the peer wants them.
fn cargo_audit(bench: &Bench, folder: &Path, rows: &mut Vec<Row>) -> Result<(), String> {
    let lock = bench.data.join("lockfiles/dani-garcia_vaultwarden/Cargo.lock");
    let ours = ours(bench, folder, "crates.io", &lock)?;
    rows.push(row("plimsoll scan --lockfile Cargo.lock", ours.0, &format!("{} hits", ours.1)));
    if find("cargo-audit").is_none() {
        println!("cargo-audit: not on the PATH, left out (cargo install cargo-audit)");
        return Ok(());
    }
    let Some(advisories) = std::env::var_os("PLIMSOLL_RUSTSEC_DB").map(PathBuf::from) else {
        println!("cargo-audit: needs a checkout of its advisory database in PLIMSOLL_RUSTSEC_DB, left out");
        return Ok(());
    };
    let make = || {
        let mut command = Command::new("cargo-audit");
        command.args(["audit", "--no-fetch", "--stale", "--json", "--db"]).arg(&advisories).arg("--file").arg(&lock);
        command
    };
    let run = median(5, make)?;
    let output = make().output().map_err(|error| error.to_string())?;
    let answer: Value = serde_json::from_slice(&output.stdout).unwrap_or(Value::Null);
    let hits = answer["vulnerabilities"]["count"].as_u64().unwrap_or(0)
        + answer["warnings"].as_object().map_or(0, |kinds| kinds.values().filter_map(Value::as_array).map(|list| list.len() as u64).sum());
    rows.push(row("cargo-audit", run, &format!("{hits} hits; {}", ratio(&ours.0, &run))));
    Ok(())
}

fn osv_scanner(bench: &Bench, folder: &Path, rows: &mut Vec<Row>) -> Result<(), String> {
    if find("osv-scanner").is_none() {
        println!("osv-scanner: not on the PATH, left out");
        return Ok(());
    }
    let cache = folder.join("osv-cache");
    for layout in ["osv-scanner", "osv-scalibr"] {
        let place = cache.join(layout).join("crates.io");
        std::fs::create_dir_all(&place).map_err(|error| error.to_string())?;
        std::fs::copy(bench.data.join("osv/crates.io/all.zip"), place.join("all.zip")).map_err(|error| error.to_string())?;
    }
    let lock = bench.data.join("lockfiles/dani-garcia_vaultwarden/Cargo.lock");
    let ours = ours(bench, folder, "crates.io", &lock)?;
    let make = || {
        let mut command = Command::new("osv-scanner");
        command
            .env("OSV_SCANNER_LOCAL_DB_CACHE_DIRECTORY", &cache)
            .env("OSV_SCALIBR_LOCAL_DB_CACHE_DIRECTORY", &cache)
            .args(["scan", "source", "--offline", "--format", "json", "--lockfile"])
            .arg(&lock);
        command
    };
    let run = median(5, make)?;
    let output = make().output().map_err(|error| error.to_string())?;
    let answer: Value = serde_json::from_slice(&output.stdout).unwrap_or(Value::Null);
    let hits: usize = answer["results"]
        .as_array()
        .into_iter()
        .flatten()
        .flat_map(|result| result["packages"].as_array().into_iter().flatten())
        .map(|package| package["vulnerabilities"].as_array().map_or(0, Vec::len))
        .sum();
    rows.push(row("osv-scanner --offline", run, &format!("{hits} hits; {}", ratio(&ours.0, &run))));
    Ok(())
}

/// Our own run over a database of one ecosystem.
fn ours(bench: &Bench, folder: &Path, ecosystem: &str, lock: &Path) -> Result<(Run, usize), String> {
    let only = folder.join("only");
    let place = only.join("osv").join(ecosystem);
    std::fs::create_dir_all(&place).map_err(|error| error.to_string())?;
    std::fs::copy(bench.data.join("osv").join(ecosystem).join("all.zip"), place.join("all.zip"))
        .map_err(|error| error.to_string())?;
    let database = folder.join("only.plimsolldb");
    crate::measure::once(&mut bench.call(&["--quiet", "db", "build", "--from", &text(&only), "--to", &text(&database)]))?;
    let (lock, database) = (text(lock), text(&database));
    let make = || bench.call(&["--quiet", "scan", "--lockfile", &lock, "--db", &database, "--format", "json"]);
    let run = median(bench.runs, make)?;
    let output = make().output().map_err(|error| error.to_string())?;
    let answer: Value = serde_json::from_slice(&output.stdout).map_err(|error| error.to_string())?;
    Ok((run, answer["findings"].as_array().map_or(0, Vec::len)))
}

fn ratio(ours: &Run, theirs: &Run) -> String {
    format!(
        "{:.0} times our CPU, {:.1} times our memory",
        theirs.cpu.as_secs_f64() / ours.cpu.as_secs_f64().max(1e-6),
        theirs.memory as f64 / (ours.memory as f64).max(1.0)
    )
}

fn row(name: &str, run: Run, note: &str) -> Row {
    Row {
        name: name.to_owned(),
        cpu_ms: ms(run.cpu),
        cpu_limit_ms: None,
        memory_mib: Some(mib(run.memory)),
        memory_limit_mib: None,
        note: note.to_owned(),
    }
}

fn find(program: &str) -> Option<PathBuf> {
    std::env::split_paths(&std::env::var_os("PATH")?).map(|folder| folder.join(program)).find(|path| path.is_file())
}
