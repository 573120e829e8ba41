//! What holds whatever the inputs: no change of one loses an obligation, and a
//! graver one never gives more time.

use super::decide::{Case, vendor};
use super::read;
use crate::policy::{PRESETS, load_preset};
use jiff::Timestamp;
use plimsoll_core::model::advisory::Rating;
use plimsoll_core::model::policy::{Exposure, HostFacts, PolicySet};
use plimsoll_core::model::threat::{Exploitation, Kev, Ssvc, TechnicalImpact, Threat};
use proptest::prelude::*;
use proptest::sample::{select, subsequence};
use std::collections::BTreeMap;

const NOW: &str = "2026-03-01T12:00:00Z";
/// Values of each input, mild to grave.
const SIZES: [usize; 6] = [5, 2, 3, 2, 2, 3];

/// A finding by the positions of its inputs: severity (the first is unknown),
/// known exploited, exploitation, automatable, technical impact, exposure.
fn case(at: [usize; 6]) -> Case {
    let rating = [None, Some(Rating::Low), Some(Rating::Medium), Some(Rating::High), Some(Rating::Critical)][at[0]];
    let released: Option<Timestamp> = "2026-02-20T08:00:00Z".parse().ok();
    // Listed before the fix was there: a later listing starts a clock anew,
    // which only what remembers the earlier date can hold against it.
    let kev = (at[1] == 1).then(|| Kev { date_added: jiff::civil::date(2026, 2, 1), due_date: None, ransomware: false, name: String::new(), action: String::new() });
    let ssvc = Ssvc {
        exploitation: Some([Exploitation::None, Exploitation::PublicPoc, Exploitation::Active][at[2]]),
        automatable: Some(at[3] == 1),
        technical_impact: Some([TechnicalImpact::Partial, TechnicalImpact::Total][at[4]]),
    };
    Case {
        severities: rating.map(vendor).into_iter().collect(),
        threat: Threat { kev, ssvc: Some(ssvc), ..Threat::default() },
        published: released,
        fix_released: released,
        first_seen: released,
        host: HostFacts { exposure: Some([Exposure::Small, Exposure::Controlled, Exposure::Open][at[5]]), ..HostFacts::default() },
        ..Case::default()
    }
}

fn every(mut visit: impl FnMut([usize; 6])) {
    let mut at = [0; 6];
    loop {
        visit(at);
        let mut place = SIZES.len();
        loop {
            if place == 0 {
                return;
            }
            place -= 1;
            at[place] += 1;
            if at[place] < SIZES[place] {
                break;
            }
            at[place] = 0;
        }
    }
}

/// Obligations by policy, and the working due date.
fn bound(set: &PolicySet, at: [usize; 6]) -> (Vec<String>, Option<Timestamp>) {
    let decision = case(at).decide(set, NOW).decision;
    let mut policies: Vec<String> = decision.obligations.iter().map(|obligation| obligation.rule.split('/').next().unwrap_or_default().to_owned()).collect();
    policies.dedup();
    (policies, decision.due)
}

#[test]
fn no_change_of_an_input_loses_an_obligation_or_gives_more_time() {
    let all = || PRESETS.iter().map(|preset| load_preset(preset.name, None).expect("preset"));
    let mut sets: Vec<PolicySet> = all().collect();
    sets.push(read(include_str!("acme.toml")).expect("policy"));
    for set in &sets {
        let name = &set.policies[0].id;
        let mut seen: BTreeMap<[usize; 6], Option<Timestamp>> = BTreeMap::new();
        let asked: Vec<&str> = set.policies.iter().filter(|policy| !policy.rules.is_empty()).map(|policy| policy.id.as_str()).collect();
        every(|at| {
            let (policies, due) = bound(set, at);
            assert_eq!(policies, asked, "{name} {at:?}");
            seen.insert(at, due);
        });
        for (at, due) in &seen {
            for place in 0..SIZES.len() {
                // Unknown is no degree of severity.
                if place == 0 && at[0] == 0 {
                    continue;
                }
                let mut graver = *at;
                graver[place] += 1;
                let Some(other) = seen.get(&graver) else { continue };
                // Where no date was asked for, any is more than none.
                assert!(due.is_none() || other.is_some_and(|other| Some(other) <= *due), "{name}: {at:?} is due {due:?}, {graver:?} {other:?}");
            }
        }
    }
}

/// An entry of `when` that names some of these words, or none.
fn some_of(name: &'static str, words: &'static [&'static str]) -> impl Strategy<Value = Option<String>> {
    proptest::option::of(subsequence(words, 1..=words.len()).prop_map(move |words| format!("{name} = {words:?}")))
}

fn rule() -> impl Strategy<Value = String> {
    let when = (
        some_of("severity", &["unknown", "none", "low", "medium", "high", "critical"]),
        some_of("tier", &["gold", "silver", "tin"]),
        some_of("environment", &["prod", "test"]),
        some_of("priority", &["defer", "scheduled", "out-of-cycle", "immediate"]),
        some_of("ring", &["0", "1"]).prop_map(|ring| ring.map(|ring| format!("labels = {{ {ring} }}"))),
        proptest::option::of(Just("cvss3_base = \">=7.0\"".to_owned())),
    );
    (when, select(vec!["remediate", "isolate", "report"]), 1..60_u8).prop_map(|((severity, tier, environment, priority, ring, score), duty, days)| {
        let when: Vec<String> = [severity, tier, environment, priority, ring, score].into_iter().flatten().collect();
        // A rule without conditions always matches, and says so by leaving it out.
        let when = if when.is_empty() { String::new() } else { format!("when = {{ {} }}\n", when.join(", ")) };
        format!("duty = \"{duty}\"\n{when}within = \"P{days}D\"\n")
    })
}

proptest! {
    /// Counting goes by an index of the rules and explaining does not; every
    /// decision is made both ways and compared ([`Case::decide`]).
    #[test]
    fn an_index_of_the_rules_changes_no_decision(
        rules in proptest::collection::vec(rule(), 1..150),
        own in proptest::option::of(select(vec!["gold", "silver"])),
        findings in proptest::collection::vec((0..SIZES[0], proptest::option::of(select(vec!["gold", "silver", "tin", "lead"])), proptest::option::of(select(vec!["prod", "test", "lab"])), proptest::option::of(select(vec!["0", "1", "2"]))), 1..20),
    ) {
        let mut text = "schema = \"patch-policy/1\"\n[policy]\nid = \"any\"\nversion = \"1\"\n[priority]\nmodel = \"ssvc-deployer/1.0.0\"\n".to_owned();
        if let Some(tier) = own {
            text.push_str(&format!("[host]\ntier = \"{tier}\"\n"));
        }
        for (number, rule) in rules.iter().enumerate() {
            text.push_str(&format!("[[deadline]]\nid = \"rule-{number}\"\n{rule}"));
        }
        let set = read(&text).expect("policy");
        for (severity, tier, environment, ring) in findings {
            let mut case = case([severity, 1, 1, 1, 1, 1]);
            case.host.tier = tier.map(str::to_owned);
            case.host.environment = environment.map(str::to_owned);
            case.host.labels = ring.map(|ring| ("ring".to_owned(), ring.to_owned())).into_iter().collect();
            let decision = case.decide(&set, NOW).decision;
            prop_assert!(decision.obligations.len() <= 3, "one for each duty: {:?}", decision.obligations);
        }
    }
}
