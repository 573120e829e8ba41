//! Reads every source of a data folder and prints what came of each:
//! `cargo run --release -p plimsoll-formats --example read_sources DIR`.

use plimsoll_formats::advisories::{Fact, Reading, detect};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

#[derive(Default)]
struct Row {
    files: usize,
    facts: u64,
    reading: Reading,
    time: Duration,
}

fn main() {
    let Some(root) = std::env::args_os().nth(1).map(PathBuf::from) else {
        eprintln!("usage: read_sources DIR");
        std::process::exit(2);
    };
    let mut files = Vec::new();
    walk(&root, &mut files);
    files.sort();
    let mut sources = Vec::new();
    let mut unknown = 0;
    for file in files {
        let Ok(bytes) = std::fs::read(&file) else { continue };
        let relative = file.strip_prefix(&root).unwrap_or(&file).to_string_lossy().into_owned();
        match detect::source_of(&relative, bytes.get(..1024).unwrap_or(&bytes)) {
            Some(kind) => sources.push((kind, (relative, bytes))),
            None => unknown += 1,
        }
    }
    let mut rows: BTreeMap<String, Row> = BTreeMap::new();
    for (kind, (relative, bytes)) in detect::chosen(sources) {
        let row = rows.entry(kind.name()).or_default();
        row.files += 1;
        let start = Instant::now();
        let mut facts = 0;
        let mut sink = |_: Fact| facts += 1;
        match detect::read(&kind, &relative, &bytes, &mut sink) {
            Ok(reading) => row.reading.add(reading),
            Err(problem) => row.reading.reject(problem),
        }
        row.facts += facts;
        row.time += start.elapsed();
    }
    print(&rows, unknown);
}

fn walk(folder: &Path, files: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
        match entry.file_type() {
            Ok(kind) if kind.is_dir() => walk(&entry.path(), files),
            Ok(kind) if kind.is_file() => files.push(entry.path()),
            _ => {}
        }
    }
}

fn print(rows: &BTreeMap<String, Row>, unknown: usize) {
    println!("{:34} {:>5} {:>8} {:>8} {:>8} {:>10} {:>8}", "source", "files", "records", "rejected", "facts", "newest", "ms");
    let mut total = Row::default();
    for (name, row) in rows {
        let newest = row.reading.newest.map_or_else(|| "-".to_owned(), |moment| moment.to_string().chars().take(10).collect());
        let milliseconds = row.time.as_secs_f64() * 1000.0;
        println!(
            "{name:34} {:>5} {:>8} {:>8} {:>8} {newest:>10} {milliseconds:>8.1}",
            row.files, row.reading.records, row.reading.rejected, row.facts
        );
        total.files += row.files;
        total.facts += row.facts;
        total.time += row.time;
        total.reading.records += row.reading.records;
        total.reading.rejected += row.reading.rejected;
    }
    println!(
        "{:34} {:>5} {:>8} {:>8} {:>8} {:>10} {:>8.1}",
        "all",
        total.files,
        total.reading.records,
        total.reading.rejected,
        total.facts,
        "",
        total.time.as_secs_f64() * 1000.0
    );
    println!("{unknown} files are no source");
    for problem in rows.values().flat_map(|row| &row.reading.problems) {
        println!("{} {}: {}", problem.code, problem.place, problem.text);
    }
}
