//! What asks for a forensic triage, where it stands, and what holds a host
//! back.

use super::read;
use crate::policy::lint;
use jiff::{SignedDuration, Timestamp};
use plimsoll_core::model::advisory::Rating;
use plimsoll_core::model::identifier::{ClientId, HostId, TriageId};
use plimsoll_core::model::policy::PolicySet;
use plimsoll_core::model::transition::{Bound, FindingKey, Obliged, Transition};
use plimsoll_core::model::triage::{TriageStanding, TriageStep, TriageWord};
use plimsoll_core::phases::prioritize::forensics::{Triage, asking, triage, trigger};
use std::collections::BTreeMap;

const FORENSICS: &str = "[forensics]\ntrigger = [\"3DF\"]\nscope_within = \"PT2H\"\ncollect_before_patch = true\ncollect_within = \"PT24H\"\ndecide_within = \"PT72H\"\n";

fn policy(rules: &str) -> PolicySet {
    read(&format!("schema = \"patch-policy/1\"\nextends = [\"cisa-bod-26-04\"]\n[policy]\nid = \"p\"\nversion = \"1\"\n{rules}")).expect("a policy")
}

fn at(hours: i64) -> Timestamp {
    "2026-11-20T10:00:00Z".parse::<Timestamp>().unwrap() + SignedDuration::from_hours(hours)
}

fn key(advisory: &str) -> FindingKey {
    FindingKey { advisory: advisory.to_owned(), component: "pkg:deb/debian/openssl amd64".to_owned() }
}

/// What one moment brought: findings that closed, and rules that bind others.
fn moment(serial: u64, hours: i64, closed: &[&str], bound: &[(&str, &str)]) -> Transition {
    let obliged = |rule: &str| Obliged { rating: Rating::Low, exploited: true, bounds: vec![Bound { due: at(999).as_second(), start: None, rule: rule.to_owned() }] };
    Transition {
        host: HostId::from_bits(1),
        serial,
        at: at(hours),
        opened: Vec::new(),
        closed: closed.iter().map(|advisory| key(advisory)).collect(),
        obliged: bound.iter().map(|(advisory, rule)| (key(advisory), obliged(rule))).collect(),
        policies: Vec::new(),
    }
}

fn word(hours: i64, step: TriageStep, advisories: &[&str]) -> TriageWord {
    TriageWord {
        id: TriageId::from_bits(hours as u128),
        client: ClientId::from_bits(1),
        host: HostId::from_bits(1),
        advisories: advisories.iter().map(|advisory| (*advisory).to_owned()).collect(),
        step,
        evidence: None,
        reason: String::new(),
        released: false,
        at: at(hours),
        by: "ada".to_owned(),
    }
}

fn judged(set: &PolicySet, story: &[Transition], words: &[TriageWord], hours: i64) -> Option<Triage> {
    triage(set, &asking(&trigger(set).expect("a trigger"), story), words, at(hours))
}

#[test]
fn a_finding_asks_from_when_the_rule_binds_until_it_does_not() {
    let set = policy(FORENSICS);
    let trigger = trigger(&set).unwrap();
    let bod = |priority: &str| format!("cisa-bod-26-04/{priority}");
    let (watch, act) = (bod("60D"), bod("3DF"));
    let mut story = vec![moment(0, 0, &[], &[("CVE-1", &watch), ("update", &act)])];
    assert_eq!(asking(&trigger, &story), BTreeMap::new(), "another rule, and an update is no finding");
    story.push(moment(1, 5, &[], &[("CVE-1", &act), ("CVE-2", &act)]));
    story.push(moment(2, 6, &[], &[("CVE-1", &act)]));
    assert_eq!(asking(&trigger, &story), BTreeMap::from([("CVE-1".to_owned(), at(5)), ("CVE-2".to_owned(), at(5))]), "the same again restarts nothing");
    story.push(moment(3, 7, &["CVE-2"], &[("CVE-1", &watch)]));
    assert_eq!(asking(&trigger, &story), BTreeMap::new());
    story.push(moment(4, 9, &[], &[("CVE-1", &act)]));
    assert_eq!(asking(&trigger, &story), BTreeMap::from([("CVE-1".to_owned(), at(9))]));
}

#[test]
fn a_severity_and_a_priority_under_another_name_ask_as_well() {
    let renamed = policy("[forensics]\ntrigger = [\"critical\"]\n");
    let mut story = vec![moment(0, 0, &[], &[("CVE-1", "p/any")])];
    assert_eq!(judged(&renamed, &story, &[], 1), None);
    story[0].obliged[0].1.rating = Rating::Critical;
    let found = judged(&renamed, &story, &[], 1).expect("critical");
    assert_eq!((found.barred, found.wanted.len()), (None, 0), "nothing is said of before the patch, nor of times");
    let own = policy(
        "[priority]\nmodel = \"cisa-bod-26-04/1.0.0\"\n[[deadline]]\nid = \"now\"\nwhen = { priority = [\"3DF\", \"3D\"] }\nwithin = \"P3D\"\n[forensics]\ntrigger = [\"3DF\"]\n",
    );
    assert!(judged(&own, &[moment(0, 0, &[], &[("CVE-1", "p/now")])], &[], 1).is_some(), "the rule that the priority falls under");
}

#[test]
fn evidence_lets_a_host_go_and_a_decision_ends_it() {
    let set = policy(FORENSICS);
    let story = [moment(0, 0, &[], &[("CVE-1", "cisa-bod-26-04/3DF")])];
    let stands = |words: &[TriageWord], hours: i64| {
        let found = judged(&set, &story, words, hours).expect("it asks");
        (found.standing(at(hours)), found.barred.is_some(), found.wanted.iter().map(|(step, by)| (*step, *by)).collect::<Vec<_>>())
    };
    let all = vec![(TriageStep::Scope, at(2)), (TriageStep::Evidence, at(24)), (TriageStep::Clean, at(72))];
    assert_eq!(stands(&[], 1), (TriageStanding::Asked, true, all.clone()));
    assert_eq!(stands(&[], 3), (TriageStanding::Late, true, all.clone()));
    let scope = word(2, TriageStep::Scope, &["CVE-1"]);
    assert_eq!(stands(std::slice::from_ref(&scope), 3), (TriageStanding::Asked, true, all[1..].to_vec()));
    let evidence = word(4, TriageStep::Evidence, &["CVE-1"]);
    assert_eq!(stands(&[scope.clone(), evidence.clone()], 5), (TriageStanding::Collected, false, all[2..].to_vec()));
    assert_eq!(stands(&[scope.clone(), evidence], 73).0, TriageStanding::Late);
    for step in [TriageStep::Clean, TriageStep::NotPossible] {
        assert_eq!(stands(&[word(5, step, &["CVE-1"])], 99), (TriageStanding::Decided, false, vec![]));
    }
    // Of another advisory, and from before it asked, a word counts for nothing.
    assert!(stands(&[word(5, TriageStep::Clean, &["CVE-2"])], 6).1);
    let again = [moment(0, 0, &[], &[("CVE-1", "cisa-bod-26-04/3DF")]), moment(1, 8, &["CVE-1"], &[]), moment(2, 9, &[], &[("CVE-1", "cisa-bod-26-04/3DF")])];
    assert!(judged(&set, &again, &[word(5, TriageStep::Clean, &["CVE-1"])], 10).unwrap().barred.is_some(), "it came back after the look");
}

#[test]
fn a_host_that_was_broken_into_stays_as_it_is_even_once_nothing_asks() {
    let set = policy(FORENSICS);
    let story = [moment(0, 0, &[], &[("CVE-1", "cisa-bod-26-04/3DF")]), moment(1, 8, &["CVE-1"], &[])];
    let found = word(5, TriageStep::Compromised, &["CVE-1"]);
    let held = judged(&set, &story, std::slice::from_ref(&found), 10).expect("an incident");
    assert_eq!((held.standing(at(10)), held.barred.is_some()), (TriageStanding::Compromised, true));
    let released = TriageWord { released: true, ..word(9, TriageStep::Compromised, &[]) };
    assert_eq!(judged(&set, &story, &[found.clone(), released], 10), None);
    assert_eq!(judged(&set, &story, &[found, word(9, TriageStep::Clean, &[])], 10), None, "rebuilt and looked at again");
}

#[test]
fn a_time_out_does_what_the_policy_says() {
    let story = [moment(0, 0, &[], &[("CVE-1", "cisa-bod-26-04/3DF")]), moment(1, 10, &[], &[("CVE-2", "cisa-bod-26-04/3DF")])];
    let patch = policy(&format!("{FORENSICS}on_timeout = \"patch\"\n"));
    assert!(judged(&patch, &story, &[], 30).unwrap().barred.is_some(), "the time of the second is not over");
    let gone = judged(&patch, &story, &[], 35).unwrap();
    assert_eq!((gone.barred, gone.lapsed), (None, Some(at(34))));
    assert!(judged(&policy(FORENSICS), &story, &[], 999).unwrap().barred.is_some());
}

#[test]
fn contradictions_are_named() {
    let said = |rules: &str| lint(&policy(rules)).problems.into_iter().filter(|problem| problem.code == "W-POLICY-FORENSICS").map(|problem| problem.text).collect::<Vec<_>>();
    assert_eq!(said(FORENSICS), Vec::<String>::new());
    let backwards = said("[forensics]\ntrigger = [\"3DF\"]\nscope_within = \"PT48H\"\ncollect_within = \"PT24H\"\n");
    assert!(backwards.len() == 1 && backwards[0].contains("scope_within is 48 hours, and collect_within, which comes after it, 24 hours"), "{backwards:?}");
    let late = said("[forensics]\ntrigger = [\"3DF\"]\ncollect_before_patch = true\ncollect_within = \"P5D\"\n");
    assert!(late.len() == 1 && late[0].contains("cisa-bod-26-04/3DF"), "{late:?}");
    let never = said("[forensics]\ntrigger = [\"3DF\"]\ncollect_before_patch = true\non_timeout = \"patch\"\n");
    assert!(never.len() == 1 && never[0].contains("neither collect_within nor decide_within"), "{never:?}");
}
