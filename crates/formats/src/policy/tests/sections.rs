//! Sections on people and practice: read strictly, all mistakes at once.

use super::read;
use crate::policy::draft::{Wish, draft};
use crate::policy::{PRESETS, lint};
use plimsoll_core::model::policy::governance::ClientModel;
use plimsoll_core::model::problem::Problem;

const HEAD: &str = "schema = \"patch-policy/1\"\n[policy]\nid = \"p\"\nversion = \"1\"\n";

fn whole(problems: &[Problem]) -> String {
    problems.iter().map(|problem| format!("{} {}: {}\n    {}\n", problem.code, problem.place, problem.text, problem.next)).collect()
}

fn refused(text: &str) -> String {
    whole(&read(&format!("{HEAD}{text}")).expect_err("refused"))
}

#[test]
fn every_section_says_line_reason_and_what_was_meant() {
    insta::assert_snapshot!(refused(
        r#"timezoen = "Europe/Oslo"
[roles]
monitr = "group:security"
[cycle]
after = "patch-tuesdya"
[client]
model = "managed-infrastructure"
routine = "informed"
[verify]
max_evidence_age = "a week"
[targets]
coverage_pct = 120
[notify]
planed = { to = ["owners"] }
[[escalation]]
at_percent = 50
to = ["owner"]
[[escalation]]
at_percent = 80
to = ["owner"]
level = ["critical"]
[cost]
currency = "EUR"
rate = { default = -1 }
[baseline]
unsupported = { remove_by = "soon" }
[approve]
normal = { quorum = 2, on_timeout = "escalates" }
"#
    ), @r#"
    E-POLICY policy.toml:5: unknown field `timezoen`, expected one of `id`, `version`, `title`, `source`, `as_of`, `status`, `marks`, `purpose`, `owner`, `approved_by`, `effective`, `review_every`, `timezone`, `grace_new_assets`
        did you mean `timezone`?
    E-POLICY policy.toml:7: unknown field `monitr`, expected one of `monitor`, `acquire`, `evaluate`, `prioritize`, `test`, `package`, `deploy`, `confirm`, `clean_up`, `document`, `change_authority`, `risk_acceptor`
        did you mean `monitor`?
    E-POLICY policy.toml:9: unknown variant `patch-tuesdya`, expected one of `patch-tuesday`, `sap-patch-day`, `oracle-cpu`, `cisco-ios`
        did you mean `patch-tuesday`?
    E-POLICY policy.toml:12: unknown variant `informed`, expected one of `none`, `inform`, `consult`, `consent`
        did you mean `inform`?
    E-POLICY policy.toml:14: `a week` is not an ISO 8601 duration such as PT48H, P14D or P1M
        correct this line, or what it belongs to
    E-POLICY policy.toml:16: 120 is no percentage, the limit is 100
        correct this line, or what it belongs to
    E-POLICY policy.toml:18: unknown field `planed`, expected one of `planned`, `during`, `completed`, `failed`, `emergency`, `overdue`, `brief`, `status`, `meeting`, `quiet_hours`
        did you mean `planned`?
    E-POLICY policy.toml:25: unknown field `level`, expected one of `at_percent`, `to`, `levels`
        did you mean `levels`?
    E-POLICY policy.toml:28: -1 is no price: write a number from 0 on
        correct this line, or what it belongs to
    E-POLICY policy.toml:30: `soon` is not an ISO 8601 duration such as PT48H, P14D or P1M, or end-of-support
        correct this line, or what it belongs to
    E-POLICY policy.toml:32: unknown variant `escalates`, expected one of `escalate`, `expire`, `reject`
        did you mean `escalate`?
    "#);
}

#[test]
fn names_levels_sources_and_cycles_must_be_known() {
    insta::assert_snapshot!(refused(
        r#"timezone = "Europe/Olso"
owner = "cios"
approved_by = ["ciso", "mallory"]
[people]
ciso = { mail = "ciso@acme.example" }
"group:ops" = { members = ["ciso"] }
[roles]
deploy = "group:osp"
risk_acceptor = { critcal = "ciso" }
[monitor]
sources = ["kve", "csaf:*"]
[forensics]
trigger = ["3DF"]
[waiver]
kinds = ["deferral"]
max_length = { hihg = "P7D" }
[cycle]
offset = "PT5H"
[cost]
currency = "euro"
[[asset_class]]
id = "all"
"#
    ), @r#"
    E-POLICY policy.toml:5: there is no time zone `Europe/Olso`
        did you mean `Europe/Oslo`?
    E-POLICY policy.toml:6: policy.owner names `cios`, and [people] knows nobody by that name
        did you mean `ciso`? Else add it to [people]
    E-POLICY policy.toml:7: policy.approved_by names `mallory`, and [people] knows nobody by that name
        add it to [people]
    E-POLICY policy.toml:12: roles.deploy names `group:osp`, and [people] knows nobody by that name
        did you mean `group:ops`? Else add it to [people]
    E-POLICY policy.toml:13: roles.risk_acceptor names `critcal`, which is no severity, priority or rule of the policies in force
        did you mean `critical`?
    E-POLICY policy.toml:17: forensics.trigger names `3DF`, which is no severity, priority or rule of the policies in force
        use one of: critical, high, low, medium
    E-POLICY policy.toml:20: waiver.max_length names `hihg`, which is no severity, priority or rule of the policies in force
        did you mean `high`?
    E-POLICY policy.toml:15: monitor.sources names `kve`, and there is no such kind of source
        did you mean `kev`?
    E-POLICY policy.toml:21: the cycle has neither `rule` nor `after`
        write after = "patch-tuesday" with an offset, or a rule
    E-POLICY policy.toml:22: offset `PT5H` is not whole days after a vendor's day
        write offset = "P2D" beside `after`
    E-POLICY policy.toml:24: `euro` is no currency code
        write three capital letters: EUR
    E-POLICY policy.toml:26: asset class `all` selects no host
        give it a `select`
    "#);
    // Extended policies bring their levels along.
    let known = HEAD.replace("[policy]", "extends = [\"cisa-bod-26-04\"]\n[policy]");
    assert!(read(&format!("{known}[forensics]\ntrigger = [\"3DF\"]\n")).is_ok());
    assert!(whole(&read(&HEAD.replace("[policy]", "extends = [\"cisa-bod-2604\"]\n[policy]")).expect_err("unknown")).contains("did you mean `cisa-bod-26-04`?"));
}

#[test]
fn sections_of_an_extended_file_have_no_effect_and_that_is_said() {
    let base = format!("{}[client]\nmodel = \"internal\"\n[[window]]\nid = \"night\"\nstart = 2026-01-01T22:00:00\nrule = \"FREQ=DAILY\"\nduration = \"PT4H\"\n", HEAD.replace("\"p\"", "\"base\""));
    let files = |name: &str| (name == "base.toml").then(|| base.clone());
    let set = crate::policy::load("p.toml", &HEAD.replace("[policy]", "extends = [\"base.toml\"]\n[policy]"), &files).expect("policy");
    assert_eq!(set.problems.len(), 1);
    assert!(set.problems[0].place.starts_with("base.toml:7") && set.problems[0].text.contains("window, client"), "{}", whole(&set.problems));
}

fn wish(presets: &[&str], client: ClientModel) -> Wish {
    Wish {
        id: "acme-prod".to_owned(),
        title: "Patch policy of \"Acme\"\\".to_owned(),
        presets: presets.iter().map(|name| (*name).to_owned()).collect(),
        owner: "ciso@acme.example".to_owned(),
        approvers: vec!["Kim \"K\" Lee".to_owned(), "cio".to_owned()],
        timezone: "Europe/Oslo".to_owned(),
        effective: jiff::civil::date(2026, 12, 1),
        window_days: Some("MO,TU,WE,TH".to_owned()),
        window_start: "22:00".to_owned(),
        window_duration: "PT4H".to_owned(),
        client,
        clause: Some("MSA 7.2".to_owned()),
    }
}

#[test]
fn a_first_draft_of_every_preset_and_client_model_is_clean() {
    let others = |name: &str| crate::policy::preset(name).map(str::to_owned);
    let mut wishes: Vec<Wish> = PRESETS.iter().map(|preset| wish(&[preset.name], ClientModel::Internal)).collect();
    wishes.extend([ClientModel::Asp, ClientModel::ManagedInfrastructure].map(|client| wish(&["cisa-bod-26-04", "cyber-essentials-3.3", "samm"], client)));
    wishes.push(Wish { window_days: None, approvers: Vec::new(), ..wish(&["samm"], ClientModel::Internal) });
    for wish in wishes {
        let text = draft(&wish).unwrap_or_else(|problems| panic!("{:?}: {}", wish.presets, whole(&problems)));
        let set = crate::policy::load("policy.toml", &text, &others).expect("draft");
        let found = lint(&set);
        assert!(found.clean(), "{:?} {:?}: {}", wish.presets, wish.client, whole(&found.problems));
    }
    let bad = Wish { timezone: "Europe/Olso".to_owned(), ..wish(&["samm"], ClientModel::Internal) };
    assert!(whole(&draft(&bad).expect_err("zone")).contains("did you mean `Europe/Oslo`?"));
    assert!(whole(&draft(&wish(&["sam"], ClientModel::Internal)).expect_err("preset")).contains("did you mean `samm`?"));
}
