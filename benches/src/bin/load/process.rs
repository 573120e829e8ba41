//! The server as the kernel accounts it.

use serde::Serialize;
use std::time::{Duration, Instant};

/// Clock ticks a second in `/proc`, on every Linux there is.
const TICKS: f64 = 100.0;

/// What a process has used so far.
#[derive(Clone, Copy, Debug)]
struct Used {
    cpu: f64,
    written: u64,
    writes: u64,
    at: Instant,
}

/// Watches one process.
#[derive(Debug)]
pub struct Process {
    pid: u32,
    start: Used,
    /// Last seen: a process that was killed has used this much.
    last: Used,
    memory: u64,
}

/// What a process used over a time.
#[derive(Clone, Debug, Serialize)]
pub struct Consumption {
    /// Which process.
    pub pid: u32,
    /// Processor time in seconds, user and system.
    pub cpu_seconds: f64,
    /// Processors in use on average.
    pub cores: f64,
    /// Largest resident memory seen, MiB.
    pub memory_mib: f64,
    /// Bytes that it caused to be written to storage. The kernel counts
    /// them when a page is dirtied, so a page written twice before it is
    /// flushed counts once.
    pub written_bytes: u64,
    /// System calls that write, sockets included. (Calls of `fsync` are not
    /// counted by the kernel; trace them with `strace -fc -e fsync,fdatasync`.)
    pub write_calls: u64,
}

impl Process {
    /// Begins to watch.
    pub fn watch(pid: u32) -> Result<Self, String> {
        let start = used(pid)?;
        Ok(Self { pid, start, last: start, memory: memory(pid)? })
    }

    /// Processor time of this program so far, in seconds.
    pub fn own_cpu() -> Result<f64, String> {
        used(std::process::id()).map(|used| used.cpu)
    }

    /// Looks at what it uses, if it is still there.
    pub fn look(&mut self) {
        if let (Ok(memory), Ok(used)) = (memory(self.pid), used(self.pid)) {
            self.memory = self.memory.max(memory);
            self.last = used;
        }
    }

    /// What it used since the beginning, until it ended.
    pub fn consumption(&mut self) -> Consumption {
        self.look();
        let now = self.last;
        let cpu_seconds = now.cpu - self.start.cpu;
        let elapsed = now.at.duration_since(self.start.at).max(Duration::from_millis(1));
        Consumption {
            pid: self.pid,
            cpu_seconds,
            cores: cpu_seconds / elapsed.as_secs_f64(),
            memory_mib: self.memory as f64 / 1024.0,
            written_bytes: now.written.saturating_sub(self.start.written),
            write_calls: now.writes.saturating_sub(self.start.writes),
        }
    }
}

fn read(pid: u32, name: &str) -> Result<String, String> {
    let path = format!("/proc/{pid}/{name}");
    std::fs::read_to_string(&path).map_err(|error| format!("{path}: {error}"))
}

fn used(pid: u32) -> Result<Used, String> {
    let stat = read(pid, "stat")?;
    // The name in parentheses may hold spaces; user and system time are the
    // twelfth and thirteenth field after it.
    let fields: Vec<&str> = stat.rsplit(") ").next().unwrap_or_default().split(' ').collect();
    let ticks = |at: usize| fields.get(at).and_then(|field| field.parse::<f64>().ok()).ok_or(format!("/proc/{pid}/stat: cannot be read"));
    // Reading another user's counters is refused; processor time still counts.
    let counters = read(pid, "io").unwrap_or_default();
    Ok(Used { cpu: (ticks(11)? + ticks(12)?) / TICKS, written: field(&counters, "write_bytes:"), writes: field(&counters, "syscw:"), at: Instant::now() })
}

fn memory(pid: u32) -> Result<u64, String> {
    Ok(field(&read(pid, "status")?, "VmRSS:"))
}

fn field(text: &str, name: &str) -> u64 {
    let line = text.lines().find(|line| line.starts_with(name));
    line.and_then(|line| line.split_whitespace().nth(1)).and_then(|word| word.parse().ok()).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn watches_itself() {
        let mut process = Process::watch(std::process::id()).unwrap();
        let mut sum = 0u64;
        let start = Instant::now();
        while start.elapsed() < Duration::from_secs(5) {
            (0..1_000_000u64).for_each(|number| sum = std::hint::black_box(sum.wrapping_mul(31) ^ number));
            let consumption = process.consumption();
            if consumption.cpu_seconds >= 0.05 {
                assert!(consumption.memory_mib > 0.5 && consumption.cores > 0.0);
                return;
            }
        }
        panic!("five seconds of work were not accounted for");
    }
}
