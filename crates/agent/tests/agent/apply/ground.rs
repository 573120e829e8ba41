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
    inner: u32,
    helper: Option<Child>,
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
        let children = std::fs::read_to_string(format!("/proc/{0}/task/{0}/children", outer.id())).unwrap();
        let inner = children.split_whitespace().next().unwrap().parse().unwrap();
        let space = |pid: u32| std::fs::read_link(format!("/proc/{pid}/ns/mnt")).unwrap();
        assert_ne!(space(inner), space(std::process::id()), "commands would run on the machine itself");
        Self { folder, outer, inner, helper: None }
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join("exchange").join(name)
    }

    /// A command inside.
    pub fn command(&self, program: &str) -> Command {
        let mut command = Command::new("nsenter");
        let pid = self.inner.to_string();
        command.args(["-t", &pid, "--mount", "--pid", "--root", "--wd=/", "--", program]);
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
        let _ = std::fs::remove_file(self.path("helper.sock"));
        let mut command = self.command("/exchange/bin/plimsoll-helper");
        command.args(["serve", "--socket", "/exchange/helper.sock", "--agent-state", "/exchange/agent"]).args(more);
        let log = std::fs::OpenOptions::new().create(true).append(true).open(self.path("helper.log")).unwrap();
        self.helper = Some(command.stderr(log).spawn().unwrap());
        let start = Instant::now();
        while !self.path("helper.sock").exists() {
            assert!(start.elapsed() < Duration::from_secs(60), "{}", self.log());
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    /// Kills the helper alone, as it stands; its launcher ends by itself.
    pub fn kill_helper(&mut self) {
        if let Some(mut helper) = self.helper.take() {
            // nsenter waits for the program it started: both go.
            let children = std::fs::read_to_string(format!("/proc/{0}/task/{0}/children", helper.id())).unwrap_or_default();
            for pid in children.split_whitespace().filter_map(|pid| rustix::process::Pid::from_raw(pid.parse().unwrap())) {
                let _ = rustix::process::kill_process(pid, rustix::process::Signal::KILL);
            }
            let _ = helper.kill();
            let _ = helper.wait();
        }
    }

    /// The helper's process, as the machine numbers it.
    pub fn helper_pid(&self) -> u32 {
        let helper = self.helper.as_ref().unwrap().id();
        let children = std::fs::read_to_string(format!("/proc/{helper}/task/{helper}/children")).unwrap();
        children.split_whitespace().next().unwrap().parse().unwrap()
    }

    pub fn log(&self) -> String {
        std::fs::read_to_string(self.path("helper.log")).unwrap_or_default()
    }

    /// Asks the helper, from inside: the kernel names a peer only to those who
    /// share its process numbers.
    pub fn ask(&self, request: &Value) -> Value {
        let mut command = self.command("/usr/bin/python3");
        let mut client = command.args(["-c", CLIENT]).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        client.stdin.take().unwrap().write_all(request.to_string().as_bytes()).unwrap();
        let answer = client.wait_with_output().unwrap().stdout;
        serde_json::from_slice(&answer).unwrap_or_else(|error| panic!("{error} to {}: {}", request["verb"], self.log()))
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
    }
}
