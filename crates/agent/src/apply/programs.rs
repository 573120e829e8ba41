//! Programs that the host's owner placed: a package names a file and nothing
//! more, so that no server and no signature brings a command line.

use plimsoll_host::apply::Identity;
use rustix::process::{Pid, Signal, kill_process_group};
use std::os::unix::fs::MetadataExt;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// Pause between two looks.
const LOOK: Duration = Duration::from_millis(50);

/// The program of this name in a folder below `/etc/plimsoll`; one that
/// somebody but root could have put there is none.
pub(super) fn find(folder: &str, name: &str) -> Result<PathBuf, String> {
    let plain = !name.is_empty() && !name.starts_with(['.', '-']) && !name.contains(['/', '\0']);
    let path = Path::new(folder).join(name);
    let owned = ["/etc", "/etc/plimsoll", folder].map(Path::new).into_iter().chain([path.as_path()]).all(|path| {
        path.symlink_metadata().is_ok_and(|metadata| !metadata.is_symlink() && metadata.uid() == 0 && metadata.mode() & 0o022 == 0)
    });
    if plain && owned { Ok(path) } else { Err(format!("E-PATH-OWNER: {} is missing, a link, or not root's alone", path.display())) }
}

/// Runs it without arguments until it ends or its time is over; then it and
/// what it started are killed. `runs` hears of its process.
pub(super) fn run(path: &Path, left: Duration, runs: &mut dyn FnMut(Identity)) -> Result<String, String> {
    let spawned = Command::new(path)
        .env_clear()
        .env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin")
        .env("LC_ALL", "C.UTF-8")
        .current_dir("/")
        .process_group(0)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn();
    let mut child = spawned.map_err(|error| format!("cannot be started: {error}"))?;
    if let Some(process) = Identity::of(i32::try_from(child.id()).unwrap_or_default()) {
        runs(process);
    }
    let deadline = Instant::now() + left;
    loop {
        match child.try_wait() {
            Ok(Some(status)) if status.success() => return Ok("ended with 0".to_owned()),
            Ok(Some(status)) => return Err(format!("ended with {status}")),
            Ok(None) if Instant::now() < deadline => std::thread::sleep(LOOK),
            Ok(None) => {
                let _ = kill_process_group(Pid::from_child(&child), Signal::KILL);
                let _ = child.wait();
                return Err(format!("took longer than {} s, which is the limit", left.as_secs()));
            }
            Err(error) => return Err(format!("cannot be waited for: {error}")),
        }
    }
}

/// Waits for one that a runner before this one started; kills it when its time
/// is over.
pub(super) fn outlast(process: Identity, left: Duration) {
    let deadline = Instant::now() + left;
    while process.runs() {
        if Instant::now() >= deadline
            && let Some(group) = Pid::from_raw(process.pid)
        {
            let _ = kill_process_group(group, Signal::KILL);
        }
        std::thread::sleep(LOOK);
    }
}
