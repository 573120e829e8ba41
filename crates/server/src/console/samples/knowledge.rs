use super::*;
use crate::console::lists;
use crate::policy::versions::{May, VersionAnswer, Word};
use crate::policy::{PolicyChange, PolicyCheck, PolicyCycle, PolicyPreview};
use plimsoll_core::model::source::{Source, SourceTrouble, SourceWarning};

fn source(words: &Words, name: &str, standing: SourceStanding) -> SourceRow {
    let troubled = standing != SourceStanding::Fresh;
    SourceRow {
        source: Source {
            name: words.say(name),
            location: words.say("https://security-tracker.debian.org/tracker/data/json"),
            records: 48_211,
            rejected: if standing == SourceStanding::Partial { 12 } else { 0 },
            newest: (name != "retirejs").then(|| if troubled { ago(216) } else { ago(5) }),
            fetched: (name != "epss").then(|| ago(1)),
            digest: words.say("9b1c44"),
            streams: if name == "kev" { vec![] } else { words.all(&["debian:11", "debian:12", "debian:13", "debian:forky"]) },
            warnings: if troubled { vec![SourceWarning { kind: SourceTrouble::Stale, text: words.say("the newest record is 9 days old, the limit is 3 days") }] } else { vec![] },
        },
        standing,
        freshness_limit: Some(SignedDuration::from_hours(72)),
        last_error: (standing == SourceStanding::Failed).then(|| words.problem()),
        hosts: Some(31),
    }
}

pub(in crate::console) fn sources(words: &Words) -> SourcesPage {
    SourcesPage {
        database: Some(DatabaseAge { built: Some(ago(5)), digest: words.say("b3f1c0de99aa"), stale: true, troubled_sources: 3 }),
        signed_by: words.some("77aa41cd0be493f2"),
        rows: [("csaf/suse", SourceStanding::Failed), ("osv/Debian", SourceStanding::Stale), ("retirejs", SourceStanding::Partial), ("kev", SourceStanding::Fresh), ("epss", SourceStanding::Fresh)]
            .map(|(name, standing)| source(words, name, standing))
            .into(),
        next_update: Some(ahead(1)),
        uncovered: vec![(words.say("sles:15.6"), 11)],
        watches: vec![watch(words, true), watch(words, false)],
        looks: true,
    }
}

fn watch(words: &Words, late: bool) -> WatchItem {
    WatchItem {
        subject: words.say("sources: kev, csaf:* for the perimeter"),
        what: words.say("kev, csaf:* for the perimeter"),
        by: words.some("group:vuln-team"),
        every: "P7D".to_owned(),
        last: (!late).then(|| (ago(30), words.say("ragnhild"))),
        note: (!late).then(|| words.say("Two new entries, neither on our hosts.")),
        due: Some(if late { ago(5) } else { ahead(100) }),
        late,
    }
}

pub(in crate::console) fn no_sources() -> SourcesPage {
    SourcesPage { database: None, signed_by: None, rows: vec![], next_update: None, uncovered: vec![], watches: vec![], looks: false }
}

pub(in crate::console) fn policy(words: &Words) -> PolicyPage {
    let rule = |name: &str, when: &str, limit: &str| PolicyRule { name: words.say(name), when: if when.is_empty() { String::new() } else { words.say(when) }, clock: words.say("fix released"), limit: if limit.is_empty() { String::new() } else { words.say(limit) }, done: words.say("in effect"), also: words.all(&["forensic triage first"]) };
    PolicyPage {
        in_force: vec![PolicyText {
            id: words.say("samm"),
            version: words.say("2026-11-21"),
            title: words.say("Deadlines by severity and exploitation"),
            source: words.say("OWASP SAMM 2, operational management, level 3"),
            as_of: words.some("2026-11-01"),
            since: Some(ago(400)),
            by: words.some("Ingrid Solheim"),
            rules: vec![
                rule("critical-exploited", "severity is critical, and exploitation is known", "3 days"),
                rule("high", "severity is high, or exposure is open", "14 days"),
                rule("everything else", "", ""),
            ],
            assumptions: words.all(&["exposure is not said: open", "severity is unknown: high"]),
            problems: vec![words.problem()],
        }],
        given: None,
        may_change: true,
        reason: words.some("The board asked for three days"),
        digest: words.say("1f0cc01d5e7fbead"),
        text: words.say("id = \"samm\"\nversion = \"2026-11-21\"\n\n[[rule]]\nname = \"critical-exploited\"\nwhen.severity = [\"critical\"]\nwhen.exploited = [true]\nwithin = \"3 days\"\n"),
        versions: vec![version(words, 3, "outlined"), version(words, 2, "in-force"), version(words, 1, "past")],
        reviewed: Some(ago(2_000)),
        review_due: Some(ago(20)),
        cycles: vec![PolicyCycle { cycle: words.say("patch-tuesday + 2 days"), days: [12, 1].map(|month| jiff::civil::date(if month == 1 { 2027 } else { 2026 }, month, 10)).into() }],
        may_review: true,
        presets: [("samm", true), ("bsi", false), ("cisa-bod", false)].map(|(id, in_force)| Preset { id: words.say(id), title: words.say("Deadlines by severity and exploitation"), source: words.say("CISA BOD 26-04"), as_of: words.say("2026-11-01"), in_force }).into(),
    }
}

fn version(words: &Words, number: u64, state: &str) -> VersionAnswer {
    let word = |kind: &str, text: &str| Word { at: ago(30), by: words.say("Ingrid Solheim"), kind: kind.to_owned(), text: if text.is_empty() { String::new() } else { words.say(text) } };
    VersionAnswer {
        number,
        digest: words.say("1f0cc01d5e7fbead"),
        title: words.say("nordwerft 2026-12"),
        author: words.say("Per Hansen"),
        state: state.to_owned(),
        longer: 12,
        proposed: ago(90),
        effective: (number == 3).then(|| ahead(600)),
        reason: words.say("The board gave low findings forty days"),
        approvals: 1,
        needed: 2,
        said: vec![word("comment", "Our clients in Bergen close in July."), word("outline", ""), word("approval", "Fine for operations.")],
        text: Some(words.say("id = \"nordwerft\"\nversion = \"2026-12\"\n")),
    }
}

pub(in crate::console) fn policy_version(words: &Words) -> PolicyVersionPage {
    let row = |inputs: &str, before: &str, after: &str, change: &str, longer| VersionChange { inputs: words.say(inputs), before: words.say(before), after: words.say(after), change: change.to_owned(), longer };
    PolicyVersionPage {
        version: version(words, 3, "proposed"),
        may: May { comment: true, sign: true, prove: false, withdraw: true },
        rows: vec![
            row("severity low, exposure open or controlled", "P30D of fix_released (samm/low)", "P40D of fix_released (nordwerft/low)", "longer", true),
            row("severity critical", "PT48H of fix_released (samm/critical)", "P1D of fix_released (nordwerft/critical)", "shorter", false),
        ],
        changed: words.figure(14),
        trouble: words.some("Whoever proposed it cannot sign it off.; Read the current state and decide again."),
    }
}

pub(in crate::console) fn outlined_policy_version(words: &Words) -> PolicyVersionPage {
    PolicyVersionPage { version: version(words, 3, "outlined"), trouble: None, ..policy_version(words) }
}

pub(in crate::console) fn past_policy_version(words: &Words) -> PolicyVersionPage {
    PolicyVersionPage { version: version(words, 1, "past"), may: May { comment: false, sign: false, prove: true, withdraw: false }, rows: vec![], changed: 0, trouble: None }
}

pub(in crate::console) fn given_policy(words: &Words) -> PolicyPage {
    PolicyPage { given: words.some("/etc/plimsoll/policy.toml"), may_change: false, reason: None, ..policy(words) }
}

pub(in crate::console) fn policy_draft(words: &Words) -> PolicyEdit {
    PolicyEdit { text: policy(words).text, replaces: words.say("1f0cc01d5e7fbead"), checked: None, trouble: words.some("The command line names the policy (/etc/plimsoll/policy.toml), so only a restart changes it. You can check a text here.") }
}

pub(in crate::console) fn wrong_policy(words: &Words) -> PolicyEdit {
    let problems = vec![words.problem(), words.problem()];
    PolicyEdit { checked: Some(PolicyCheck { problems, ..PolicyCheck::default() }), trouble: None, ..policy_draft(words) }
}

pub(in crate::console) fn checked_policy(words: &Words) -> PolicyEdit {
    let row = |place: i64| PolicyChange {
        host: words.say(&format!("web-{place:02}")),
        host_id: words.say("01kapp"),
        advisory: words.say("CVE-2026-33416"),
        component: words.say("libpng1.6"),
        before: (place % 3 != 0).then(|| ahead(24 * place)),
        after: (place % 4 != 0).then(|| ago(24 * (3 - place))),
    };
    let preview = PolicyPreview {
        hosts: 200,
        hosts_in_all: words.figure(1_340),
        sooner: words.figure(412),
        later: 31,
        dated: 9,
        undated: 2,
        unchanged: words.figure(9_120),
        overdue: 17,
        rows: (0..8).map(row).collect(),
    };
    let checked = PolicyCheck { sound: true, problems: vec![words.problem()], not_enforced: words.all(&["approvals", "windows"]), longer: 12, sign_offs: 0, preview: Some(preview) };
    PolicyEdit { checked: Some(checked), trouble: None, ..policy_draft(words) }
}

pub(in crate::console) fn no_policy(words: &Words) -> PolicyPage {
    PolicyPage { in_force: vec![], ..policy(words) }
}

pub(in crate::console) fn activity(words: &Words) -> Listing<EvidenceEntry> {
    let rows = [("host.enrol", "host web01.osl", "agent", 0), ("policy.apply", "policy samm 2026-11-21", "passkey", 1), ("person.lock", "person per", "password and code", 2)]
        .into_iter()
        .map(|(verb, object, strength, place)| EvidenceEntry {
            index: (place != 0).then_some(48_211 - place),
            time: ago(place as i64 * 7),
            actor: words.say("Ingrid Solheim"),
            strength: words.say(strength),
            verb: words.say(verb),
            object: words.say(object),
            link: (place != 2).then(|| words.say("/console/hosts/01k")),
            reason: if place == 0 { String::new() } else { words.say("quarterly review, ticket OPS-4711") },
            before: if place == 0 { String::new() } else { words.say("{\"state\":\"active\"}") },
            after: words.say("{\"state\":\"retired\",\"reason\":\"scrapped\"}"),
            request: words.say("01krequest"),
            digest: words.say("aa00bb11cc22"),
        })
        .collect();
    listing(&lists::ACTIVITY, lists::ACTIVITY.path, "", rows, facets(words))
}

pub(in crate::console) fn checkpoint(words: &Words) -> Checkpoint {
    Checkpoint { origin: words.say("plimsoll.nordwerft.example/evidence"), size: 48_212, root: words.say("7PZ8r1XyN3l9Hq0o2m4kW6s8u0w2y4A6C8E0G2I4K6M="), signed: ago(0), witnesses: 54 }
}

pub(in crate::console) fn search(words: &Words) -> Search {
    let hit = |link: &str, name: &str, note: &str| SearchHit { link: link.to_owned(), name: words.say(name), note: words.say(note) };
    Search {
        text: words.say("openssl"),
        hosts: vec![hit("/console/hosts/01k", "openssl-build01.osl.nordwerft.example", "2 overdue · Debian 12")],
        packages: vec![hit("/console/packages/debian:12/openssl", "openssl", "debian:12 · 53 hosts"), hit("/console/packages/ubuntu:24.04/openssl", "openssl", "ubuntu:24.04 · 14 hosts")],
        advisories: vec![hit("/console/advisories/DSA-6015-1", "DSA-6015-1", "critical · 23 hosts"), SearchHit { link: words.say("javascript:alert(1)"), name: words.say("never shown"), note: words.say("a link that leads elsewhere") }],
        applications: vec![],
    }
}

pub(in crate::console) fn nothing_found(words: &Words) -> Search {
    Search { hosts: vec![], packages: vec![], advisories: vec![], ..search(words) }
}

pub(in crate::console) fn nothing_typed() -> Search {
    Search { text: String::new(), hosts: vec![], packages: vec![], advisories: vec![], applications: vec![] }
}
