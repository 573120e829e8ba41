//! One host of the lab: a view of the base root, a network, processes and a
//! name of its own, with the real agent and helper in it.

use super::network::Network;
use super::server::Server;
use super::system::System;
use super::tools::{run, said};
use super::{failed, unfinished};
use crate::printer::Failure;
use std::cell::RefCell;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// Makes the view, enters it, and keeps the agent running: an init that reaps.
///
/// The boot id is the host's own, so that a reboot can be seen; devices are the
/// few that programs expect.
const INIT: &str = r#"
set -e
mount --make-rprivate /
mount -t overlay overlay -o "lowerdir=$BASE,upperdir=$UPPER,workdir=$WORK" "$ROOT"
hostname "$NAME"
mount -t proc proc "$ROOT/proc"
mount -t sysfs -o ro sysfs "$ROOT/sys"
mount -t tmpfs -o mode=755 tmpfs "$ROOT/dev"
for device in null zero full random urandom tty; do : > "$ROOT/dev/$device"; mount --bind "/dev/$device" "$ROOT/dev/$device"; done
ln -s /proc/self/fd "$ROOT/dev/fd"
mkdir -p "$ROOT/dev/shm" "$ROOT/dev/pts"
mount -t tmpfs -o mode=1777 tmpfs "$ROOT/dev/shm"
mount -t devpts -o newinstance,ptmxmode=0666 devpts "$ROOT/dev/pts" && ln -s pts/ptmx "$ROOT/dev/ptmx"
mount -t tmpfs -o mode=755 tmpfs "$ROOT/run"
mkdir -p "$ROOT/run/lock"
cat /proc/sys/kernel/random/uuid > "$ROOT/run/boot-id"
mount --bind "$ROOT/run/boot-id" "$ROOT/proc/sys/kernel/random/boot_id"
: > "$ROOT/usr/bin/plimsoll"
mount --bind "$PROGRAM" "$ROOT/usr/bin/plimsoll"
cd "$ROOT"
mkdir -p .old
pivot_root . .old
umount -l /.old
rmdir /.old
cd /
touch /run/up
while :; do
  if [ -e /etc/plimsoll-lab/agent ]; then sh /etc/plimsoll-lab/agent >> /var/log/plimsoll-agent.log 2>&1 < /dev/null || true; fi
  sleep 1
done
"#;

/// A host.
pub struct LabHost {
    /// Its name, `lab-01`.
    pub name: String,
    /// Its number, from 1.
    pub place: u16,
    /// Its packaging system.
    pub system: System,
    folder: PathBuf,
    base: PathBuf,
    init: RefCell<Option<Child>>,
}

impl LabHost {
    /// Makes the folders of a host and starts it.
    ///
    /// # Errors
    ///
    /// Where a namespace or mount is refused.
    pub fn start(network: &mut Network, work: &Path, base: &Path, system: System, place: u16) -> Result<Self, Failure> {
        network.place(place)?;
        let name = format!("lab-{place:02}");
        let folder = work.join(&name);
        for part in ["upper/etc", "work", "root"] {
            let path = folder.join(part);
            std::fs::create_dir_all(&path).map_err(|error| failed(&path, &error))?;
        }
        // Without its own id, every host would look like a copy of the first.
        let mut id = said(Command::new("cat").arg("/proc/sys/kernel/random/uuid"))?;
        id.retain(|letter| letter != '-');
        let path = folder.join("upper/etc/machine-id");
        std::fs::write(&path, id).map_err(|error| failed(&path, &error))?;
        let host = Self { name, place, system, folder, base: base.to_owned(), init: RefCell::new(None) };
        host.boot(network)?;
        Ok(host)
    }

    /// Boots it: what is on its disk stays, everything else is new.
    pub fn boot(&self, network: &Network) -> Result<(), Failure> {
        let program = std::env::current_exe().map_err(|error| unfinished("this program", &format!("cannot be found: {error}")))?;
        let mut command = Command::new("ip");
        command
            .args(["netns", "exec", &network.namespace(self.place), "unshare", "-m", "-u", "-i", "-p", "--fork", "--kill-child", "bash", "-c", INIT])
            .env_clear()
            .env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin")
            .env("LANG", "C.UTF-8")
            .envs([("NAME", self.name.as_str().into()), ("BASE", self.base.clone().into_os_string())])
            .envs([("UPPER", "upper"), ("WORK", "work"), ("ROOT", "root")].map(|(word, part)| (word, self.folder.join(part))))
            .env("PROGRAM", program)
            .stdin(Stdio::null());
        let log = self.folder.join("init.log");
        let file = std::fs::File::create(&log).map_err(|error| failed(&log, &error))?;
        command.stdout(Stdio::null()).stderr(file);
        *self.init.borrow_mut() = Some(command.spawn().map_err(|error| unfinished(&self.name, &format!("cannot be started: {error}")))?);
        let began = Instant::now();
        while self.leader().is_err() || self.run(&["test", "-e", "/run/up"]).is_err() {
            if began.elapsed() > Duration::from_secs(20) {
                let told = std::fs::read_to_string(&log).unwrap_or_default();
                return Err(unfinished(&self.name, &format!("did not come up in 20 s: {}", told.trim())));
            }
            std::thread::sleep(Duration::from_millis(50));
        }
        Ok(())
    }

    /// Cuts its power: every process is gone at once.
    pub fn power_off(&self) {
        if let Ok(leader) = self.leader() {
            let _ = run(Command::new("kill").args(["-9", &leader.to_string()]));
        }
        if let Some(mut init) = self.init.borrow_mut().take() {
            let _ = init.kill();
            let _ = init.wait();
        }
    }

    /// The process with number 1 inside, by its number outside.
    fn leader(&self) -> Result<u32, Failure> {
        let init = self.init.borrow();
        let Some(init) = init.as_ref() else { return Err(unfinished(&self.name, "is switched off")) };
        // `ip netns exec` becomes `unshare`, whose only child is the leader.
        let children = std::fs::read_to_string(format!("/proc/{0}/task/{0}/children", init.id())).unwrap_or_default();
        let leader = children.split_whitespace().next().and_then(|word| word.parse().ok());
        let leader: u32 = leader.ok_or_else(|| unfinished(&self.name, "has not begun yet"))?;
        // Entering a leader that is just dying would run in this machine's own
        // namespaces.
        let space = |process: &str| std::fs::read_link(format!("/proc/{process}/ns/mnt")).ok();
        match space(&leader.to_string()) {
            Some(there) if Some(&there) != space("self").as_ref() => Ok(leader),
            _ => Err(unfinished(&self.name, "is ending")),
        }
    }

    /// A command inside it.
    pub fn command(&self, words: &[&str]) -> Result<Command, Failure> {
        let mut command = Command::new("nsenter");
        command.args(["-t", &self.leader()?.to_string(), "-m", "-u", "-i", "-p", "-n", "--"]).args(words);
        command.env_clear().env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin").env("LANG", "C.UTF-8").env("DEBIAN_FRONTEND", "noninteractive");
        Ok(command)
    }

    /// Runs a command inside it.
    pub fn run(&self, words: &[&str]) -> Result<(), Failure> {
        run(&mut self.command(words)?)
    }

    /// Runs a command inside it and gives what it says.
    pub fn said(&self, words: &[&str]) -> Result<String, Failure> {
        said(&mut self.command(words)?)
    }

    /// Puts a file into it.
    pub fn write(&self, path: &str, text: &str) -> Result<(), Failure> {
        let mut command = self.command(&["sh", "-c", "mkdir -p \"$(dirname \"$1\")\" && printf %s \"$2\" > \"$1\"", "sh", path, text])?;
        run(&mut command)
    }

    /// Joins it to the server: its agent starts within a second.
    pub fn join(&self, server: &Server, token: &str) -> Result<(), Failure> {
        let authority = std::fs::read_to_string(&server.authority).map_err(|error| failed(&server.authority, &error))?;
        self.write("/etc/plimsoll-lab/authority.pem", &authority)?;
        let agent = format!(
            "export PLIMSOLL_TOKEN={token}\nexec plimsoll agent --apply --server {} --root-digest {} --ca /etc/plimsoll-lab/authority.pem\n",
            server.url, server.root_digest
        );
        self.write("/etc/plimsoll-lab/agent", &agent)
    }
}

impl Drop for LabHost {
    fn drop(&mut self) {
        self.power_off();
    }
}

impl std::fmt::Debug for LabHost {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("LabHost").field("name", &self.name).finish_non_exhaustive()
    }
}
