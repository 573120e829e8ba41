//! What people watch, what an advisory database lacks, and which day of routine
//! patching they are told of.

use super::{lines, read};
use crate::policy::lint;
use jiff::civil::date;
use plimsoll_core::model::policy::{Exposure, PolicySet};
use plimsoll_core::phases::monitor::watch::{ahead, due, is_late, missing, watched};

fn policy(rules: &str) -> PolicySet {
    read(&format!("schema = \"patch-policy/1\"\n[policy]\nid = \"p\"\nversion = \"1\"\ntimezone = \"Europe/Oslo\"\n[[deadline]]\nid = \"all\"\nwithin = \"P30D\"\nclock = \"fix_released\"\ndone = \"effective\"\n{rules}")).expect("a policy")
}

#[test]
fn a_watch_has_a_name_that_stays_and_a_time() {
    let set = policy("[roles]\nmonitor = \"ana\"\n[monitor]\ndiscovery_every = \"P14D\"\nwatch = [{ sources = [\"kev\", \"csaf:*\"], by = \"ana\", every = \"P1D\" }, { sources = [\"nvd\"], by = \"bo\" }]\n");
    let all = watched(&set.governance);
    let named: Vec<(&str, Option<&str>)> = all.iter().map(|one| (one.subject.as_str(), one.by.as_deref())).collect();
    assert_eq!(named, [("sources: kev, csaf:*", Some("ana")), ("discovery", Some("ana"))], "of the second nobody says how often");
    assert_eq!(set.not_enforced, ["monitor.watch"]);
    assert!(lines(&lint(&set).problems).contains("bo watches nvd, and nothing says how often"));
    let looked = "2026-11-20T10:00:00Z".parse().unwrap();
    assert_eq!(due(&set, &all[0], looked).unwrap().to_string(), "2026-11-21T22:59:59Z", "the end of the next day in Oslo");
}

#[test]
fn hosts_are_looked_at_as_often_as_they_can_be_reached() {
    let set = policy("[classify]\nunknown = { exposure = \"controlled\" }\n[monitor]\nscan_every = { open = \"PT24H\", controlled = \"PT168H\" }\n");
    let (looked, now) = ("2026-11-20T10:00:00Z".parse().unwrap(), "2026-11-22T10:00:00Z".parse().unwrap());
    assert_eq!(is_late(&set, Some(Exposure::Open), looked, now), Some(true));
    assert_eq!(is_late(&set, None, looked, now), Some(false), "what is not said is what the policy assumes");
    assert_eq!(is_late(&set, Some(Exposure::Small), looked, now), None, "nothing is said of these");
}

#[test]
fn sources_that_the_database_lacks_are_named_once() {
    let set = policy("[monitor]\nsources = [\"kev\", \"csaf:suse\", \"csaf:*\", \"vendor:debian\", \"vulnrichment\", \"feeds\", \"*\"]\nwatch = [{ sources = [\"kev\", \"epss\"], by = \"ana\" }]\n");
    let held = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>();
    assert_eq!(missing(&set.governance, &held(&["csaf/redhat", "debian-tracker/json", "cve/vulnrichment"])), ["csaf:suse", "epss", "feeds", "kev"]);
    assert_eq!(missing(&set.governance, &held(&["csaf/suse", "debian-tracker/DSA", "cve", "kev", "epss", "feed/acme"])), Vec::<&str>::new());
}

#[test]
fn people_are_told_of_a_day_of_patching_as_long_before_as_the_policy_says() {
    let set = policy("[cycle]\nafter = \"patch-tuesday\"\noffset = \"P2D\"\nlead_notice = \"P3D\"\n");
    assert!(set.not_enforced.is_empty(), "{:?}", set.not_enforced);
    let near = |now: &str| ahead(&set, now.parse().unwrap()).pop().map(|one| (one.day, one.near)).unwrap();
    let (december, january) = (date(2026, 12, 10), date(2027, 1, 14));
    assert_eq!(near("2026-12-06T22:59:59Z"), (december, false));
    assert_eq!(near("2026-12-06T23:00:00Z"), (december, true), "three days before midnight in Oslo");
    assert_eq!(near("2026-12-10T20:00:00Z"), (december, true), "on the day itself");
    assert_eq!(near("2026-12-10T23:00:00Z"), (january, false));
}
