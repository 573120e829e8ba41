//! The first draft of a policy file, from a few answers.

use super::{load, preset};
use jiff::civil::Date;
use plimsoll_core::model::policy::Within;
use plimsoll_core::model::policy::governance::ClientModel;
use plimsoll_core::model::problem::Problem;
use std::fmt::Write;

/// What a first draft is made from.
#[derive(Clone, PartialEq, Debug)]
pub struct Wish {
    /// Id, `acme-prod`.
    pub id: String,
    /// One line for people.
    pub title: String,
    /// Presets whose obligations it takes over.
    pub presets: Vec<String>,
    /// Who answers for it.
    pub owner: String,
    /// Who signs it and approves changes; the owner where nobody is named.
    pub approvers: Vec<String>,
    /// IANA time zone of its calendar.
    pub timezone: String,
    /// First day on which it binds.
    pub effective: Date,
    /// Days of the maintenance window, `MO,TU,WE,TH`; none for any time.
    pub window_days: Option<String>,
    /// When the window opens, `22:00`.
    pub window_start: String,
    /// How long it lasts, `PT4H`.
    pub window_duration: String,
    /// How clients take part.
    pub client: ClientModel,
    /// The clause of the contract that allows it.
    pub clause: Option<String>,
}

/// A string as TOML writes it.
fn quoted(text: &str) -> String {
    toml::Value::String(text.to_owned()).to_string()
}

fn list(words: &[String]) -> String {
    format!("[{}]", words.iter().map(|word| quoted(word)).collect::<Vec<_>>().join(", "))
}

/// Writes the file, with comments for its readers.
///
/// # Errors
///
/// What is wrong with the answers, as the file that they would make.
pub fn draft(wish: &Wish) -> Result<String, Vec<Problem>> {
    let mut rules = Vec::new();
    let mut problems = Vec::new();
    for name in &wish.presets {
        match super::load_preset(name, None) {
            Ok(set) => rules.extend(set.policies.into_iter().flat_map(|policy| policy.rules)),
            Err(mut wrong) => problems.append(&mut wrong),
        }
    }
    if !problems.is_empty() {
        return Err(problems);
    }
    let has_numbers = rules.iter().any(|rule| !matches!(rule.within, Within::NoNumber(_)));
    let forensic = rules.iter().any(|rule| rule.also.iter().any(|also| also.contains("forensic")));
    let mut text = String::new();
    head(&mut text, wish);
    people(&mut text, wish);
    watching(&mut text);
    deadlines(&mut text, has_numbers);
    changes(&mut text, wish);
    client(&mut text, wish);
    proof(&mut text, forensic);
    telling(&mut text);
    let others = |name: &str| preset(name).map(str::to_owned);
    load("the draft", &text, &others).map(|_| text)
}

fn head(text: &mut String, wish: &Wish) {
    let approvers = if wish.approvers.is_empty() { std::slice::from_ref(&wish.owner) } else { &wish.approvers };
    let _ = write!(
        text,
        r#"# The patch policy. Plimsoll enforces this file; `plimsoll policy render` makes of it the document that people sign.
#
#   plimsoll policy lint FILE      what is wrong, missing or cannot be kept
#   plimsoll policy table FILE     every combination of inputs, with its deadline
#   plimsoll policy diff OLD FILE  what a change of this file changes
#
# Durations are ISO 8601: PT48H is 48 hours to the second, P14D ends with the 14th day, P1M with the same day next month.
schema = "patch-policy/1"

# Each of these sets its own obligations; they add up, and the earliest due date works.
# `plimsoll policy presets` says where each comes from.
extends = {presets}
combine = "strictest"

[policy]
id = {id}
version = {version}
title = {title}
purpose = "Keep every system in scope free of known vulnerabilities within the times set here, and be able to prove it."
owner = {owner}
approved_by = {approved}
effective = {effective}
review_every = "P1Y"
timezone = {timezone}

[scope]
statement = "Every host and application that Plimsoll manages."
# select = {{ environment = ["prod", "test"] }}   # narrows it to hosts that say so
"#,
        presets = list(&wish.presets),
        id = quoted(&wish.id),
        version = quoted(&format!("{}.{:02}", wish.effective.year(), wish.effective.month())),
        title = quoted(&wish.title),
        owner = quoted(&wish.owner),
        approved = list(approvers),
        effective = wish.effective,
        timezone = quoted(&wish.timezone),
    );
}

fn people(text: &mut String, wish: &Wish) {
    let mut names = vec![wish.owner.clone()];
    for approver in &wish.approvers {
        if !names.contains(approver) {
            names.push(approver.clone());
        }
    }
    let board = if wish.approvers.is_empty() { list(&names) } else { list(&wish.approvers) };
    text.push_str("\n# Who the names are. A name that is not here, and is no common word such as \"owners\", is refused.\n[people]\n");
    for name in &names {
        let _ = writeln!(text, "{} = {{ name = {} }}", quoted(name), quoted(name));
    }
    let _ = write!(
        text,
        r#""group:change-board" = {{ name = "Change board", members = {board} }}
"group:security" = {{ name = "Security team" }}
"group:operations" = {{ name = "Operations" }}

[roles]
monitor = "group:security"
evaluate = "group:security"
test = "group:operations"
deploy = "group:operations"
confirm = "group:security"
change_authority = {{ standard = "auto", normal = "group:change-board", emergency = "group:change-board" }}
risk_acceptor = {{ critical = {owner}, high = {owner}, medium = "service-owner", low = "service-owner" }}
"#,
        owner = quoted(&wish.owner),
    );
}

fn watching(text: &mut String) {
    text.push_str(
        r#"
[monitor]
max_feed_age = "PT24H"
discovery_every = "P14D"
scan_every = { open = "P1D", controlled = "P7D", small = "P14D" }
# sources = ["kev", "vulnrichment", "epss", "osv", "csaf:*", "vendor:*"]   # all there are, unless named

[classify]
# What stands in for what nobody knows; every use is printed.
unknown = { severity = "high", exposure = "open", automatable = "yes" }
"#,
    );
}

fn deadlines(text: &mut String, has_numbers: bool) {
    if has_numbers {
        text.push_str(
            r#"
# Rules of your own stand beside those of the presets. The first that matches binds.
# [[deadline]]
# id = "critical"
# when = { severity = ["critical"] }
# within = "PT48H"
# clock = "fix_released"      # or detected, evaluated, kev_listed, known_and_fix_available
# done = "effective"          # or mitigated, installed, verified, verified-by-second-source
# change_type = "emergency"   # or normal, standard
"#,
        );
        return;
    }
    text.push_str("\n# The presets above give no number of days, so these are your own: change them to what you can keep.\n");
    for (severity, within, kind) in [("critical", "P3D", "emergency"), ("high", "P14D", "normal"), ("medium", "P30D", "standard"), ("low", "P90D", "standard")] {
        let _ = write!(
            text,
            "[[deadline]]\nid = \"{severity}\"\nwhen = {{ severity = [\"{severity}\"] }}\nwithin = \"{within}\"\nclock = \"fix_released\"\ndone = \"effective\"\nchange_type = \"{kind}\"\n\n"
        );
    }
}

fn changes(text: &mut String, wish: &Wish) {
    let people = wish.approvers.len().clamp(1, 2);
    text.push_str("\n# Routine patching: two days after Microsoft's Patch Tuesday.\n[cycle]\nafter = \"patch-tuesday\"\noffset = \"P2D\"\nlead_notice = \"P3D\"\n");
    if let Some(days) = &wish.window_days {
        let _ = write!(
            text,
            r#"
[[window]]
id = "maintenance"
start = {}-01-01T{}:00
rule = {}
duration = {}
reboot = "allowed"
break_for = ["emergency"]   # emergencies do not wait for it
"#,
            wish.effective.year(),
            wish.window_start,
            quoted(&format!("FREQ=WEEKLY;BYDAY={days}")),
            quoted(&wish.window_duration),
        );
    }
    let _ = write!(
        text,
        r#"
# Nothing starts in a freeze:
# [[freeze]]
# id = "year-end"
# from = {year}-12-18
# to = {next}-01-04
# break_for = ["emergency"]

# A few hosts go first and are watched; then all others.
[[ring]]
id = "canary"
percent = 5
soak = "PT2H"
abort_if = {{ failed_pct = 0.0, health_failed = 1 }}

[[ring]]
id = "broad"
percent = 100
soak = "PT0S"
abort_if = {{ failed_pct = 2.0 }}

[test]
standard = {{ suite = "smoke", min_soak = "PT24H" }}
normal = {{ suite = "smoke", min_soak = "PT24H" }}
emergency = {{ suite = "smoke", min_soak = "PT2H" }}
require_signature = true
post_deploy = {{ checks = ["service-up"], watch = "PT2H", ticket_limit = 3 }}

[approve]
separation_of_duties = true
standard = {{ auto_if = ["test_passed", "ring0_ok", "not_firmware"] }}
normal = {{ by = ["group:change-board"], quorum = {people}, timeout = "P2D", on_timeout = "escalate" }}
emergency = {{ by = ["group:change-board"], quorum = 1, retro_within = "P2D", after_action_review = true }}

[emergency]
declared_by = [{owner}, "group:security"]
may_skip = ["windows", "freezes", "full-tests"]
report_within = "P5D"

[mitigation]
owner = "group:security"
measures = ["isolate", "disable-service", "configuration", "filter"]
review_every = "P7D"
max_life = "P90D"
remove_within = "P14D"

[unpatchable]
isolate = true
replace_within = "P1Y"
review_every = "P90D"
remove_unsupported = true

[reboot]
rule = "if-needed"
grace = "PT8H"
max_pending = "P3D"
pending_counts_as = "open"
"#,
        year = wish.effective.year(),
        next = wish.effective.year() + 1,
        owner = quoted(&wish.owner),
    );
}

fn client(text: &mut String, wish: &Wish) {
    let clause = |names: &[&str]| match &wish.clause {
        Some(clause) => {
            let named: Vec<String> = names.iter().map(|name| format!("{name} = {}", quoted(clause))).collect();
            format!("clause = {{ {} }}\n", named.join(", "))
        }
        None => format!("# Name the clauses of the contract that allow this: clause = {{ {} = \"…\" }}\n", names.join(" = \"…\", ")),
    };
    match wish.client {
        ClientModel::Internal => text.push_str("\n[client]\nmodel = \"internal\"   # or asp (hosted service), managed-infrastructure\nroutine = \"none\"\nemergency = \"none\"\n"),
        ClientModel::Asp => {
            text.push_str(
                r#"
# A hosting provider decides alone; of exceptional patches, whose change is a risk by itself, clients are heard.
[client]
model = "asp"
routine = "none"
emergency = "none"
high_risk = "consult"
answer_within = "P2D"
remind_after = ["P1D"]
on_silence = "proceed"
"#,
            );
            text.push_str(&clause(&["consult", "silence"]));
        }
        ClientModel::ManagedInfrastructure => {
            text.push_str(
                r#"
# Machines that are run for clients: they hear of routine, and decide what is risky. Silence leads to reminders and
# then to a recorded liability waiver; a refusal is recorded as well.
[client]
model = "managed-infrastructure"
routine = "inform"
emergency = "inform"
high_risk = "consent"
answer_within = "P3D"
remind_after = ["P1D", "P2D"]
on_silence = "waive"
waiver_text = "The client did not answer in time. The patch is not applied, and the provider is not liable for what it would have prevented until the client decides."
on_refusal = { record = "liability-waiver", notify = ["account-manager", "owner"] }
"#,
            );
            text.push_str(&clause(&["inform", "consent", "silence", "refusal"]));
        }
    }
}

fn proof(text: &mut String, forensic: bool) {
    text.push_str(
        r#"
[verify]
method = ["agent", "package-db", "running-version"]
max_evidence_age = "P7D"
# out_of_band = { scanner = true, within = "P7D", disagree = "reopen" }   # where a scanner looks as well

[waiver]
kinds = ["no-fix-available", "operational-requirement", "deferral", "mitigated", "false-positive", "client-refusal"]
max_length = { critical = "P14D", high = "P30D", medium = "P90D", low = "P180D" }
max_renewals = 2
need_compensating_control = ["critical", "high"]
review_every = "P30D"
cap_percent_of_projects = 20
forbid = { kinds = ["operational-requirement"], priority = ["critical"] }
"#,
    );
    if forensic {
        text.push_str(
            r#"
# A preset asks to look for traces before patching.
[forensics]
trigger = ["3DF"]
scope_within = "PT2H"
collect_before_patch = true
collect_within = "PT24H"
decide_within = "PT72H"
"#,
        );
    }
    text.push_str(
        r#"
[clean_up]
triage_within = "P2D"
snapshot_life = "P7D"
remnants_within = "P14D"

[documentation]
evidence = ["advisory", "decision", "test result", "approval", "installation", "verification", "notices"]

[baseline]
update_within = "P14D"
block_new_assets_with = ["kev", "critical"]
unsupported = { flag_before = "P180D", remove_by = "end-of-support" }
"#,
    );
}

fn telling(text: &mut String) {
    text.push_str(
        r#"
[notify]
planned = { to = ["owners", "users"], lead = "P3D", channel = ["mail", "calendar"] }
completed = { to = ["owners"], channel = ["mail"] }
failed = { to = ["operators", "owners"], channel = ["mail", "chat"] }
emergency = { to = ["owners", "users", "group:security"], lead = "PT0S", ack = true, channel = ["mail", "chat"] }
overdue = { at_percent = [50, 80, 100], to = ["owner", "service-owner"] }
brief = { audience = "project-teams", every = "P12M", topic = "the patch process", target_pct = 80 }
status = { audience = "stakeholders", every = "P6M", topic = "patch status", target_pct = 80 }

[targets]
within_sla_pct = { critical = 100, high = 98, medium = 95, low = 90 }
coverage_pct = 98
evidence_fresh_pct = 95

[[report]]
name = "monthly management report"
report = "management"
format = "pdf"
every = "P1M"
to = ["management"]

[retention]
evidence = "P36M"
reports = "P36M"

# Prices, for what patching costs:
# [cost]
# currency = "EUR"
# rate = { default = 80, operator = 75, approver = 110 }
# downtime_per_min = { tier0 = 500, tier1 = 50 }
"#,
    );
}
