//! A private root over this machine's own, with a package database of its own:
//! real package managers, and nothing of them is seen outside.

use serde_json::{Value, json};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

/// Everything inside is gone with the first process of its own namespace.
const ENTER: &str = r#"
set -e
T=$1; BIN=$2; M=$T/merged
mkdir -p "$T/layers" "$M" "$T/exchange/bin" "$T/exchange/agent"
mount -t tmpfs tmpfs "$T/layers"
mkdir "$T/layers/upper" "$T/layers/work"
mount -t overlay overlay -o "lowerdir=/,upperdir=$T/layers/upper,workdir=$T/layers/work" "$M"
mount -t proc proc "$M/proc"
mount --rbind /dev "$M/dev"
for folder in run tmp var/lib/dpkg var/lib/apt var/cache/apt var/lib/rpm; do mkdir -p "$M/$folder"; mount -t tmpfs tmpfs "$M/$folder"; done
chmod 1777 "$M/tmp"
mkdir -p "$M/exchange" && mount --bind "$T/exchange" "$M/exchange"
mount --bind "$BIN" "$M/exchange/bin"
cd "$M/var/lib/dpkg"; mkdir info updates triggers alternatives parts; touch status available diversions statoverride
mkdir -p "$M/var/lib/apt/lists/partial" "$M/var/cache/apt/archives/partial" "$M/etc/plimsoll" "$M/etc/rpm"
rm -rf "$M/etc/dpkg/dpkg.cfg.d" "$M/etc/plimsoll/hold"
printf '%%_dbpath /var/lib/rpm\n' > "$M/etc/rpm/macros"
cd /
exec chroot "$M" /bin/sh -c 'touch /exchange/ready; trap : CHLD; while :; do sleep 3600 & wait; done'
"#;

/// The same, booted: systemd is its first process, the agent's package can be
/// installed as it ships, and a reboot is one. Of the machine's own services
/// nothing starts; the network is the machine's.
const BOOT: &str = r#"
set -e
T=$1; BIN=$2; M=$T/merged
mkdir -p "$T/layers" "$M" "$T/exchange/bin" "$T/exchange/agent"
mount -t tmpfs tmpfs "$T/layers"
mkdir "$T/layers/upper" "$T/layers/work"
mount -t overlay overlay -o "lowerdir=/,upperdir=$T/layers/upper,workdir=$T/layers/work" "$M"
for folder in var/lib/dpkg var/lib/apt var/cache/apt; do mkdir -p "$M/$folder"; mount -t tmpfs tmpfs "$M/$folder"; done
mkdir -p "$M/exchange" && mount --bind "$T/exchange" "$M/exchange"
mount --bind "$BIN" "$M/exchange/bin"
cd "$M/var/lib/dpkg"; mkdir info updates triggers alternatives parts; touch status available diversions statoverride
mkdir -p "$M/var/lib/apt/lists/partial" "$M/var/cache/apt/archives/partial" "$M/etc/systemd/system"
rm -rf "$M/etc/dpkg/dpkg.cfg.d" "$M/etc/plimsoll" "$M"/var/lib/plimsoll* "$M"/etc/systemd/system/*.wants "$M"/etc/systemd/system/*.requires "$M"/etc/rc?.d "$M/var/log/journal"
for file in etc/fstab etc/machine-id; do : > "$M/$file"; done
cd /
# Hosts that start together need a control group each.
for tree in systemd unified; do
    if [ -d "/sys/fs/cgroup/$tree" ]; then mkdir -p "/sys/fs/cgroup/$tree/plimsoll-test-$3" && echo $$ > "/sys/fs/cgroup/$tree/plimsoll-test-$3/cgroup.procs"; fi
done
while :; do
    code=0
    systemd-nspawn --quiet --boot -D "$M" -M "plimsoll-test-$3" --hostname=host --register=no --keep-unit --console=read-only >>"$T/console" 2>&1 || code=$?
    # 133 is how it says that the host asked for a reboot.
    if [ $code != 133 ]; then echo $code > "$T/ended"; exit $code; fi
done
"#;

/// What tells this machine from others that run beside it.
fn machine(folder: &tempfile::TempDir) -> String {
    let name = folder.path().file_name().unwrap_or_default().to_string_lossy().into_owned();
    name.trim_start_matches('.').to_owned()
}

/// One frame there and one back.
const CLIENT: &str = "
import socket, struct, sys
asked = sys.stdin.buffer.read()
link = socket.socket(socket.AF_UNIX); link.settimeout(120); link.connect('/exchange/helper.sock')
link.sendall(struct.pack('>I', len(asked)) + asked)
answers = link.makefile('rb')
sys.stdout.buffer.write(answers.read(struct.unpack('>I', answers.read(4))[0]))
";

pub struct Ground {
    pub folder: tempfile::TempDir,
    outer: Child,
    /// Its first process; none where that changes with every boot.
    inner: Option<u32>,
    helper: Option<Child>,
}

/// Processes that a process started.
fn children(pid: u32) -> Vec<u32> {
    let said = std::fs::read_to_string(format!("/proc/{pid}/task/{pid}/children")).unwrap_or_default();
    said.split_whitespace().filter_map(|pid| pid.parse().ok()).collect()
}

/// Whether this machine can make one; says why not.
pub fn possible(programs: &[&str]) -> bool {
    if !rustix::process::geteuid().is_root() {
        eprintln!("skipped: needs root");
        return false;
    }
    let missing: Vec<&&str> = programs.iter().chain(&["unshare", "nsenter", "python3"]).filter(|name| !Path::new("/usr/bin").join(name).exists()).collect();
    if !missing.is_empty() {
        eprintln!("skipped: {missing:?} is not on this machine");
        return false;
    }
    true
}

impl Ground {
    pub fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let programs = Path::new(env!("CARGO_BIN_EXE_plimsoll-helper")).parent().unwrap();
        let mut outer = Command::new("unshare")
            .args(["--mount", "--pid", "--fork", "--kill-child", "--propagation", "private", "--", "/bin/sh", "-c", ENTER, "enter"])
            .arg(folder.path())
            .arg(programs)
            .stdin(Stdio::null())
            .spawn()
            .unwrap();
        let start = Instant::now();
        while !folder.path().join("exchange/ready").exists() {
            assert!(outer.try_wait().unwrap().is_none(), "the private root could not be made");
            assert!(start.elapsed() < Duration::from_secs(60));
            std::thread::sleep(Duration::from_millis(20));
        }
        let inner = children(outer.id()).first().copied();
        Self { folder, outer, inner, helper: None }
    }

    /// One that systemd boots; none where this machine boots no container.
    pub fn boot() -> Option<Self> {
        let folder = tempfile::tempdir().unwrap();
        let programs = Path::new(env!("CARGO_BIN_EXE_plimsoll-helper")).parent().unwrap();
        let outer = Command::new("unshare")
            .args(["--mount", "--pid", "--fork", "--kill-child", "--mount-proc", "--propagation", "private", "--", "/bin/sh", "-c", BOOT, "boot"])
            .args([folder.path(), programs])
            .arg(machine(&folder))
            .stdin(Stdio::null())
            .spawn()
            .unwrap();
        let ground = Self { folder, outer, inner: None, helper: None };
        let ended = ground.folder.path().join("ended");
        if !ground.wait(|ground| ended.exists() || ground.is_up()) || ended.exists() {
            eprintln!("skipped: systemd-nspawn boots nothing here: {}", ground.console());
            return None;
        }
        Some(ground)
    }

    fn wait(&self, is: impl Fn(&Self) -> bool) -> bool {
        let start = Instant::now();
        while !is(self) {
            if start.elapsed() > Duration::from_secs(120) {
                return false;
            }
            std::thread::sleep(Duration::from_millis(100));
        }
        true
    }

    /// Whether its services have started.
    fn is_up(&self) -> bool {
        let Some(mut asked) = self.leader().map(|leader| self.within(leader, "/usr/bin/systemctl")) else { return false };
        let said = asked.args(["is-system-running"]).output().unwrap();
        let said = String::from_utf8_lossy(&said.stdout).into_owned();
        // What of the machine's own cannot start in a container is not our affair.
        ["running", "degraded"].contains(&said.trim())
    }

    /// What it showed last on its console.
    pub fn console(&self) -> String {
        let text = std::fs::read(self.folder.path().join("console")).unwrap_or_default();
        String::from_utf8_lossy(&text[text.len().saturating_sub(2000)..]).into_owned()
    }

    /// Its first process, as the machine numbers it.
    fn leader(&self) -> Option<u32> {
        if self.inner.is_some() {
            return self.inner;
        }
        let name = |pid: &u32| std::fs::read_to_string(format!("/proc/{pid}/comm")).unwrap_or_default();
        let spawns = children(self.outer.id()).into_iter().flat_map(children).filter(|pid| name(pid).starts_with("systemd-nspawn"));
        spawns.flat_map(children).find(|pid| name(pid) == "systemd\n")
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join("exchange").join(name)
    }

    /// A command inside.
    pub fn command(&self, program: &str) -> Command {
        self.within(self.leader().expect("a host that is up"), program)
    }

    fn within(&self, leader: u32, program: &str) -> Command {
        let space = |pid: u32| std::fs::read_link(format!("/proc/{pid}/ns/mnt")).ok();
        assert_ne!(space(leader), space(std::process::id()), "commands would run on the machine itself");
        let mut command = Command::new("nsenter");
        command.args(["-t", &leader.to_string(), "--mount", "--pid", "--root", "--wd=/", "--", program]);
        command.stdin(Stdio::null()).env("LC_ALL", "C").env("HOME", "/root").env("DEBIAN_FRONTEND", "noninteractive");
        command
    }

    pub fn shell(&self, script: &str) -> String {
        let output: Output = self.command("/bin/sh").args(["-c", script]).output().unwrap();
        let said = String::from_utf8_lossy(&output.stdout).into_owned();
        assert!(output.status.success(), "{script}: {said}{}", String::from_utf8_lossy(&output.stderr));
        said.trim_end().to_owned()
    }

    /// Starts the real helper inside, shut in as it ships.
    pub fn start(&mut self, more: &[&str]) {
        self.start_by(more, |mut command, log| command.stderr(log).spawn().unwrap());
        assert!(self.serves(), "{}", self.log());
    }

    /// Starts it as the caller does; it may end before it serves.
    pub fn start_by(&mut self, more: &[&str], spawn: impl FnOnce(Command, std::fs::File) -> Child) {
        let _ = std::fs::remove_file(self.path("helper.sock"));
        let mut command = self.command("/exchange/bin/plimsoll-helper");
        command.args(["serve", "--socket", "/exchange/helper.sock", "--agent-state", "/exchange/agent"]).args(more);
        let log = std::fs::OpenOptions::new().create(true).append(true).open(self.path("helper.log")).unwrap();
        self.helper = Some(spawn(command, log));
    }

    /// Whether it comes to serve; it may end before.
    pub fn serves(&self) -> bool {
        let start = Instant::now();
        while !self.path("helper.sock").exists() {
            if start.elapsed() > Duration::from_secs(60) || self.helper_ended() {
                return false;
            }
            std::thread::sleep(Duration::from_millis(10));
        }
        true
    }

    /// Asked of /proc: waiting would take the news of its stops from whoever traces it.
    pub fn helper_ended(&self) -> bool {
        let Some(helper) = &self.helper else { return true };
        let state = std::fs::read_to_string(format!("/proc/{}/stat", helper.id())).unwrap_or_default();
        state.rsplit(") ").next().is_none_or(|rest| !rest.starts_with(['R', 'S', 'D', 'T', 't']))
    }

    /// Kills the helper alone, as it stands; its launcher ends by itself.
    pub fn kill_helper(&mut self) {
        if let Some(mut helper) = self.helper.take() {
            // nsenter waits for the program it started: both go.
            for pid in children(helper.id()).into_iter().filter_map(|pid| rustix::process::Pid::from_raw(pid as i32)) {
                let _ = rustix::process::kill_process(pid, rustix::process::Signal::KILL);
            }
            let _ = helper.kill();
            let _ = helper.wait();
        }
    }

    /// The helper's process, as the machine numbers it.
    pub fn helper_pid(&self) -> u32 {
        children(self.helper.as_ref().unwrap().id())[0]
    }

    pub fn log(&self) -> String {
        std::fs::read_to_string(self.path("helper.log")).unwrap_or_default()
    }

    /// Asks the helper, from inside: the kernel names a peer only to those who
    /// share its process numbers.
    pub fn ask(&self, request: &Value) -> Value {
        self.answer(request).unwrap_or_else(|error| panic!("{error} to {}: {}", request["verb"], self.log()))
    }

    /// Its answer, unless it dies meanwhile.
    pub fn answer(&self, request: &Value) -> serde_json::Result<Value> {
        let mut command = self.command("/usr/bin/python3");
        // A helper that dies meanwhile is no news that python need tell.
        let mut client = command.args(["-c", CLIENT]).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
        client.stdin.take().unwrap().write_all(request.to_string().as_bytes()).unwrap();
        let answer = client.wait_with_output().unwrap().stdout;
        serde_json::from_slice(&answer)
    }

    /// Lines of the journal.
    pub fn journal(&self) -> String {
        self.shell("cat /var/lib/plimsoll-helper/journal 2>/dev/null || true")
    }

    pub fn proceed(&self, attempt: &str) -> Value {
        self.ask(&json!({"verb": "proceed", "attempt": attempt}))
    }

    /// `name version status` of every package of dpkg's, sorted.
    pub fn dpkg(&self) -> Vec<String> {
        let said = self.shell("dpkg-query -W -f '${Package} ${Version} ${db:Status-Abbrev}\\n' 2>/dev/null | sort");
        said.lines().map(|line| line.trim().to_owned()).collect()
    }

    /// `name version-release` of every package of rpm's, sorted.
    pub fn rpm(&self) -> Vec<String> {
        self.shell("rpm -qa --qf '%{NAME} %{VERSION}-%{RELEASE}\\n' | sort").lines().map(str::to_owned).collect()
    }
}

impl Drop for Ground {
    fn drop(&mut self) {
        self.kill_helper();
        let _ = self.outer.kill();
        let _ = self.outer.wait();
        if self.inner.is_none() {
            let groups = ["systemd", "unified"].map(|tree| format!("/sys/fs/cgroup/{tree}/plimsoll-test-{}", machine(&self.folder)));
            // Whoever was killed takes a moment to be gone.
            for _ in 0..60 {
                clear_groups(&groups);
                if !groups.iter().any(|group| Path::new(group).exists()) {
                    break;
                }
                std::thread::sleep(Duration::from_millis(50));
            }
        }
    }
}

/// Removes control groups, the innermost first, as far as they are empty.
fn clear_groups(folders: &[String]) {
    for folder in folders {
        let inner: Vec<String> = std::fs::read_dir(folder).into_iter().flatten().flatten().filter(|entry| entry.path().is_dir()).map(|entry| entry.path().display().to_string()).collect();
        clear_groups(&inner);
        let _ = std::fs::remove_dir(folder);
    }
}
