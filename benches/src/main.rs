//! What the figures in the README come from.
//!
//! Every figure is CPU time (user and system) and peak memory of a whole
//! process, the median of several runs, beside its limit. Machines are shared
//! and noisy: quote CPU time, memory and ratios, not wall time.

mod figures;
mod matching;
mod measure;
mod peers;
mod policy;
mod report;
mod rollout;
mod rustsec;

use clap::Parser;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// Measures Plimsoll against its limits and against peers on the PATH.
#[derive(Parser)]
struct Arguments {
    /// Folder of real data [default: PLIMSOLL_TEST_DATA, else ../shared/data]
    #[arg(long)]
    data: Option<PathBuf>,
    /// The release binary [default: beside this one]
    #[arg(long)]
    plimsoll: Option<PathBuf>,
    /// Runs of each command
    #[arg(long, default_value_t = 11)]
    runs: usize,
    /// Only the side by side with peers
    #[arg(long)]
    peers: bool,
    /// Only policies, rollouts and reports, which need neither data nor binary
    #[arg(long, conflicts_with = "peers")]
    inner: bool,
    /// Write the figures as JSON as well
    #[arg(long)]
    json: Option<PathBuf>,
    /// Part of the matching figure: runs in a process of its own
    #[arg(long, hide = true, num_args = 2, value_names = ["DB", "PACKAGES"])]
    matching: Option<Vec<PathBuf>>,
    /// Part of the report's figure: runs in a process of its own
    #[arg(long, hide = true, value_name = "DB")]
    report: Option<PathBuf>,
    /// Part of the simulation's figure: runs in a process of its own
    #[arg(long, hide = true, value_name = "DB")]
    simulate: Option<PathBuf>,
    /// Draws the packages of the matching figure, in a process of its own: a
    /// child's peak memory is never below that of the process that made it
    #[arg(long, hide = true, num_args = 2, value_names = ["ARCHIVE", "PACKAGES"])]
    draw: Option<Vec<PathBuf>>,
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    if let Some([database, packages]) = arguments.matching.as_deref() {
        return matching::child(database, packages);
    }
    if let Some(database) = arguments.report.as_deref() {
        return report::child(database);
    }
    if let Some(database) = arguments.simulate.as_deref() {
        return report::simulating_child(database);
    }
    if let Some([archive, packages]) = arguments.draw.as_deref() {
        return matching::draw_child(archive, packages);
    }
    let own = std::env::current_exe().unwrap_or_default();
    if arguments.inner {
        return told(figures::inner(&own), arguments.json.as_deref());
    }
    let data = arguments
        .data
        .or_else(|| std::env::var_os("PLIMSOLL_TEST_DATA").map(PathBuf::from))
        .unwrap_or_else(|| PathBuf::from("../shared/data"));
    if !data.join("osv").is_dir() {
        eprintln!("no data at {}: give --data DIR", data.display());
        return ExitCode::from(2);
    }
    let plimsoll = arguments.plimsoll.unwrap_or_else(|| own.with_file_name("plimsoll"));
    if !plimsoll.is_file() {
        eprintln!("no binary at {}: run `cargo build --release` first", plimsoll.display());
        return ExitCode::from(2);
    }
    let bench = figures::Bench { data, plimsoll, own, runs: arguments.runs.max(3) };
    told(if arguments.peers { peers::measure(&bench) } else { figures::measure(&bench) }, arguments.json.as_deref())
}

/// Prints what was measured; 1 where a limit was missed.
fn told(measured: Result<Vec<measure::Row>, String>, json: Option<&Path>) -> ExitCode {
    let rows = match measured {
        Ok(rows) => rows,
        Err(error) => {
            eprintln!("{error}");
            return ExitCode::from(3);
        }
    };
    for row in &rows {
        println!("{row}");
    }
    if let Some(path) = json {
        let text = serde_json::to_string_pretty(&rows).unwrap_or_default();
        if let Err(error) = std::fs::write(path, text) {
            eprintln!("{}: {error}", path.display());
            return ExitCode::from(3);
        }
    }
    if rows.iter().any(|row| row.misses()) { ExitCode::from(1) } else { ExitCode::SUCCESS }
}
