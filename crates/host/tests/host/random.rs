//! Randomly changed hosts: the native plan equals apt's, or says that it
//! cannot tell.

use super::data;
use super::plans::{apt_lines, lines, plan};
use plimsoll_host::apt::simulate;
use std::collections::BTreeMap;
use std::path::Path;

/// A small generator (xorshift) so that a failing case can be run again by
/// its number.
struct Dice(u64);

impl Dice {
    fn below(&mut self, limit: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 % limit.max(1) as u64).unwrap()
    }
}

fn field<'a>(paragraph: &'a str, name: &str) -> Option<&'a str> {
    paragraph.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(": "))
}

/// Paragraphs of the lists by package.
fn offered(root: &Path) -> BTreeMap<String, Vec<String>> {
    let mut out: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for entry in std::fs::read_dir(root.join("var/lib/apt/lists")).unwrap() {
        let path = entry.unwrap().path();
        if path.to_string_lossy().ends_with("_Packages") {
            for paragraph in std::fs::read_to_string(path).unwrap().split("\n\n") {
                if let Some(name) = field(paragraph, "Package") {
                    out.entry(name.to_owned()).or_default().push(paragraph.trim().to_owned());
                }
            }
        }
    }
    out
}

/// Changes a root: packages replaced by an offered version, removed, held,
/// marked; pins written.
fn mutate(root: &Path, seed: u64) -> Vec<String> {
    let mut dice = Dice(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1);
    let offered = offered(root);
    let status = std::fs::read_to_string(root.join("var/lib/dpkg/status")).unwrap();
    let mut paragraphs: Vec<String> = status.split("\n\n").map(|text| text.trim().to_owned()).filter(|text| !text.is_empty()).collect();
    let mut done = Vec::new();
    let kind = seed % 8;
    for _ in 0..=dice.below(3) {
        let at = dice.below(paragraphs.len());
        let name = field(&paragraphs[at], "Package").unwrap().to_owned();
        match kind {
            0 | 1 => {
                paragraphs[at] = paragraphs[at].replace("Status: install ok", "Status: hold ok");
                done.push(format!("hold {name}"));
            }
            2 => {
                let used = paragraphs.iter().any(|other| {
                    let relations = ["Depends", "Pre-Depends"].iter().filter_map(|field_name| field(other, field_name));
                    relations.flat_map(|text| text.split([',', '|', ' ', ':'])).any(|word| word == name)
                });
                if !used {
                    paragraphs.remove(at);
                    done.push(format!("remove {name}"));
                }
            }
            3 | 4 => {
                if let Some(versions) = offered.get(&name) {
                    let chosen = &versions[dice.below(versions.len())];
                    let kept: Vec<&str> = chosen
                        .lines()
                        .filter(|line| !["Filename:", "Size:", "SHA256:", "MD5sum:"].iter().any(|prefix| line.starts_with(prefix)))
                        .collect();
                    paragraphs[at] = format!("{}\nStatus: install ok installed", kept.join("\n"));
                    done.push(format!("install {name} {}", field(chosen, "Version").unwrap()));
                }
            }
            5 => {
                let version = field(&paragraphs[at], "Version").unwrap().to_owned();
                paragraphs[at] = paragraphs[at].replace(&format!("Version: {version}"), "Version: 0~ancient");
                done.push(format!("age {name}"));
            }
            6 => {
                paragraphs.remove(at);
                done.push(format!("rip out {name}"));
            }
            _ => {
                let pins = [
                    format!("Package: {name}\nPin: release l=Debian-Security\nPin-Priority: -1\n"),
                    format!("Package: {name}\nPin: release n=bookworm\nPin-Priority: 1001\n"),
                    "Package: *\nPin: release l=Debian-Security\nPin-Priority: 50\n".to_owned(),
                    format!("Package: {}*\nPin: version {}\nPin-Priority: 700\n", &name[..name.len().min(4)], field(&paragraphs[at], "Version").unwrap()),
                    "Package: *\nPin: release a=now\nPin-Priority: 600\n".to_owned(),
                    format!("Package: src:{name}\nPin: origin debian.example\nPin-Priority: 90\n"),
                    format!("Package: {name}\nPin: origin \"debian.example\"\nPin-Priority: 10\n\nPackage: {name}\nPin: release n=bookworm\nPin-Priority: 900\n"),
                ];
                let pin = &pins[dice.below(pins.len())];
                let folder = root.join("etc/apt/preferences.d");
                std::fs::create_dir_all(&folder).unwrap();
                std::fs::write(folder.join(format!("pin{}", done.len())), pin).unwrap();
                done.push(pin.replace('\n', "; "));
            }
        }
    }
    std::fs::write(root.join("var/lib/dpkg/status"), format!("{}\n\n", paragraphs.join("\n\n"))).unwrap();
    done
}

#[test]
fn randomly_changed_hosts_are_planned_as_apt_plans_them() {
    let Some(folder) = data::folder() else { return };
    if !simulate::available() {
        eprintln!("skipped: no apt-get on this machine");
        return;
    }
    let cases: u64 = std::env::var("PLIMSOLL_TEST_CASES").ok().and_then(|text| text.parse().ok()).unwrap_or(48);
    let first: u64 = std::env::var("PLIMSOLL_TEST_FIRST").ok().and_then(|text| text.parse().ok()).unwrap_or(0);
    let (mut undecided, mut refused, mut planned) = (0, 0, 0);
    let mut wrong = Vec::new();
    for seed in first..first + cases {
        let host = if seed % 3 == 0 { "deb11-db" } else { "deb12-web" };
        let temporary = tempfile::tempdir().unwrap();
        data::copy(&folder.join("hosts").join(host), temporary.path());
        let done = mutate(temporary.path(), seed);
        let (root, lists, pending) = plan(temporary.path());
        if let Some(reason) = &pending.undecided {
            eprintln!("case {seed}: undecided: {reason} ({done:?})");
            undecided += 1;
            if std::env::var_os("PLIMSOLL_TEST_VERBOSE").is_some() {
                let real = simulate::simulate(&root, &lists).unwrap();
                let native = lines(&pending.updates);
                match &real.changes {
                    None => eprintln!("   apt refuses: {}", real.refusal.lines().take(6).collect::<Vec<_>>().join(" / ")),
                    Some(changes) => {
                        let real = apt_lines(changes);
                        eprintln!("   only apt: {:?}", real.iter().filter(|line| !native.contains(line)).collect::<Vec<_>>());
                        eprintln!("   only candidates: {:?}", native.iter().filter(|line| !real.contains(line)).collect::<Vec<_>>());
                    }
                }
            }
            continue;
        }
        let real = simulate::simulate(&root, &lists).unwrap();
        let same = match (&pending.refused, &real.changes) {
            (Some(_), None) => {
                refused += 1;
                true
            }
            (None, Some(changes)) => {
                planned += 1;
                lines(&pending.updates) == apt_lines(changes)
            }
            _ => false,
        };
        if !same {
            let native = lines(&pending.updates);
            let real_lines = real.changes.as_deref().map(apt_lines).unwrap_or_default();
            wrong.push(format!(
                "case {seed} {host} {done:?}\n  refused {:?} / apt: {}\n  only native: {:#?}\n  only apt: {:#?}",
                pending.refused,
                if real.changes.is_none() { real.refusal.as_str() } else { "plans" },
                native.iter().filter(|line| !real_lines.contains(line)).take(6).collect::<Vec<_>>(),
                real_lines.iter().filter(|line| !native.contains(line)).take(6).collect::<Vec<_>>(),
            ));
        }
    }
    eprintln!("{cases} cases: {planned} planned, {refused} refused, {undecided} undecided, {} wrong", wrong.len());
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(undecided * 100 <= cases * 15, "{undecided} of {cases} undecided");
    assert!(planned * 2 > cases, "too few cases were planned to mean anything");
}
