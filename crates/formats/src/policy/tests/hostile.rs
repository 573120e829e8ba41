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
fn a_day_that_no_clock_reaches_is_refused() {
    for (day, clear) in [("9999-12-31", true), ("2200-01-01", true), ("1969-12-31", true), ("2199-12-31", false), ("1970-01-01", false)] {
        let said = problems(&format!("effective = {day}\n"));
        let refused = said.contains(&format!("E-POLICY policy.toml:5: effective = {day} lies outside of the years 1970 to 2199"));
        assert_eq!(refused, clear, "{said}");
    }
}

#[test]
fn a_policy_vouches_for_an_account_by_its_address_alone() {
    let people = "[people]\nann = { mail = \"ann@example.org\" }\nben = {}\nboard = { members = [\"ann\", \"ben\"] }\n[[deadline]]\nid = \"a\"\nwithin = \"P1D\"\n";
    let governance = read(&format!("{HEAD}{people}")).expect("it reads").governance;
    let mentioned = ["ANN", "ben", "board", "Ann@example.org", "eve"].map(|word| governance.mentions(word));
    assert_eq!(mentioned, [true, true, true, true, false]);
    let of = [("Ann", "ANN@example.org"), ("ann", "eve@example.org"), ("ben", "ann@example.org"), ("ann@example.org", "ann@example.org"), ("ann@example.org", "eve@example.org")];
    assert_eq!(of.map(|(account, mail)| governance.vouches(account, mail)), [true, false, false, true, false]);
}

#[test]
fn a_report_that_says_the_same_twice_is_refused() {
    let report = |name: &str| format!("[[report]]\nname = \"{name}\"\nevery = \"P1M\"\nto = [\"board@example.org\"]\n");
    let rule = "[[deadline]]\nid = \"a\"\nwithin = \"P1D\"\n";
    let two = problems(&(rule.to_owned() + &report("monthly") + &report("monthly")));
    assert!(two.contains("two [[report]] sections say the same of `monthly`"), "{two}");
    assert_eq!(problems(&(rule.to_owned() + &report("monthly") + &report("board"))), "taken\n");
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
    insta::assert_snapshot!(shown, @r#"
    E-POLICY policy.toml:5: unknown field `zone`, expected one of `id`, `version`, `title`, `source`, `as_of`, `status`, `marks`, `purpose`, `owner`, `approved_by`, `effective`, `review_every`, `timezone`, `grace_new_assets`
    E-POLICY policy.toml:5: there is no time zone `Europe/Atlantis`
    E-POLICY policy.toml:5: there is no time zone `../../etc/passwd`
    E-POLICY policy.toml:5: unknown variant `dreamt`, expected one of `in-force`, `legacy`, `proposed`
    E-POLICY policy.toml:5: as_of is not a day
    E-POLICY policy.toml:5: unknown field `colour`, expected one of `schema`, `extends`, `combine`, `policy`, `monitor`, `classify`, `priority`, `deadline`, `host`, `tier`, `waiver`, `window`, `freeze`, `ring`, `test`, `approve`…
    E-POLICY policy.toml:7: `when` is empty
    E-POLICY policy.toml:7: `severity` allows no value
    E-POLICY policy.toml:7: `severity` has no value `dire`
    E-POLICY policy.toml:7: `when` has no field `colour`
    E-POLICY policy.toml:7: looks at `priority`, and the policy has no [priority] model
    E-POLICY policy.toml:7: `cvss3_base` is not a threshold
    E-POLICY policy.toml:7: compares `epss` without `epss_model`, and scores of different models do not compare
    E-POLICY policy.toml:7: within `2 days` is not an ISO 8601 duration such as PT48H, P14D or P1M
    E-POLICY policy.toml:9: a rule `a` stands above already
    E-POLICY policy.toml:10: within `-P1D` is negative
    E-POLICY policy.toml:8: unknown variant `sunrise`, expected one of `fix_released`, `detected`, `evaluated`, `kev_listed`, `known_and_fix_available`, `inputs_true_and_fix_released`
    E-POLICY policy.toml:8: unknown field `whitin`, expected one of `id`, `when`, `within`, `otherwise`, `clock`, `done`, `change_type`, `precise`, `duty`, `on_no_fix`, `also`, `note`, `no_number`
    E-POLICY policy.toml:6: rule id `\u{1b}[31m` is not a plain name
    E-POLICY policy.toml:7: gives both `within` and `no_number`
    E-POLICY policy.toml:8: `otherwise` goes with within = "kev-due-date" only
    E-POLICY policy.toml:6: there is no decision table `tarot`
    E-POLICY policy.toml:6: severity_order is empty or names a source twice
    E-POLICY policy.toml:6: an unknown severity cannot stand for itself
    E-POLICY policy.toml:6: `safety` has no value `dicey`
    E-POLICY policy.toml:6: there is no class `magic`
    E-POLICY policy.toml:5: `mission` has no value `impossible`
    E-POLICY policy.toml:6: unknown variant `laziness`, expected one of `no-fix-available`, `operational-requirement`, `deferral`, `mitigated`, `false-positive`, `client-refusal`, `accepted`
    E-POLICY policy.toml:6: `soon` is not an ISO 8601 duration such as PT48H, P14D or P1M
    "#);
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
    insta::assert_snapshot!(shown, @r#"
    E-POLICY policy.toml:2: there is no policy `nobody`
    E-POLICY b.toml:2: policies extend each other in a circle: a.toml → b.toml → a.toml
    E-POLICY samm:4: a policy `samm` is in force already
    E-POLICY n30:2: more than 32 policies would be in force
    "#);
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
    insta::assert_snapshot!(shown, @r#"
    E-DECISION-TABLE t.json: no row gives the combination N, N, N, P
    E-DECISION-TABLE t.json: row 2 gives a combination a second time
    E-DECISION-TABLE t.json: row 1 gives cisa:BOD2604:1.0.0 a value it does not have
    E-DECISION-TABLE t.json: row 1 has no value for cisa:PE:1.0.0
    E-DECISION-TABLE t.json: its outcome is not among its decision points
    E-DECISION-TABLE t.json: a decision point is listed as cisa:PE:1.0.0 and calls itself cisa:PX:1.0.0
    E-DECISION-TABLE t.json: is not a decision table: EOF while parsing a value at line 67 column 17
    E-DECISION-TABLE t.json: is not a decision table: missing field `namespace` at line 1 column 2
    E-DECISION-TABLE t.json: is not a decision table: invalid type: sequence, expected a string at line 1 column 1
    "#);
}
