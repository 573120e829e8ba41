//! Prints what is read of a host as JSON, and the processor time it took on
//! standard error: `inventory [ROOT] [--languages] [--repeat N]`.

use plimsoll_host::{Options, Silent, read};
use std::path::PathBuf;
use std::time::Duration;

/// Processor time of this process without its children (proc(5), fields 14
/// and 15, or the finer count of schedstat).
fn own_cpu() -> Duration {
    let text = std::fs::read_to_string("/proc/self/schedstat").unwrap_or_default();
    Duration::from_nanos(text.split(' ').next().and_then(|word| word.parse().ok()).unwrap_or(0))
}

fn main() {
    let mut root: Option<PathBuf> = None;
    let (mut languages, mut repeat) = (false, 1u32);
    let mut arguments = std::env::args().skip(1);
    while let Some(argument) = arguments.next() {
        match argument.as_str() {
            "--languages" => languages = true,
            "--repeat" => repeat = arguments.next().and_then(|text| text.parse().ok()).unwrap_or(1),
            path => root = Some(path.into()),
        }
    }
    let before = own_cpu();
    let mut last = None;
    for _ in 0..repeat {
        last = Some(read(&Options { root: root.as_deref(), languages, progress: &Silent }));
    }
    let spent = own_cpu().saturating_sub(before) / repeat;
    match last {
        Some(Ok(inventory)) => {
            let json = serde_json::json!({
                "host": inventory.host,
                "components": inventory.components,
                "updates": inventory.updates,
                "held_updates": inventory.held_updates,
                "candidates": inventory.candidates.len(),
                "problems": inventory.problems,
            });
            println!("{json:#}");
            eprintln!(
                "{} components, {} updates, own CPU {spent:?}, package manager {:?}",
                inventory.components.len(),
                inventory.updates.map_or(0, |updates| updates.len()),
                inventory.package_manager_cpu
            );
        }
        Some(Err(problem)) => eprintln!("{}: {}", problem.place, problem.text),
        None => {}
    }
}
