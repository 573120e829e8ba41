//! The linter held against enumeration by other means, and what it finds.

use super::{lines, read};
use crate::policy::{Depth, PRESETS, decision_table, difference, lint, load_preset, tables::TABLES};
use plimsoll_core::model::policy::{Policy, PolicySet};
use std::collections::{BTreeMap, BTreeSet};
use toml::Value;

type Inputs = BTreeMap<String, String>;

/// Values of the fields that presets look at, typed in here once more.
fn values(field: &str) -> Vec<&'static str> {
    match field {
        "severity" | "vendor_severity" => vec!["unknown", "none", "low", "medium", "high", "critical"],
        "kev" | "publicly_exposed" | "automatable" => vec!["no", "yes"],
        "exposure" => vec!["small", "controlled", "open"],
        "exploitation" => vec!["none", "public-poc", "active"],
        "technical_impact" => vec!["partial", "total"],
        "component_class" => vec!["operating-system", "kernel", "online-service", "office", "application", "library", "driver", "firmware"],
        "fix" => vec!["none", "available"],
        _ => Vec::new(),
    }
}

fn words(value: &Value) -> Vec<String> {
    match value {
        Value::Array(values) => values.iter().flat_map(words).collect(),
        Value::Boolean(yes) => vec![if *yes { "yes" } else { "no" }.to_owned()],
        value => vec![value.as_str().expect("a word").to_owned()],
    }
}

/// A threshold and whether a probe, in the linter's word, meets it.
fn meets(threshold: &str, probe: &str) -> bool {
    let (sign, bound) = threshold.split_at(threshold.find(|letter: char| letter.is_ascii_digit()).expect("a number"));
    let bound: f64 = bound.parse().expect("a number");
    let number = |text: &str| text.parse::<f64>().expect("a number");
    let value = match probe.split_once(' ') {
        _ if probe == "unknown" => return false,
        Some(("below", text)) => number(text) - 0.01,
        Some(("above", text)) => number(text) + 0.01,
        Some(("between", text)) => number(text.split(" and ").next().expect("a number")) + 0.01,
        _ => number(probe),
    };
    match sign {
        ">=" => value >= bound,
        ">" => value > bound,
        "<=" => value <= bound,
        _ => value < bound,
    }
}

/// Every combination that no rule of a duty matches, by trying each.
fn holes(rules: &[&Value]) -> BTreeSet<Inputs> {
    let mut named: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for (key, value) in rules.iter().filter_map(|rule| rule.get("when")).flat_map(|when| when.as_table().expect("when")) {
        match (key.as_str(), value) {
            ("labels", labels) => {
                for (label, allowed) in labels.as_table().expect("labels") {
                    named.entry(format!("labels.{label}")).or_default().extend(words(allowed));
                }
            }
            (key, value) => named.entry(key.to_owned()).or_default().extend(words(value)),
        }
    }
    let mut combinations: Vec<Inputs> = vec![Inputs::new()];
    for (key, seen) in &named {
        let all: Vec<String> = match key.as_str() {
            "cvss2_base" | "cvss3_base" | "cvss4_base" | "cve_year" => {
                let mut bounds: Vec<String> = seen.iter().map(|threshold| threshold.trim_start_matches(['>', '<', '=']).trim_end_matches(".0").to_owned()).collect();
                bounds.sort();
                bounds.dedup();
                assert_eq!(bounds.len(), 1, "this enumeration knows one bound a number");
                let bound = &bounds[0];
                vec!["unknown".to_owned(), format!("below {bound}"), bound.clone(), format!("above {bound}")]
            }
            key if values(key).is_empty() => seen.iter().cloned().chain(["(other)".to_owned()]).collect(),
            key => {
                let kept = |word: &&str| key != "severity" || !matches!(*word, "unknown" | "none") || seen.contains(*word);
                values(key).into_iter().filter(kept).map(str::to_owned).collect()
            }
        };
        combinations = combinations.iter().flat_map(|inputs| all.iter().map(move |value| {
            let mut inputs = inputs.clone();
            inputs.insert(key.clone(), value.clone());
            inputs
        })).collect();
    }
    let is = |inputs: &Inputs, key: &str, word: &str| inputs.get(key).is_some_and(|value| value == word);
    combinations.retain(|inputs| {
        let exploited = !(is(inputs, "kev", "yes") && inputs.contains_key("exploitation") && !is(inputs, "exploitation", "active"));
        let exposed = !(inputs.contains_key("exposure") && inputs.contains_key("publicly_exposed")) || is(inputs, "exposure", "open") == is(inputs, "publicly_exposed", "yes");
        exploited && exposed
    });
    let matched = |inputs: &Inputs, rule: &Value| {
        rule.get("when").is_none_or(|when| {
            when.as_table().expect("when").iter().all(|(key, value)| match key.as_str() {
                "labels" => value.as_table().expect("labels").iter().all(|(label, allowed)| words(allowed).contains(&inputs[&format!("labels.{label}")])),
                key if key.starts_with("cv") => meets(value.as_str().expect("a threshold"), &inputs[key]),
                key => words(value).contains(&inputs[key]),
            })
        })
    };
    combinations.into_iter().filter(|inputs| !rules.iter().any(|rule| matched(inputs, rule))).collect()
}

fn without(set: &PolicySet, at: usize) -> PolicySet {
    let mut set = set.clone();
    let mut rules = set.policies[0].rules.to_vec();
    rules.remove(at);
    set.policies[0].rules = rules.into();
    set
}

#[test]
fn each_rule_deleted_in_turn_leaves_the_holes_that_enumeration_finds() {
    let mut tried = 0;
    for preset in PRESETS {
        let set = load_preset(preset.name, None).expect("preset");
        let file: Value = toml::from_str(preset.text).expect("TOML");
        let rules: Vec<&Value> = file["deadline"].as_array().expect("rules").iter().collect();
        let duty = |rule: &Value| rule.get("duty").and_then(Value::as_str).unwrap_or("remediate").to_owned();
        for at in 0..rules.len() {
            let left: Vec<&Value> = rules.iter().enumerate().filter(|(other, _)| *other != at).map(|(_, rule)| *rule).collect();
            let found = lint(&without(&set, at));
            if file.get("priority").is_some() {
                // One outcome a rule: what it took is what the table gives it.
                let outcome = words(&rules[at]["when"]["priority"]);
                let model = file["priority"]["model"].as_str().expect("model");
                let (_, text) = TABLES.iter().find(|(name, _)| *name == model).expect("table");
                let table: serde_json::Value = serde_json::from_str(text).expect("JSON");
                let id = table["outcome"].as_str().expect("outcome");
                let key = |name: &str| {
                    let values = table["decision_points"][id]["values"].as_array().expect("values");
                    let value = values.iter().find(|value| value["key"] == name || value["name"].as_str().expect("name").to_lowercase().replace(' ', "-") == name);
                    value.unwrap_or_else(|| panic!("{name}"))["key"].clone()
                };
                let keys: Vec<serde_json::Value> = outcome.iter().map(|name| key(name)).collect();
                let expected = table["mapping"].as_array().expect("rows").iter().filter(|row| keys.contains(&row[id])).count();
                // Without its last rule a policy asks nothing.
                assert_eq!(found.holes.len(), expected, "{} without {outcome:?}", preset.name);
            } else {
                let expected: BTreeSet<Inputs> = {
                    let mut duties: BTreeMap<String, Vec<&Value>> = BTreeMap::new();
                    for rule in &left {
                        duties.entry(duty(rule)).or_default().push(rule);
                    }
                    duties.values().flat_map(|rules| holes(rules)).collect()
                };
                let told: BTreeSet<Inputs> = found.holes.iter().map(|hole| hole.inputs.iter().cloned().collect()).collect();
                assert_eq!(told, expected, "{} without rule {at}", preset.name);
            }
            tried += 1;
        }
    }
    assert!(tried > 100, "only {tried} deletions");
}

#[test]
fn tables_have_every_combination_once() {
    for (preset, rows) in [("cisa-bod-26-04", 16), ("ssvc-deployer", 72), ("samm", 4), ("generic-30-90", 4)] {
        let set = load_preset(preset, None).expect("preset");
        let tables = decision_table(&set.policies[0], Depth::Inputs).expect("table");
        assert_eq!(tables[0].rows.len(), rows, "{preset}");
        let different: BTreeSet<&Vec<String>> = tables[0].rows.iter().map(|row| &row.values).collect();
        assert_eq!(different.len(), rows, "{preset}");
        // Folding loses and adds nothing.
        let columns = tables[0].columns.len();
        let sizes: Vec<usize> = (0..columns).map(|column| tables[0].rows.iter().map(|row| &row.values[column]).collect::<BTreeSet<_>>().len()).collect();
        let boxes: usize = tables[0].folded.iter().map(|row| row.values.iter().zip(&sizes).map(|(values, size)| values.as_ref().map_or(*size, Vec::len)).product::<usize>()).sum();
        assert_eq!(boxes, rows, "{preset}");
        assert!(tables[0].folded.len() <= rows);
    }
    for (model, rows) in [("cisa-coordinator/2.0.3", 36), ("ssvc-deployer/2.0", 108)] {
        let set = read(&format!("schema = \"patch-policy/1\"\n[policy]\nid = \"p\"\nversion = \"1\"\n[priority]\nmodel = \"{model}\"\n[[deadline]]\nid = \"all\"\nwhen = {{ priority = [{}] }}\nwithin = \"P1D\"\n", outcomes(model))).expect("policy");
        assert_eq!(decision_table(&set.policies[0], Depth::Inputs).expect("table")[0].rows.len(), rows, "{model}");
        assert_eq!(lint(&set).holes, [], "{model}");
    }
    let set = load_preset("ssvc-deployer", None).expect("preset");
    assert_eq!(decision_table(&set.policies[0], Depth::Facts).expect("table")[0].rows.len(), 3 * 3 * 2 * 16);
}

fn outcomes(model: &str) -> String {
    let table = crate::policy::table(model).expect("table");
    table.outcome().values.iter().map(|value| format!("\"{}\"", value.shown())).collect::<Vec<_>>().join(", ")
}

const HEAD: &str = "schema = \"patch-policy/1\"\n[policy]\nid = \"p\"\nversion = \"1\"\n";

fn linted(text: &str) -> String {
    lines(&lint(&read(&format!("{HEAD}{text}")).unwrap_or_else(|problems| panic!("{}", lines(&problems)))).problems)
}

#[test]
fn rules_that_contradict_each_other_never_match_or_turn_the_order_round() {
    insta::assert_snapshot!(linted(
        r#"[[deadline]]
id = "a"
when = { severity = ["critical"] }
within = "P30D"
[[deadline]]
id = "again"
when = { severity = ["critical"] }
within = "P3D"
[[deadline]]
id = "impossible"
when = { kev = true, exploitation = ["none"] }
within = "P1D"
[[deadline]]
id = "high"
when = { severity = ["high"] }
within = "P14D"
[[deadline]]
id = "rest"
within = "P20D"
"#
    ), @r#"
    E-POLICY-CONTRADICTION policy.toml:10: rule p/again has the `when` of rule p/a (policy.toml:6) and demands P3D of fix_released
    E-POLICY-NEVER policy.toml:14: rule p/impossible can never match: no combination of inputs fits its `when`
    W-POLICY-ORDER policy.toml:6: rule p/a gives more time (P30D of fix_released) than rule p/high (P14D of fix_released), where severity rises from high to critical
    "#);
}

#[test]
fn rings_windows_and_approvals_are_held_against_the_deadlines() {
    // 24 hours of soak and 2 hours of test do not fit into 24 hours.
    insta::assert_snapshot!(linted(
        r#"[[deadline]]
id = "now"
within = "PT24H"
change_type = "emergency"
[[ring]]
id = "canary"
percent = 5
soak = "PT24H"
[[ring]]
id = "broad"
percent = 100
[test]
emergency = { suite = "smoke", min_soak = "PT26H" }
"#
    ), @r#"
    W-POLICY-UNREACHABLE policy.toml:14: ring broad can never finish before its deadline: rule p/now allows 24 hours, and as an emergency change the last ring goes 1 day 2 h after the clock starts at the soonest (test 26 hours, ring canary watched 24 hours)
    "#);
    // One window a week and a day of soak: a week is kept from hardly any hour.
    insta::assert_snapshot!(linted(
        r#"[[deadline]]
id = "week"
within = "P7D"
change_type = "normal"
[[window]]
id = "sunday"
start = 2026-01-01T02:00:00
rule = "FREQ=WEEKLY;BYDAY=SU"
duration = "PT4H"
[[window]]
id = "never"
start = 2026-01-01T02:00:00
rule = "FREQ=MONTHLY;BYMONTH=2;BYMONTHDAY=30"
duration = "PT4H"
[[freeze]]
id = "year-end"
from = 2026-12-18
to = 2027-01-04
break_for = ["emergency"]
[approve]
normal = { quorum = 1, timeout = "P3D" }
"#
    ), @r#"
    N-POLICY-SILENT policy.toml:2: says nothing of: policy.owner, policy.review_every, scope, roles, monitor, cycle, emergency, test, client, verify, waiver, notify, targets, retention
    E-POLICY-WINDOW policy.toml:15: window never never opens in the 400 days from 2026-01-01 on
    W-POLICY-LATE policy.toml:2: ring broad in window sunday may finish after its deadline: rule p/week allows 7 days, and of normal changes that begin at any hour 100 % end late, 9 days 3 h at worst (approval up to 3 days, ring canary watched 24 hours)
    W-POLICY-FREEZE policy.toml:20: freeze year-end lasts 18 days, and a deadline runs out within it: p/week
    "#);
    // Every night is enough.
    assert_eq!(linted("[[deadline]]\nid = \"week\"\nwithin = \"P7D\"\nchange_type = \"normal\"\n[[window]]\nid = \"night\"\nstart = 2026-01-01T22:00:00\nrule = \"FREQ=DAILY\"\nduration = \"PT4H\"\n"), "");
}

#[test]
fn people_clients_and_inputs_that_do_not_fit_together() {
    insta::assert_snapshot!(linted(
        r#"owner = "ciso"
[people]
ciso = { name = "Chief" }
cio = {}
"group:board" = { members = ["ciso", "cio"] }
[roles]
deploy = "operators"
[monitor]
sources = ["csaf:*", "epss"]
[[deadline]]
id = "exploited"
when = { kev = true }
within = "P2D"
change_type = "emergency"
done = "verified-by-second-source"
[[deadline]]
id = "rest"
within = "P20D"
change_type = "standard"
[cycle]
after = "oracle-cpu"
offset = "P2D"
[approve]
normal = { by = ["group:board"], quorum = 3 }
[client]
model = "managed-infrastructure"
routine = "inform"
emergency = "consent"
answer_within = "P3D"
remind_after = ["P3D"]
on_silence = "waive"
clause = { inform = "MSA 7.1" }
[waiver]
kinds = ["deferral"]
forbid = { kinds = ["mitigated"], priority = ["critical"] }
"#
    ), @r#"
    W-POLICY-INPUT policy.toml:13: policy p looks at kev, and monitor.sources names nothing that gives it
    W-POLICY-CLAUSE policy.toml:29: the client section relies on the contract for `consent`, and client.clause.consent names no clause
    W-POLICY-CLAUSE policy.toml:29: the client section relies on the contract for `silence`, and client.clause.silence names no clause
    W-POLICY-CLIENT policy.toml:35: silence is recorded as a liability waiver, and no waiver_text says in which words
    W-POLICY-CLIENT policy.toml:34: a reminder goes out after 3 days, when the 3 days to answer are over
    W-POLICY-CLIENT policy.toml:38: clients decide, and `kinds` does not list client-refusal, which a refusal is recorded as
    W-POLICY-CLIENT policy.toml:33: clients have 3 days to answer on emergency changes, and rule p/exploited allows 2 days in all
    E-POLICY-QUORUM policy.toml:28: 3 people must approve a normal change, and group:board are 2
    N-POLICY-CYCLE policy.toml:24: cycles lie up to 98 days apart, and standard changes of these rules may not wait so long: p/rest (20 days)
    W-POLICY-WAIVER policy.toml:39: forbids a kind of exception that `kinds` does not allow in the first place
    W-POLICY-WAIVER policy.toml:37: exceptions have no longest life
    N-POLICY-WAIVER policy.toml:37: an exception may be renewed without end
    N-POLICY-WAIVER policy.toml:10: nobody is named who may accept a risk
    W-POLICY-VERIFY policy.toml:2: no second source looks, and these rules are done only when one has: p/exploited
    N-POLICY-SILENT policy.toml:2: says nothing of: policy.review_every, scope, emergency, test, verify, notify, targets, retention
    "#);
}

#[test]
fn a_difference_is_what_a_changed_number_changes() {
    let before = load_preset("samm", None).expect("preset");
    let after = read(&super::super::preset("samm").expect("text").replace("within = \"P7D\"", "within = \"P9D\"").replace("within = \"P14D\"", "within = \"P10D\"")).expect("policy");
    let found = difference(&before, &after);
    assert_eq!((found.combinations, found.changed, found.longer, found.apart), (4, 2, 1, false));
    let rows: Vec<String> = found.rows.iter().map(|row| format!("{} {:?} {} → {}", row.change.as_str(), row.inputs[0].1, row.before[0].demand, row.after[0].demand)).collect();
    assert_eq!(rows, ["longer [\"high\"] P7D of fix_released → P9D of fix_released", "shorter [\"medium\"] P14D of fix_released → P10D of fix_released"]);
    assert_eq!(difference(&before, &before).changed, 0);
    // The two readings of human impact differ in six of sixteen rows; what is
    // told apart are the facts below the table.
    let text = super::super::preset("ssvc-deployer").expect("text");
    let by_text = read(&text.replace("human_impact = \"table\"", "human_impact = \"text\"")).expect("policy");
    let found = difference(&load_preset("ssvc-deployer", None).expect("preset"), &by_text);
    assert!(found.changed > 0 && found.longer == 0, "{} of {}", found.changed, found.combinations);
}

#[test]
fn every_pair_of_presets_compares_within_bounds() {
    let sets: Vec<PolicySet> = PRESETS.iter().map(|preset| load_preset(preset.name, None).expect("preset")).collect();
    for one in &sets {
        let other = &sets[0];
        let (there, back) = (difference(one, other), difference(other, one));
        assert_eq!(there.changed, back.changed, "{}", one.policies[0].id);
    }
    let all: Vec<String> = PRESETS.iter().map(|preset| format!("\"{}\"", preset.name)).collect();
    let all = read(&HEAD.replace("[policy]", &format!("extends = [{}]\n[policy]", all.join(", ")))).expect("all presets");
    assert_eq!(difference(&all, &all).changed, 0);
    assert!(lint(&all).sound());
}

/// Where a policy's duty has no hole, every finding keeps an obligation.
#[test]
fn presets_leave_nothing_without_a_rule() {
    for preset in PRESETS {
        let set = load_preset(preset.name, None).expect("preset");
        let policy: &Policy = &set.policies[0];
        for table in decision_table(policy, Depth::Inputs).expect("table") {
            assert!(table.rows.iter().all(|row| row.rule.is_some()), "{}", preset.name);
        }
    }
}
