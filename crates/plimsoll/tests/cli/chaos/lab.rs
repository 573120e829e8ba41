//! Network namespaces of a test's own: a hub with a bridge, and places that
//! hang on it by a link that can be cut or slowed. The machine's own network
//! is not touched.

use rustix::thread::{LinkNameSpaceType, move_into_link_name_space};
use std::fs::File;
use std::os::fd::AsFd;
use std::process::{Command, Stdio};

/// Where the hub is reached from every place.
pub const HUB: &str = "10.88.0.1";

/// The namespaces, deleted with the test however it ends.
pub struct Lab {
    name: String,
}

/// Runs a command line of plain words; what it says is shown where it fails.
pub fn run(line: &str) {
    let mut words = line.split_whitespace();
    let output = Command::new(words.next().expect("a program")).args(words).output().expect("runs");
    assert!(output.status.success(), "{line}: {}", String::from_utf8_lossy(&output.stderr));
}

impl Lab {
    /// Makes the hub; none where this process may not, which in CI as root is
    /// a failure.
    pub fn new() -> Option<Self> {
        if !rustix::process::geteuid().is_root() {
            eprintln!("skipped: network namespaces need root");
            return None;
        }
        let lab = Self { name: format!("plimsoll-{}", std::process::id()) };
        let tried = Command::new("ip").args(["netns", "add", &lab.hub()]).output();
        if !tried.as_ref().is_ok_and(|output| output.status.success()) {
            assert!(std::env::var_os("CI").is_none(), "CI as root needs network namespaces: {tried:?}");
            eprintln!("skipped: no network namespaces: {tried:?}");
            return None;
        }
        lab.watch();
        let hub = lab.hub();
        run(&format!("ip -n {hub} link set lo up"));
        run(&format!("ip -n {hub} link add br0 type bridge"));
        run(&format!("ip -n {hub} addr add {HUB}/16 dev br0"));
        run(&format!("ip -n {hub} link set br0 up"));
        Some(lab)
    }

    /// A shell that waits for this process to end and clears away what it
    /// leaves: a killed test has no other way to.
    fn watch(&self) {
        let (own, name) = (std::process::id(), &self.name);
        let clear = format!(
            "while kill -0 {own} 2>/dev/null; do sleep 1; done
             for ns in $(ip netns list | cut -d' ' -f1 | grep '^{name}-'); do
                 kill -9 $(ip netns pids $ns) 2>/dev/null; ip netns del $ns
             done"
        );
        let null = Stdio::null;
        let _ = Command::new("setsid").args(["sh", "-c", &clear]).stdin(null()).stdout(null()).stderr(null()).spawn();
    }

    /// Name of the hub's namespace.
    pub fn hub(&self) -> String {
        self.namespace("hub")
    }

    /// Name of a place's namespace.
    pub fn namespace(&self, place: &str) -> String {
        format!("{}-{place}", self.name)
    }

    /// Makes a place with an address on the hub's bridge.
    pub fn place(&self, place: &str, address: &str) {
        let (hub, own) = (self.hub(), self.namespace(place));
        run(&format!("ip netns add {own}"));
        run(&format!("ip -n {own} link set lo up"));
        run(&format!("ip -n {hub} link add {place} type veth peer name eth0 netns {own}"));
        run(&format!("ip -n {hub} link set {place} master br0 up"));
        run(&format!("ip -n {own} addr add {address}/16 dev eth0"));
        run(&format!("ip -n {own} link set eth0 up"));
    }

    /// Takes a place's link down, or up again.
    pub fn link(&self, place: &str, up: bool) {
        run(&format!("ip -n {} link set {place} {}", self.hub(), if up { "up" } else { "down" }));
    }

    /// Slows a place's link to a modem's rate in both directions, or lets it
    /// run free again.
    pub fn slow(&self, place: &str, slow: bool) {
        for (namespace, device) in [(self.hub(), place), (self.namespace(place), "eth0")] {
            let what = if slow { "replace" } else { "del" };
            let how = if slow { " tbf rate 56kbit burst 3kb latency 800ms" } else { "" };
            run(&format!("tc -n {namespace} qdisc {what} dev {device} root{how}"));
        }
    }

    /// A command in a place.
    pub fn command(&self, place: &str) -> Command {
        let mut command = Command::new("ip");
        command.args(["netns", "exec", &self.namespace(place)]).stdin(Stdio::null());
        command
    }

    /// Runs something of this process in a place: its sockets belong there, and
    /// so do threads that it starts.
    pub fn inside<T: Send>(&self, place: &str, work: impl FnOnce() -> T + Send) -> T {
        let path = format!("/run/netns/{}", self.namespace(place));
        std::thread::scope(|scope| {
            let moved = scope.spawn(move || {
                let namespace = File::open(path).expect("the namespace");
                move_into_link_name_space(namespace.as_fd(), Some(LinkNameSpaceType::Network)).expect("enters");
                work()
            });
            match moved.join() {
                Ok(done) => done,
                Err(panic) => std::panic::resume_unwind(panic),
            }
        })
    }
}
