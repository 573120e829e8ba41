//! The real tools, asked about pairs of mutated real versions: `dpkg`, `rpm`, `vercmp` and Python's `packaging` must agree
//! every time.
//!
//! A tool that is not installed is skipped with a message, unless `CI` is set and `PLIMSOLL_ORACLES` is `required`.
//! `PLIMSOLL_ORACLE_PAIRS` sets how many pairs each is asked.

use std::cmp::Ordering;
use std::fmt::Write as _;
use std::fs;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use plimsoll_version::{Scheme, compare, key};

use super::samples::{self, Dice};

/// How many pairs `dpkg` and `rpm` are asked. `dpkg` starts a process for each, which takes a minute on two cores.
const PAIRS: usize = 100_000;

/// How many pairs `vercmp` is asked, which also starts a process for each.
const PACMAN_PAIRS: usize = 20_000;

fn pairs_wanted(default: usize) -> usize {
    match std::env::var("PLIMSOLL_ORACLE_PAIRS") {
        Ok(count) => count.parse().expect("PLIMSOLL_ORACLE_PAIRS is a number"),
        Err(_) => default,
    }
}

fn is_installed(tool: &str) -> bool {
    let found = Command::new(tool)
        .arg("--version")
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .is_ok();
    if !found {
        let required = std::env::var_os("CI").is_some()
            && std::env::var("PLIMSOLL_ORACLES").as_deref() == Ok("required");
        assert!(
            !required,
            "{tool} is not installed, and PLIMSOLL_ORACLES says that it must be"
        );
        eprintln!("skipped: {tool} is not installed");
    }
    found
}

/// Writes lines to a file of this test run and returns its path.
fn write_down(name: &str, text: &str) -> PathBuf {
    let path =
        PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(format!("{name}-{}", std::process::id()));
    fs::write(&path, text).expect("the pairs can be written down");
    path
}

/// Runs a shell script over the lines of a file, removes the file, and returns what the script prints.
fn run(script: &str, input: &PathBuf) -> String {
    let output = Command::new("sh")
        .args(["-c", script])
        .env("LC_ALL", "C")
        .stdin(fs::File::open(input).expect("the pairs can be read"))
        .stderr(Stdio::null())
        .output()
        .expect("sh can be started");
    fs::remove_file(input).expect("the pairs can be removed");
    String::from_utf8_lossy(&output.stdout).into_owned()
}

fn pairs(scheme: Scheme, count: usize, seed: u64) -> Vec<(String, String)> {
    let real = samples::real(scheme);
    let mut dice = Dice::new(seed);
    // A tool takes a version that begins with a hyphen for an option, and none can be given an empty one.
    let usable = |version: &str| !version.is_empty() && !version.starts_with('-');
    std::iter::repeat_with(|| samples::pair(&real, &mut dice))
        .filter(|(a, b)| usable(a) && usable(b))
        .take(count)
        .collect()
}

/// Compares both ways, and makes sure that the two ways are one.
fn ours(scheme: Scheme, a: &str, b: &str) -> Option<Ordering> {
    let compared = compare(scheme, a, b).ok();
    let by_key = key(scheme, a)
        .ok()
        .zip(key(scheme, b).ok())
        .map(|(a, b)| a.cmp(&b));
    assert_eq!(compared, by_key, "{scheme}: {a} {b}");
    compared
}

#[test]
fn dpkg_agrees() {
    if !is_installed("dpkg") {
        return;
    }
    let pairs = pairs(Scheme::Debian, pairs_wanted(PAIRS), 1);
    let mut refused = 0;
    let lines: Vec<String> = pairs
        .iter()
        .map(|(a, b)| match ours(Scheme::Debian, a, b) {
            Some(Ordering::Less) => format!("0\t{a}\tlt\t{b}\n"),
            Some(Ordering::Equal) => format!("0\t{a}\teq\t{b}\n"),
            Some(Ordering::Greater) => format!("0\t{a}\tgt\t{b}\n"),
            None => {
                refused += 1;
                format!("2\t{a}\teq\t{b}\n")
            }
        })
        .collect();
    let script = "tab=$(printf '\\t'); while IFS=$tab read -r want a op b; do \
        dpkg --compare-versions \"$a\" \"$op\" \"$b\"; got=$?; [ $got = $want ] || echo \"$a $op $b: $want, $got\"; done";
    // Two halves side by side, since each line costs the start of a process.
    let halves: Vec<_> = lines
        .chunks(lines.len().div_ceil(2).max(1))
        .enumerate()
        .map(|(half, lines)| write_down(&format!("dpkg-{half}"), &lines.concat()))
        .map(|input| std::thread::spawn(move || run(script, &input)))
        .collect();
    let disagreements: String = halves
        .into_iter()
        .map(|half| half.join().expect("a half ends"))
        .collect();
    println!(
        "dpkg: {} pairs, {refused} of them refused by both",
        pairs.len()
    );
    assert!(
        disagreements.is_empty(),
        "{} disagreements:\n{disagreements}",
        disagreements.lines().count()
    );
}

#[test]
fn rpm_agrees() {
    if !is_installed("rpm") {
        return;
    }
    let pairs = pairs(Scheme::Rpm, pairs_wanted(PAIRS), 2);
    let mut lines = String::new();
    for (a, b) in &pairs {
        let order = ours(Scheme::Rpm, a, b).expect("every RPM version is readable") as i8;
        writeln!(lines, "{a}\t{b}\t{order}").expect("a string can be written to");
    }
    let input = write_down("rpm", &lines);
    let script = format!(
        "rpm --eval '%{{lua: for line in io.lines(\"{}\") do \
            local a, b, want = line:match(\"^([^\\t]*)\\t([^\\t]*)\\t([^\\t]*)$\") \
            local got = rpm.vercmp(a, b) \
            if got ~= tonumber(want) then print(a .. \" \" .. b .. \": \" .. want .. \", \" .. got .. \"\\n\") end \
        end print(\"done\") }}'",
        input.display()
    );
    let answer = run(&script, &input);
    let disagreements = answer
        .trim()
        .strip_suffix("done")
        .unwrap_or_else(|| panic!("rpm stopped early: {answer:?}"));
    println!("rpm: {} pairs", pairs.len());
    assert!(
        disagreements.is_empty(),
        "{} disagreements:\n{disagreements}",
        disagreements.lines().count()
    );
}

#[test]
fn vercmp_agrees() {
    if !is_installed("vercmp") {
        return;
    }
    let mut lines = String::new();
    let mut asked = 0;
    let pairs = pairs(Scheme::Pacman, pairs_wanted(PACMAN_PAIRS), 3);
    // What `vercmp` answers about the others runs in a circle; `pacman.rs` says where they stand here.
    for (a, b) in pairs
        .iter()
        .filter(|(a, b)| a.contains('-') == b.contains('-') && is_ordered(a) && is_ordered(b))
    {
        let order = ours(Scheme::Pacman, a, b).expect("every Pacman version is readable") as i8;
        writeln!(lines, "{a}\t{b}\t{order}").expect("a string can be written to");
        asked += 1;
    }
    let input = write_down("vercmp", &lines);
    let script = "tab=$(printf '\\t'); while IFS=$tab read -r a b want; do \
        got=$(vercmp \"$a\" \"$b\"); [ \"$got\" = \"$want\" ] || echo \"$a $b: $want, $got\"; done";
    let disagreements = run(script, &input);
    println!(
        "vercmp: {asked} of {} pairs, the others have no strict order",
        pairs.len()
    );
    assert!(
        disagreements.is_empty(),
        "{} disagreements:\n{disagreements}",
        disagreements.lines().count()
    );
}

#[test]
fn packaging_agrees() {
    let has_packaging = Command::new("python3")
        .args(["-c", "import packaging.version"])
        .stderr(Stdio::null())
        .status();
    if !is_installed("python3") || !has_packaging.is_ok_and(|status| status.success()) {
        eprintln!("skipped: python3 has no module `packaging`");
        return;
    }
    let mut lines = String::new();
    let pairs = pairs(Scheme::PyPi, pairs_wanted(PAIRS), 5);
    for (a, b) in &pairs {
        if let Some(order) = ours(Scheme::PyPi, a, b) {
            writeln!(lines, "{a}\t{b}\t{}", order as i8).expect("a string can be written to");
        }
    }
    // Pairs with a version that PEP 440 refuses are left out, since `packaging` has no order for them any more.
    let script = "python3 -c '
import sys
from packaging.version import InvalidVersion, Version
asked = 0
for line in open(0, encoding=\"utf-8\"):
    a, b, want = line.rstrip(\"\\n\").split(\"\\t\")
    try:
        x, y = Version(a), Version(b)
    except InvalidVersion:
        continue
    asked += 1
    got = (x > y) - (x < y)
    if got != int(want):
        print(f\"{a} {b}: {want}, {got}\")
print(asked)
'";
    let answer = run(script, &write_down("packaging", &lines));
    let mut disagreements: Vec<&str> = answer.lines().collect();
    let asked: usize = disagreements
        .pop()
        .and_then(|count| count.parse().ok())
        .expect("python3 reaches the end");
    println!(
        "packaging: {asked} of {} pairs, the others are not of PEP 440",
        pairs.len()
    );
    assert!(
        disagreements.is_empty(),
        "{} disagreements:\n{}",
        disagreements.len(),
        disagreements.join("\n")
    );
}

/// Whether neither the version nor the release ends in a separator.
fn is_ordered(version: &str) -> bool {
    version
        .split('-')
        .all(|part| part.ends_with(|last: char| last.is_ascii_alphanumeric()))
}
