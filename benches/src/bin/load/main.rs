//! The load generator: many hosts against one running server.
//!
//! It speaks the agents' protocol as they do (keys, signatures, rising
//! numbers, remembered checkpoints, reports and deltas), over a pool of
//! kept-alive connections as a proxy before the server would have. Latency
//! counts from the moment a request was *due*, so a server that falls behind
//! cannot hide it. Only a server on this machine is spoken to.
//!
//! ```text
//! load enrol  --server http://127.0.0.1:8480 --token T --hosts 10000 --state fleet.json --pid PID
//! load steady --server … --state fleet.json --seconds 300 --pid PID
//! load storm  --server … --state fleet.json --seconds 120 --pid PID
//! ```
//!
//! With several servers (`--server` and `--pid` once for each) the connections
//! take them in turn, as a balancer would; one may be killed meanwhile.

mod arguments;
mod exchange;
mod histogram;
mod host;
mod process;
mod report;
mod run;
mod summary;
#[cfg(test)]
mod tests;

use arguments::Arguments;
use clap::Parser;
use std::process::ExitCode;

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let threads = usize::from(arguments.threads);
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(threads).enable_all().build();
    let done = runtime.map_err(|error| error.to_string()).and_then(|runtime| runtime.block_on(run::run(&arguments)));
    match done {
        Ok(summary) => {
            println!("{summary}");
            if let Some(path) = &arguments.json {
                let text = serde_json::to_string_pretty(&summary).unwrap_or_default();
                if let Err(error) = std::fs::write(path, text) {
                    eprintln!("{}: {error}", path.display());
                    return ExitCode::from(3);
                }
            }
            ExitCode::from(u8::from(summary.has_errors()))
        }
        Err(error) => {
            eprintln!("{error}");
            ExitCode::from(3)
        }
    }
}
