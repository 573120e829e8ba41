//! Sections of rings, windows, freezes, tests and approvals.

use super::{lines, read};
use plimsoll_core::model::deployment_package::{ChangeType, RebootRule};
use plimsoll_core::model::policy::RolloutRules;
use plimsoll_core::model::policy::rollout::Suite;

const HEAD: &str = "schema = \"patch-policy/1\"\n[policy]\nid = \"p\"\nversion = \"1\"\ntimezone = \"Europe/Oslo\"\n";

fn refused(text: &str) -> String {
    lines(&read(&format!("{HEAD}{text}")).expect_err("refused"))
}

#[test]
fn the_policy_of_the_reference_is_read_whole() {
    let rules = read(include_str!("acme.toml")).expect("policy").rollout;
    assert_eq!(rules.rings.iter().map(|ring| (ring.id.as_str(), ring.percent, ring.failed_per_mille, ring.health_failed)).collect::<Vec<_>>(), [("canary", Some(5), 50, Some(1)), ("broad", Some(100), 20, None)]);
    assert_eq!(rules.rings[0].select.words(), "labels.ring is 0");
    let window = &rules.windows[0];
    assert_eq!((window.zone_name.as_str(), window.start.to_string().as_str(), window.duration.words().as_str(), window.stop_starting.as_str()), ("Europe/Oslo", "2026-01-01T22:00:00", "4 hours", "PT30M"));
    assert_eq!((window.reboot, window.break_for.as_slice()), (true, &[ChangeType::Emergency][..]));
    // Days are days of the policy's zone, and the last belongs to it.
    let freeze = &rules.freezes[0];
    assert_eq!((freeze.from.to_string(), freeze.to.to_string()), ("2026-12-17T23:00:00Z".to_owned(), "2027-01-04T23:00:00Z".to_owned()));
    assert_eq!(rules.test[&ChangeType::Normal].suite, Suite::Full);
    assert_eq!(rules.test[&ChangeType::Emergency].min_soak.words(), "2 hours");
    assert_eq!((rules.approve.quorum[&ChangeType::Normal], rules.approve.quorum[&ChangeType::Emergency], rules.approve.timeout.len()), (2, 1, 1));
    assert_eq!(rules.reboot, RebootRule::IfNeeded);
}

#[test]
fn rings_name_the_outside_alerts_that_hold_them() {
    let ring = |alerts: &str| format!("[[ring]]\nid = \"all\"\npercent = 100\nalerts = [{alerts}]\n");
    let rules = read(&format!("{HEAD}{}", ring("{ source = \"prometheus\", query = \"sum(errors)\\n  > 1\" }, { source = \"pager\", labels = { severity = [\"critical\", \"page\"], team = \"web\" }, max_age = \"PT10M\" }"))).expect("policy").rollout;
    let words: Vec<String> = rules.rings[0].alerts.iter().map(|gate| format!("{} {}", gate.words(), gate.max_age.as_str())).collect();
    assert_eq!(words, ["prometheus: query sum(errors) > 1 PT5M", "pager: alerts with severity critical or page and team web PT10M"]);
    for (alerts, said) in [
        ("{ source = \"Prometheus\", query = \"up\" }", "source `Prometheus` is not a plain name"),
        ("{ source = \"p\" }", "has one of `query` and `labels`"),
        ("{ source = \"p\", query = \"up\", labels = { a = \"b\" } }", "has one of `query` and `labels`"),
        ("{ source = \"p\", query = \" \" }", "the query is empty"),
        ("{ source = \"p\", labels = {} }", "every alert would shut the gate"),
        ("{ source = \"p\", labels = { \"a-b\" = \"c\" } }", "label `a-b`"),
        ("{ source = \"p\", labels = { a = [] } }", "label `a`"),
        ("{ source = \"p\", query = \"up\", max_age = \"PT10S\" }", "below a minute"),
        ("{ source = \"p\", query = \"up\", url = \"x\" }", "unknown field `url`"),
    ] {
        let shown = refused(&ring(alerts));
        assert!(shown.contains(said), "{alerts}: {shown}");
    }
}

#[test]
fn says_where_an_accreditation_is_needed() {
    let rules = read(&format!("{HEAD}[accreditation]\nselect = {{ environment = [\"prod\"] }}\nchange = [\"normal\"]\nby = [\"ciso\"]\n")).expect("policy").governance;
    let rule = rules.accreditation.expect("a rule");
    assert_eq!((rule.select.words().as_str(), rule.change.as_slice(), rule.by.as_slice()), ("environment is prod", &[ChangeType::Normal][..], &["ciso".to_owned()][..]));
    assert!(refused("[accreditation]\nchange = [\"usual\"]\n").contains("unknown variant `usual`"));
    assert!(refused("[accreditation]\nuntil = \"P1Y\"\n").contains("unknown field `until`"));
}

#[test]
fn a_silent_file_has_the_rules_of_its_own_program() {
    assert_eq!(read(HEAD).expect("policy").rollout, RolloutRules::default());
    let set = read(&format!("{HEAD}[reboot]\nrule = \"never\"\n[approve]\nseparation_of_duties = false\n")).expect("policy");
    assert_eq!(set.rollout.reboot, RebootRule::Never);
    assert!(lines(&set.problems).contains("W-POLICY-DUTIES policy.toml:9: separation_of_duties = false"), "{}", lines(&set.problems));
}

#[test]
fn says_line_reason_and_way_out() {
    insta::assert_snapshot!(refused(
        r#"[[ring]]
id = "Canary"
percent = 0
[[ring]]
id = "broad"
select = { role = ["web"] }
[[window]]
id = "night"
start = 2026-01-01T22:00:00Z
rule = "FREQ=WEEKLY"
duration = "PT4H"
[[window]]
id = "night"
tz = "Europe/Olso"
start = 2026-01-01T22:00:00
rule = "FREQ=WEEKLY"
duration = "PT4H"
[[window]]
id = "rule"
start = 2026-01-01T22:00:00
rule = "FREQ=SECONDLY"
duration = "PT4H"
[[window]]
id = "short"
start = 2026-01-01T22:00:00
rule = "FREQ=DAILY"
duration = "PT1H"
stop_starting = "PT2H"
reboot = "perhaps"
break_for = ["urgent"]
[[freeze]]
id = "back"
from = 2026-12-24
to = 2026-12-20
[test]
normal = { suite = "some", min_soak = "a day" }
[approve]
normal = { quorum = 0 }
"#
    ), @r#"
    E-POLICY policy.toml:7: ring `Canary` is not a plain name
    E-POLICY policy.toml:8: percent is 0
    E-POLICY policy.toml:11: `select` has no field `role`
    E-POLICY policy.toml:10: the last ring `broad` does not take the rest of the hosts
    E-POLICY policy.toml:14: start is not a date and time on the clock of the zone
    E-POLICY policy.toml:18: there is a window `night` already
    E-POLICY policy.toml:19: there is no time zone `Europe/Olso`
    E-POLICY policy.toml:26: rule `FREQ=SECONDLY` has FREQ=SECONDLY, read are DAILY, WEEKLY and MONTHLY
    E-POLICY policy.toml:33: stop_starting leaves no time to start in
    E-POLICY policy.toml:34: reboot has no value `perhaps`
    E-POLICY policy.toml:35: break_for has no value `urgent`
    E-POLICY policy.toml:39: freeze `back` ends before it begins
    E-POLICY policy.toml:41: suite has no value `some`
    E-POLICY policy.toml:41: min_soak `a day` is not an ISO 8601 duration such as PT48H, P14D or P1M
    E-POLICY policy.toml:43: quorum is 0
    "#);
    assert!(refused("[[ring]]\nid = \"a\"\npercent = 100\nsoak_time = \"PT1H\"\n").contains("unknown field `soak_time`"));
}
