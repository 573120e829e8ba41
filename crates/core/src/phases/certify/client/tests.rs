use super::*;
use crate::model::deployment_package::{HostList, PolicyNamed, StreamPlan, Target, Tool};
use crate::model::exception::Decided;
use crate::model::identifier::{ClientId, QuestionId};
use crate::model::policy::{FeedAge, Governance, RolloutRules};
use crate::model::policy::governance::{Clauses, ClientModel, Emergency};
use crate::model::question::Shown;
use std::collections::BTreeMap;

fn at(hours: i64) -> Timestamp {
    "2026-11-22T10:00:00Z".parse::<Timestamp>().unwrap() + SignedDuration::from_hours(hours)
}

fn length(text: &str) -> Length {
    Length::parse(text).unwrap()
}

fn managed() -> Client {
    Client {
        model: ClientModel::ManagedInfrastructure,
        routine: Some(Involvement::Inform),
        emergency: Some(Involvement::Inform),
        high_risk: Some(Involvement::Consent),
        by_class: BTreeMap::new(),
        answer_within: Some(length("P3D")),
        remind_after: vec![length("P2D"), length("P1D"), length("P9D")],
        on_silence: Some(OnSilence::Waive),
        waiver_text: Some("not patched".to_owned()),
        on_refusal: None,
        clause: Clauses { consent: Some("MSA 7".to_owned()), silence: Some("MSA 7".to_owned()), refusal: Some("MSA 8".to_owned()), ..Clauses::default() },
    }
}

fn policy(client: Option<Client>) -> PolicySet {
    PolicySet {
        policies: Vec::new(),
        max_feed_age: FeedAge { limit: length("P7D"), stated: true },
        rollout: RolloutRules::default(),
        governance: Governance { client, ..Governance::default() },
        problems: Vec::new(),
        not_enforced: Vec::new(),
    }
}

fn package(change: ChangeType, names: &[&str]) -> DeploymentPackage {
    let target = |name: &&str| Target { name: (*name).to_owned(), arch: "amd64".to_owned(), version: "2".to_owned(), sha256: String::new(), size: 1, repository: String::new(), new: false };
    let plan = StreamPlan { tool: Tool::Apt, install: names.iter().map(target).collect(), remove: Vec::new(), way_back: Vec::new(), no_way_back: Vec::new(), steps: Vec::new() };
    DeploymentPackage {
        schema: DeploymentPackage::SCHEMA.to_owned(),
        name: "p".to_owned(),
        version: 1,
        client: ClientId::from_bits(1),
        title: String::new(),
        reason: String::new(),
        advisories: Vec::new(),
        author: "anna".to_owned(),
        created: at(0),
        expires: at(1_000),
        change,
        policy: PolicyNamed { id: "p".to_owned(), version: "1".to_owned(), sha256: String::new() },
        streams: BTreeMap::from([(crate::model::stream::Stream::release("debian", "12"), plan)]),
        hosts: HostList { count: 1, root: String::new() },
        rings: Vec::new(),
        windows: BTreeMap::new(),
        checks: Vec::new(),
        reboot: RebootRule::IfNeeded,
        configuration_files: ConfigurationFiles::Keep,
        at_once: 0,
        drain: None,
    }
}

fn question(how: Involvement, on_silence: Option<OnSilence>) -> Question {
    Question {
        id: QuestionId::from_bits(1),
        client: ClientId::from_bits(1),
        package: "ab".to_owned(),
        involvement: how,
        asked: at(0),
        answer_by: at(72),
        reminders: vec![at(24), at(48)],
        on_silence,
        waiver_text: "not patched".to_owned(),
        content: Shown::default(),
        state: QuestionState::Open,
        decided: None,
        reminded: 0,
        waiver: None,
        said: Vec::new(),
    }
}

fn in_state(mut question: Question, state: QuestionState) -> Question {
    question.state = state;
    question.decided = Some(Decided { at: at(1), by: "carl".to_owned(), why: String::new() });
    question
}

fn code(result: Result<QuestionState, Problem>) -> String {
    result.unwrap_err().code
}

#[test]
fn an_emergency_goes_without_the_clients_answer_where_the_policy_lets_it() {
    let mut set = policy(Some(Client { emergency: Some(Involvement::Consent), ..managed() }));
    let urgent = package(ChangeType::Emergency, &["openssl"]);
    assert_eq!(decide(&set, &urgent, at(0)).decision.involvement, Involvement::Consent);
    set.governance.emergency = Some(Emergency { may_skip: vec![MaySkip::Client], ..Emergency::default() });
    let told = decide(&set, &urgent, at(0));
    assert_eq!((told.decision.involvement, told.decision.answer_by), (Involvement::Inform, at(0)));
    assert!(told.because[0].text.contains("emergency.may_skip"), "{:?}", told.because);
    let routine = package(ChangeType::Normal, &["openssl"]);
    set.governance.client.as_mut().unwrap().routine = Some(Involvement::Consent);
    assert_eq!(decide(&set, &routine, at(0)).decision.involvement, Involvement::Consent, "an emergency alone");
}

#[test]
fn class_of_change_and_risk_say_how_far_a_client_takes_part() {
    use ChangeType::{Emergency, Normal, Standard};
    let asked = |client: Client, change, names: &[&str]| decide(&policy(Some(client)), &package(change, names), at(0)).decision.involvement;
    for (change, names, expected) in [
        (Standard, vec!["openssl"], Involvement::Inform),
        (Normal, vec!["openssl"], Involvement::Inform),
        (Normal, vec!["openssl", "linux-image-6.1.0-56-amd64"], Involvement::Consent),
        // The strictest binds, an emergency or not.
        (Emergency, vec!["intel-microcode"], Involvement::Consent),
        (Emergency, vec!["openssl"], Involvement::Inform),
    ] {
        assert_eq!(asked(managed(), change, &names), expected, "{change:?} {names:?}");
    }
    // A class comes before the kinds of change where it names all that changes.
    let by_class = |class, how| Client { by_class: BTreeMap::from([(class, how)]), ..managed() };
    assert_eq!(asked(by_class(ComponentClass::OperatingSystem, Involvement::None), Normal, &["openssl"]), Involvement::None);
    assert_eq!(asked(by_class(ComponentClass::OperatingSystem, Involvement::Consult), Normal, &["openssl"]), Involvement::Consult);
    assert_eq!(asked(by_class(ComponentClass::Kernel, Involvement::None), Normal, &["openssl", "linux-image-1"]), Involvement::Consent);
    assert_eq!(decide(&policy(None), &package(Normal, &["linux-image-1"]), at(0)).decision.involvement, Involvement::None);
    // What cannot be taken back is a risk of the change itself.
    let mut risky = package(Normal, &["openssl"]);
    risky.configuration_files = ConfigurationFiles::Replace;
    risky.reboot = RebootRule::Always;
    assert_eq!(risks(&policy(None), &risky), ["configuration files that you changed are replaced by the vendor's", "every host is restarted"]);
}

#[test]
fn a_question_says_until_when_and_what_follows() {
    let explained = decide(&policy(Some(managed())), &package(ChangeType::Normal, &["linux-image-1"]), at(0));
    assert_eq!(explained.because[0].text, "nothing is done without the client's consent: so the policy says of changes of high risk");
    let asked = explained.decision;
    assert_eq!((asked.answer_by, asked.reminders), (at(72), vec![at(24), at(48)]), "a reminder after the deadline is none");
    assert_eq!(asked.clause, "MSA 7; MSA 8");
    assert_eq!(asked.silence, "Without an answer before 2026-11-25T10:00:00Z the change is not made on your hosts, and the waiver below is recorded as your decision.");
    // Consultation never waits for longer than its time, whatever silence leads to elsewhere.
    let consult = Client { routine: Some(Involvement::Consult), answer_within: None, ..managed() };
    let asked = decide(&policy(Some(consult)), &package(ChangeType::Normal, &["openssl"]), at(0)).decision;
    assert_eq!((asked.on_silence, asked.answer_by), (Some(OnSilence::Proceed), at(72)));
    assert!(asked.refusal.contains("the provider, who decides"), "{}", asked.refusal);
}

#[test]
fn silence_reminds_and_then_decides_to_the_second() {
    let open = |on_silence| question(Involvement::Consent, on_silence);
    let just_before = at(72) - SignedDuration::from_nanos(1);
    let waive = open(Some(OnSilence::Waive));
    assert_eq!(due(&waive, false, at(23)), None);
    assert_eq!(due(&waive, false, at(24)), Some(Due::Remind(1)));
    assert_eq!(due(&waive, false, at(50)), Some(Due::Remind(2)), "a server that slept reminds once");
    assert_eq!(due(&Question { reminded: 2, ..waive.clone() }, false, just_before), None);
    assert_eq!(due(&waive, false, at(72)), Some(Due::Decide(QuestionState::Waived)));
    assert_eq!(due(&open(Some(OnSilence::Proceed)), false, at(72)), Some(Due::Decide(QuestionState::Proceeded)));
    assert_eq!(due(&Question { reminded: 2, ..open(None) }, false, at(9_000)), None, "where the policy says nothing of silence, nothing acts on it");
    assert_eq!(due(&waive, true, at(1)), Some(Due::Close));
    assert_eq!(due(&in_state(waive, QuestionState::Refused), true, at(80)), None);
}

#[test]
fn an_answer_counts_before_the_deadline_and_the_start_and_is_told_why_not_after() {
    use Course::{Before, Over, Started};
    let waive = question(Involvement::Consent, Some(OnSilence::Waive));
    let just_before = at(72) - SignedDuration::from_nanos(1);
    assert_eq!(answer(&waive, Given::Approve, Before, just_before).unwrap(), QuestionState::Approved);
    assert_eq!(answer(&waive, Given::Refuse, Before, just_before).unwrap(), QuestionState::Refused);
    assert_eq!(code(answer(&waive, Given::Approve, Before, at(72))), "E-QUESTION-LATE", "although nobody has looked yet");
    // Where silence lets it go on, a late word counts until the start.
    let proceed = question(Involvement::Consent, Some(OnSilence::Proceed));
    assert_eq!(answer(&in_state(proceed.clone(), QuestionState::Proceeded), Given::Refuse, Before, at(80)).unwrap(), QuestionState::Refused);
    assert_eq!(code(answer(&proceed, Given::Refuse, Started, at(1))), "E-QUESTION-STARTED");
    assert_eq!(code(answer(&proceed, Given::Approve, Over, at(1))), "E-QUESTION-OVER");
    // Changed before the start; the same answer twice is told.
    let refused = in_state(waive.clone(), QuestionState::Refused);
    assert_eq!(answer(&refused, Given::Approve, Before, at(2)).unwrap(), QuestionState::Approved);
    assert_eq!(code(answer(&refused, Given::Approve, Before, at(72))), "E-QUESTION-LATE");
    let twice = answer(&refused, Given::Refuse, Before, at(2)).unwrap_err();
    assert!(twice.code == "E-QUESTION-ANSWERED" && twice.text.contains("by carl"), "{twice:?}");
    assert_eq!(code(answer(&in_state(waive, QuestionState::Told), Given::Approve, Before, at(2))), "E-QUESTION-TOLD");
    let consult = question(Involvement::Consult, Some(OnSilence::Proceed));
    assert_eq!(answer(&consult, Given::Refuse, Before, at(1)).unwrap(), QuestionState::Objected, "who is heard does not decide");
}

#[test]
fn a_rollout_waits_goes_or_leaves_hosts_out() {
    let consent = question(Involvement::Consent, Some(OnSilence::Waive));
    assert!(matches!(bearing(&consent, at(1)), Bearing::Waits(text) if text.contains("asked for consent") && text.contains("2026-11-25T10:00:00Z")));
    assert!(matches!(bearing(&consent, at(100)), Bearing::Waits(_)), "until silence is on record nobody starts");
    for state in [QuestionState::Told, QuestionState::Approved, QuestionState::Proceeded, QuestionState::Closed] {
        assert_eq!(bearing(&in_state(consent.clone(), state), at(1)), Bearing::Goes, "{state:?}");
    }
    let refused = in_state(consent.clone(), QuestionState::Refused);
    assert!(matches!(bearing(&refused, at(71)), Bearing::Waits(text) if text.contains("may be changed")));
    assert!(matches!(bearing(&refused, at(72)), Bearing::LeftOut(_)));
    assert!(matches!(bearing(&in_state(consent, QuestionState::Waived), at(72)), Bearing::LeftOut(_)));
    let objected = in_state(question(Involvement::Consult, Some(OnSilence::Proceed)), QuestionState::Objected);
    assert!(matches!(bearing(&objected, at(71)), Bearing::Waits(text) if text.starts_with("carl objects")));
    assert_eq!(bearing(&objected, at(72)), Bearing::Goes, "heard; the provider decides");
}

#[test]
fn a_waiver_lasts_a_cycle_at_most() {
    let none = BTreeSet::new();
    assert_eq!(waiver_ends(&policy(None), &none, at(0)), at(31 * 24));
}
