use super::*;
use plimsoll_core::model::deployment_package::{ConfigurationFiles, RebootRule};

const DIGEST: &str = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08";

fn item(words: &Words, name: &str, title: &str, state: &str, gate: &str, reasons: &[&str]) -> RolloutItem {
    RolloutItem {
        digest: words.say(DIGEST),
        name: words.say(name),
        title: words.say(title),
        // The server's own words, which no host can change.
        state: state.to_owned(),
        gate: gate.to_owned(),
        reasons: words.all(reasons),
        started: ago(30),
        changed: ago(1),
    }
}

fn package(words: &Words, name: &str, title: &str, state: &str) -> PackageItem {
    PackageItem { digest: words.say(DIGEST), name: words.say(name), title: words.say(title), author: words.say("anna"), state: state.to_owned(), created: ago(40), expires: ahead(24 * 12) }
}

pub(in crate::console) fn rollouts(words: &Words) -> Rollouts {
    Rollouts {
        rows: vec![
            item(words, "openssl-2026-11 12", "OpenSSL on the web servers", "running", "waiting", &["canary is watched until 2026-11-22 10:00", "broad opens at 2026-11-23 10:00"]),
            item(words, "kernel-2026-11 11", "November's kernel, and everything that was built against it, for all of production", "running", "shut", &["2 of 5 hosts of canary count against it"]),
            item(words, "curl-2026-10 10", "curl", "done", "done", &[]),
        ],
        packages: vec![package(words, "nginx-2026-11 13", "nginx, with the new TLS settings", "draft"), package(words, "sudo-2026-11 14", "sudo", "accepted")],
    }
}

pub(in crate::console) fn no_rollouts() -> Rollouts {
    Rollouts { rows: vec![], packages: vec![] }
}

fn ring(words: &Words, name: &str, counts: [u64; 6], opened: Option<i64>) -> RingItem {
    let [succeeded, at_work, waiting, away, failed, silent] = counts;
    RingItem {
        name: words.say(name),
        opens: ahead(20),
        opened: opened.map(ago),
        succeeded_since: opened.filter(|_| at_work + waiting + failed + silent == 0).map(|hours| ago(hours - 1)),
        succeeded,
        at_work,
        pending: u64::from(succeeded > 0),
        waiting,
        away,
        failed,
        silent,
        against: if failed + silent > 0 { words.all(&["db-03.nordwerft.example", "web-11.nordwerft.example"]) } else { vec![] },
        waits: if opened.is_none() { words.all(&["canary is watched until 2026-11-22 10:00 UTC"]) } else { vec![] },
        outside: if failed > 0 {
            vec![
                outside(words, "prometheus: alerts with severity critical or page and service shop", "firing", "CheckoutErrors, HighLatency since 2026-11-21T09:12:00Z", true),
                outside(words, "pager: alerts with team web", "unknown", "no answer since 2026-11-21T09:30:00Z: alerts.nordwerft.example could not be asked: timeout: global", false),
            ]
        } else {
            vec![outside(words, "prometheus: query sum(rate(http_requests_total{job=\"shop\",code=~\"5..\"}[5m])) / sum(rate(http_requests_total{job=\"shop\"}[5m])) > 0.01", "quiet", "", true)]
        },
    }
}

fn outside(words: &Words, gate: &str, sign: &'static str, why: &str, heard: bool) -> OutsideItem {
    OutsideItem { gate: words.say(gate), sign, why: if why.is_empty() { String::new() } else { words.say(why) }, at: heard.then(|| ago(1)) }
}

fn host(words: &Words, place: usize, phase: &str, outcome: Option<&str>, confirmed: Option<&str>) -> RolloutHostItem {
    RolloutHostItem {
        id: words.say("01kh0st00000000000000000000"),
        name: words.say(["web-01.nordwerft.example", "web-02.nordwerft.example", "a-host-with-a-name-that-does-not-want-to-end.intern.nordwerft.example"][place % 3]),
        ring: words.say(if place < 2 { "canary" } else { "broad" }),
        window: (place > 2).then(|| words.say("prod-night")),
        phase: phase.to_owned(),
        outcome: outcome.map(str::to_owned),
        observed: outcome.map(|_| ago(2)),
        confirmed: confirmed.map(str::to_owned),
        because: (confirmed == Some("disputed")).then(|| words.say("Trivy 0.74.0 of 2026-11-22T10:00:00Z saw openssl 3.0.16-1, the host reports 3.0.17-1")),
        cause: match phase {
            "failed" => Some((words.say("a check did not hold"), words.say("the former versions are there again; find out what the new ones break before anything else"))),
            "silent" => Some((words.say("silent"), words.say("look at the host and its network; nothing is known of what it did"))),
            _ => None,
        },
        triage: (phase == "waits").then(|| words.say("it waits for a forensic triage before the change: DSA-6015-1")),
        reboot: (phase == "pending").then(|| {
            words.say("its reboot is pending since 2026-11-22T02:10:00Z; under policy nordwerft 2026.11 it does not count as done (reboot.pending_counts_as), overdue from 2026-11-25T22:59:59Z on (reboot.max_pending)")
        }),
    }
}

fn sample(words: &Words, held: Option<bool>) -> SampleItem {
    SampleItem {
        id: words.say("01kh0st00000000000000000000"),
        name: words.say("web-01.nordwerft.example"),
        held,
        note: held.map(|_| words.say("`openssl version` on the host says 3.0.17; the shop's front page loads.")),
        at: held.map(|_| ago(2)),
        by: held.map(|_| words.say("ragnhild")),
    }
}

fn ticket(words: &Words, caused: bool) -> TicketItem {
    TicketItem { ticket: words.say("HELP-431"), caused, note: words.say("The shop answers slowly since the change."), at: ago(1), by: words.say("per") }
}

pub(in crate::console) fn rollout(words: &Words) -> RolloutPage {
    RolloutPage {
        told: (0..3).map(|place| super::notices::item(words, place)).collect(),
        nobody: vec![(words.say("users"), words.say("stakeholders of applications: none runs on these hosts"))],
        question: words.some("01kquestion").map(|id| (id, "waits for the client's answer")),
        item: item(words, "openssl-2026-11 12", "OpenSSL on the web servers", "running", "waiting", &["canary is watched until 2026-11-22 10:00 UTC"]),
        rings: vec![ring(words, "canary", [5, 0, 0, 0, 0, 0], Some(3)), ring(words, "broad", [0, 0, 83, 4, 0, 0], None)],
        confirmed: vec![("installed".to_owned(), 4), ("installed-pending-reboot".to_owned(), 1), ("unknown".to_owned(), 87)],
        hosts: vec![
            host(words, 0, "succeeded", Some("succeeded"), Some("disputed")),
            host(words, 1, "at-work", Some("executing"), None),
            host(words, 1, "pending", Some("succeeded"), Some("installed-pending-reboot")),
            host(words, 2, "waits", Some("staged"), None),
            host(words, 3, "away", None, None),
        ],
        total: 92,
        phase: String::new(),
        sample: vec![sample(words, Some(true)), sample(words, Some(false)), sample(words, None)],
        tickets: vec![ticket(words, true), ticket(words, false)],
        ticket_limit: Some(3),
        stops: true,
        runs: true,
    }
}

pub(in crate::console) fn shut_rollout(words: &Words) -> RolloutPage {
    RolloutPage {
        item: item(words, "kernel-2026-11 11", "November's kernel", "paused", "shut", &["2 of 5 hosts of canary count against it, at most 0 may", "paused by ingrid"]),
        rings: vec![ring(words, "canary", [3, 0, 0, 0, 1, 1], Some(6)), ring(words, "broad", [0, 0, 87, 0, 0, 0], None)],
        hosts: vec![host(words, 0, "failed", Some("rolled-back"), Some("other-version")), host(words, 1, "silent", Some("executing"), Some("unknown"))],
        total: 2,
        phase: "failed".to_owned(),
        ..rollout(words)
    }
}

pub(in crate::console) fn old_rollout(words: &Words) -> RolloutPage {
    RolloutPage {
        item: item(words, "curl-2026-10 10", "curl", "aborted", "done", &[]),
        rings: vec![],
        confirmed: vec![],
        sample: vec![],
        tickets: vec![],
        ticket_limit: None,
        hosts: vec![],
        total: 0,
        stops: false,
        runs: false,
        ..rollout(words)
    }
}

pub(in crate::console) fn deployment(words: &Words) -> DeploymentPage {
    let target = |name: &str, version: &str, new| TargetItem { name: words.say(name), version: words.say(version), size: words.figure(1_430_000), sha256: words.say(DIGEST), repository: words.say("https://deb.example/debian-security bookworm-security"), new };
    DeploymentPage {
        item: package(words, "openssl-2026-11 12", "OpenSSL on the web servers", "signed"),
        reason: words.say("CVE-2026-1234 is exploited; see the note of the security team."),
        change: "emergency".to_owned(),
        policy: words.say("nordwerft 2026.11"),
        advisories: words.all(&["DSA-5990-1", "CVE-2026-1234"]),
        streams: vec![StreamItem {
            stream: words.say("debian:12"),
            tool: "apt",
            install: vec![target("openssl amd64", "3.0.22-1~deb12u1", false), target("libssl3 amd64", "3.0.22-1~deb12u1", false), target("libexample-with-a-long-name amd64", "1:2.0+git20261101.abcdef0-1", true)],
            remove: vec![],
            way_back: words.all(&["openssl amd64 3.0.20-1~deb12u2", "libssl3 amd64 3.0.20-1~deb12u2"]),
            no_way_back: vec![(words.say("libexample-with-a-long-name"), words.say("it is new on these hosts"))],
            steps: words.all(&["nginx.service reads its configuration again if it runs"]),
        }],
        rings: vec![
            PackageRing { name: words.say("canary"), opens: ahead(1), soak: SignedDuration::from_hours(24), hosts: 5 },
            PackageRing { name: words.say("broad"), opens: ahead(25), soak: SignedDuration::ZERO, hosts: 87 },
        ],
        windows: vec![(words.say("prod-night"), words.say("Tue, Thu 22:00 Europe/Oslo, 4 hours"), 61)],
        checks: words.all(&["website: port 443 answers / with 200; looked at before and after, for 10 s at most"]),
        reboot: RebootRule::IfNeeded.to_string(),
        configuration_files: ConfigurationFiles::Keep.to_string(),
        at_once: 10,
        drain: Some(words.say("the host's own /etc/plimsoll/drain.d/balancer before and undrain.d/balancer after, within 300 s each; where the first fails, nothing begins")),
        signed_by: words.all(&["ben"]),
        needed: Some(2),
        missing: words.all(&["1 of 2 people signed"]),
        approval: ApprovalPanel {
            lines: words.all(&["an emergency change may go first: the policy asks 1 of group:change-board within 2 days of its start"]),
            until: Some(ahead(48)),
            review_until: None,
            said: vec![(words.say("approved it"), words.say("carla"), words.say("seen on the staging cluster; go ahead"), ahead(-1))],
            waits: true,
            speaks: true,
        },
        because: words.all(&["5 of 92 hosts are a twentieth of them, by lot", "broad takes every host that no other ring took"]),
        left_out: vec![(words.say("db-03.nordwerft.example"), words.say("it has gone silent"))],
        rolled_out: false,
        runs: true,
        drafts: true,
    }
}

pub(in crate::console) fn accepted_deployment(words: &Words) -> DeploymentPage {
    let whole = deployment(words);
    let streams = whole.streams.iter().map(|stream| StreamItem { way_back: vec![], remove: words.all(&["libold amd64"]), ..stream.clone() }).collect();
    DeploymentPage {
        item: package(words, "sudo-2026-11 14", "sudo", "accepted"),
        streams,
        signed_by: words.all(&["ben", "carla"]),
        missing: vec![],
        approval: ApprovalPanel::default(),
        reason: String::new(),
        advisories: vec![],
        windows: vec![],
        left_out: vec![],
        at_once: 0,
        drain: None,
        ..whole
    }
}
