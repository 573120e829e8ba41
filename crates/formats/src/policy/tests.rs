//! Golden tables, whole presets, whole decisions, hostile files.

mod decide;
mod exceptions;
mod forensics;
mod golden;
mod hostile;
mod linting;
mod practice;
mod properties;
mod rollout;
mod second_opinion;
mod sections;
mod simulation;
mod watching;

use super::*;
use plimsoll_core::model::policy::PolicySet;

fn nothing(_: &str) -> Option<String> {
    None
}

fn read(text: &str) -> Result<PolicySet, Vec<plimsoll_core::model::problem::Problem>> {
    load("policy.toml", text, &nothing)
}

/// Problems as lines, so that a test shows them whole.
fn lines(problems: &[plimsoll_core::model::problem::Problem]) -> String {
    problems.iter().map(|problem| format!("{} {}: {}\n", problem.code, problem.place, problem.text)).collect()
}

#[test]
fn the_full_policy_file_parses_as_written() {
    let set = read(include_str!("tests/acme.toml")).expect("the file of the reference");
    let ids: Vec<&str> = set.policies.iter().map(|policy| policy.id.as_str()).collect();
    assert_eq!(ids, ["acme-prod", "cisa-bod-26-04", "cyber-essentials-3.3"]);
    assert!(set.policies.iter().all(|policy| policy.zone_name == "Europe/Oslo"));
    assert_eq!((set.max_feed_age.seconds(), set.max_feed_age.stated), (86_400, true));
    assert_eq!(
        set.not_enforced_here().join(" "),
        "client.on_refusal.notify baseline roles.evaluate roles.test \
         test.require_signature"
    );
    let own = &set.policies[0];
    assert_eq!(own.waiver.as_ref().expect("waiver").kinds.len(), 6);
    assert_eq!(own.effective, Some(jiff::civil::date(2026, 12, 1)));
    insta::assert_snapshot!(lines(&lint(&set).problems), @r#"
    N-POLICY-INPUT policy.toml:5: policy acme-prod looks at exposure, mission, safety, which no source gives: hosts that do not say get what `unknown` assumes
    N-POLICY-INPUT policy.toml:2: policy cisa-bod-26-04 looks at exposure, the day of the next upgrade, which no source gives: hosts that do not say get what `unknown` assumes
    W-POLICY-CLAUSE policy.toml:116: the client section relies on the contract for `inform`, and client.clause.inform names no clause
    W-POLICY-CLAUSE policy.toml:116: the client section relies on the contract for `consent`, and client.clause.consent names no clause
    W-POLICY-CLAUSE policy.toml:116: the client section relies on the contract for `silence`, and client.clause.silence names no clause
    W-POLICY-CLAUSE policy.toml:116: the client section relies on the contract for `refusal`, and client.clause.refusal names no clause
    W-POLICY-AUDIENCE policy.toml:153: soc are to be told, and nothing says who that is: no notice can reach anybody by this word
    N-POLICY-CYCLE policy.toml:71: cycles lie up to 35 days apart, and standard changes of these rules may not wait so long: acme-prod/scheduled (30 days)
    W-POLICY-ROLE policy.toml:15: nobody is held to roles.monitor, because [people] does not say who group:vuln-team is
    W-POLICY-ROLE policy.toml:18: nobody is held to roles.deploy, because [people] does not say who group:ops is
    N-POLICY-SILENT policy.toml:5: says nothing of: scope, retention
    W-POLICY-UNREACHABLE policy.toml:98: ring broad in window prod-night can never finish before its deadline: rule acme-prod/immediate allows 24 hours, and as an emergency change the last ring goes 1 day after the clock starts at the soonest (test 2 hours, ring canary watched 24 hours)
    W-POLICY-LATE policy.toml:98: ring broad in window prod-night may finish after its deadline: rule acme-prod/out-of-cycle allows 7 days, and of normal changes that begin at any hour 84 % end late, 5 days 23 h at worst (approval up to 2 days, test 72 hours, ring canary watched 24 hours)
    W-POLICY-FREEZE policy.toml:86: freeze year-end lasts 18 days, and deadlines run out within it: acme-prod/out-of-cycle, cisa-bod-26-04/14D
    "#);
    let tables = decision_table(own, Depth::Outcome).expect("table");
    let rows: Vec<String> = tables[0]
        .rows
        .iter()
        .map(|row| format!("{} {} {}", row.values.join(" "), row.rule.as_deref().unwrap_or("-"), row.demand))
        .collect();
    assert_eq!(
        rows,
        [
            "defer defer P90D of fix_released",
            "scheduled scheduled P30D of fix_released",
            "out-of-cycle out-of-cycle P7D of known_and_fix_available",
            "immediate immediate PT24H of known_and_fix_available",
        ]
    );
}

#[test]
fn every_preset_loads_is_dated_and_lints_clean() {
    let mut shown = String::new();
    for preset in PRESETS {
        let set = load_preset(preset.name, None).unwrap_or_else(|problems| panic!("{}: {}", preset.name, lines(&problems)));
        let policy = &set.policies[0];
        assert_eq!(policy.id, preset.name, "id and file name agree");
        assert!(!policy.source.is_empty() && policy.as_of.is_some() && !policy.marks.is_empty(), "{}", preset.name);
        assert_eq!(lines(&lint(&set).problems), "", "{}", preset.name);
        assert!(set.not_enforced_here().is_empty() && set.problems.is_empty());
        let rows: usize = decision_table(policy, Depth::Outcome).expect("table").iter().map(|table| table.rows.len()).sum();
        shown.push_str(&format!("{} {:?}: {} rules, {rows} rows\n", policy.id, policy.status, policy.rules.len()));
    }
    insta::assert_snapshot!(shown, @r#"
    cis-v8 InForce: 1 rules, 1 rows
    cisa-bod-26-04 InForce: 5 rules, 5 rows
    cyber-essentials-3.3 InForce: 4 rules, 24 rows
    dora InForce: 1 rules, 1 rows
    essential-eight-ml1 InForce: 9 rules, 192 rows
    essential-eight-ml2 InForce: 10 rules, 192 rows
    essential-eight-ml3 InForce: 19 rules, 192 rows
    fedramp-rev5-legacy Legacy: 3 rules, 4 rows
    fedramp-vdr-2026 InForce: 38 rules, 180 rows
    generic-30-90 InForce: 2 rules, 4 rows
    hipaa-nprm Proposed: 3 rules, 4 rows
    iso-27001-a.8.8 InForce: 1 rules, 1 rows
    legacy-bod-19-02 Legacy: 3 rules, 8 rows
    legacy-bod-22-01 Legacy: 3 rules, 8 rows
    nerc-cip-007-6 InForce: 1 rules, 1 rows
    nis2-2024-2690 InForce: 1 rules, 1 rows
    pci-dss-4.0.1 InForce: 2 rules, 4 rows
    samm InForce: 4 rules, 4 rows
    ssvc-deployer InForce: 4 rules, 4 rows
    "#);
}

#[test]
fn the_linter_names_gaps_shadows_missing_numbers_and_epss_alone() {
    let set = read(
        r#"
schema = "patch-policy/1"
[policy]
id = "p"
version = "1"
[[deadline]]
id = "a"
when = { severity = ["critical", "high"], environment = ["prod"] }
within = "P1D"
[[deadline]]
id = "b"
when = { severity = ["high"], environment = ["prod"], kev = [true] }
within = "P2D"
[[deadline]]
id = "c"
when = { severity = ["low"] }
[[deadline]]
id = "d"
when = { epss = ">=0.5", epss_model = ["v2025.03.14"] }
within = "P3D"
"#,
    )
    .expect("policy");
    insta::assert_snapshot!(lines(&lint(&set).problems), @r#"
    W-POLICY-GAP policy.toml:18: policy p: no remediate rule covers 80 of 192 combinations: severity = medium, epss = unknown or below 0.5; severity = medium, epss = 0.5 or above 0.5, epss_model = v2023.03.01 or (other); severity = high or critical, environment = (other), epss = unknown or below 0.5; severity = high or critical, environment = (other), epss = 0.5 or above 0.5, epss_model = v2023.03.01 or (other)
    E-POLICY-SHADOWED policy.toml:11: rule p/b never binds: a before it takes all it matches
    W-POLICY-NO-NUMBER policy.toml:15: rule p/c has no `within`: it sets no date
    W-POLICY-EPSS-ALONE policy.toml:18: rule p/d rests on EPSS alone, which FIRST means for when there is no other evidence
    "#);
}
