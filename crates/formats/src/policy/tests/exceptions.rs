//! What a policy grants of exceptions, and whom it lets approve.

use super::read;
use jiff::Timestamp;
use plimsoll_core::model::policy::{PolicySet, WaiverKind};
use plimsoll_core::phases::prioritize::exception::{Approver, Asked, Share, may_accept, terms, unaccepted};
use std::collections::BTreeSet;

const HEAD: &str = r#"
schema = "patch-policy/1"
[policy]
id = "p"
version = "1"
title = "P"
timezone = "Europe/Oslo"
[[deadline]]
id = "critical"
when = { severity = ["critical"] }
clock = "fix_released"
within = "P7D"
"#;

const RULES: &str = r#"
[people]
ciso = { mail = "ingrid@example.org" }
board = { members = ["ciso", "per"] }
per = {}
[roles]
risk_acceptor = { critical = "ciso", high = "board" }
[waiver]
kinds = ["deferral", "operational-requirement", "false-positive"]
max_length = { critical = "P14D", high = "P30D" }
max_renewals = 2
quorum = { critical = 2 }
need_compensating_control = ["critical"]
cap_percent_of_projects = 20
forbid = { kinds = ["operational-requirement"], priority = ["critical"] }
"#;

fn policy(rules: &str) -> PolicySet {
    read(&format!("{HEAD}{rules}")).unwrap_or_else(|problems| panic!("{}", super::lines(&problems)))
}

fn levels(words: &[&str]) -> BTreeSet<String> {
    words.iter().map(|word| (*word).to_owned()).collect()
}

fn when(text: &str) -> Timestamp {
    text.parse().expect("timestamp")
}

/// What is asked for in most of these tests: it is granted.
fn sound(levels: &BTreeSet<String>) -> Asked<'_> {
    Asked {
        kind: WaiverKind::Deferral,
        levels,
        control: "the port is closed",
        from: when("2026-11-01T12:00:00Z"),
        until: when("2026-11-15T22:59:59Z"),
        renewals: 2,
        share: Share { with: 5, of: 25, what: "applications" },
    }
}

#[test]
fn a_request_is_held_against_the_strictest_rule() {
    let set = policy(RULES);
    let both = levels(&["critical", "high", "samm"]);
    assert_eq!(terms(&set, &sound(&both)).map(|terms| terms.quorum), Ok(2));
    let high = levels(&["HIGH"]);
    let longer = Asked { until: when("2026-12-01T22:59:59Z"), control: "", kind: WaiverKind::OperationalRequirement, ..sound(&high) };
    assert_eq!(terms(&set, &longer).map(|terms| terms.quorum), Ok(1), "the limit is the whole last day in the policy's zone");

    let refused = |asked: Asked<'_>| {
        terms(&set, &asked).map_err(|problem| format!("{} {}: {}", problem.code, problem.place, problem.text)).expect_err("refused")
    };
    let all = [
        refused(Asked { kind: WaiverKind::Mitigated, ..sound(&both) }),
        refused(Asked { kind: WaiverKind::FalsePositive, ..sound(&both) }),
        refused(Asked { kind: WaiverKind::OperationalRequirement, ..sound(&both) }),
        refused(Asked { control: " ", ..sound(&both) }),
        refused(Asked { until: when("2026-11-15T23:00:00Z"), ..sound(&both) }),
        refused(Asked { until: when("2026-11-01T12:00:00Z"), ..sound(&both) }),
        refused(Asked { renewals: 3, ..sound(&both) }),
        refused(Asked { share: Share { with: 6, of: 25, what: "applications" }, ..sound(&both) }),
    ];
    insta::assert_snapshot!(all.join("\n"), @r"
    E-EXCEPTION-KIND kind: the policy grants no exception of the kind mitigated; allowed are deferral, operational-requirement
    E-EXCEPTION-KIND kind: what is not there is no exception: it changes the verdict
    E-EXCEPTION-FORBIDDEN kind: a finding among these is critical, and for that the policy never grants operational-requirement
    E-EXCEPTION-CONTROL control: a finding among these is critical, and for that the policy asks for a compensating control
    E-EXCEPTION-LENGTH until: 2026-11-15T23:00:00Z is later than 2026-11-15T22:59:59Z, which is as long as the policy allows: 14 days for critical
    E-EXCEPTION-LENGTH until: 2026-11-01T12:00:00Z has passed
    E-EXCEPTION-RENEWALS until: it would be renewal 3, and the policy allows 2
    E-EXCEPTION-CAP hosts: 6 of 25 applications would be under an exception, and the policy allows 20 %
    ");
}

#[test]
fn a_silent_policy_grants_a_year_at_most() {
    let set = policy("");
    let critical = levels(&["critical"]);
    let year = Asked {
        until: when("2027-11-02T12:00:00Z"),
        control: "",
        renewals: 99,
        share: Share { with: 9, of: 9, what: "hosts" },
        ..sound(&critical)
    };
    assert_eq!(terms(&set, &year).map(|terms| terms.quorum), Ok(1));
    let more = Asked { until: when("2027-11-02T12:00:01Z"), ..year };
    assert_eq!(terms(&set, &more).expect_err("too long").code, "E-EXCEPTION-LENGTH");
    assert_eq!(may_accept(&set.governance, &critical, Approver { account: "anybody", mail: None }), Ok(()));
}

#[test]
fn whom_the_policy_names_approves() {
    let set = policy(RULES);
    let by = |account: &'static str, mail: Option<&'static str>| Approver { account, mail };
    let may = |level: &[&str], person| may_accept(&set.governance, &levels(level), person).map_err(|problem| problem.text);
    assert_eq!(may(&["critical"], by("ingrid", Some("Ingrid@Example.org"))), Ok(()), "by the address");
    assert_eq!(may(&["high"], by("Per", None)), Ok(()), "by the account, as a member");
    assert_eq!(
        may(&["critical"], by("per", Some("per@example.org"))),
        Err("the policy says who accepts such risks: ciso for critical; per is none of them".to_owned())
    );
    // Of two levels each needs somebody; one person may stand for both.
    let both = levels(&["critical", "high"]);
    assert_eq!(unaccepted(&set.governance, &both, &[by("per", None)]), [("critical", "ciso")]);
    assert!(unaccepted(&set.governance, &both, &[by("x", Some("ingrid@example.org"))]).is_empty());
    assert!(may_accept(&set.governance, &levels(&["low"]), by("anybody", None)).is_ok(), "nobody is named for it");
}

#[test]
fn bad_rules_are_refused_with_their_line() {
    let bad = |text: &str| super::lines(&read(&format!("{HEAD}[waiver]\nkinds = [\"deferral\"]\n{text}")).expect_err("bad"));
    assert!(bad("quorum = { critical = 0 }").contains("nobody would approve"));
    assert!(bad("quorum = { hihg = 2 }").contains("waiver.quorum names `hihg`"));
}
