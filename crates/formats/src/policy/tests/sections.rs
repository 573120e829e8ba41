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
    ), @"");
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
    ), @"");
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
