//! A million hosts in memory: what the index of a fleet takes, and how long
//! it takes to say whom an advisory touches.
//!
//! The hosts are made, their packages are not: names and versions come from
//! the real records in the test data, see [`synthetic`]. Times are CPU time
//! of the one thread that works; wall time stands beside it where a limit is
//! about waiting.

mod figures;
mod records;
mod synthetic;

use clap::Parser;
use std::path::PathBuf;
use std::process::{Command, ExitCode};

/// Measures the index of a synthetic fleet against its limits.
#[derive(Parser)]
struct Arguments {
    /// Folder of real data [default: PLIMSOLL_TEST_DATA, else ../shared/data]
    #[arg(long)]
    data: Option<PathBuf>,
    /// Hosts
    #[arg(long, default_value_t = 1_000_000, value_parser = clap::value_parser!(u32).range(1..=4_000_000))]
    hosts: u32,
    /// Packages of a host
    #[arg(long, default_value_t = 600, value_parser = clap::value_parser!(u16).range(50..=5_000))]
    packages: u16,
    /// Packages of a host, in a thousand, that are at another version than its image
    #[arg(long, default_value_t = 50, value_parser = clap::value_parser!(u16).range(0..=1_000))]
    drift: u16,
    /// Advisories asked for
    #[arg(long, default_value_t = 4_000)]
    advisories: usize,
    /// Write the figures as JSON as well
    #[arg(long)]
    json: Option<PathBuf>,
    /// Reads the records in a process of its own, whose memory is not counted
    #[arg(long, hide = true, num_args = 2, value_names = ["DATA", "FOLDER"])]
    prepare: Option<Vec<PathBuf>>,
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    match run(&arguments) {
        Ok(missed) => ExitCode::from(u8::from(missed)),
        Err(error) => {
            eprintln!("{error}");
            ExitCode::from(3)
        }
    }
}

/// Measures; whether a limit was missed.
fn run(arguments: &Arguments) -> Result<bool, String> {
    if let Some([data, folder]) = arguments.prepare.as_deref() {
        return records::prepare(data, folder).map(|()| false);
    }
    let data = arguments.data.clone().or_else(|| std::env::var_os("PLIMSOLL_TEST_DATA").map(PathBuf::from));
    let data = data.unwrap_or_else(|| PathBuf::from("../shared/data"));
    let folder = tempfile::tempdir().map_err(|error| error.to_string())?;
    let own = std::env::current_exe().map_err(|error| error.to_string())?;
    let prepared = Command::new(own).arg("--prepare").args([&data, folder.path()]).status();
    if !prepared.map_err(|error| error.to_string())?.success() {
        return Err(format!("the records at {} could not be read: give --data DIR", data.display()));
    }
    let rows = figures::measure(arguments, folder.path())?;
    for row in &rows {
        println!("{row}");
    }
    if let Some(path) = &arguments.json {
        let text = serde_json::to_string_pretty(&rows).unwrap_or_default();
        std::fs::write(path, text).map_err(|error| format!("{}: {error}", path.display()))?;
    }
    Ok(rows.iter().any(figures::Figure::misses))
}
