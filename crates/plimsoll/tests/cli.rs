//! The command line as its users meet it: whole processes, real data.

#[path = "cli/acquire.rs"]
mod acquire;
#[path = "cli/answers.rs"]
mod answers;
#[path = "cli/certificates.rs"]
mod certificates;
#[path = "cli/chaos/mod.rs"]
mod chaos;
#[path = "cli/checks.rs"]
mod checks;
#[path = "cli/console.rs"]
mod console;
#[path = "cli/contract.rs"]
mod contract;
#[path = "cli/cost.rs"]
mod cost;
// One private PostgreSQL for the tests of two crates.
#[allow(dead_code)]
#[path = "../../store/tests/store/databases.rs"]
mod databases;
#[path = "cli/deadlines.rs"]
mod deadlines;
#[path = "cli/evaluation.rs"]
mod evaluation;
#[path = "cli/fleet.rs"]
mod fleet;
#[path = "cli/honesty.rs"]
mod honesty;
#[path = "cli/hostile.rs"]
mod hostile;
#[path = "cli/hosts.rs"]
mod hosts;
#[path = "cli/impostors.rs"]
mod impostors;
#[path = "cli/lab.rs"]
mod lab;
#[path = "cli/policy.rs"]
mod policy;
#[path = "cli/power/mod.rs"]
mod power;
#[path = "cli/readme.rs"]
mod readme;
#[path = "cli/record.rs"]
mod record;
#[path = "cli/recount.rs"]
mod recount;
#[path = "cli/remote.rs"]
mod remote;
#[path = "cli/report.rs"]
mod report;
#[path = "cli/sandbox.rs"]
mod sandbox;
#[path = "cli/servers.rs"]
mod servers;
#[path = "cli/simulation.rs"]
mod simulation;
#[path = "cli/storage.rs"]
mod storage;
#[path = "cli/sign_in.rs"]
mod sign_in;
#[path = "cli/terminal.rs"]
mod terminal;
#[path = "cli/tls.rs"]
mod tls;
#[path = "cli/tokens.rs"]
mod tokens;
#[path = "cli/versions.rs"]
mod versions;
#[cfg(target_arch = "x86_64")]
#[path = "cli/walk.rs"]
mod walk;
