//! The real helper, and what the two processes can no longer do.

use crate::hub::Server;
use crate::stage::Stage;
use plimsoll_formats::protocol::{CanonicalReport, read_report_bytes};
use std::os::unix::fs::MetadataExt;
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

struct Helper(Child);

impl Drop for Helper {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn helper(stage: &Stage, more: &[&str]) -> Helper {
    let socket = stage.path("real.sock");
    let mut command = Command::new(env!("CARGO_BIN_EXE_plimsoll-helper"));
    command.arg("serve").arg("--socket").arg(&socket).args(more).stdin(Stdio::null());
    let child = Helper(command.spawn().unwrap());
    let start = Instant::now();
    while !socket.exists() {
        assert!(start.elapsed() < Duration::from_secs(20));
        std::thread::sleep(Duration::from_millis(10));
    }
    child
}

/// A field of `/proc/PID/status`.
fn status(pid: u32, field: &str) -> String {
    let text = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    text.lines().find_map(|line| line.strip_prefix(field)?.strip_prefix(':')).unwrap().trim().to_owned()
}

#[test]
fn the_host_is_read_through_the_helper_and_both_are_shut_in() {
    let (server, stage) = (Server::start(), Stage::new());
    let helper = helper(&stage, &[]);
    let command = stage.command();
    assert_eq!(stage.path("real.sock").metadata().unwrap().mode() & 0o777, 0o600);
    assert!(stage.join(&server, &[]));
    // Walking for language components takes minutes on a loaded machine.
    std::fs::write(stage.path("agent.toml"), "languages = false\n").unwrap();
    let mut agent = Command::new(command.get_program());
    agent.arg("--state").arg(stage.path("state")).arg("--helper").arg(stage.path("real.sock"));
    agent.arg("--settings").arg(stage.path("agent.toml")).arg("run").stdin(Stdio::null());
    let mut agent = Helper(agent.spawn().unwrap());
    server.until("the report", |hub| hub.current.is_some());
    let report: CanonicalReport = server.hub().reports.values().next().unwrap().clone();
    assert!(!report.report.host.name.is_empty());
    for (pid, capabilities) in [(agent.0.id(), true), (helper.0.id(), false)] {
        assert_eq!((status(pid, "Seccomp"), status(pid, "NoNewPrivs")), ("2".to_owned(), "1".to_owned()));
        if capabilities {
            assert_eq!(status(pid, "CapEff"), "0000000000000000");
        }
        assert_eq!(status(pid, "Threads"), "1");
    }
    assert!(agent.0.try_wait().unwrap().is_none());
}

#[test]
fn another_user_is_turned_away() {
    let stage = Stage::new();
    if !rustix::process::geteuid().is_root() {
        eprintln!("skipped: needs root");
        return;
    }
    let _helper = helper(&stage, &["--agent-user", "65534"]);
    let socket = stage.path("real.sock");
    assert_eq!((socket.metadata().unwrap().uid(), socket.metadata().unwrap().mode() & 0o777), (65534, 0o600));
    // Even where the file's mode would let everybody in, the kernel's word counts.
    std::fs::set_permissions(&socket, std::os::unix::fs::PermissionsExt::from_mode(0o666)).unwrap();
    std::fs::set_permissions(stage.folder.path(), std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    let asks = |user: u32| {
        let script = r#"
import socket, struct, sys
s = socket.socket(socket.AF_UNIX); s.connect(sys.argv[1]); s.settimeout(20)
m = b'{"verb":"observe"}'
try:
    s.sendall(struct.pack('>I', len(m)) + m); sys.exit(0 if s.recv(4) else 1)
except OSError:
    sys.exit(1)
"#;
        let mut command = Command::new("python3");
        command.args(["-c", script]).arg(&socket).uid(user).gid(user);
        command.status().unwrap().success()
    };
    assert!(asks(65534) && asks(0));
    assert!(!asks(1234));
}

#[test]
fn a_collected_report_is_one_that_a_server_takes() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::create_dir_all(folder.path().join("etc")).unwrap();
    std::fs::create_dir_all(folder.path().join("var/lib/dpkg")).unwrap();
    std::fs::write(folder.path().join("etc/os-release"), "ID=debian\nVERSION_ID=\"12\"\n").unwrap();
    let status = "Package: bash\nStatus: install ok installed\nArchitecture: amd64\nVersion: 5.2-1\n";
    std::fs::write(folder.path().join("var/lib/dpkg/status"), status).unwrap();
    let collect = || {
        let mut command = Command::new(env!("CARGO_BIN_EXE_plimsoll-helper"));
        command.arg("collect").arg("--root").arg(folder.path()).output().unwrap().stdout
    };
    let bytes = collect();
    let read = read_report_bytes("file", bytes.clone()).unwrap();
    assert_eq!(read.report.components.iter().map(|component| component.name.as_str()).collect::<Vec<_>>(), ["bash"]);
    assert_eq!(bytes, collect(), "an unchanged host gives the same bytes");
    assert_eq!(plimsoll_agent::collect(Some(folder.path()), false).unwrap().bytes, bytes);
}
