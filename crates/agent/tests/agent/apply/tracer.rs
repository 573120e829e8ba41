//! Kills a program at its N-th call to the system that leaves something
//! behind: a write, an fsync, a rename, a send.
//!
//! Every process and thread that the traced command starts is stopped at its
//! calls (ptrace); those of one role are counted together, in the order in
//! which the kernel saw them.

use nix::errno::Errno;
use nix::libc;
use nix::sys::ptrace::{self, Options};
use nix::sys::signal::{Signal, kill};
use nix::sys::wait::{WaitPidFlag, WaitStatus, waitpid};
use nix::unistd::Pid;
use std::collections::BTreeMap;
use std::io::Write;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, mpsc};

/// Whose calls count, by the command line.
pub type Role = fn(&[String]) -> bool;

/// What was counted so far.
#[derive(Clone, Default)]
pub struct Count {
    calls: Arc<AtomicU32>,
    /// The call at which somebody was killed.
    killed: Arc<Mutex<Option<String>>>,
}

impl Count {
    pub fn calls(&self) -> u32 {
        self.calls.load(Ordering::SeqCst)
    }

    /// The call at which it was killed, in words.
    pub fn killed(&self) -> Option<String> {
        self.killed.lock().unwrap().clone()
    }
}

/// The calls that leave something behind, by the x86-64 kernel's numbers.
fn word(call: i64) -> Option<&'static str> {
    Some(match call {
        libc::SYS_write | libc::SYS_writev => "write",
        libc::SYS_pwrite64 | libc::SYS_pwritev | libc::SYS_pwritev2 => "pwrite",
        libc::SYS_fsync | libc::SYS_fdatasync | libc::SYS_sync_file_range | libc::SYS_syncfs => "fsync",
        libc::SYS_rename | libc::SYS_renameat | libc::SYS_renameat2 => "rename",
        libc::SYS_sendto | libc::SYS_sendmsg | libc::SYS_sendmmsg => "send",
        _ => return None,
    })
}

/// What `number` is in the process: a wake-up between threads leaves nothing behind.
fn target(process: i32, number: u64) -> String {
    std::fs::read_link(format!("/proc/{process}/fd/{number}")).map(|path| path.display().to_string()).unwrap_or_default()
}

struct Tracer {
    role: Role,
    at: u32,
    count: Count,
    /// Threads of processes that count.
    counted: BTreeMap<i32, bool>,
}

impl Tracer {
    fn counts(&mut self, thread: i32) -> bool {
        let role = self.role;
        *self.counted.entry(thread).or_insert_with(|| {
            let line = std::fs::read(format!("/proc/{thread}/cmdline")).unwrap_or_default();
            let words: Vec<String> = line.split(|byte| *byte == 0).filter(|word| !word.is_empty()).map(|word| String::from_utf8_lossy(word).into_owned()).collect();
            role(&words)
        })
    }

    /// A thread stands before or after a call.
    fn call(&mut self, thread: Pid) {
        if !self.counts(thread.as_raw()) || self.count.killed().is_some() {
            return;
        }
        let Ok(registers) = ptrace::getregs(thread) else { return };
        // So it stands before a call; after it, the call's answer is there.
        if registers.rax as i64 != -i64::from(libc::ENOSYS) {
            return;
        }
        let Some(word) = word(registers.orig_rax as i64) else { return };
        let onto = if word == "rename" { String::new() } else { target(thread.as_raw(), registers.rdi) };
        if onto.starts_with("anon_inode:") {
            return;
        }
        if self.count.calls.fetch_add(1, Ordering::SeqCst) + 1 == self.at {
            *self.count.killed.lock().unwrap() = Some(format!("{word} {onto}").trim_end().to_owned());
            // A signal to one thread that ends a process ends all of it.
            let _ = kill(thread, Signal::SIGKILL);
        }
    }

    fn run(&mut self) {
        let of_mine = WaitPidFlag::__WALL | WaitPidFlag::__WNOTHREAD;
        loop {
            let (thread, signal) = match waitpid(None, Some(of_mine)) {
                Ok(WaitStatus::PtraceSyscall(thread)) => {
                    self.call(thread);
                    (thread, None)
                }
                Ok(WaitStatus::PtraceEvent(thread, _, event)) => {
                    if event == libc::PTRACE_EVENT_EXEC {
                        self.counted.remove(&thread.as_raw());
                    }
                    (thread, None)
                }
                Ok(WaitStatus::Stopped(thread, signal)) => (thread, Some(signal)),
                Ok(WaitStatus::Exited(thread, _) | WaitStatus::Signaled(thread, ..)) => {
                    self.counted.remove(&thread.as_raw());
                    continue;
                }
                Err(Errno::ECHILD) => return,
                Ok(_) | Err(Errno::EINTR) => continue,
                Err(error) => panic!("waiting for traced processes: {error}"),
            };
            // One that was killed meanwhile is told by the next wait.
            let _ = ptrace::syscall(thread, signal);
        }
    }
}

/// Starts the command with its N-th call of the role to be its last; `at` of 0
/// counts and kills nobody. What it says goes where `output` and `errors` say.
pub fn start(command: &Command, output: Stdio, errors: Stdio, role: Role, at: u32) -> (Child, Count) {
    // It must be held before its first call: a shell waits for a line.
    let mut held = Command::new("/bin/sh");
    held.args(["-c", "read -r go; exec \"$@\" </dev/null", "held"]).arg(command.get_program()).args(command.get_args());
    for (name, value) in command.get_envs() {
        match value {
            Some(value) => held.env(name, value),
            None => held.env_remove(name),
        };
    }
    let count = Count::default();
    let mut tracer = Tracer { role, at, count: count.clone(), counted: BTreeMap::new() };
    let (says, hears) = mpsc::channel();
    held.stdin(Stdio::piped()).stdout(output).stderr(errors);
    let mut child = held.spawn().unwrap();
    let pid = Pid::from_raw(child.id() as i32);
    // Only the thread that traces may ask and wait.
    std::thread::spawn(move || {
        let options = Options::PTRACE_O_TRACESYSGOOD | Options::PTRACE_O_TRACEFORK | Options::PTRACE_O_TRACEVFORK | Options::PTRACE_O_TRACECLONE | Options::PTRACE_O_TRACEEXEC;
        let seized = ptrace::seize(pid, options).and_then(|()| ptrace::interrupt(pid));
        let _ = says.send(seized);
        if seized.is_ok() {
            tracer.run();
        }
    });
    hears.recv().unwrap().unwrap();
    child.stdin.take().unwrap().write_all(b"go\n").unwrap();
    (child, count)
}

/// The numbers to be killed at, of so many calls.
pub fn drawn(calls: u32) -> Vec<u32> {
    let wish = std::env::var("PLIMSOLL_KILLS").unwrap_or_else(|_| "3".into());
    if wish == "all" {
        // A run with a death in it may come to a few calls more.
        return (1..=calls + 20).collect();
    }
    let parts = wish.parse::<u32>().expect("PLIMSOLL_KILLS is a number or `all`").min(calls);
    let seed = std::env::var("PLIMSOLL_KILLS_SEED").map_or_else(|_| std::process::id().into(), |seed| seed.parse().expect("PLIMSOLL_KILLS_SEED is a number"));
    eprintln!("PLIMSOLL_KILLS={parts} PLIMSOLL_KILLS_SEED={seed} of {calls} calls");
    (0..parts).map(|part| (u64::from(calls) * u64::from(part), u64::from(calls / parts).max(1))).zip(0..).map(|((from, wide), number)| (from / u64::from(parts)) as u32 + 1 + (scatter(seed, number) % wide) as u32).collect()
}

/// One number of a seed's own order.
fn scatter(seed: u64, number: u64) -> u64 {
    use sha2::{Digest, Sha256};
    let digest = Sha256::new().chain_update(seed.to_be_bytes()).chain_update(number.to_be_bytes()).finalize();
    u64::from_be_bytes(digest[..8].try_into().unwrap())
}
