//! Whole decisions: presets held against findings.

use super::read;
use crate::policy::load_preset;
use jiff::Timestamp;
use jiff::civil::date;
use plimsoll_core::model::advisory::{Cvss, Rating, Severity};
use plimsoll_core::model::because::Explained;
use plimsoll_core::model::component::{Component, ComponentKind};
use plimsoll_core::model::obligation::Verdict;
use plimsoll_core::model::policy::{Exposure, HostFacts, PolicySet};
use plimsoll_core::model::threat::{Epss, Exploitation, Kev, Ssvc, TechnicalImpact, Threat};
use plimsoll_core::phases::prioritize::{Decision, Facts, Input, decide, due};

fn when(text: &str) -> Timestamp {
    text.parse().expect("timestamp")
}

/// A finding that owns what [`Facts`] borrows.
#[derive(Clone, Default)]
pub(super) struct Case {
    pub(super) severities: Vec<Severity>,
    pub(super) threat: Threat,
    pub(super) cves: Vec<String>,
    pub(super) component: Component,
    pub(super) published: Option<Timestamp>,
    pub(super) fix_released: Option<Timestamp>,
    pub(super) fix_missing: bool,
    pub(super) first_seen: Option<Timestamp>,
    pub(super) closed: Option<Timestamp>,
    pub(super) host: HostFacts,
}

impl Case {
    pub(super) fn facts(&self) -> Facts<'_> {
        Facts {
            severities: &self.severities,
            threat: &self.threat,
            cves: &self.cves,
            component: Some(&self.component),
            class: None,
            published: self.published,
            fix_released: self.fix_released,
            fix_exists: !self.fix_missing,
            fix_available: None,
            first_seen: self.first_seen,
            closed: self.closed,
        }
    }

    pub(super) fn decide(&self, set: &PolicySet, now: &str) -> Explained<Decision> {
        let input = Input { now: when(now), policies: set, finding: self.facts(), host: &self.host };
        let explained = decide(&input);
        assert_eq!(explained.decision, due(&input), "the same without a word why");
        explained
    }
}

pub(super) fn vendor(rating: Rating) -> Severity {
    Severity::Vendor { vendor: "debian".to_owned(), word: rating.as_str().to_owned(), rating }
}

fn cvss(version: u8, base_tenths: u8, vector: &str) -> Cvss {
    Cvss { version, vector: vector.to_owned(), base_tenths }
}

fn kev() -> Kev {
    Kev {
        date_added: date(2026, 3, 10),
        due_date: Some(date(2026, 3, 31)),
        ransomware: false,
        name: "A Bug".to_owned(),
        action: "Apply updates".to_owned(),
    }
}

/// A decision as text, whole.
fn shown(explained: &Explained<Decision>) -> String {
    let decision = &explained.decision;
    let mut out = format!(
        "severity {} {:?} {:?} {:?}, priority {:?}, due {:?}\n",
        decision.severity.rating.as_str(),
        decision.severity.score,
        decision.severity.vector,
        decision.severity.source,
        decision.priority,
        decision.due.map(|due| due.to_string())
    );
    for one in &decision.obligations {
        out.push_str(&format!(
            "{} {}: {} -> {} {:?} {:?}%{}\n",
            one.rule,
            one.clock,
            one.clock_start.map_or("-".to_owned(), |start| start.to_string()),
            one.due.map_or("-".to_owned(), |due| due.to_string()),
            one.verdict,
            one.used_percent,
            one.also.iter().map(|also| format!(" [{also}]")).collect::<String>()
        ));
    }
    for reason in &explained.because {
        out.push_str(&format!("  {:?}: {}\n", reason.kind, reason.text));
    }
    out
}

#[test]
fn samm_with_everything_known_and_with_nothing_known() {
    let set = load_preset("samm", None).expect("samm");
    let known = Case {
        severities: vec![vendor(Rating::Critical), Severity::Cvss(cvss(3, 75, "CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:N/I:N/A:H"))],
        cves: vec!["CVE-2026-0001".to_owned()],
        fix_released: Some(when("2026-03-01T10:00:00Z")),
        threat: Threat { kev: Some(kev()), ..Threat::default() },
        ..Case::default()
    };
    insta::assert_snapshot!(shown(&known.decide(&set, "2026-03-02T22:30:00Z")), @r#"
    severity critical Some(7.5) Some("CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:N/I:N/A:H") Some("debian"), priority None, due Some("2026-03-03T10:00:00Z")
    samm/critical fix_released: 2026-03-01T10:00:00Z -> 2026-03-03T10:00:00Z OpenInTime Some(76)%
      Source: severity critical: debian says critical
      Rule: rule samm/critical: within 48 hours of the release of the fix, because severity is critical
      Clock: the fix was released on 2026-03-01T10:00:00Z
      Clock: due 2026-03-03T10:00:00Z, to the second
    "#);
    insta::assert_snapshot!(shown(&Case::default().decide(&set, "2026-03-02T22:30:00Z")), @r#"
    severity unknown None None None, priority None, due Some("2026-03-09T23:59:59Z")
    samm/high fix_released: 2026-03-02T22:30:00Z -> 2026-03-09T23:59:59Z OpenInTime Some(0)%
      Source: severity unknown: neither the advisory nor any score of its CVEs gives one
      Assumed: severity is unknown: policy samm takes high
      Rule: rule samm/high: within 7 days of the release of the fix, because severity is high
      Rule: rule samm/high: 7 days is Plimsoll's own value; SAMM names 2 days for critical and 30 for low
      Assumed: no source dates the fix or the advisory: the clock starts when it was first seen here
      Assumed: when it was first seen is not remembered without --state: taken as now, 2026-03-02T22:30:00Z
      Clock: due 2026-03-09T23:59:59Z, at the end of that day in UTC
    "#);
    let zero = Case { severities: vec![Severity::Cvss(cvss(3, 0, ""))], fix_missing: true, ..Case::default() };
    insta::assert_snapshot!(shown(&zero.decide(&set, "2026-03-02T22:30:00Z")), @r#"
    severity none Some(0.0) None Some("cvss3 of the advisory"), priority None, due None
    samm/low fix_released: - -> - OpenInTime None%
      Source: severity none: CVSS 3 base score 0.0 in the advisory
      Assumed: severity is none (score 0): taken as low
      Rule: rule samm/low: within 30 days of the release of the fix, because severity is low
      Clock: no fix is available: the clock has not started
    "#);
}

#[test]
fn deadlines_turn_on_the_second_across_changes_of_summer_time() {
    // (preset rule's severity, zone, start, last second in time)
    let edges = [
        (Rating::Critical, "Europe/Oslo", "2026-03-28T12:00:00Z", "2026-03-30T12:00:00Z"),
        (Rating::Critical, "Europe/Oslo", "2026-10-24T12:00:00Z", "2026-10-26T12:00:00Z"),
        (Rating::Critical, "America/New_York", "2026-03-07T12:00:00Z", "2026-03-09T12:00:00Z"),
        (Rating::Critical, "America/New_York", "2026-10-31T12:00:00Z", "2026-11-02T12:00:00Z"),
        (Rating::Low, "Europe/Oslo", "2026-03-10T12:00:00Z", "2026-04-09T21:59:59Z"),
        (Rating::Low, "Europe/Oslo", "2026-10-10T12:00:00Z", "2026-11-09T22:59:59Z"),
        (Rating::Low, "America/New_York", "2026-02-20T12:00:00Z", "2026-03-23T03:59:59Z"),
        (Rating::Low, "America/New_York", "2026-10-20T12:00:00Z", "2026-11-20T04:59:59Z"),
        (Rating::Low, "UTC", "2026-10-20T12:00:00Z", "2026-11-19T23:59:59Z"),
    ];
    for (rating, zone, start, due) in edges {
        let set = load_preset("samm", Some(zone)).expect("samm");
        let case = Case { severities: vec![vendor(rating)], fix_released: Some(when(start)), ..Case::default() };
        let verdict = |offset: i64| {
            let now = when(due).checked_add(jiff::SignedDuration::from_secs(offset)).expect("now").to_string();
            let decision = case.decide(&set, &now).decision;
            assert_eq!(decision.due, Some(when(due)), "{zone} {start}");
            decision.obligations[0].verdict
        };
        assert_eq!(verdict(-1), Verdict::DueSoon, "{zone} {start}");
        assert_eq!(verdict(0), Verdict::DueSoon, "{zone} {start}");
        assert_eq!(verdict(1), Verdict::Overdue, "{zone} {start}");
        // Parts of a second do not count.
        let late = when(due).checked_add(jiff::SignedDuration::from_millis(999)).expect("now").to_string();
        assert_eq!(case.decide(&set, &late).decision.obligations[0].verdict, Verdict::DueSoon);
    }
}

#[test]
fn due_soon_from_four_fifths_and_closed_in_time_or_late() {
    let set = load_preset("samm", None).expect("samm");
    let mut case =
        Case { severities: vec![vendor(Rating::Critical)], fix_released: Some(when("2026-03-01T00:00:00Z")), ..Case::default() };
    let verdict = |case: &Case, now: &str| case.decide(&set, now).decision.obligations[0].verdict;
    assert_eq!(verdict(&case, "2026-03-02T14:23:59Z"), Verdict::OpenInTime);
    assert_eq!(verdict(&case, "2026-03-02T14:24:00Z"), Verdict::DueSoon);
    case.closed = Some(when("2026-03-03T00:00:00Z"));
    assert_eq!(verdict(&case, "2026-05-01T00:00:00Z"), Verdict::Compliant);
    case.closed = Some(when("2026-03-03T00:00:01Z"));
    assert_eq!(verdict(&case, "2026-05-01T00:00:00Z"), Verdict::ClosedLate);
}

#[test]
fn bod_26_04_and_cyber_essentials_side_by_side() {
    let set = read("schema = \"patch-policy/1\"\nextends = [\"cisa-bod-26-04\", \"cyber-essentials-3.3\"]\n[policy]\nid = \"both\"\nversion = \"1\"\ntimezone = \"Europe/Oslo\"\n[host]\nexposure = \"open\"\n").expect("policy");
    let case = Case {
        severities: vec![Severity::Cvss(cvss(3, 98, "CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H"))],
        cves: vec!["CVE-2026-0001".to_owned()],
        threat: Threat {
            kev: Some(kev()),
            ssvc: Some(Ssvc {
                exploitation: Some(Exploitation::Active),
                automatable: Some(true),
                technical_impact: Some(TechnicalImpact::Total),
            }),
            ..Threat::default()
        },
        published: Some(when("2026-03-01T10:00:00Z")),
        ..Case::default()
    };
    insta::assert_snapshot!(shown(&case.decide(&set, "2026-03-12T00:00:00Z")), @r#"
    severity critical Some(9.8) Some("CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H") Some("cvss3 of the advisory"), priority Some("3DF"), due Some("2026-03-13T22:59:59Z")
    cisa-bod-26-04/3DF inputs_true_and_fix_released: 2026-03-09T23:00:00Z -> 2026-03-13T22:59:59Z OpenInTime Some(51)% [forensic triage: scope within 2 hours, volatile evidence within 24 hours and before patching, decision within 72 hours of the listing as known exploited]
    cyber-essentials-3.3/score fix_released: 2026-03-01T10:00:00Z -> 2026-03-15T22:59:59Z OpenInTime Some(72)%
      Source: severity critical: CVSS 3 base score 9.8 (CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H) in the advisory
      Threat: listed as known exploited on 2026-03-10
      Threat: automatable yes: CISA's SSVC points say so
      Threat: technical impact total: CISA's SSVC points say so
      Rule: cisa:DT_BOD2604:1.0.0 gives 3DF for in kev yes, publicly exposed yes, automatable yes, technical impact total
      Rule: rule cisa-bod-26-04/3DF: within 3 days of the rule's inputs becoming true or the release of the fix, whichever is later, because priority is 3DF
      Assumed: no source dates the fix: taken as released with the advisory on 2026-03-01T10:00:00Z
      Clock: listed as known exploited on 2026-03-10
      Assumed: when the rule's inputs became true is not recorded: the listing as known exploited counts where there is one, else the release of the fix
      Clock: due 2026-03-13T22:59:59Z, at the end of that day in Europe/Oslo
      Source: no vendor rates it
      Rule: rule cyber-essentials-3.3/score: within 14 days of the release of the fix, because cvss3_base is >=7
      Clock: due 2026-03-15T22:59:59Z, at the end of that day in Europe/Oslo
    "#);
    // Without any metadata the directive's 60 days hold, and each assumption is said.
    let bod = load_preset("cisa-bod-26-04", None).expect("bod");
    let blank = Case { published: Some(when("2026-03-01T10:00:00Z")), ..Case::default() };
    insta::assert_snapshot!(shown(&blank.decide(&bod, "2026-03-12T00:00:00Z")), @r#"
    severity unknown None None None, priority Some("60D"), due Some("2026-04-30T23:59:59Z")
    cisa-bod-26-04/60D inputs_true_and_fix_released: 2026-03-01T10:00:00Z -> 2026-04-30T23:59:59Z OpenInTime Some(17)%
      Source: severity unknown: neither the advisory nor any score of its CVEs gives one
      Threat: not listed as known exploited
      Assumed: how far the host can be reached is not known: policy cisa-bod-26-04 takes open
      Assumed: whether exploitation can be automated is not known: policy cisa-bod-26-04 takes no
      Assumed: technical impact is not known: policy cisa-bod-26-04 takes partial
      Rule: cisa:DT_BOD2604:1.0.0 gives 60D for in kev no, publicly exposed yes, automatable no, technical impact partial
      Rule: rule cisa-bod-26-04/60D: within 60 days of the rule's inputs becoming true or the release of the fix, whichever is later, because priority is 60D
      Assumed: no source dates the fix: taken as released with the advisory on 2026-03-01T10:00:00Z
      Assumed: when the rule's inputs became true is not recorded: the listing as known exploited counts where there is one, else the release of the fix
      Clock: due 2026-04-30T23:59:59Z, at the end of that day in UTC
    "#);
}

#[test]
fn the_deployer_tree_takes_the_host_and_mitigates_without_a_fix() {
    let set = read("schema = \"patch-policy/1\"\nextends = [\"ssvc-deployer\"]\n[policy]\nid = \"tiers\"\nversion = \"1\"\n[tier.tier0]\nsafety = \"critical\"\nmission = \"mission-failure\"\n").expect("policy");
    let case = Case {
        threat: Threat { kev: Some(kev()), ..Threat::default() },
        fix_missing: true,
        first_seen: Some(when("2026-03-11T08:00:00Z")),
        host: HostFacts { tier: Some("tier0".to_owned()), exposure: Some(Exposure::Open), ..HostFacts::default() },
        ..Case::default()
    };
    insta::assert_snapshot!(shown(&case.decide(&set, "2026-03-12T10:00:00Z")), @r#"
    severity unknown None None None, priority Some("immediate"), due Some("2026-03-12T08:00:00Z")
    ssvc-deployer/immediate known_and_fix_available: - -> - OpenInTime None%
    ssvc-deployer/immediate/mitigate detected: 2026-03-11T08:00:00Z -> 2026-03-12T08:00:00Z Overdue Some(108)% [review the mitigation every 7 days]
      Source: severity unknown: neither the advisory nor any score of its CVEs gives one
      Assumed: whether exploitation can be automated is not known: policy ssvc-deployer takes yes
      Threat: exploitation active: listed as known exploited on 2026-03-10
      Rule: ssvc:DT_DP:1.0.0 gives immediate for automatable yes, exploitation active, system exposure open, human impact very-high
      Rule: rule ssvc-deployer/immediate: within 24 hours of its detection or the release of the fix, whichever is later, because priority is immediate
      Rule: rule ssvc-deployer/immediate: SSVC gives no number of days; this one is Plimsoll's own
      Clock: no fix is available: the clock has not started
      Rule: rule ssvc-deployer/immediate/mitigate: no fix is available, so a mitigation within 24 hours of detection
      Clock: first detected here on 2026-03-11T08:00:00Z
      Clock: due 2026-03-12T08:00:00Z, for a mitigation
    "#);
}

#[test]
fn a_host_that_arrives_after_the_fix_gets_its_time_from_then_on() {
    let set = load_preset("samm", None).expect("samm");
    let case = Case {
        severities: vec![vendor(Rating::High)],
        fix_released: Some(when("2026-03-01T10:00:00Z")),
        host: HostFacts { first_seen: Some(when("2026-03-20T10:00:00Z")), ..HostFacts::default() },
        ..Case::default()
    };
    insta::assert_snapshot!(shown(&case.decide(&set, "2026-03-21T00:00:00Z")), @r#"
    severity high None None Some("debian"), priority None, due Some("2026-03-27T23:59:59Z")
    samm/high fix_released: 2026-03-20T10:00:00Z -> 2026-03-27T23:59:59Z OpenInTime Some(7)%
      Source: severity high: debian says high
      Rule: rule samm/high: within 7 days of the release of the fix, because severity is high
      Rule: rule samm/high: 7 days is Plimsoll's own value; SAMM names 2 days for critical and 30 for low
      Clock: the fix was released on 2026-03-01T10:00:00Z
      Clock: the host was first seen on 2026-03-20T10:00:00Z, later than the fix: due by rule 2026-03-08T23:59:59Z, due by arrival 2026-03-27T23:59:59Z
      Clock: due 2026-03-27T23:59:59Z, at the end of that day in UTC
    "#);
}

#[test]
fn severity_is_the_advisorys_own_before_its_cves_and_a_bundle_takes_the_highest() {
    let set = load_preset("samm", None).expect("samm");
    let scores = vec![cvss(4, 53, "CVSS:4.0/AV:N"), cvss(3, 91, "CVSS:3.1/AV:N"), cvss(2, 100, "AV:N")];
    let mut case = Case { threat: Threat { cvss: scores, ..Threat::default() }, cves: vec!["CVE-2026-0001".to_owned()], ..Case::default() };
    let chosen = |case: &Case| {
        let explained = case.decide(&set, "2026-03-21T00:00:00Z");
        (explained.decision.severity.rating, explained.because[0].text.clone())
    };
    assert_eq!(
        chosen(&case),
        (Rating::Medium, "severity medium: CVSS 4 base score 5.3 (CVSS:4.0/AV:N), the score of CVE-2026-0001".to_owned())
    );
    case.cves.push("CVE-2026-0002".to_owned());
    assert_eq!(
        chosen(&case),
        (Rating::Critical, "severity critical: CVSS 3 base score 9.1 (CVSS:3.1/AV:N), the highest among its 2 CVEs".to_owned())
    );
    case.severities = vec![Severity::Cvss(cvss(3, 31, "")), vendor(Rating::Unknown)];
    assert_eq!(chosen(&case), (Rating::Low, "severity low: CVSS 3 base score 3.1 in the advisory".to_owned()));
    case.severities.push(vendor(Rating::High));
    assert_eq!(chosen(&case), (Rating::High, "severity high: debian says high".to_owned()));
}

#[test]
fn essential_eight_tells_classes_and_exposure_apart() {
    let package = |name: &str| Component { name: name.to_owned(), kind: ComponentKind::Package, ..Component::default() };
    let library = Component { name: "serde".to_owned(), kind: ComponentKind::Library, ..Component::default() };
    let firmware = Component { name: "BIOS".to_owned(), kind: ComponentKind::Firmware, ..Component::default() };
    let driver = package("nvidia-driver");
    let components =
        [package("nginx-core"), package("libreoffice-writer"), package("libc6"), library, driver, firmware];
    let mut grid = String::new();
    for level in 1..=3 {
        let set = load_preset(&format!("essential-eight-ml{level}"), None).expect("preset");
        for (exposure, rating) in [
            (Exposure::Open, Rating::Critical),
            (Exposure::Open, Rating::High),
            (Exposure::Small, Rating::Critical),
            (Exposure::Small, Rating::High),
        ] {
            grid.push_str(&format!("ml{level} {exposure:?} {}:", rating.as_str()));
            for component in &components {
                let case = Case {
                    component: component.clone(),
                    severities: vec![vendor(rating)],
                    fix_released: Some(when("2026-03-01T10:00:00Z")),
                    host: HostFacts { exposure: Some(exposure), ..HostFacts::default() },
                    ..Case::default()
                };
                let decision = case.decide(&set, "2026-03-01T12:00:00Z").decision;
                let due = decision.due.map_or("-".to_owned(), |due| due.strftime("%m-%d").to_string());
                grid.push_str(&format!(" {due}"));
            }
            grid.push('\n');
        }
    }
    insta::assert_snapshot!(grid, @r#"
    ml1 Open critical: 03-03 03-15 03-03 - - -
    ml1 Open high: 03-15 03-15 03-15 - - -
    ml1 Small critical: 03-03 03-15 04-01 - - -
    ml1 Small high: 03-15 03-15 04-01 - - -
    ml2 Open critical: 03-03 03-15 03-03 04-01 - -
    ml2 Open high: 03-15 03-15 03-15 04-01 - -
    ml2 Small critical: 03-03 03-15 04-01 04-01 - -
    ml2 Small high: 03-15 03-15 04-01 04-01 - -
    ml3 Open critical: 03-03 03-03 03-03 04-01 03-03 03-03
    ml3 Open high: 03-15 03-15 03-15 04-01 04-01 04-01
    ml3 Small critical: 03-03 03-03 03-03 04-01 03-03 03-03
    ml3 Small high: 03-15 03-15 04-01 04-01 04-01 04-01
    "#);
}

#[test]
fn fedramp_matrix_every_cell() {
    let set = load_preset("fedramp-vdr-2026", None).expect("preset");
    let mut grid = String::new();
    for class in ["A", "B", "C", "D", "E"] {
        for rating in ["N5", "N4", "N3", "N2", "N1"] {
            let cells: Vec<String> = [(Exposure::Open, true), (Exposure::Small, true), (Exposure::Open, false)]
                .into_iter()
                .map(|(exposure, likely)| {
                    let exploitation = if likely { Exploitation::PublicPoc } else { Exploitation::None };
                    let case = Case {
                        threat: Threat {
                            ssvc: Some(Ssvc { exploitation: Some(exploitation), ..Ssvc::default() }),
                            ..Threat::default()
                        },
                        first_seen: Some(when("2026-01-01T00:00:00Z")),
                        host: HostFacts {
                            exposure: Some(exposure),
                            labels: [("fedramp_class", class), ("potential_agency_impact", rating)]
                                .map(|(name, value)| (name.to_owned(), value.to_owned()))
                                .into(),
                            ..HostFacts::default()
                        },
                        ..Case::default()
                    };
                    let decision = case.decide(&set, "2026-01-01T00:00:00Z").decision;
                    decision.due.map_or("-".to_owned(), |due| {
                        let hours = (due.as_second() - when("2026-01-01T00:00:00Z").as_second()) / 3600;
                        if hours < 24 && hours != 23 { format!("{hours}h") } else { format!("{}d", hours / 24) }
                    })
                })
                .collect();
            grid.push_str(&format!("{class} {rating}: {}\n", cells.join(" / ")));
        }
    }
    insta::assert_snapshot!(grid, @r#"
    A N5: 4d / 8d / 32d
    A N4: 8d / 32d / 64d
    A N3: 32d / 64d / 192d
    A N2: 96d / 160d / 192d
    A N1: - / - / -
    B N5: 4d / 8d / 32d
    B N4: 8d / 32d / 64d
    B N3: 32d / 64d / 192d
    B N2: 96d / 160d / 192d
    B N1: - / - / -
    C N5: 2d / 4d / 16d
    C N4: 4d / 8d / 64d
    C N3: 16d / 32d / 128d
    C N2: 48d / 128d / 192d
    C N1: - / - / -
    D N5: 12h / 1d / 8d
    D N4: 2d / 8d / 32d
    D N3: 8d / 16d / 64d
    D N2: 24d / 96d / 192d
    D N1: - / - / -
    E N5: - / - / -
    E N4: - / - / -
    E N3: - / - / -
    E N2: - / - / -
    E N1: - / - / -
    "#);
}

#[test]
fn thresholds_need_their_model_and_catalogue_dates_their_zone() {
    let set = read("schema = \"patch-policy/1\"\nextends = [\"legacy-bod-22-01\"]\n[policy]\nid = \"own\"\nversion = \"1\"\ntimezone = \"America/New_York\"\n[[deadline]]\nid = \"likely\"\nwhen = { epss = \">=0.5\", epss_model = [\"v2025.03.14\"], fix = [\"available\"] }\nwithin = \"P3D\"\n[[deadline]]\nid = \"rest\"\nno_number = \"not ours\"\n").expect("policy");
    let mut case = Case {
        threat: Threat {
            kev: Some(kev()),
            epss: Some(Epss { score: 0.9, percentile: 0.99, date: date(2026, 3, 1) }),
            ..Threat::default()
        },
        cves: vec!["CVE-2020-0001".to_owned()],
        fix_released: Some(when("2026-03-01T10:00:00Z")),
        ..Case::default()
    };
    let rules = |case: &Case| -> Vec<(String, Option<String>)> {
        let decision = case.decide(&set, "2026-03-02T00:00:00Z").decision;
        decision.obligations.into_iter().map(|one| (one.rule, one.due.map(|due| due.to_string()))).collect()
    };
    // The end of 31 March in New York.
    let by_catalogue = ("legacy-bod-22-01/kev-older".to_owned(), Some("2026-04-01T03:59:59Z".to_owned()));
    assert_eq!(rules(&case), [("own/likely".to_owned(), Some("2026-03-05T04:59:59Z".to_owned())), by_catalogue.clone()]);
    // The same score of an older model is no such score.
    case.threat.epss = Some(Epss { score: 0.9, percentile: 0.99, date: date(2024, 3, 1) });
    assert_eq!(rules(&case), [("own/rest".to_owned(), None), by_catalogue]);
    // Without a date in the catalogue: two weeks for newer CVE ids, six months for older.
    case.threat.kev.as_mut().expect("kev").due_date = None;
    assert_eq!(rules(&case)[1].1.as_deref(), Some("2026-09-11T03:59:59Z"));
    case.cves.push("CVE-2021-0001".to_owned());
    assert_eq!(rules(&case)[1], ("legacy-bod-22-01/kev-recent".to_owned(), Some("2026-03-25T03:59:59Z".to_owned())));
}
