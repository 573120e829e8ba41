//! Wrong and hostile policy files and tables: clear problems, never a panic.

use super::{lines, read};
use crate::policy::{load, read_table, tables::TABLES};

const HEAD: &str = "schema = \"patch-policy/1\"\n[policy]\nid = \"p\"\nversion = \"1\"\n";

fn problems(rest: &str) -> String {
    match read(&format!("{HEAD}{rest}")) {
        Ok(_) => "taken\n".to_owned(),
        Err(problems) => lines(&problems),
    }
}

#[test]
fn one_clear_problem_for_each_mistake() {
    let cases = [
        "zone = \"UTC\"\n",
        "timezone = \"Europe/Atlantis\"\n",
        "timezone = \"../../etc/passwd\"\n",
        "status = \"dreamt\"\n",
        "as_of = 12:00:00\n",
        "[colour]\n",
        "[[deadline]]\nid = \"a\"\nwhen = {}\nwithin = \"P1D\"\n",
        "[[deadline]]\nid = \"a\"\nwhen = { severity = [] }\nwithin = \"P1D\"\n",
        "[[deadline]]\nid = \"a\"\nwhen = { severity = [\"dire\"] }\nwithin = \"P1D\"\n",
        "[[deadline]]\nid = \"a\"\nwhen = { colour = [\"red\"] }\nwithin = \"P1D\"\n",
        "[[deadline]]\nid = \"a\"\nwhen = { priority = [\"immediate\"] }\nwithin = \"P1D\"\n",
        "[[deadline]]\nid = \"a\"\nwhen = { cvss3_base = \"7\" }\nwithin = \"P1D\"\n",
        "[[deadline]]\nid = \"a\"\nwhen = { epss = \">0.1\" }\nwithin = \"P1D\"\n",
        "[[deadline]]\nid = \"a\"\nwithin = \"2 days\"\n[[deadline]]\nid = \"a\"\nwithin = \"-P1D\"\n",
        "[[deadline]]\nid = \"a\"\nwithin = \"P1D\"\nclock = \"sunrise\"\n",
        "[[deadline]]\nid = \"a\"\nwithin = \"P1D\"\nwhitin = \"P1D\"\n",
        "[[deadline]]\nid = \"\\u001b[31m\"\nwithin = \"P1D\"\n",
        "[[deadline]]\nid = \"a\"\nwithin = \"P1D\"\notherwise = \"P2D\"\nno_number = \"x\"\n",
        "[priority]\nmodel = \"tarot\"\n",
        "[classify]\nseverity_order = [\"vendor\", \"vendor\"]\n",
        "[classify]\nunknown = { severity = \"unknown\", safety = \"dicey\" }\n",
        "[classify.component_class]\nmagic = [\"x\"]\n",
        "[host]\nmission = \"impossible\"\n",
        "[waiver]\nkinds = [\"laziness\"]\n",
        "[monitor]\nmax_feed_age = \"soon\"\n",
    ];
    let shown: String = cases.iter().map(|case| problems(case)).collect();
    assert!(!shown.contains("taken") && !shown.contains('\u{1b}'), "{shown}");
    insta::assert_snapshot!(shown, @"");
}

#[test]
fn extends_must_exist_end_and_stay_small() {
    let files = |name: &str| match name {
        "a.toml" => Some("schema = \"patch-policy/1\"\nextends = [\"b.toml\"]\n[policy]\nid = \"a\"\nversion = \"1\"\n".to_owned()),
        "b.toml" => Some("schema = \"patch-policy/1\"\nextends = [\"a.toml\"]\n[policy]\nid = \"b\"\nversion = \"1\"\n".to_owned()),
        // A policy that extends ever new names.
        name => name.strip_prefix('n').and_then(|number| number.parse::<u32>().ok()).map(|number| {
            format!("schema = \"patch-policy/1\"\nextends = [\"n{}\"]\n[policy]\nid = \"n{number}\"\nversion = \"1\"\n", number + 1)
        }),
    };
    let mut shown = String::new();
    for extends in ["[\"nobody\"]", "[\"a.toml\"]", "[\"samm\", \"samm\"]", "[\"n0\"]"] {
        let text = format!("schema = \"patch-policy/1\"\nextends = {extends}\n[policy]\nid = \"p\"\nversion = \"1\"\n");
        let problems = load("policy.toml", &text, &files).expect_err(extends);
        shown.push_str(&lines(&problems));
    }
    insta::assert_snapshot!(shown, @"");
}

#[test]
fn broken_and_bottomless_files_are_refused() {
    for text in ["", "\u{0}", "[[[[", "schema = 1", "schema = \"patch-policy/2\"\n[policy]\nid=\"p\"\nversion=\"1\"\n"] {
        assert_eq!(read(text).expect_err(text).len(), 1, "{text}");
    }
    let deep = format!("{HEAD}[client]\nx = {}{}\n", "[".repeat(50_000), "]".repeat(50_000));
    assert_eq!(read(&deep).expect_err("deep").len(), 1);
    let large = format!("{HEAD}# {}\n", "x".repeat(2 << 20));
    assert!(lines(&read(&large).expect_err("large")).starts_with("E-LIMIT policy.toml: has 2"));
    let many: String = (0..2_001).map(|number| format!("[[deadline]]\nid = \"r{number}\"\nwithin = \"P1D\"\n")).collect();
    assert!(lines(&read(&format!("{HEAD}{many}")).expect_err("many")).contains("has 2001 rules, the limit is 2000"));
}

#[test]
fn a_table_of_ones_own_loads_and_a_broken_one_does_not() {
    let (_, bod) = TABLES[0];
    let own = bod.replace("DT_BOD2604", "DT_OURS");
    let files = |name: &str| (name == "ours.json").then(|| own.clone());
    let text = format!("{HEAD}[priority]\nmodel = \"ours.json\"\n[[deadline]]\nid = \"a\"\nwhen = {{ priority = [\"3df\"] }}\nwithin = \"P1D\"\n");
    let set = load("policy.toml", &text, &files).expect("own table");
    assert_eq!(set.policies[0].priority.as_ref().expect("model").table.id(), "cisa:DT_OURS:1.0.0");

    let row = "    {\"cisa:KEV:1.0.0\": \"N\", \"cisa:PE:1.0.0\": \"N\", \"ssvc:A:2.0.0\": \"N\", \"ssvc:TI:1.0.0\": \"P\", \"cisa:BOD2604:1.0.0\": \"FSU\"},\n";
    assert!(bod.contains(row));
    let broken = [
        bod.replace(row, ""),
        bod.replace(row, &row.repeat(2)),
        bod.replace(row, &row.replace("\"FSU\"", "\"7D\"")),
        bod.replace(row, &row.replace("cisa:PE:1.0.0", "cisa:XX:1.0.0")),
        bod.replace("\"outcome\": \"cisa:BOD2604:1.0.0\"", "\"outcome\": \"cisa:NONE:1.0.0\""),
        bod.replace("\"key\": \"PE\"", "\"key\": \"PX\""),
        bod.get(..bod.len() / 2).expect("half").to_owned(),
        "{}".to_owned(),
        format!("{}{}", "[".repeat(100_000), "]".repeat(100_000)),
    ];
    let shown: String = broken.iter().map(|text| lines(&[read_table("t.json", text).expect_err("broken")])).collect();
    insta::assert_snapshot!(shown, @"");
}
