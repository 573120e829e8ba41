use super::*;
use plimsoll_core::measures::cost::steps::Step;
use plimsoll_core::measures::cost::{self, CostReport, InForce, Terms};
use plimsoll_core::measures::cycles::Round;
use plimsoll_core::measures::samm::{Assessment, Evidence, assess};
use plimsoll_core::measures::targets::{Coverage, Measured, Target, held};
use plimsoll_core::measures::{Audience, Collector, HostStory, Measures, Regulator, Report, Window, duties};
use plimsoll_core::model::advisory::Rating;
use plimsoll_core::model::identifier::{ApplicationId, ClientId, HostId, WorkId};
use plimsoll_core::model::policy::governance::{self, Percent, Targets};
use plimsoll_core::model::transition::{Bound, FindingKey, Obliged, Transition};
use plimsoll_core::model::work::{Centre, Downtime, Source, Subject, Work};
use plimsoll_core::operations::teams::{Briefed, Briefing, Cadence, Circle, Described, Fact, Member, Recorded, Roster, Teams, Topic, Way};

const DAY: i64 = 86_400;

/// Ninety days of twelve hosts, counted as a server counts them.
fn counted(words: &Words, audience: Audience) -> Report {
    let to = now();
    let mut collector = Collector::new(Window { from: to - SignedDuration::from_hours(24 * 90), to });
    for host in 0..12_i64 {
        let name = words.say(&format!("web-{host:02}.nordwerft.example"));
        let id = HostId::from_bits(host as u128);
        let mut transitions: Vec<Transition> = Vec::new();
        for number in 0..40_i64 {
            let opened = to.as_second() - ((host * 7 + number * 5) % 100 + 1) * DAY;
            let (rating, days) = [(Rating::Critical, 15), (Rating::High, 30), (Rating::Medium, 60), (Rating::Low, 150), (Rating::Unknown, 0)][number as usize % 5];
            let key = FindingKey { advisory: words.say(&format!("CVE-2026-{}", 10_000 + number)), component: words.say("debian:12 libexample-with-a-name-that-goes-on") };
            let bound = |rule: &str, days: i64| Bound { due: opened + days * DAY, start: Some(opened), rule: words.say(rule) };
            let bounds = if days == 0 { vec![] } else { vec![bound(&format!("samm/{}", rating.as_str()), days), bound("pci-dss/6.3.3", days + 30)] };
            let transition = |at: i64, opened: bool, bounds: Vec<Bound>| Transition {
                host: id,
                serial: 0,
                at: Timestamp::from_second(at).unwrap(),
                opened: if opened { vec![key.clone()] } else { vec![] },
                closed: if bounds.is_empty() && !opened { vec![key.clone()] } else { vec![] },
                obliged: if bounds.is_empty() && !opened { vec![] } else { vec![(key.clone(), Obliged { rating, exploited: number % 9 == 0, bounds })] },
                policies: vec![words.say("samm 2026-11-21")],
            };
            let later: Vec<Bound> = bounds.iter().map(|bound| Bound { due: bound.due + 5 * DAY, ..bound.clone() }).collect();
            transitions.push(transition(opened, true, bounds));
            if number % 11 == 3 {
                transitions.push(transition(opened + DAY / 2, false, later));
            }
            if (host + number) % 4 != 0 {
                transitions.push(transition(opened + (number % 13 + 1) * DAY, false, vec![]));
            }
        }
        transitions.retain(|transition| transition.at <= to);
        transitions.sort_by_key(|transition| transition.at);
        collector.host(&HostStory { host: id, name: &name, enrolled: ago(24 * 120), retired: None, transitions: &transitions });
    }
    let measures = collector.finish();
    let round = |month: i8, missed| Round {
        cycle: words.say("patch-tuesday + 2 days"),
        day: jiff::civil::date(2026, month, 12),
        next: jiff::civil::date(2026, month + 1, 10),
        began: (missed == Some(false)).then(|| ago(24 * 40)),
        missed,
    };
    let cycles = vec![round(9, Some(false)), round(10, Some(true)), round(11, None)];
    let targets = if audience == Audience::Management { targets(&measures) } else { vec![] };
    Report { schema: Report::SCHEMA, report: audience, client: words.some("Nordwerft"), measures, targets, cycles }
}

/// Targets that are met, not met and unknown.
fn targets(measures: &Measures) -> Vec<Target> {
    let wanted = Targets {
        within_sla_pct: [("critical", 95), ("low", 10), ("immediate", 100)].map(|(level, percent)| (level.to_owned(), Percent(percent))).into(),
        coverage_pct: Some(Percent(98)),
        evidence_fresh_pct: Some(Percent(95)),
        ..Targets::default()
    };
    let looked = |fresh| Some(Coverage { hosts: 57, judged: 57, fresh, findings: Some(640), excepted: 12 });
    held(&wanted, &Measured { measures, coverage: looked(50) }, &Measured { measures, coverage: looked(55) })
}

/// SAMM's answers about a company of 25 teams, 21 of which know.
fn answers(words: &Words) -> Assessment {
    let client = ClientId::from_bits(1);
    let record = |fact: Fact| Recorded { client, at: ago(24 * 60), by: words.say("ola"), fact };
    let names: Vec<String> = (0..25).map(|place| words.say(&format!("team {place:02}"))).collect();
    let members = names.iter().map(|name| Member { name: name.clone(), accounts: Default::default() }).collect();
    let briefing = Briefing {
        id: "01kbriefing".to_owned(),
        roster: "all".to_owned(),
        topic: Topic::Process,
        title: words.say("How we patch"),
        document: String::new(),
        held: ago(24 * 60),
        holder: words.say("ola"),
    };
    let mut told = vec![record(Fact::Roster(Roster { name: "all".to_owned(), circle: Circle::Teams, members })), record(Fact::Briefing(briefing))];
    told.extend(names.iter().take(21).map(|name| record(Fact::Briefed(Briefed { briefing: "01kbriefing".to_owned(), member: name.clone(), at: ago(24 * 50), way: Way::Attended }))));
    let application = |place: u128, name: &str| {
        record(Fact::Described(Described {
            application: ApplicationId::from_bits(place),
            name: words.say(name),
            owner: words.say("ola"),
            team: words.say("shop"),
            stakeholders: vec![],
            components: place == 1,
            created: ago(24 * 300),
            gone: false,
        }))
    };
    told.extend([application(1, "shop"), application(2, "yard planning")]);
    told.push(record(Fact::Cadence(Cadence { application: ApplicationId::from_bits(1), every: Some("P1M".to_owned()) })));
    let teams = Teams::as_of(&told, now(), None);
    let text = plimsoll_formats::policy::preset("samm").unwrap();
    let policy = plimsoll_formats::policy::load("samm", text, &|_| None).unwrap();
    let measures = counted(words, Audience::Auditor).measures;
    let coverage = Some(Coverage { hosts: 57, judged: 57, fresh: 50, findings: Some(640), excepted: 12 });
    assess(&Evidence { as_of: now(), client: words.some("Nordwerft"), teams: &teams, policy: &policy, policy_since: None, reviewed: Some(ago(24 * 100)), measures: &measures, coverage })
}

pub(in crate::console) fn samm_report(words: &Words) -> ReportsPage {
    let forms = [("HTML", "html"), ("PDF", "pdf"), ("CSV", "csv"), ("JSON", "json")];
    let forms = forms.into_iter().map(|(title, form)| (title, format!("/api/v1/reports/samm?as_of=2026-11-22T04%3A10%3A00Z&format={form}"))).collect();
    ReportsPage {
        asked: ReportAsked { report: "samm".to_owned(), ..ReportAsked::default() },
        clients: clients(words),
        trouble: None,
        shown: Some(ReportShown { document: plimsoll_documents::samm(&answers(words)), forms }),
        made: vec![],
    }
}

pub(in crate::console) fn management_report(words: &Words) -> ReportsPage {
    ReportsPage {
        asked: ReportAsked { report: "management".to_owned(), ..ReportAsked::default() },
        clients: clients(words),
        trouble: None,
        shown: Some(ReportShown { document: plimsoll_documents::report(&counted(words, Audience::Management)), forms: vec![] }),
        made: vec![],
    }
}

fn clients(words: &Words) -> Vec<Choice> {
    words.choices(&[("01kh0c11ent000000000000001", "Nordwerft"), ("01kh0c11ent000000000000002", "Havn Logistikk")])
}

pub(in crate::console) fn reports(words: &Words) -> ReportsPage {
    let address = |form: &str| format!("/api/v1/reports/auditor?as_of=2026-11-22T04%3A10%3A00Z&days=90&format={form}");
    let forms = [("HTML", "html"), ("PDF", "pdf"), ("Word", "docx"), ("Markdown", "markdown"), ("CSV", "csv"), ("JSON", "json"), ("OSCAL POA&M", "oscal-poam")];
    let forms = forms.into_iter().map(|(title, form)| (title, address(form))).collect();
    ReportsPage {
        asked: ReportAsked { report: "auditor".to_owned(), as_of: words.say("2026-11-22T04:10"), days: words.say("90"), client: String::new() },
        clients: clients(words),
        trouble: None,
        shown: Some(ReportShown { document: plimsoll_documents::report(&counted(words, Audience::Auditor)), forms }),
        made: vec![],
    }
}

/// Reports that were made, one of them without its file.
fn made(words: &Words) -> Vec<MadeItem> {
    let item = |title: &str, kept: bool| MadeItem {
        id: words.say("01kmade"),
        title: words.say(title),
        report: words.say("management"),
        client: kept.then(|| words.say("Nordwerft")),
        to: words.say("management, auditors"),
        since: ago(24 * 60),
        as_of: ago(24 * 30),
        file: ("PDF".to_owned(), kept.then(|| "/api/v1/reports/made/01kmade".to_owned())),
    };
    vec![item("monthly management report", true), item("monthly client report", false)]
}

/// A report of cost with every kind of figure.
pub(in crate::console) fn cost_report(words: &Words) -> ReportsPage {
    let (to, package) = (now(), "ab".repeat(32));
    let window = Window { from: to - SignedDuration::from_hours(24 * 30), to };
    let policy = governance::Cost {
        currency: "EUR".to_owned(),
        rate: [("default", 80.0), ("analyst", 85.0)].map(|(role, price)| (role.to_owned(), governance::Amount(price))).into(),
        downtime_per_min: [("tier1".to_owned(), governance::Amount(50.0))].into(),
        fixed_per_year: [(words.say("scanner"), governance::Amount(9_000.0))].into(),
        budget_days: [("analyst".to_owned(), governance::Amount(0.5))].into(),
        ..governance::Cost::default()
    };
    let subjects = [Subject::Package(package), Subject::Advisory(words.say("DSA-6001-1")), Subject::Overhead(Centre::Monitoring), Subject::Overhead(Centre::Guides)];
    let work = |(place, step): (usize, Step)| Work {
        id: WorkId::from_bits(place as u128),
        client: ClientId::from_bits(1),
        person: None,
        role: words.say(if place % 3 == 0 { "analyst" } else { "operator" }),
        step: (place % 7 != 0 || place % 4 < 2).then_some(step),
        subject: subjects[place % 4].clone(),
        source: [Source::Entered, Source::Ticket][place % 2],
        started: ago(24 * (place as i64 % 28 + 1)),
        ended: None,
        seconds: Some(900 * (place as u64 % 5 + 1)),
        downtime: (place == 28).then(|| Downtime { minutes: 12, tier: "tier1".to_owned(), host: None }),
        ticket: None,
        replaces: None,
        recorded: ago(24),
        note: String::new(),
    };
    let work: Vec<Work> = Step::all().enumerate().filter(|(place, _)| place % 5 != 4).map(work).collect();
    let in_force = InForce { since: ago(24 * 90), policy: words.say("acme 2026.1"), terms: Terms::of(&policy) };
    let cost = cost::Collector::new(window).finish(&work, Some(&in_force));
    let report = CostReport { schema: CostReport::SCHEMA, report: "cost", client: words.some("Nordwerft"), cost };
    let asked = ReportAsked { report: "cost".to_owned(), ..ReportAsked::default() };
    ReportsPage { asked, clients: clients(words), trouble: None, shown: Some(ReportShown { document: plimsoll_documents::cost(&report), forms: vec![] }), made: vec![] }
}

/// A regulator's form with every verdict.
pub(in crate::console) fn form_report(words: &Words) -> ReportsPage {
    let to = now();
    let name = words.say("web-00.nordwerft.example");
    let mut collector = duties::Collector::new(Regulator::Bod2604, Window { from: to - SignedDuration::from_hours(24 * 30), to }, vec![]);
    let key = |number: i64| FindingKey { advisory: words.say(&format!("CVE-2026-{}", 10_000 + number)), component: words.say("debian:12 libexample") };
    let mut transitions: Vec<Transition> = Vec::new();
    for number in 0..6_i64 {
        let (key, opened) = (key(number), to.as_second() - (20 - number) * DAY);
        let bounds = if number == 4 { vec![] } else { vec![Bound { due: opened + [3, 14, 60, 3, 0, 14][number as usize] * DAY, start: Some(opened), rule: "cisa-bod-26-04/3DF".to_owned() }] };
        let policies = vec![words.say("samm 1"), "cisa-bod-26-04 2026".to_owned()];
        let transition = |at: i64, opened: bool| Transition {
            host: HostId::from_bits(1),
            serial: number as u64,
            at: Timestamp::from_second(at).unwrap(),
            opened: if opened { vec![key.clone()] } else { vec![] },
            closed: if opened { vec![] } else { vec![key.clone()] },
            obliged: if opened { vec![(key.clone(), Obliged { rating: Rating::High, exploited: number % 2 == 0, bounds: bounds.clone() })] } else { vec![] },
            policies: policies.clone(),
        };
        transitions.push(transition(opened, true));
        if number % 3 == 0 {
            transitions.push(transition(opened + (number + 2) * DAY, false));
        }
    }
    transitions.sort_by_key(|transition| transition.at);
    collector.host(&HostStory { host: HostId::from_bits(1), name: &name, enrolled: ago(24 * 120), retired: None, transitions: &transitions });
    let form = duties::Form { schema: duties::Form::SCHEMA, report: Regulator::Bod2604, client: words.some("Nordwerft"), duties: collector.finish() };
    let asked = ReportAsked { report: "bod-26-04".to_owned(), ..ReportAsked::default() };
    ReportsPage { asked, clients: clients(words), trouble: None, shown: Some(ReportShown { document: plimsoll_documents::form(&form), forms: vec![] }), made: vec![] }
}

pub(in crate::console) fn no_report(words: &Words) -> ReportsPage {
    ReportsPage { asked: ReportAsked::default(), clients: clients(words), trouble: None, shown: None, made: made(words) }
}

pub(in crate::console) fn wrong_report(words: &Words) -> ReportsPage {
    let asked = ReportAsked { report: words.say("weekly"), as_of: words.say("2099-01-01T00:00"), ..ReportAsked::default() };
    ReportsPage { asked, clients: vec![], trouble: Some(words.problem()), shown: None, made: vec![] }
}
