use super::*;
use crate::model::deployment_package::{StreamPlan, Target, Tool};
use crate::model::policy::governance::{ApprovePractice, Emergency, Person, Roles};
use crate::model::stream::Stream;

static UTC: TimeZone = TimeZone::UTC;

fn at(hours: i64) -> Timestamp {
    "2026-11-22T10:00:00Z".parse::<Timestamp>().unwrap() + SignedDuration::from_hours(hours)
}

/// A package and a policy, and what was said.
#[derive(Clone)]
struct Scene {
    package: DeploymentPackage,
    rules: RolloutRules,
    governance: Governance,
    signed: BTreeSet<String>,
    remarks: Vec<Remark>,
    recent: Vec<bool>,
    course: Option<Course>,
}

fn length(text: &str) -> crate::model::policy::Length {
    crate::model::policy::Length::parse(text).unwrap()
}

impl Scene {
    /// The author is anna; ops are carla and dora by address.
    fn new(kind: ChangeType, practice: ApprovePractice) -> Self {
        let mut package = super::super::tests::package();
        package.change = kind;
        let mut governance = Governance { owner: Some("owner-olga".to_owned()), approved_by: vec!["chief".to_owned()], ..Governance::default() };
        governance.people.insert("ops".to_owned(), Person { members: vec!["carla".to_owned(), "dora".to_owned(), "anna".to_owned()], ..Person::default() });
        governance.people.insert("dora".to_owned(), Person { mail: Some("dora@example.org".to_owned()), ..Person::default() });
        governance.approve.insert(kind, practice);
        Self { package, rules: RolloutRules::default(), governance, signed: BTreeSet::new(), remarks: Vec::new(), recent: Vec::new(), course: None }
    }

    fn question(&self, hours: i64) -> Question<'_> {
        Question {
            now: at(hours),
            package: &self.package,
            rules: &self.rules,
            governance: &self.governance,
            classes: None,
            zone: &UTC,
            signed: &self.signed,
            evaluation: false,
            remarks: &self.remarks,
            recent: &self.recent,
            course: self.course,
        }
    }

    fn look(&self, hours: i64) -> Authority {
        authority(&self.question(hours))
    }

    fn say(&mut self, kind: RemarkKind, who: &str, hours: i64) {
        self.remarks.push(Remark { kind, who: who.to_owned(), text: "because".to_owned(), at: at(hours) });
    }

    fn installs(&mut self, names: &[&str]) {
        let target = |name: &&str| Target {
            name: (*name).to_owned(),
            arch: "amd64".to_owned(),
            version: "1".to_owned(),
            size: 1,
            sha256: String::new(),
            repository: String::new(),
            new: false,
        };
        let plan = StreamPlan { tool: Tool::Apt, install: names.iter().map(target).collect(), remove: Vec::new(), way_back: Vec::new(), no_way_back: Vec::new(), steps: Vec::new() };
        self.package.streams.insert(Stream::release("debian", "12"), plan);
    }
}

#[test]
fn somebody_known_by_name_and_by_address_is_one_person() {
    let mut scene = Scene::new(ChangeType::Normal, by(&["carla", "dora"]));
    scene.rules.approve.quorum.insert(ChangeType::Normal, 2);
    // A signature under the name in the root document, an approval by the account.
    scene.signed.insert("dora".to_owned());
    scene.say(RemarkKind::Approve, "Dora@example.org", 1);
    let authority = scene.look(2);
    assert_eq!((authority.standing, authority.given.len()), (Authorised::Asked, 1), "{authority:?}");
    scene.say(RemarkKind::Approve, "carla", 1);
    assert_eq!(scene.look(2).standing, Authorised::Given);
    // Who drafted it under the one does not count under the other.
    scene.package.author = "dora@example.org".to_owned();
    assert_eq!(scene.look(2).given, ["carla"]);
}

fn by(names: &[&str]) -> ApprovePractice {
    ApprovePractice { by: names.iter().map(|name| (*name).to_owned()).collect(), ..ApprovePractice::default() }
}

#[test]
fn those_whom_the_policy_names_approve_once_each_and_never_the_author() {
    let mut scene = Scene::new(ChangeType::Normal, by(&["ops"]));
    scene.rules.approve.quorum.insert(ChangeType::Normal, 2);
    scene.signed = ["ben", "anna", "carla"].map(str::to_owned).into();
    let asked = scene.look(1);
    // Ben's signature is one hosts count; the policy does not ask him. Anna is of ops and the author.
    assert_eq!((asked.standing, asked.given.as_slice()), (Authorised::Asked, &["carla".to_owned()][..]));
    assert_eq!(asked.because, ["the policy asks 2 of ops for a normal change; 1 of 2 approved"]);
    // The one who signed says it again, in capitals: still one.
    scene.say(RemarkKind::Approve, "Carla", 1);
    assert_eq!(scene.look(1).standing, Authorised::Asked);
    assert!(may_approve(&scene.question(1), "dora.d", Some("Dora@example.org")) && !may_approve(&scene.question(1), "ben", None));
    scene.say(RemarkKind::Approve, "dora.d", 2);
    assert_eq!(scene.look(2).standing, Authorised::Given);
    scene.say(RemarkKind::Refuse, "carla", 3);
    assert_eq!((scene.look(3).standing, scene.look(3).because), (Authorised::Refused, vec!["carla refused it: because".to_owned()]));
}

#[test]
fn roles_name_who_authorises_and_auto_names_nobody() {
    let mut scene = Scene::new(ChangeType::Standard, ApprovePractice::default());
    let mut roles = Roles::default();
    roles.change_authority.insert(ChangeType::Standard, "auto".to_owned());
    scene.governance.roles = Some(roles.clone());
    assert_eq!(scene.look(1).standing, Authorised::NotAsked);
    roles.change_authority.insert(ChangeType::Standard, "ops".to_owned());
    scene.governance.roles = Some(roles);
    let asked = scene.look(1);
    assert_eq!((asked.standing, asked.asked, asked.from), (Authorised::Asked, 1, vec!["ops".to_owned()]));
}

#[test]
fn the_policy_approves_by_itself_only_while_every_condition_holds() {
    let conditions = vec![AutoIf::TestPassed, AutoIf::Ring0Ok, AutoIf::NotFirmware, AutoIf::NotKernel, AutoIf::RecentSuccess];
    let mut scene = Scene::new(ChangeType::Standard, ApprovePractice { auto_if: conditions, ..ApprovePractice::default() });
    scene.governance.approve.insert(ChangeType::Normal, by(&["ops"]));
    scene.signed = ["ben".to_owned()].into();
    scene.installs(&["curl", "libssl3"]);
    scene.recent = vec![true, true, true, false];
    let own = scene.look(1);
    assert_eq!(own.standing, Authorised::ByPolicy);
    assert_eq!(own.rest, Rest::WithTheFirst("the policy asks 1 of ops".to_owned()));
    assert_eq!(
        own.because,
        ["the policy itself approves this standard change: it is no firmware, it is no kernel, recent changes of its class succeeded; for the rest of the hosts if the tests passed, the first ring is well"]
    );
    // What stands against it sends it to those who authorise a normal change.
    let against = |change: fn(&mut Scene)| {
        let mut other = scene.clone();
        change(&mut other);
        let look = other.look(1);
        assert_eq!((look.standing, look.asked, look.from.as_slice()), (Authorised::Asked, 1, &["ops".to_owned()][..]));
        assert!(matches!(look.rest, Rest::People(_)));
        look.because.last().cloned().unwrap()
    };
    let not = "the policy does not approve it by itself: ";
    assert_eq!(against(|scene| scene.installs(&["intel-microcode"])), format!("{not}intel-microcode is firmware"));
    assert_eq!(against(|scene| scene.installs(&["linux-image-amd64"])), format!("{not}linux-image-amd64 is a kernel"));
    assert_eq!(against(|scene| scene.recent = vec![true, false]), format!("{not}one of the last 3 standard changes did not succeed"));
    assert_eq!(against(|scene| scene.recent.clear()), format!("{not}no standard change ended yet"));
    // People may always say more than the policy.
    scene.say(RemarkKind::Approve, "carla", 1);
    assert_eq!((scene.look(1).standing, scene.look(1).rest), (Authorised::Given, Rest::Free));
}

#[test]
fn a_change_without_reboot_installs_nothing_that_takes_effect_with_one() {
    let mut scene = Scene::new(ChangeType::Standard, ApprovePractice { auto_if: vec![AutoIf::NoReboot], ..ApprovePractice::default() });
    scene.installs(&["curl"]);
    assert_eq!(scene.look(1).standing, Authorised::Asked, "it reboots if needed");
    scene.package.reboot = RebootRule::Never;
    assert_eq!((scene.look(1).standing, scene.look(1).rest), (Authorised::ByPolicy, Rest::Free));
    scene.installs(&["kernel-core"]);
    assert_eq!(scene.look(1).standing, Authorised::Asked);
}

#[test]
fn time_that_runs_out_escalates_rejects_or_ends_and_says_so_once() {
    let mut scene = Scene::new(ChangeType::Normal, by(&["ops"]));
    scene.rules.approve.timeout.insert(ChangeType::Normal, length("P2D"));
    assert_eq!((scene.look(47).until, scene.look(48).due.len()), (Some(at(48)), 0), "it expires by itself");
    let practice = |scene: &mut Scene, on| scene.governance.approve.get_mut(&ChangeType::Normal).unwrap().on_timeout = Some(on);
    practice(&mut scene, OnTimeout::Reject);
    assert_eq!(scene.look(47).due, []);
    assert_eq!(scene.look(48).due, [(RemarkKind::Rejected, format!("approval was to be had by {}; the policy rejects it then", at(48)))]);
    practice(&mut scene, OnTimeout::Escalate);
    assert!(!may_approve(&scene.question(47), "chief", None) && may_approve(&scene.question(48), "chief", None));
    let due = scene.look(48).due;
    assert_eq!(due, [(RemarkKind::Escalated, format!("approval was to be had by {}; now 1 of ops, owner-olga, chief may give it", at(48)))]);
    scene.say(RemarkKind::Escalated, "server", 48);
    assert_eq!(scene.look(49).due, [], "it is told once");
    scene.say(RemarkKind::Approve, "chief", 49);
    assert_eq!(scene.look(49).standing, Authorised::Given);
    // What went already is not escalated any more.
    scene.remarks.clear();
    scene.course = Some(Course { started: at(10), ended: None });
    assert_eq!(scene.look(60).due, []);
}

#[test]
fn an_emergency_goes_first_and_is_approved_and_reviewed_afterwards() {
    let practice = ApprovePractice { retro_within: Some(length("P2D")), after_action_review: Some(true), ..by(&["ops"]) };
    let mut scene = Scene::new(ChangeType::Emergency, practice);
    assert_eq!((scene.look(1).standing, scene.look(1).until), (Authorised::Afterwards, None), "the clock starts with the rollout");
    scene.course = Some(Course { started: at(10), ended: None });
    assert_eq!((scene.look(57).standing, scene.look(57).until), (Authorised::Afterwards, Some(at(58))));
    assert_eq!(scene.look(58).standing, Authorised::Overdue);
    assert_eq!(scene.look(58).due, [(RemarkKind::RetroOverdue, format!("it went first and was to be approved by {}: the policy asks 1 of ops", at(58)))]);
    assert_eq!(scene.look(58).review_until, None, "it has not ended");
    scene.course = Some(Course { started: at(10), ended: Some(at(20)) });
    scene.say(RemarkKind::RetroOverdue, "server", 58);
    scene.say(RemarkKind::Approve, "carla", 60);
    let late = scene.look(60);
    assert_eq!((late.standing, late.review_until), (Authorised::Given, Some(at(20 + 14 * 24))));
    scene.governance.emergency = Some(Emergency { report_within: Some(length("PT48H")), ..Emergency::default() });
    assert_eq!((scene.look(67).due.len(), scene.look(68).due[0].0), (0, RemarkKind::ReviewOverdue));
    // To write it down in time is a review, whatever the approvals say.
    scene.governance.approve.clear();
    assert_eq!(scene.look(67).review_until, Some(at(68)));
    scene.say(RemarkKind::Review, "dora", 70);
    assert_eq!((scene.look(71).due, scene.look(71).review_until), (Vec::new(), None));
}
