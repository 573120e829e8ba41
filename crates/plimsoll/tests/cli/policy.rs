//! `plimsoll policy`: drafts, lint, tables, comparisons, explanations and the
//! document, as scripts and people meet them.

use crate::sandbox::{Ran, Small, plimsoll, put, word};
use serde_json::Value;

fn small() -> Small {
    Small::new(&[("alpha", "1.0")])
}

fn policy(words: &[&str]) -> Ran {
    plimsoll(&[&["policy"], words].concat())
}

fn list<'a>(value: &'a Value, at: &str) -> &'a Vec<Value> {
    value[at].as_array().unwrap_or_else(|| panic!("{at}: {value}"))
}

#[test]
fn a_draft_is_written_once_lints_clean_and_renders() {
    let small = small();
    let file = small.path("policy.toml");
    let made = policy(&["init", "--preset", "cisa-bod-26-04", "cyber-essentials-3.3", "--owner", "ciso", "--approver", "cio", "--approver", "ciso", "--timezone", "Europe/Oslo", "--effective", "2026-12-01", "--output", &file]);
    assert_eq!(made.code, Some(0), "{}", made.err);
    assert!(made.out.is_empty(), "{}", made.out);
    let linted = policy(&["lint", &file, "--format", "json"]);
    assert_eq!(linted.code, Some(0), "{}", linted.out);
    assert!(list(&linted.json(), "problems").iter().all(|problem| problem["level"] == "note"), "{}", linted.out);
    // Never over what is there, unless that is said.
    let before = std::fs::read_to_string(&file).expect("the draft");
    let again = policy(&["init", "--preset", "samm", "--output", &file]);
    again.failed();
    assert!(again.err.contains("E-EXISTS") && again.err.contains("--force"), "{}", again.err);
    assert_eq!(std::fs::read_to_string(&file).expect("the draft"), before);
    assert_eq!(policy(&["init", "--preset", "samm", "--output", &file, "--force"]).code, Some(0));
    assert_ne!(std::fs::read_to_string(&file).expect("the draft"), before);
    // Without more than presets and a place it is made as well, and a preset
    // that is none is refused with what was meant.
    assert_eq!(policy(&["init", "--preset", "samm,nis2-2024-2690", "--output", &small.path("two.toml")]).code, Some(0));
    let wrong = policy(&["init", "--preset", "sam", "--output", &small.path("three.toml")]);
    wrong.failed();
    assert!(wrong.err.contains("did you mean `samm`?") && !small.at("three.toml").exists(), "{}", wrong.err);
    policy(&["init", "--output", &small.path("four.toml")]).failed();
    assert!(policy(&["init", "--preset", "samm", "--output", "-"]).out.starts_with("# The patch policy"));
}

#[test]
fn tables_hold_every_combination_in_three_forms() {
    for (preset, rows) in [("cisa-bod-26-04", 16), ("ssvc-deployer", 72), ("samm", 4)] {
        let table = policy(&["table", preset, "--format", "json"]).json();
        assert_eq!(table["schema"], "plimsoll-policy-table/1");
        let found = list(&table["policies"][0]["tables"][0], "rows");
        assert_eq!(found.len(), rows, "{preset}");
        assert!(found.iter().all(|row| row["rule"].is_string() && row["outcome"].is_string() && row["inputs"].is_object()));
        let sheet = policy(&["table", preset, "--format", "csv"]);
        assert_eq!(sheet.out.lines().count(), rows + 1, "{preset}");
        let text = policy(&["table", preset]);
        // A row that goes on in the next line begins further in.
        let drawn = text.out.lines().filter(|line| line.starts_with(' ') && !line.starts_with("  ")).count();
        assert!(text.out.contains(&format!("{rows} combinations")) && (2..=rows + 1).contains(&drawn), "{}", text.out);
    }
    let bod = policy(&["table", "cisa-bod-26-04", "--format", "json"]).json();
    let worst = list(&bod["policies"][0]["tables"][0], "rows").iter().find(|row| {
        ["kev", "publicly_exposed", "automatable"].iter().all(|input| row["inputs"][*input] == "yes") && row["inputs"]["technical_impact"] == "total"
    });
    assert_eq!(worst.map(|row| (word(row, "/priority"), word(row, "/within"))), Some(("3DF".to_owned(), "P3D".to_owned())));
}

/// One number of a policy changed: everything that people look at changes.
#[test]
fn one_number_changed_changes_table_explanation_difference_and_document() {
    let small = small();
    let samm = policy(&["show", "samm"]).out;
    put(&small.at("before.toml"), &samm);
    put(&small.at("after.toml"), samm.replace("within = \"P7D\"", "within = \"P9D\""));
    let (before, after) = (small.path("before.toml"), small.path("after.toml"));
    let explain = |file: &str| policy(&["explain", file, "--severity", "high", "--released", "2026-03-01T12:00:00Z", "--as-of", "2026-03-02T00:00:00Z", "--format", "json"]).json();
    assert_eq!((word(&explain(&before), "/due"), word(&explain(&after), "/due")), ("2026-03-08T23:59:59Z".to_owned(), "2026-03-10T23:59:59Z".to_owned()));
    let table = |file: &str| policy(&["table", file]).out;
    assert!(table(&before).contains("P7D") && table(&after).contains("P9D") && !table(&after).contains("P7D"));
    let render = |file: &str| policy(&["render", file, "--format", "markdown", "--dated", "2026-12-01", "--output", "-"]);
    let (old, new) = (render(&before), render(&after));
    assert_eq!((old.code, new.code), (Some(0), Some(0)), "{}", old.err);
    assert!(old.out.contains("**7 days**") && new.out.contains("**9 days**") && !new.out.contains("**7 days**"), "{}", new.out);
    // What changes in the document is that number, where it stands, and the digest.
    let differing: Vec<(&str, &str)> = old.out.lines().zip(new.out.lines()).filter(|(old, new)| old != new).collect();
    assert!((3..=6).contains(&differing.len()), "{differing:#?}");
    assert_eq!(render(&before).out, old.out, "the same file gives the same bytes");

    let told = policy(&["diff", &before, &after]);
    assert_eq!(told.code, Some(1), "deadlines get longer: {}", told.out);
    assert!(told.out.contains("LONGER: severity high") && told.out.contains("P7D of fix_released"), "{}", told.out);
    let answer = policy(&["diff", &before, &after, "--format", "json"]).json();
    assert_eq!((answer["changed"].as_u64(), answer["longer"].as_u64(), &answer["extends_deadlines"]), (Some(1), Some(1), &Value::Bool(true)));
    assert_eq!(answer["rows"][0]["inputs"]["severity"][0], "high");
    assert_eq!(policy(&["diff", &after, &before]).code, Some(0));
    assert_eq!(policy(&["diff", &before, &before, "--format", "json"]).json()["changed"], 0);
}

#[test]
fn a_comparison_names_the_findings_of_a_scan() {
    let small = small();
    small.advise("TEST-2026-1", "high", "2026-03-01", "alpha", "2.0").build(&[]);
    small.scan(&["--format", "json", "--as-of", "2026-03-02T00:00:00Z", "--output", &small.path("scan.json")]).finished();
    let samm = policy(&["show", "samm"]).out;
    put(&small.at("after.toml"), samm.replace("within = \"P7D\"", "within = \"P5D\""));
    let answer = policy(&["diff", "samm", &small.path("after.toml"), "--scan", &small.path("scan.json"), "--format", "json"]).json();
    let findings = list(&answer, "findings");
    assert_eq!(findings.len(), 1, "{answer}");
    assert_eq!((word(&findings[0], "/advisory"), word(&findings[0], "/change")), ("TEST-2026-1".to_owned(), "shorter".to_owned()));
    let (before, after) = (word(&findings[0], "/before"), word(&findings[0], "/after"));
    assert!(after < before && after.ends_with("23:59:59Z"), "{before} {after}");
    // The scan's own due date is what the first policy gives.
    let scan: Value = serde_json::from_str(&std::fs::read_to_string(small.at("scan.json")).expect("the scan")).expect("JSON");
    assert_eq!(word(&scan["findings"][0], "/due"), before);
}

/// What the issue lists as bad input: refused with line, reason, suggestion.
#[test]
fn bad_policies_are_refused_by_line_reason_and_suggestion() {
    let small = small();
    let file = small.path("bad.toml");
    let cases = [
        ("owner = \"ciso\"\nonwer = \"x\"\n", 6, "unknown field `onwer`", "did you mean `owner`?"),
        ("[monitor]\nmax_feed_age = \"24h\"\n", 6, "not an ISO 8601 duration", "correct this line"),
        ("timezone = \"Europe/Olso\"\n", 5, "no time zone", "did you mean `Europe/Oslo`?"),
        ("[[deadline]]\nid = \"a\"\nwhen = { kev = true, exploitation = [\"none\"] }\nwithin = \"P1D\"\n[[deadline]]\nid = \"b\"\nwithin = \"P2D\"\n", 6, "can never match", "remove it"),
        ("[people]\nciso = {}\n[roles]\ndeploy = \"cios\"\n", 8, "knows nobody", "did you mean `ciso`?"),
        ("[[deadline]]\nid = \"a\"\nwhen = { severity = [\"critcal\"] }\nwithin = \"P1D\"\n", 7, "no value `critcal`", "did you mean `critical`?"),
    ];
    for (text, line, reason, next) in cases {
        put(&small.at("bad.toml"), format!("schema = \"patch-policy/1\"\n[policy]\nid = \"p\"\nversion = \"1\"\n{text}"));
        let linted = policy(&["lint", &file, "--format", "json"]);
        assert_eq!(linted.code, Some(1), "{text}");
        let answer = linted.json();
        let found = list(&answer, "problems").iter().find(|problem| problem["text"].as_str().is_some_and(|told| told.contains(reason)));
        let found = found.unwrap_or_else(|| panic!("{reason} is not in {answer}"));
        assert_eq!(found["level"], "error", "{found}");
        assert_eq!(found["line"].as_u64(), Some(line), "{found}");
        assert!(word(found, "/next").contains(next), "{found}");
        assert!(word(found, "/place").starts_with(&file), "{found}");
    }
}

/// Every form for machines is what its published schema says.
#[test]
fn answers_keep_to_their_schemas() {
    let small = small();
    let file = small.path("gap.toml");
    put(&small.at("gap.toml"), "schema = \"patch-policy/1\"\n[policy]\nid = \"p\"\nversion = \"1\"\n[[deadline]]\nid = \"a\"\nwhen = { severity = [\"high\"] }\nwithin = \"P1D\"\n");
    let answers = [
        ("policy-lint", vec!["lint", file.as_str()]),
        ("policy-table", vec!["table", file.as_str()]),
        ("policy-table", vec!["table", "cisa-bod-26-04"]),
        ("policy-diff", vec!["diff", "samm", file.as_str()]),
    ];
    for (name, words) in answers {
        let schema = plimsoll(&["schema", name]).json();
        let validator = jsonschema::validator_for(&schema).expect("a schema");
        let answer = policy(&[&words[..], &["--format", "json"]].concat()).json();
        let wrong: Vec<String> = validator.iter_errors(&answer).map(|error| format!("{}: {error}", error.instance_path())).collect();
        assert!(wrong.is_empty(), "{name}: {wrong:#?}");
    }
}

#[test]
fn holes_are_listed_whole_and_told_together() {
    let small = small();
    put(&small.at("gap.toml"), "schema = \"patch-policy/1\"\n[policy]\nid = \"p\"\nversion = \"1\"\n[[deadline]]\nid = \"a\"\nwhen = { severity = [\"critical\", \"high\"], kev = true }\nwithin = \"P1D\"\n");
    let linted = policy(&["lint", &small.path("gap.toml"), "--format", "json"]);
    assert_eq!(linted.code, Some(1));
    let answer = linted.json();
    assert_eq!(list(&answer, "holes").len(), 6, "{answer}");
    assert!(list(&answer, "holes").iter().all(|hole| !(hole["inputs"]["kev"] == "yes" && ["critical", "high"].contains(&hole["inputs"]["severity"].as_str().unwrap_or("")))));
    let told = policy(&["lint", &small.path("gap.toml")]).out;
    assert!(told.contains("covers 6 of 8 combinations"), "{told}");
}

#[test]
fn the_document_goes_out_in_four_forms() {
    let small = small();
    let file = small.path("policy.toml");
    assert_eq!(policy(&["init", "--preset", "cisa-bod-26-04", "--effective", "2026-12-01", "--output", &file]).code, Some(0));
    for (format, begins) in [("html", "<!DOCTYPE html>"), ("markdown", "# "), ("pdf", "%PDF-"), ("docx", "PK")] {
        let (first, second) = (small.path("one"), small.path("two"));
        for output in [&first, &second] {
            let ran = policy(&["render", &file, "--format", format, "--output", output]);
            assert_eq!(ran.code, Some(0), "{format}: {}", ran.err);
        }
        let bytes = std::fs::read(&first).expect("the document");
        assert!(bytes.get(..begins.len()).is_some_and(|start| start.eq_ignore_ascii_case(begins.as_bytes())), "{format}");
        assert!(bytes.len() > 5_000 && bytes == std::fs::read(&second).expect("the document"), "{format}: {} bytes", bytes.len());
    }
}

/// Words of a policy file are data in the document.
#[test]
fn a_hostile_policy_stays_text_in_the_document() {
    let small = small();
    put(&small.at("odd.toml"), "schema = \"patch-policy/1\"\n[policy]\nid = \"p\"\nversion = \"1\"\ntitle = \"<script>alert(1)</script> [x](javascript:y) \\u001b[31m\"\nowner = \"<img src=x onerror=y>\"\n");
    let html = policy(&["render", &small.path("odd.toml"), "--format", "html"]).out;
    assert!(!html.contains("<script>alert") && !html.contains("<img src=x") && !html.contains('\u{1b}'), "{html}");
    let table = policy(&["table", &small.path("odd.toml"), "--format", "json"]);
    assert_eq!(table.code, Some(0), "{}", table.err);
    // A spreadsheet takes no value of a condition for a formula.
    let odd = "schema = \"patch-policy/1\"\n[policy]\nid = \"p\"\nversion = \"1\"\n[[deadline]]\nid = \"x\"\nwhen = { environment = [\"=HYPERLINK(1)\"] }\nwithin = \"P3D\"\n";
    put(&small.at("formula.toml"), odd);
    let sheet = policy(&["table", &small.path("formula.toml"), "--format", "csv"]);
    assert!(sheet.out.contains(",'=HYPERLINK(1),"), "{}{}", sheet.out, sheet.err);
}

#[test]
fn explain_names_the_next_days_of_routine_patching() {
    let small = small();
    put(&small.at("own.toml"), policy(&["show", "samm"]).out + "\n[cycle]\nafter = \"patch-tuesday\"\noffset = \"P2D\"\n");
    let explain = |more: &[&str]| {
        let own = small.path("own.toml");
        policy(&[&["explain", own.as_str(), "--severity", "high", "--as-of", "2026-11-11T00:00:00Z"], more].concat())
    };
    let days = serde_json::json!([{ "cycle": "patch-tuesday + 2 days", "days": ["2026-11-12", "2026-12-10", "2027-01-14"] }]);
    assert_eq!(explain(&["--format", "json"]).json()["cycles"], days);
    let text = explain(&[]).out;
    assert!(text.contains("routine patching patch-tuesday + 2 days: 2026-11-12, 2026-12-10, 2027-01-14"), "{text}");
}
