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
    let lock = bench.data.join("lockfiles/dani-garcia_vaultwarden/Cargo.lock");
    // First, while this process is small: a child's peak memory is never
    // below that of the process that made it.
    let (built, ours, hits) = ours(bench, folder.path(), "crates.io", &lock)?;
    let mut rows = vec![
        row("plimsoll db build, once, from the same archive", built, ""),
        row("plimsoll scan --lockfile Cargo.lock", ours, &format!("{hits} hits")),
    ];
    for (peer, measure) in [("cargo-audit", cargo_audit as Peer), ("osv-scanner", osv_scanner), ("trivy", trivy), ("grype", grype)] {
        if find(peer).is_none() {
            println!("{peer}: not on the PATH, left out");
            continue;
        }
        match measure(bench, folder.path(), &lock) {
            Ok((run, note)) => rows.push(row(peer, run, &format!("{note}; {}", ratio(&ours, &run)))),
            Err(why) => println!("{peer}: {why}; left out"),
        }
    }
    Ok(rows)
}

type Peer = fn(&Bench, &Path, &Path) -> Result<(Run, String), String>;

/// The same records, written as the peer wants them; the index of yanked
/// versions, which we do not ask for, is off.
fn cargo_audit(bench: &Bench, folder: &Path, lock: &Path) -> Result<(Run, String), String> {
    let advisories = folder.join("rustsec");
    crate::rustsec::write(&bench.data.join("osv/crates.io/all.zip"), &advisories)?;
    std::fs::create_dir_all(folder.join(".cargo")).map_err(|error| error.to_string())?;
    std::fs::write(folder.join(".cargo/audit.toml"), "[yanked]\nenabled = false\n").map_err(|error| error.to_string())?;
    let lock = lock.canonicalize().map_err(|error| error.to_string())?;
    let (run, answer) = asked(bench, || {
        let mut command = Command::new("cargo-audit");
        command.current_dir(folder).args(["audit", "--no-fetch", "--stale", "--json", "--db"]).arg(&advisories).arg("--file").arg(&lock);
        command
    })?;
    let warned = answer["warnings"].as_object().into_iter().flat_map(serde_json::Map::values);
    let hits = answer["vulnerabilities"]["count"].as_u64().ok_or("counts no vulnerabilities")?
        + warned.filter_map(Value::as_array).map(|list| list.len() as u64).sum::<u64>();
    Ok((run, format!("{hits} hits")))
}

fn osv_scanner(bench: &Bench, folder: &Path, lock: &Path) -> Result<(Run, String), String> {
    let cache = folder.join("osv-cache");
    for layout in ["osv-scanner", "osv-scalibr"] {
        let place = cache.join(layout).join("crates.io");
        std::fs::create_dir_all(&place).map_err(|error| error.to_string())?;
        std::fs::copy(bench.data.join("osv/crates.io/all.zip"), place.join("all.zip")).map_err(|error| error.to_string())?;
    }
    let (run, answer) = asked(bench, || {
        let mut command = Command::new("osv-scanner");
        command
            .env("OSV_SCANNER_LOCAL_DB_CACHE_DIRECTORY", &cache)
            .env("OSV_SCALIBR_LOCAL_DB_CACHE_DIRECTORY", &cache)
            .args(["scan", "source", "--offline", "--format", "json", "--lockfile"])
            .arg(lock);
        command
    })?;
    let hits: usize = answer["results"]
        .as_array()
        .ok_or("gives no results")?
        .iter()
        .flat_map(|result| result["packages"].as_array().into_iter().flatten())
        .map(|package| package["vulnerabilities"].as_array().map_or(0, Vec::len))
        .sum();
    Ok((run, format!("{hits} hits, from the same archive")))
}

fn trivy(bench: &Bench, _: &Path, lock: &Path) -> Result<(Run, String), String> {
    let (run, answer) = asked(bench, || {
        let mut command = Command::new("trivy");
        command.args(["fs", "--offline-scan", "--skip-db-update", "--format", "json"]).arg(lock);
        command
    })?;
    answer["Results"].as_array().ok_or("gives no results")?;
    Ok((run, "from its own database, so hits do not compare".to_owned()))
}

fn grype(bench: &Bench, _: &Path, lock: &Path) -> Result<(Run, String), String> {
    let (run, answer) = asked(bench, || {
        let mut command = Command::new("grype");
        command.env("GRYPE_DB_AUTO_UPDATE", "false").args(["-q", "-o", "json", "--by-cve"]).arg(format!("file:{}", lock.display()));
        command
    })?;
    answer["matches"].as_array().ok_or("gives no matches")?;
    Ok((run, "from its own database, so hits do not compare".to_owned()))
}

/// Runs a peer as often as ourselves, and once more for its answer; one that
/// fails, as without its database, is no figure.
fn asked(bench: &Bench, make: impl Fn() -> Command) -> Result<(Run, Value), String> {
    let output = make().output().map_err(|error| error.to_string())?;
    let said = String::from_utf8_lossy(&output.stderr);
    let failed = || format!("ended with {:?}: {}", output.status.code(), said.lines().last().unwrap_or("without a word"));
    let answer = serde_json::from_slice(&output.stdout).map_err(|_| failed())?;
    if !matches!(output.status.code(), Some(0 | 1)) {
        return Err(failed());
    }
    Ok((median(bench.runs, make)?, answer))
}

/// Building a database of one ecosystem, and our own run over it. Peers that
/// read their sources anew every time pay for both in one.
fn ours(bench: &Bench, folder: &Path, ecosystem: &str, lock: &Path) -> Result<(Run, Run, usize), String> {
    let only = folder.join("only");
    let place = only.join("osv").join(ecosystem);
    std::fs::create_dir_all(&place).map_err(|error| error.to_string())?;
    std::fs::copy(bench.data.join("osv").join(ecosystem).join("all.zip"), place.join("all.zip"))
        .map_err(|error| error.to_string())?;
    let database = folder.join("only.plimsolldb");
    let built = crate::measure::once(&mut bench.call(&["--quiet", "db", "build", "--from", &text(&only), "--to", &text(&database)]))?;
    let (lock, database) = (text(lock), text(&database));
    let make = || bench.call(&["--quiet", "scan", "--lockfile", &lock, "--db", &database, "--format", "json"]);
    let run = median(bench.runs, make)?;
    let output = make().output().map_err(|error| error.to_string())?;
    let answer: Value = serde_json::from_slice(&output.stdout).map_err(|error| error.to_string())?;
    Ok((built, run, answer["findings"].as_array().map_or(0, Vec::len)))
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
