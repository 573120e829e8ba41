//! The figures with limits.

use crate::matching;
use crate::measure::{Row, median, mib, ms};
use std::path::{Path, PathBuf};
use std::process::Command;

/// What to measure with.
pub struct Bench {
    /// Real data.
    pub data: PathBuf,
    /// The release binary.
    pub plimsoll: PathBuf,
    /// This program.
    pub own: PathBuf,
    /// Runs of each command.
    pub runs: usize,
}

impl Bench {
    /// Makes a call of the binary.
    pub fn call(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(&self.plimsoll);
        command.args(arguments);
        command
    }
}

/// Measures every figure that has a limit.
pub fn measure(bench: &Bench) -> Result<Vec<Row>, String> {
    let folder = tempfile::tempdir().map_err(|error| error.to_string())?;
    let database = folder.path().join("all.plimsolldb");
    let (from, to) = (text(&bench.data), text(&database));
    let build = median(3, || bench.call(&["--quiet", "db", "build", "--from", &from, "--to", &to]))?;
    let size = std::fs::metadata(&database).map_err(|error| format!("the database was not built: {error}"))?.len();
    let mut rows = vec![Row {
        name: "build a database from all of the data".to_owned(),
        cpu_ms: ms(build.cpu),
        cpu_limit_ms: Some(5_000.0),
        memory_mib: Some(mib(build.memory)),
        memory_limit_mib: None,
        note: format!("{:.1} MiB of database", mib(size)),
    }];
    rows.extend(inner(&bench.own)?);
    rows.extend(match_rows(bench, folder.path())?);
    for host in ["deb12-web", "deb11-db", "deb12-drifted"] {
        let root = text(&bench.data.join("hosts").join(host));
        let run = median(bench.runs, || {
            bench.call(&["--quiet", "scan", "--root", &root, "--db", &to, "--offline", "--format", "json"])
        })?;
        // The limit is for a root of 250 packages; the drifted one has 654.
        let limited = host != "deb12-drifted";
        rows.push(Row {
            name: format!("scan --root {host}"),
            cpu_ms: ms(run.cpu),
            cpu_limit_ms: limited.then_some(15.0),
            memory_mib: Some(mib(run.memory)),
            memory_limit_mib: limited.then_some(24.0),
            note: format!("exit {}", run.code.unwrap_or(-1)),
        });
    }
    rows.extend(live(bench, &to)?);
    Ok(rows)
}

/// What needs neither data nor the program itself.
pub fn inner(own: &Path) -> Result<Vec<Row>, String> {
    let mut rows = crate::policy::rows()?;
    rows.extend(crate::rollout::rows()?);
    rows.extend(crate::report::rows(own)?);
    Ok(rows)
}

fn match_rows(bench: &Bench, folder: &Path) -> Result<Vec<Row>, String> {
    let source = bench.data.join("osv/AlmaLinux/all.zip");
    let only = folder.join("alma");
    let target = only.join("osv/AlmaLinux");
    std::fs::create_dir_all(&target).map_err(|error| error.to_string())?;
    std::fs::copy(&source, target.join("all.zip")).map_err(|error| format!("{}: {error}", source.display()))?;
    let packages = folder.join("packages.txt");
    let mut draw = Command::new(&bench.own);
    let drawn = draw.arg("--draw").args([&source, &packages]).status().map_err(|error| error.to_string())?;
    if !drawn.success() {
        return Err("the packages to match were not drawn".to_owned());
    }
    let database = folder.join("alma.plimsolldb");
    let run = crate::measure::once(&mut bench.call(&["--quiet", "db", "build", "--from", &text(&only), "--to", &text(&database)]))?;
    if run.code != Some(0) {
        return Err(format!("the AlmaLinux database was not built: exit {:?}", run.code));
    }
    matching::row(&bench.own, &database, &packages)
}

/// The live host: ours beside what its package manager takes by itself.
fn live(bench: &Bench, database: &str) -> Result<Vec<Row>, String> {
    let scan = median(3, || bench.call(&["--quiet", "scan", "--db", database, "--format", "json"]))?;
    let row = |name: &str, cpu, note: &str| Row {
        name: name.to_owned(),
        cpu_ms: ms(cpu),
        cpu_limit_ms: None,
        memory_mib: None,
        memory_limit_mib: None,
        note: note.to_owned(),
    };
    let packages = std::fs::read_to_string("/var/lib/dpkg/status").map_or(0, |text| text.matches("\nStatus: install ok installed").count());
    let mut rows = vec![
        row("scan of the live host, our own process", scan.own, &format!("{packages} packages by dpkg; the limit of 15 ms is for 250")),
        row("the same with the package manager's processes", scan.cpu, "apt-get and apt-cache, whose answers are taken"),
    ];
    if Path::new("/usr/bin/apt-get").exists() {
        let apt = median(3, || {
            let mut command = Command::new("/usr/bin/apt-get");
            command.args(["-s", "-o", "Debug::NoLocking=1", "dist-upgrade"]);
            command
        })?;
        rows.push(row("apt-get -s dist-upgrade, by itself", apt.cpu, ""));
    }
    Ok(rows)
}

/// A path as text for a command line.
pub fn text(path: &Path) -> String {
    path.display().to_string()
}
