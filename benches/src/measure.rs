//! One whole process: CPU time and peak memory, as the kernel accounts them.

use serde::Serialize;
use std::fmt;
use rustix::process::{Pid, WaitId, WaitIdOptions, waitid};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};
use wait4::Wait4;

/// One run of a process.
#[derive(Clone, Copy, Debug)]
pub struct Run {
    /// User and system time, children included.
    pub cpu: Duration,
    /// The same of the process's first thread alone, without children.
    pub own: Duration,
    /// Peak resident memory in bytes, of the process alone.
    pub memory: u64,
    /// Wall time.
    pub wall: Duration,
    /// Exit code.
    pub code: Option<i32>,
}

/// Runs a command once and throws its output away.
pub fn once(command: &mut Command) -> Result<Run, String> {
    let start = Instant::now();
    let shown = format!("{command:?}");
    let mut child = command
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .map_err(|error| format!("{shown}: {error}"))?;
    let own = own_time(&child);
    let ended = child.wait4().map_err(|error| format!("{shown}: {error}"))?;
    Ok(Run {
        cpu: ended.rusage.utime + ended.rusage.stime,
        own,
        memory: ended.rusage.maxrss,
        wall: start.elapsed(),
        code: ended.status.code(),
    })
}

/// Processor time of a process without its children, by the scheduler's own
/// account: waits for its end and leaves it to be reaped.
fn own_time(child: &Child) -> Duration {
    let pid = Pid::from_child(child);
    let _ = waitid(WaitId::Pid(pid), WaitIdOptions::EXITED | WaitIdOptions::NOWAIT);
    let account = std::fs::read_to_string(format!("/proc/{}/schedstat", pid.as_raw_nonzero())).unwrap_or_default();
    let nanoseconds = account.split(' ').next().and_then(|number| number.parse().ok());
    Duration::from_nanos(nanoseconds.unwrap_or_default())
}

/// Runs a command after one warm-up and takes the median of each figure.
pub fn median(runs: usize, make: impl Fn() -> Command) -> Result<Run, String> {
    once(&mut make())?;
    let mut all = Vec::with_capacity(runs);
    for _ in 0..runs {
        all.push(once(&mut make())?);
    }
    let middle = runs / 2;
    let mut pick = |key: fn(&Run) -> u128| {
        all.sort_by_key(key);
        all[middle]
    };
    let cpu = pick(|run| run.cpu.as_nanos()).cpu;
    let wall = pick(|run| run.wall.as_nanos()).wall;
    let own = pick(|run| run.own.as_nanos()).own;
    let last = pick(|run| u128::from(run.memory));
    Ok(Run { cpu, own, wall, memory: last.memory, code: last.code })
}

/// One figure beside its limit.
#[derive(Clone, Debug, Serialize)]
pub struct Row {
    /// What was measured.
    pub name: String,
    /// CPU milliseconds.
    pub cpu_ms: f64,
    /// Its limit.
    pub cpu_limit_ms: Option<f64>,
    /// Peak memory in MiB.
    pub memory_mib: Option<f64>,
    /// Its limit.
    pub memory_limit_mib: Option<f64>,
    /// Anything else worth knowing.
    pub note: String,
}

impl Row {
    /// Whether a limit is missed.
    pub fn misses(&self) -> bool {
        let over = |value: Option<f64>, limit: Option<f64>| matches!((value, limit), (Some(value), Some(limit)) if value > limit);
        over(Some(self.cpu_ms), self.cpu_limit_ms) || over(self.memory_mib, self.memory_limit_mib)
    }
}

impl fmt::Display for Row {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let limit = |limit: Option<f64>| limit.map_or(String::new(), |limit| format!(" (limit {limit})"));
        write!(formatter, "{:<44} {:>10.3} ms CPU{}", self.name, self.cpu_ms, limit(self.cpu_limit_ms))?;
        if let Some(memory) = self.memory_mib {
            write!(formatter, ", {memory:.1} MiB{}", limit(self.memory_limit_mib))?;
        }
        if !self.note.is_empty() {
            write!(formatter, "  {}", self.note)?;
        }
        if self.misses() {
            write!(formatter, "  OVER ITS LIMIT")?;
        }
        Ok(())
    }
}

/// Milliseconds.
pub fn ms(time: Duration) -> f64 {
    time.as_secs_f64() * 1e3
}

/// Mebibytes.
pub fn mib(bytes: u64) -> f64 {
    bytes as f64 / f64::from(1 << 20)
}
