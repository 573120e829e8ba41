//! What the sections on practice decide, from files as people write them.

use super::{lines, read};
use crate::policy::lint;
use jiff::Timestamp;
use plimsoll_core::model::policy::HostFacts;
use plimsoll_core::phases::confirm::reboot::{Counts, counts};
use plimsoll_core::phases::package::emergency::skipped;

fn file(sections: &str) -> String {
    format!("schema = \"patch-policy/1\"\n[policy]\nid = \"acme\"\nversion = \"7\"\ntimezone = \"Europe/Oslo\"\n[[deadline]]\nid = \"all\"\nwithin = \"P30D\"\nclock = \"fix_released\"\ndone = \"effective\"\n{sections}")
}

fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

#[test]
fn a_pending_reboot_counts_as_the_policy_says_until_it_is_overdue() {
    // Since Sunday at noon in Oslo; the grace ends at 20:00, three days with
    // the end of Wednesday.
    let since = at("2026-11-22T11:00:00Z");
    let moments = ["2026-11-22T19:00:00Z", "2026-11-22T19:00:01Z", "2026-11-25T22:59:59Z", "2026-11-25T23:00:00Z"];
    let cases = [
        ("", [Counts::Done; 4]),
        ("grace = \"PT8H\"", [Counts::Done, Counts::NotDone, Counts::NotDone, Counts::NotDone]),
        ("max_pending = \"P3D\"", [Counts::Done, Counts::Done, Counts::Done, Counts::Overdue]),
        ("grace = \"PT8H\"\nmax_pending = \"P3D\"\npending_counts_as = \"open\"", [Counts::NotDone, Counts::NotDone, Counts::NotDone, Counts::Overdue]),
        ("grace = \"PT8H\"\nmax_pending = \"P3D\"\npending_counts_as = \"installed\"", [Counts::Done, Counts::Done, Counts::Done, Counts::Overdue]),
        ("grace = \"PT8H\"\npending_counts_as = \"installed-within-grace\"", [Counts::Done, Counts::NotDone, Counts::NotDone, Counts::NotDone]),
    ];
    for (section, expected) in cases {
        let set = read(&file(&format!("[reboot]\n{section}"))).unwrap();
        assert!(!set.not_enforced.iter().any(|name| name.starts_with("reboot")), "{section}");
        assert_eq!(moments.map(|now| counts(&set, since, at(now)).decision), expected, "{section}");
    }
    let set = read(&file("[reboot]\nmax_pending = \"P3D\"\npending_counts_as = \"open\"")).unwrap();
    let because = counts(&set, since, at(moments[3])).because;
    assert_eq!(
        because[0].text,
        "its reboot is pending since 2026-11-22T11:00:00Z; under policy acme 7 it is overdue since 2026-11-25T22:59:59Z (reboot.max_pending) and counts as failed"
    );
}

#[test]
fn an_emergency_skips_what_the_policy_names_and_nothing_else() {
    let practice = "[[window]]\nid = \"night\"\nstart = 2026-01-01T22:00:00\nrule = \"FREQ=WEEKLY;BYDAY=TU\"\nduration = \"PT4H\"\nbreak_for = [\"emergency\"]\n\
        [[freeze]]\nid = \"winter\"\nfrom = 2026-12-18\nto = 2027-01-04\nbreak_for = [\"emergency\"]\n\
        [test]\nnormal = { suite = \"full\", min_soak = \"PT72H\" }\nemergency = { suite = \"smoke\", min_soak = \"PT2H\" }\n";
    let none = HostFacts::default();
    let skips = |may_skip: &str| {
        let set = read(&file(&format!("{practice}[emergency]\n{may_skip}\n"))).unwrap();
        assert!(!set.not_enforced.iter().any(|name| name.starts_with("emergency")));
        let skipped = skipped(&set, std::iter::once(&none), at("2026-12-17T00:00:00Z"), at("2026-12-24T00:00:00Z"));
        (skipped.join("; "), set.problems.iter().filter(|problem| problem.code == "W-POLICY-EMERGENCY").count())
    };
    let test = "the test of a normal change (first ring watched for 72 hours) for its own (2 hours)";
    assert_eq!(skips(""), (format!("freeze winter; window night; {test}"), 0), "each key decides where none is named");
    assert_eq!(skips("may_skip = [\"windows\", \"freezes\", \"full-tests\"]"), (format!("freeze winter; window night; {test}"), 0));
    assert_eq!(skips("may_skip = [\"windows\"]"), ("window night".to_owned(), 2));
    assert_eq!(skips("may_skip = [\"freezes\"]"), ("freeze winter".to_owned(), 2));
    assert_eq!(skips("may_skip = [\"full-tests\"]"), (test.to_owned(), 2));
    assert_eq!(skips("may_skip = [\"client\"]"), (String::new(), 3));
}

#[test]
fn the_linter_knows_reboots_that_do_not_fit_together() {
    let said = |section: &str| lines(&lint(&read(&file(section)).unwrap()).problems);
    let purpose = "[scope]\nstatement = \"all\"\n";
    assert!(said(&format!("{purpose}[reboot]\ngrace = \"P4D\"\nmax_pending = \"P3D\"")).contains("W-POLICY-REBOOT policy.toml:"));
    assert!(said(&format!("{purpose}[reboot]\npending_counts_as = \"installed-within-grace\"")).contains("no grace says how long"));
    assert!(said(&format!("{purpose}[reboot]\nrule = \"never\"\nmax_pending = \"P3D\"")).contains("N-POLICY-REBOOT"));
    assert!(!said(&format!("{purpose}[reboot]\ngrace = \"PT8H\"\nmax_pending = \"P3D\"\npending_counts_as = \"open\"")).contains("POLICY-REBOOT"));
}

#[test]
fn a_package_carries_the_checks_that_the_policy_wants_after_a_change() {
    use plimsoll_core::model::deployment_package::{Check, LooksAt};
    use plimsoll_core::phases::package::afterwards::{asked, hold};
    let check = |name: &str, looks_at| Check { name: name.to_owned(), looks_at, timeout_seconds: 5, before: true };
    let service = check("nginx", LooksAt::Service { unit: "nginx.service".to_owned() });
    let http = |status| check("front", LooksAt::Http { port: 80, path: "/".to_owned(), status, contains: String::new() });
    let set = read(&file("[test]\npost_deploy = { checks = [\"service-up\", \"http-200\", \"shop\"] }")).unwrap();
    assert!(!set.not_enforced.iter().any(|name| name.starts_with("test.post_deploy")), "{:?}", set.not_enforced);
    let lacks = |checks: &[Check]| hold(&set, checks).err().map(|problem| (problem.code, problem.text));
    let (code, text) = lacks(&[]).unwrap();
    assert!(code == "E-POST-DEPLOY" && text.contains("service-up, http-200, shop"), "{text}");
    assert!(lacks(&[service.clone(), http(301)]).unwrap().1.contains("http-200, shop"), "another status is another check");
    let own = check("shop", LooksAt::Command { name: "shop".to_owned() });
    let all = [service, http(200), own, check("port", LooksAt::Tcp { port: 443 })];
    assert_eq!(lacks(&all), None);
    assert_eq!(asked(&set, &all), ["nginx", "front", "shop"], "and not what nobody asked for");
    // A check of the configuration may be any, and then each counts.
    let verified = read(&file("[verify]\nmethod = [\"agent\", \"configuration\"]")).unwrap();
    assert!(hold(&verified, &[]).is_err() && hold(&verified, &all[3..]).is_ok());
    assert_eq!(asked(&verified, &all).len(), 4);
    assert_eq!(asked(&read(&file("")).unwrap(), &all), Vec::<String>::new());
}

#[test]
fn every_ring_is_watched_as_long_as_the_policy_watches_a_change() {
    let rings = "[[ring]]\nid = \"canary\"\npercent = 5\nsoak = \"PT48H\"\n[[ring]]\nid = \"broad\"\npercent = 100\n";
    let soaks = |rules: &str| read(&file(&format!("{rules}[test]\npost_deploy = {{ watch = \"PT24H\" }}"))).unwrap().rollout.rings.iter().map(|ring| ring.soak.as_str().to_owned()).collect::<Vec<_>>();
    assert_eq!(soaks(rings), ["PT48H", "PT24H"], "the longer of the two");
    assert_eq!(soaks(""), ["PT24H", "PT24H"], "Plimsoll's own rings as well");
    let set = read(&file("[test]\npost_deploy = { checks = [\"http-200\", \"shop\"], error_budget_pct = 1 }")).unwrap();
    assert_eq!(set.not_enforced, ["test.post_deploy.error_budget_pct"], "nobody counts requests");
    let said = lines(&lint(&set).problems);
    assert!(said.contains("W-POLICY-CHECK policy.toml:12: shop begins with no kind of check") && !said.contains("http-200 begins"), "{said}");
}
