use super::freshness::{self, Seen};
use super::*;
use crate::model::dependency::Operator;
use proptest::prelude::*;

fn digest(name: &str, version: &str) -> &'static str {
    // Distinct and of the right form is all that the decision asks for.
    let sum = name.bytes().chain(version.bytes()).fold(7u64, |sum, byte| sum.wrapping_mul(31).wrapping_add(u64::from(byte)));
    Box::leak(format!("{sum:064x}").into_boxed_str())
}

fn requirement(text: &'static str) -> Requirement<'static> {
    let mut words = text.split(' ');
    let name = words.next().unwrap_or_default();
    let operator = match words.next() {
        Some(">=") => Operator::GreaterEqual,
        Some("=") => Operator::Equal,
        Some("<<") => Operator::Less,
        _ => Operator::Any,
    };
    Requirement { name, arch: None, operator, version: words.next().unwrap_or_default() }
}

fn offer(name: &'static str, version: &'static str, needs: &[&'static str]) -> Offer<'static> {
    Offer {
        name,
        version,
        arch: "amd64",
        sha256: digest(name, version),
        size: 10,
        path: "pool/x.deb",
        repository: 0,
        needs: needs.iter().map(|group| group.split(" | ").map(requirement).collect()).collect(),
        provides: Vec::new(),
        conflicts: Vec::new(),
    }
}

fn offers(all: Vec<Offer<'static>>) -> Offers<'static> {
    let named = |name: &str, automatic| Offering { name: name.to_owned(), automatic };
    Offers::new(Scheme::Debian, vec![named("main", true), named("backports", false)], all)
}

fn ask(offers: &Offers<'_>, picks: &[Pick<'_>], installed: &[Installed<'_>]) -> Decision {
    let stream = Stream::release("debian", "12");
    let architectures = ["amd64".to_owned()];
    let explained = decide(&Input { stream: &stream, offers, architectures: &architectures, needs: &[], picks, installed, way_back: false });
    assert!(!explained.because.is_empty());
    explained.decision
}

fn names(decision: &Decision) -> Vec<String> {
    decision.artefacts.iter().map(|wanted| format!("{} {}", wanted.artefact.name, wanted.artefact.version)).collect()
}

fn codes(decision: &Decision) -> Vec<&str> {
    decision.problems.iter().map(|problem| problem.code.as_str()).collect()
}

const A: &[Pick<'static>] = &[Pick { name: "a", version: None }];

fn update(version: &str, installed: &str) -> Update {
    Update { package: "a".into(), arch: "amd64".into(), installed: Some(installed.into()), candidate: version.into(), ..Update::default() }
}

#[test]
fn what_hosts_plan_is_taken_exactly_and_once() {
    let offers = offers(vec![offer("a", "1", &[]), offer("a", "2", &["never-looked-at"]), offer("a", "3", &[])]);
    let held = Update { held_by: Some("hold".into()), candidate: "3".into(), ..update("3", "1") };
    let plans = [vec![update("2", "1"), held], vec![Update { sha256: Some(digest("a", "2").to_uppercase()), ..update("2", "0") }]];
    let needs: Vec<Need<'_>> = ["web", "db"].into_iter().zip(&plans).map(|(host, updates)| Need { host, updates }).collect();
    let stream = Stream::release("debian", "12");
    let input = Input { stream: &stream, offers: &offers, architectures: &[], needs: &needs, picks: &[], installed: &[], way_back: true };
    let decision = decide(&input).decision;
    let shown: Vec<_> = decision.artefacts.iter().map(|wanted| (wanted.artefact.version.as_str(), wanted.purpose, wanted.hosts.join(","))).collect();
    assert_eq!(shown, [("1", Purpose::WayBack, "web".to_owned()), ("2", Purpose::Asked, "db,web".to_owned())]);
    assert_eq!(codes(&decision), ["W-NO-WAY-BACK"], "version 0 is gone, which is no error");
    assert!(decision.complete());
    assert_eq!(decision, decide(&input).decision);
}

#[test]
fn the_same_version_with_other_bytes_is_refused() {
    let mut double = offer("a", "2", &[]);
    double.sha256 = digest("evil", "2");
    double.repository = 1;
    let offers = offers(vec![offer("a", "2", &[]), double]);
    let stream = Stream::release("debian", "12");
    let said = |sha256: Option<&str>| {
        let updates = [Update { sha256: sha256.map(str::to_owned), ..update("2", "1") }];
        let needs = [Need { host: "web", updates: &updates }];
        decide(&Input { stream: &stream, offers: &offers, architectures: &[], needs: &needs, picks: &[], installed: &[], way_back: false }).decision
    };
    assert_eq!(codes(&said(None)), ["E-OTHER-BYTES"]);
    assert_eq!(codes(&said(Some(digest("third", "2")))), ["E-OTHER-BYTES"]);
    let meant = said(Some(digest("evil", "2")));
    assert_eq!((meant.artefacts[0].artefact.sha256.as_str(), codes(&meant).len()), (digest("evil", "2"), 0));
    assert_eq!(codes(&decide(&Input { stream: &stream, offers: &super::tests::offers(vec![]), architectures: &[], needs: &[Need { host: "web", updates: &[update("2", "1")] }], picks: &[], installed: &[], way_back: false }).decision), ["E-NOT-OFFERED"]);
}

#[test]
fn names_take_the_newest_automatic_version_and_follow_dependencies() {
    let mut backport = offer("a", "9", &[]);
    backport.repository = 1;
    let all = || vec![offer("a", "1", &["b"]), offer("a", "2", &["b >= 2", "c | d"]), backport.clone(), offer("b", "1", &[]), offer("b", "2", &["a >= 1"]), offer("d", "1", &[])];
    let decision = ask(&offers(all()), A, &[]);
    assert_eq!(names(&decision), ["a 2", "b 2", "d 1"]);
    assert_eq!(decision.problems, []);
    let said = &decision.artefacts[2].because[0].text;
    assert_eq!(said, "a 2 needs c | d; d is the first of these on offer; main offers it");
    let named = ask(&offers(all()), &[Pick { name: "a", version: Some("9") }], &[]);
    assert_eq!(names(&named), ["a 9"]);
    let lacking = ask(&offers(all()), A, &[Installed { name: "c", version: "1" }, Installed { name: "b", version: "1" }]);
    assert_eq!(names(&lacking), ["a 2", "b 2"], "c is there, b is too old");
}

#[test]
fn a_choice_that_no_rule_makes_is_not_made() {
    let provider = |name| {
        let mut offer = offer(name, "1", &[]);
        offer.provides = vec![requirement("mail-agent")];
        offer
    };
    let all = |second: bool| {
        let mut all = vec![offer("a", "1", &["mail-agent", "gone"]), provider("exim")];
        all.extend(second.then(|| provider("postfix")));
        offers(all)
    };
    let both = ask(&all(true), A, &[]);
    assert_eq!((names(&both), codes(&both)), (vec!["a 1".to_owned()], vec!["E-UNDECIDED", "E-UNMET"]));
    assert!(!both.complete());
    assert_eq!(both.problems[0].text, "a 1 needs mail-agent, which exim, postfix provide; which of them is not decided here");
    let only = ask(&all(false), A, &[]);
    assert_eq!((names(&only), codes(&only)), (vec!["a 1".to_owned(), "exim 1".to_owned()], vec!["E-UNMET"]));
    let named = ask(&all(true), &[A[0], Pick { name: "postfix", version: None }], &[]);
    assert_eq!(codes(&named), ["E-UNMET"], "what is asked for by name makes the choice");
    let nothing = ask(&all(true), &[Pick { name: "typo", version: None }], &[]);
    assert_eq!(codes(&nothing), ["E-NOT-OFFERED"]);
}

#[test]
fn conflicts_are_told_and_what_hosts_have_is_renewed() {
    let against = |mut offer: Offer<'static>, names: &[&'static str]| {
        offer.conflicts = names.iter().map(|name| requirement(name)).collect();
        offer
    };
    let named = |name| Pick { name, version: None };
    // Two that exclude each other, both asked for: a repository may hold both.
    let all = || vec![against(offer("a", "1", &[]), &["b", "a"]), offer("b", "1", &[]), offer("c", "1", &["a", "b"])];
    let both = ask(&offers(all()), &[A[0], named("b")], &[]);
    assert_eq!((names(&both).len(), codes(&both)), (2, vec!["W-CONFLICT"]));
    assert_eq!(both.problems[0].text, "a 1 cannot be installed beside b, and b 1 is among what was chosen");
    // One that needs both can be installed nowhere.
    let torn = ask(&offers(all()), &[named("c")], &[]);
    assert_eq!((codes(&torn), torn.problems[0].place.as_str(), torn.complete()), (vec!["E-CONFLICT"], "c", false));
    // By what it provides as well.
    let mut provider = offer("d", "1", &[]);
    provider.provides = vec![requirement("b")];
    let virtual_one = ask(&offers(vec![against(offer("a", "1", &["d"]), &["b"]), provider]), A, &[]);
    assert_eq!(codes(&virtual_one), ["E-CONFLICT"]);
    // What it breaks on hosts comes along in a version that escapes, with what that needs.
    let all = |versions: &[&'static str]| {
        let mut all = vec![against(offer("a", "2", &[]), &["b << 2"]), offer("c", "1", &[])];
        all.extend(versions.iter().map(|version| offer("b", version, &["c"])));
        offers(all)
    };
    let there = [Installed { name: "b", version: "1" }];
    let renewed = ask(&all(&["1", "2", "3"]), A, &there);
    assert_eq!((names(&renewed), codes(&renewed)), (vec!["a 2".to_owned(), "b 3".to_owned(), "c 1".to_owned()], vec![]));
    assert_eq!(renewed.artefacts[1].because[0].text, "a 2 does not stand b (<< 2), and hosts have 1; main offers it");
    assert_eq!(codes(&ask(&all(&["1"]), A, &there)), ["W-CONFLICT"], "apt would remove it");
    assert_eq!(names(&ask(&all(&["3"]), A, &[])), ["a 2"], "nothing is there to renew");
    // An older version beside a newer one that escapes is no conflict.
    let old = Pick { name: "b", version: Some("1") };
    assert_eq!(codes(&ask(&all(&["1", "2"]), &[A[0], old, named("b")], &[])), Vec::<&str>::new());
    assert_eq!(codes(&ask(&all(&["1", "2"]), &[A[0], old], &[])), ["W-CONFLICT"]);
}

#[test]
fn a_package_named_exactly_is_one_file() {
    let mut elsewhere = offer("a", "1", &[]);
    elsewhere.repository = 1;
    let mut other = offer("b", "1", &[]);
    (other.repository, other.sha256) = (1, digest("b", "other"));
    let offers = offers(vec![offer("a", "1", &[]), elsewhere, offer("b", "1", &[]), other]);
    let find = |name: &str, version: &str, repository: Option<&str>, sha256: Option<&str>| {
        exactly(&offers, &Exact { name, version, arch: "amd64", repository, sha256 }).map(|found| found.decision.repository).map_err(|problem| problem.code)
    };
    assert_eq!(find("a", "1", None, None), Ok("main".into()));
    assert_eq!(find("a", "1", Some("backports"), None), Ok("backports".into()));
    for (name, version, repository) in [("a", "1", Some("third")), ("a", "2", None), ("x", "1", None)] {
        assert_eq!(find(name, version, repository, None), Err("E-NOT-OFFERED".into()));
    }
    assert_eq!(find("b", "1", Some("main"), None), Err("E-OTHER-BYTES".into()), "a repository that is named does not make two contents one");
    assert_eq!(find("b", "1", Some("main"), Some(digest("b", "1"))), Ok("main".into()));
    assert_eq!(find("b", "1", Some("main"), Some(digest("b", "other"))), Err("E-NOT-OFFERED".into()));
    assert_eq!(find("a", "1", None, Some(digest("b", "1"))), Err("E-OTHER-BYTES".into()));
}

proptest! {
    /// Whatever an index says: every need of what was chosen is satisfied by
    /// what was chosen, or a problem names the package that has it.
    #[test]
    fn a_closure_is_closed(edges in proptest::collection::vec((0usize..8, 0usize..8, 1u8..4, 0usize..3), 0..24)) {
        const NAMES: [&str; 8] = ["a", "b", "c", "d", "e", "f", "g", "h"];
        const VERSIONS: [&str; 4] = ["", "1", "2", "3"];
        let mut all: Vec<Offer<'static>> = NAMES.iter().flat_map(|name| ["1", "2"].map(|version| offer(name, version, &[]))).collect();
        for (from, to, version, kind) in edges {
            let operator = [Operator::Any, Operator::GreaterEqual, Operator::Equal][kind];
            let version = if operator == Operator::Any { "" } else { VERSIONS[usize::from(version)] };
            all[from * 2 + 1].needs.push(vec![Requirement { name: NAMES[to], arch: None, operator, version }]);
        }
        let known = all.clone();
        let decision = ask(&offers(all), A, &[]);
        let chosen: Vec<&Offer<'_>> = decision.artefacts.iter().filter_map(|wanted| known.iter().find(|offer| offer.sha256 == wanted.artefact.sha256)).collect();
        prop_assert!(chosen.iter().any(|offer| offer.name == "a" && offer.version == "2"));
        for offer in &chosen {
            for group in &offer.needs {
                let met = group.iter().any(|wanted| chosen.iter().any(|there| there.name == wanted.name && wanted.admits(Scheme::Debian, Some(there.version))));
                prop_assert!(met || decision.problems.iter().any(|problem| problem.place == offer.name), "{} needs {group:?}", offer.name);
            }
        }
    }
}

fn at(text: &str) -> jiff::Timestamp {
    text.parse().expect("a time")
}

fn fresh(date: Option<&str>, end: Option<&str>, content: &str, last: Option<&Seen>, max_age: Option<i64>) -> Result<freshness::Fresh, String> {
    let input = freshness::Input {
        place: "suite",
        last,
        date: date.map(at),
        valid_until: end.map(at),
        content,
        now: at("2026-11-22T12:00:00Z"),
        max_age,
    };
    freshness::decide(&input).map(|explained| explained.decision).map_err(|problem| problem.code)
}

#[test]
fn a_suite_never_goes_back_in_time_and_its_age_is_measured() {
    let first = fresh(Some("2026-11-20T00:00:00Z"), Some("2026-11-27T00:00:00Z"), "x", None, None).expect("fresh");
    let last = first.seen;
    assert_eq!((last.first, last.content.as_str()), (at("2026-11-22T12:00:00Z"), "x"));
    let code = |date: &str, end: Option<&str>, content: &str, max_age| fresh(Some(date), end, content, Some(&last), max_age).map(|_| ());
    assert_eq!(code("2026-11-20T00:00:00Z", None, "x", None), Ok(()));
    assert_eq!(code("2026-11-20T00:00:01Z", None, "y", None), Ok(()));
    assert_eq!(code("2026-11-19T23:59:59Z", None, "x", None), Err("E-ROLLBACK".into()));
    assert_eq!(code("2026-11-20T00:00:00Z", None, "y", None), Err("E-FORK".into()));
    assert_eq!(code("2026-11-22T12:05:00Z", None, "y", None), Ok(()));
    assert_eq!(code("2026-11-22T12:05:01Z", None, "y", None), Err("E-FUTURE".into()));
    assert_eq!(code("2026-11-21T00:00:00Z", Some("2026-11-22T12:00:00Z"), "y", None), Ok(()));
    assert_eq!(code("2026-11-21T00:00:00Z", Some("2026-11-22T11:59:59Z"), "y", None), Err("E-EXPIRED".into()));
    assert_eq!(code("2026-11-21T12:00:00Z", None, "y", Some(86_400)), Ok(()));
    assert_eq!(code("2026-11-21T11:59:59Z", None, "y", Some(86_400)), Err("E-STALE".into()));
    assert_eq!(fresh(None, None, "x", None, None).unwrap_err(), "E-NO-DATE");
}

#[test]
fn a_suite_without_an_end_is_remarked_on_when_it_is_old() {
    let earlier = Seen { date: at("2026-01-01T00:00:00Z"), content: "x".into(), first: at("2026-02-01T00:00:00Z"), last: at("2026-11-01T00:00:00Z") };
    let old = fresh(Some("2026-01-01T00:00:00Z"), None, "x", Some(&earlier), None).expect("usable");
    assert_eq!((old.seen.first, old.warnings[0].code.as_str()), (at("2026-02-01T00:00:00Z"), "W-STALE"));
    assert!(fresh(Some("2026-07-11T00:00:00Z"), None, "x", None, None).expect("usable").warnings.is_empty());
    assert!(fresh(Some("2026-01-01T00:00:00Z"), None, "x", None, Some(400 * 86_400)).expect("usable").warnings.is_empty());
}
