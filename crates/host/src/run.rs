//! Running a package manager's read-only commands.
//!
//! A program is taken from the system's own folders and never from `PATH`; it
//! gets a cleared environment, its own process group, no input, and files to
//! write to, so that neither a full pipe nor our own death can disturb it.

use plimsoll_core::model::problem::Problem;
use rustix::process::{Pid, Signal, WaitId, WaitIdOptions, kill_process_group, waitid};
use std::ffi::{OsStr, OsString};
use std::io::{Read, Seek};
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// Where programs are looked for.
const FOLDERS: [&str; 4] = ["/usr/bin", "/bin", "/usr/sbin", "/sbin"];

/// Most bytes read of a program's output: `dnf updateinfo --info` of a host
/// years behind is below 8 MiB.
const OUTPUT_LIMIT: u64 = 64 << 20;

/// Longest a command may take. A simulation of apt on a slow single-core
/// machine with a cold cache takes half a minute.
pub const TIMEOUT: Duration = Duration::from_secs(180);

/// What a finished command left behind.
#[derive(Debug)]
pub struct Ran {
    /// Exit code; whatever a signal ended never gets here.
    pub code: Option<i32>,
    /// What it wrote to standard output.
    pub output: String,
    /// What it wrote to standard error.
    pub errors: String,
    /// Processor time it and its own children used.
    pub cpu: Duration,
}

/// Finds a program in the system's folders.
pub fn find(program: &str) -> Option<PathBuf> {
    FOLDERS.iter().map(|folder| Path::new(folder).join(program)).find(|path| path.is_file())
}

/// Times that a command is run where signals end it.
const RUNS: usize = 3;

/// Runs a program to its end; an exit code other than 0 is not an error here.
///
/// One that a signal ended is run again: half of an answer would be taken for
/// the whole of it, and asking twice changes nothing.
///
/// # Errors
///
/// `E-RUN`: it cannot be started, takes too long, writes too much, or was
/// ended by a signal each time.
pub fn run<I, S>(program: &Path, arguments: I, environment: &[(&str, OsString)], timeout: Duration) -> Result<Ran, Problem>
where
    I: IntoIterator<Item = S>,
    S: AsRef<OsStr>,
{
    let arguments: Vec<OsString> = arguments.into_iter().map(|word| word.as_ref().to_owned()).collect();
    let mut ran = once(program, &arguments, environment, timeout)?;
    for _ in 1..RUNS {
        if ran.1.is_none() {
            break;
        }
        ran = once(program, &arguments, environment, timeout)?;
    }
    match ran {
        (ran, None) => Ok(ran),
        (_, Some(signal)) => Err(failed(program, "was ended", &format!("by signal {signal}, {RUNS} times"))),
    }
}

fn failed(program: &Path, what: &str, error: &dyn std::fmt::Display) -> Problem {
    Problem::new("E-RUN", program.to_string_lossy(), format!("{what}: {error}"), "run the command by hand to see what is wrong")
}

/// Runs it once; gives the signal that ended it as well.
fn once(program: &Path, arguments: &[OsString], environment: &[(&str, OsString)], timeout: Duration) -> Result<(Ran, Option<i32>), Problem> {
    let failed = |what: &str, error: &dyn std::fmt::Display| failed(program, what, error);
    let mut output = tempfile::tempfile().map_err(|error| failed("no place for its output", &error))?;
    let mut errors = tempfile::tempfile().map_err(|error| failed("no place for its output", &error))?;
    let mut handles = (
        output.try_clone().map_err(|error| failed("no place for its output", &error))?,
        errors.try_clone().map_err(|error| failed("no place for its output", &error))?,
    );
    let mut command = Command::new(program);
    command
        .args(arguments)
        .env_clear()
        .env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin")
        .env("LC_ALL", "C.UTF-8")
        .env("LANG", "C.UTF-8")
        .current_dir("/")
        .stdin(Stdio::null())
        .stdout(Stdio::from(handles.0.try_clone().map_err(|error| failed("no place for its output", &error))?))
        .stderr(Stdio::from(handles.1.try_clone().map_err(|error| failed("no place for its output", &error))?))
        .process_group(0);
    for (name, value) in environment {
        command.env(name, value);
    }
    let mut child = command.spawn().map_err(|error| failed("cannot be started", &error))?;
    let pid = Pid::from_child(&child);
    let ended = wait(pid, timeout, &mut handles);
    let cpu = processor_time(pid);
    if ended.is_err() {
        // Only simulations and queries run here: ending one loses nothing.
        let _ = kill_process_group(pid, Signal::KILL);
    }
    let status = child.wait().map_err(|error| failed("cannot be waited for", &error))?;
    if let Err(reason) = ended {
        return Err(failed("was ended", &reason));
    }
    let ran = Ran {
        code: status.code(),
        output: take(&mut output).map_err(|error| failed("its output cannot be read", &error))?,
        errors: take(&mut errors).map_err(|error| failed("its output cannot be read", &error))?,
        cpu,
    };
    Ok((ran, status.signal()))
}

/// Waits until a child has ended, leaving it to be reaped.
fn wait(pid: Pid, timeout: Duration, handles: &mut (std::fs::File, std::fs::File)) -> Result<(), String> {
    let start = Instant::now();
    let mut pause = Duration::from_millis(1);
    loop {
        let options = WaitIdOptions::EXITED | WaitIdOptions::NOWAIT | WaitIdOptions::NOHANG;
        match waitid(WaitId::Pid(pid), options) {
            Ok(Some(_)) => return Ok(()),
            Ok(None) => {}
            Err(error) => return Err(format!("waiting failed: {error}")),
        }
        if start.elapsed() > timeout {
            return Err(format!("it took longer than {} s, which is the limit", timeout.as_secs()));
        }
        for handle in [&handles.0, &handles.1] {
            if handle.metadata().is_ok_and(|metadata| metadata.len() > OUTPUT_LIMIT) {
                return Err(format!("it wrote more than {OUTPUT_LIMIT} bytes, which is the limit"));
            }
        }
        std::thread::sleep(pause);
        pause = (pause * 2).min(Duration::from_millis(20));
    }
}

/// Processor time of an ended, not yet reaped process and its children.
///
/// Source: proc(5), fields 14 to 17 of `/proc/PID/stat`, in clock ticks; zero
/// where it cannot be read.
fn processor_time(pid: Pid) -> Duration {
    let Ok(text) = std::fs::read_to_string(format!("/proc/{}/stat", pid.as_raw_nonzero())) else {
        return Duration::ZERO;
    };
    // The name in parentheses may itself hold blanks and parentheses.
    let Some((_, rest)) = text.rsplit_once(')') else { return Duration::ZERO };
    let ticks: u64 = rest.split_whitespace().skip(11).take(4).filter_map(|word| word.parse::<u64>().ok()).sum();
    let hertz = rustix::param::clock_ticks_per_second().max(1);
    Duration::from_millis(ticks.saturating_mul(1000) / hertz)
}

fn take(file: &mut std::fs::File) -> std::io::Result<String> {
    let mut bytes = Vec::new();
    file.rewind()?;
    file.take(OUTPUT_LIMIT).read_to_end(&mut bytes)?;
    Ok(match String::from_utf8(bytes) {
        Ok(text) => text,
        Err(error) => String::from_utf8_lossy(error.as_bytes()).into_owned(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn output_code_and_time_come_back_and_a_runaway_is_ended() {
        let shell = find("sh").unwrap();
        let script = "echo out; echo err >&2; i=0; while [ $i -lt 300000 ]; do i=$((i+1)); done; exit 3";
        let ran = run(&shell, ["-c", script], &[], TIMEOUT).unwrap();
        assert_eq!((ran.code, ran.output.as_str(), ran.errors.as_str()), (Some(3), "out\n", "err\n"));
        assert!(ran.cpu > Duration::ZERO);
        let problem = run(&shell, ["-c", "sleep 60"], &[], Duration::from_millis(50)).unwrap_err();
        assert_eq!(problem.code, "E-RUN");
        assert!(find("../bin/sh-absent").is_none());
    }

    #[test]
    fn what_a_signal_ended_is_asked_again_and_half_an_answer_is_none() {
        let shell = find("sh").unwrap();
        let folder = tempfile::tempdir().unwrap();
        let seen = folder.path().join("seen");
        let script = format!("echo half; if [ ! -e {0} ]; then touch {0}; kill -9 $$; fi; echo whole", seen.display());
        let ran = run(&shell, ["-c", &script], &[], TIMEOUT).unwrap();
        assert_eq!((ran.code, ran.output.as_str()), (Some(0), "half\nwhole\n"));
        let script = format!("echo again >> {}; kill -9 $$", seen.display());
        let problem = run(&shell, ["-c", &script], &[], TIMEOUT).unwrap_err();
        assert!(problem.code == "E-RUN" && problem.text.contains("signal 9, 3 times"), "{problem:?}");
        assert_eq!(std::fs::read_to_string(&seen).unwrap().lines().count(), 3);
    }
}
