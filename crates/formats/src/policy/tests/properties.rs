//! What holds whatever the inputs: no change of one loses an obligation, and a
//! graver one never gives more time.

use super::decide::{Case, vendor};
use super::read;
use crate::policy::{PRESETS, load_preset};
use jiff::Timestamp;
use plimsoll_core::model::advisory::Rating;
use plimsoll_core::model::policy::{Exposure, HostFacts, PolicySet};
use plimsoll_core::model::threat::{Exploitation, Kev, Ssvc, TechnicalImpact, Threat};
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
