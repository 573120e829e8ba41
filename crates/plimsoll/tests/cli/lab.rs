//! The lab on the live archive of the distribution: real hosts, true pending
//! updates, from advisory to evidence.

use crate::sandbox::{command, end};
use serde_json::Value;
use std::net::{TcpStream, ToSocketAddrs};
use std::process::Command;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

/// Where this machine's apt gets packages from; none where that cannot be
/// reached.
fn archive() -> Option<String> {
    let plan = Command::new("apt-get").args(["--print-uris", "-qq", "download", "base-files"]).output().ok()?;
    let text = String::from_utf8_lossy(&plan.stdout).into_owned();
    let host = text.split("://").nth(1)?.split('/').next()?.trim_matches('\'').to_owned();
    let address = if host.contains(':') { host.clone() } else { format!("{host}:80") };
    let proxy = Command::new("apt-config").args(["shell", "P", "Acquire::http::Proxy"]).output().ok()?;
    if !proxy.stdout.is_empty() {
        return Some(host);
    }
    let place = address.to_socket_addrs().ok()?.next()?;
    TcpStream::connect_timeout(&place, Duration::from_secs(5)).ok()?;
    Some(host)
}

fn lab(scenario: &str, hosts: u16, rpm: u16, port: u16) -> Option<Value> {
    if !rustix::process::geteuid().is_root() {
        eprintln!("skipped: the lab's hosts need root");
        return None;
    }
    if !["/usr/bin/mmdebstrap", "/usr/bin/unshare"].iter().all(|tool| std::path::Path::new(tool).exists()) {
        eprintln!("skipped: the lab needs mmdebstrap and util-linux");
        return None;
    }
    if archive().is_none() {
        eprintln!("skipped: the distribution's archive cannot be reached");
        return None;
    }
    let mut lab = command();
    lab.args(["lab", "--scenario", scenario, "--format", "json", "--hosts", &hosts.to_string(), "--rpm", &rpm.to_string(), "--port", &port.to_string()]);
    let ran = end(lab);
    assert_eq!(ran.code, Some(0), "{scenario}\n{}\n{}", ran.out, ran.err);
    Some(ran.json())
}

/// Labs come one after the other: two at once would share the machine's cores
/// and addresses.
static ONE: Mutex<()> = Mutex::new(());

#[test]
fn a_server_in_other_hands_can_do_nothing() {
    let _one = ONE.lock().unwrap_or_else(PoisonError::into_inner);
    let Some(drill) = lab("server-takeover", 2, 0, 7663) else { return };
    let goals = drill["goals"].as_array().unwrap();
    assert_eq!(goals.len(), 20);
    for goal in goals {
        assert_eq!((&goal["reached"], &goal["noticed"]), (&false.into(), &true.into()), "{goal}");
    }
    for host in drill["hosts"].as_array().unwrap() {
        assert_eq!((&host["before"], &host["effects"]), (&host["after"], &0.into()), "{host}");
    }
}

#[test]
fn patches_go_through_all_phases_or_stop_at_the_canary() {
    let _one = ONE.lock().unwrap_or_else(PoisonError::into_inner);
    let Some(good) = lab("good-patch", 3, 1, 7661) else { return };
    assert_eq!(good["outcome"], "as it must");
    let phases: Vec<&str> = good["phases"].as_array().unwrap().iter().filter_map(|phase| phase["phase"].as_str()).collect();
    assert_eq!(phases, ["1 monitor", "2 acquire", "3 evaluate", "4 prioritize", "6 package", "5 certify", "7 deploy", "8 confirm", "10 document"]);
    for host in good["hosts"].as_array().unwrap() {
        let package = if host["system"] == "rpm" { "drill-library" } else { "openssl" };
        assert!(host["before"][package].is_string() && host["before"][package] != host["after"][package], "{host}");
        assert_eq!((&host["effects"], &host["phase"]), (&1.into(), &"succeeded".into()), "one transaction, once: {host}");
    }
    let systems: Vec<&Value> = good["hosts"].as_array().unwrap().iter().map(|host| &host["system"]).collect();
    assert_eq!(systems, ["dpkg", "dpkg", "rpm"], "one package is for both");
    let Some(bad) = lab("bad-canary", 4, 1, 7671) else { return };
    for host in bad["hosts"].as_array().unwrap() {
        assert_eq!(host["before"], host["after"], "{host}");
        let canary = host["ring"] == "canary";
        assert_eq!(host["outcome"] == "rolled-back", canary, "{host}");
        assert_eq!(host["effects"] == 0, !canary, "{host}");
    }
}
