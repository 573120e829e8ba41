//! Phase 5, certify: was it tested at the level the policy asks, and who
//! approved it?
//!
//! [`decide`] says what is still missing before a deployment package may be
//! accepted, [`authority`] who authorises the change: the policy by its own
//! conditions, the people it names, or people afterwards. What hosts ask for (enough people of the root document, the author
//! not among them) is checked by the hosts again; a policy can ask for more and
//! never for less.

pub mod accreditation;
mod authority;
pub mod client;

pub use authority::{Course, Question, authority, may_approve};

use crate::model::authorisation::{Authorised, Authority};
use crate::model::because::{Because, BecauseKind, Explained};
use crate::model::deployment_package::{ChangeType, DeploymentPackage};
use crate::model::policy::RolloutRules;
use crate::model::policy::rollout::Suite;
use serde::{Deserialize, Serialize};

/// Everything the decision may look at.
#[derive(Clone, Debug)]
pub struct Input<'a> {
    /// The package, who signed it, and what the policy asks for.
    pub question: Question<'a>,
    /// SHA-256 of the policy in force, hex.
    pub policy: &'a str,
    /// How many people hosts ask for.
    pub threshold: u32,
}

/// What was decided.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Decision {
    /// Whether nothing is missing.
    pub certified: bool,
    /// How many people must have signed.
    pub needed: u32,
    /// Those that count.
    pub counted: Vec<String>,
    /// What is missing, in words.
    pub missing: Vec<String>,
    /// Who authorised it, and what is still asked.
    pub authority: Authority,
}

/// Decides whether a package may be accepted.
pub fn decide(input: &Input<'_>) -> Explained<Decision> {
    let Question { now, package, rules, signed, evaluation, .. } = input.question;
    let kind = package.change.as_str();
    let authority = authority(&input.question);
    // Where the policy names nobody, signatures are its approvals, too.
    let by_signature = authority.from.is_empty() && matches!(authority.standing, Authorised::Asked | Authorised::Given);
    let beside = authority.given.iter().any(|who| !signed.contains(who));
    let asked = if by_signature && !beside { authority.asked } else { 0 };
    let needed = asked.max(input.threshold);
    // Hosts count the author in an evaluation alone, whatever a policy says.
    let counts = |person: &&String| evaluation || **person != package.author;
    let counted: Vec<String> = signed.iter().filter(counts).cloned().collect();
    let mut because = vec![Because::new(
        BecauseKind::Rule,
        format!("a {kind} change needs {needed} people: the policy asks for {asked}, hosts for {}", input.threshold),
    )];
    let mut missing = Vec::new();
    if (counted.len() as u64) < u64::from(needed) {
        let author = if signed.len() > counted.len() { format!("; the signature of its author {} does not count", package.author) } else { String::new() };
        missing.push(format!("{} of {needed} people signed{author}", counted.len()));
    }
    if authority.standing == Authorised::Asked && (!authority.from.is_empty() || beside) {
        let whom = if authority.from.is_empty() { "whoever may approve".to_owned() } else { authority.from.join(", ") };
        missing.push(format!("{} of {} approved whom the policy asks: {whom}", authority.given.len(), authority.asked));
    }
    if authority.standing == Authorised::Refused {
        missing.extend(authority.because.first().cloned());
    }
    if input.policy != package.policy.sha256 {
        missing.push("another policy is in force than the one it was drafted under; draft it again".to_owned());
    }
    if now >= package.expires {
        missing.push(format!("it expired at {}", package.expires));
    }
    if package.hosts.count == 0 {
        missing.push("no host is in it".to_owned());
    }
    if package.change == ChangeType::Emergency && package.reason.trim().is_empty() {
        missing.push("an emergency needs a reason".to_owned());
    }
    // What is escalated stays open; everything else ends with its time.
    if let Some(until) = authority::until(&input.question).filter(|until| now >= *until && !authority::is_escalated(&input.question)) {
        let limit = rules.approve.timeout.get(&package.change).map_or_else(String::new, |limit| limit.words());
        missing.push(format!("approval was to be had within {limit} and ended at {until}; draft it again"));
    }
    because.extend(authority.because.iter().map(|text| Because::new(BecauseKind::Rule, text.clone())));
    tests(package, rules, &mut missing, &mut because);
    let decision = Decision { certified: missing.is_empty(), needed, counted, missing, authority };
    Explained { decision, because }
}

/// What the policy asks of tests, as far as the package itself must hold it:
/// its first ring is the test, and its soak is signed.
fn tests(package: &DeploymentPackage, rules: &RolloutRules, missing: &mut Vec<String>, because: &mut Vec<Because>) {
    let Some(rule) = rules.test.get(&package.change) else { return };
    if rule.suite == Suite::Full && package.checks.is_empty() {
        missing.push(format!("a {} change is tested in full, and the package has no check of its own", package.change.as_str()));
    }
    let wanted = rule.min_soak.nominal_seconds().unsigned_abs();
    let soak = package.rings.first().map_or(0, |ring| ring.soak_seconds);
    if soak < wanted {
        missing.push(format!("its first ring is watched for {soak} seconds, the policy asks for {wanted}"));
    } else {
        because.push(Because::new(BecauseKind::Rule, format!("its first ring is the test and is watched for {}", rule.min_soak.words())));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::deployment_package::{Check, ConfigurationFiles, HostList, LooksAt, PolicyNamed, RebootRule, Ring};
    use crate::model::identifier::ClientId;
    use crate::model::policy::Length;
    use crate::model::policy::rollout::TestRule;
    use crate::model::policy::Governance;
    use jiff::tz::TimeZone;

    pub(super) fn package() -> DeploymentPackage {
        DeploymentPackage {
            schema: DeploymentPackage::SCHEMA.to_owned(),
            name: "p".to_owned(),
            version: 1,
            client: ClientId::from_bits(1),
            title: String::new(),
            reason: "KEV".to_owned(),
            advisories: Vec::new(),
            author: "anna".to_owned(),
            created: "2026-11-22T10:00:00Z".parse().unwrap(),
            expires: "2026-12-22T10:00:00Z".parse().unwrap(),
            change: ChangeType::Normal,
            policy: PolicyNamed { id: "p".to_owned(), version: "1".to_owned(), sha256: "ab".to_owned() },
            streams: Default::default(),
            hosts: HostList { count: 1, root: String::new() },
            rings: vec![Ring { name: "canary".to_owned(), opens: "2026-11-22T10:00:00Z".parse().unwrap(), soak_seconds: 3600, success_per_mille: 1000, failures: 0 }],
            windows: Default::default(),
            checks: Vec::new(),
            reboot: RebootRule::IfNeeded,
            configuration_files: ConfigurationFiles::Keep,
            at_once: 0,
            drain: None,
        }
    }

    fn missing(package: &DeploymentPackage, rules: &RolloutRules, signed: &[&str], threshold: u32, now: &str) -> Vec<String> {
        let signed = signed.iter().map(|person| (*person).to_owned()).collect();
        let question = Question {
            now: now.parse().unwrap(),
            package,
            rules,
            governance: &Governance::default(),
            classes: None,
            zone: &TimeZone::UTC,
            signed: &signed,
            evaluation: threshold == 1,
            remarks: &[],
            recent: &[],
            course: None,
        };
        let input = Input { question, policy: "ab", threshold };
        let decision = decide(&input).decision;
        assert_eq!(decision.certified, decision.missing.is_empty());
        decision.missing
    }

    #[test]
    fn quorum_is_the_greater_of_policy_and_hosts_and_leaves_the_author_out() {
        let (mut package, mut rules, now) = (package(), RolloutRules::default(), "2026-11-22T12:00:00Z");
        assert_eq!(missing(&package, &rules, &["ben", "carla"], 2, now), [""; 0]);
        assert_eq!(missing(&package, &rules, &["ben"], 2, now), ["1 of 2 people signed"]);
        assert_eq!(missing(&package, &rules, &["anna", "ben"], 2, now), ["1 of 2 people signed; the signature of its author anna does not count"]);
        assert_eq!(missing(&package, &rules, &["anna"], 1, now), [""; 0], "an evaluation");
        rules.approve.quorum.insert(ChangeType::Normal, 3);
        assert_eq!(missing(&package, &rules, &["ben", "carla"], 2, now), ["2 of 3 people signed"]);
        // A policy may ask an emergency for one; hosts ask for two all the same.
        rules.approve.quorum.insert(ChangeType::Emergency, 1);
        package.change = ChangeType::Emergency;
        assert_eq!(missing(&package, &rules, &["ben"], 2, now), ["1 of 2 people signed"]);
        package.reason = " ".to_owned();
        assert_eq!(missing(&package, &rules, &["ben", "carla"], 2, now), ["an emergency needs a reason"]);
    }

    #[test]
    fn tests_times_and_policies() {
        let (mut package, mut rules, now) = (package(), RolloutRules::default(), "2026-11-22T12:00:00Z");
        rules.test.insert(ChangeType::Normal, TestRule { suite: Suite::Full, min_soak: Length::parse("PT2H").unwrap() });
        rules.approve.timeout.insert(ChangeType::Normal, Length::parse("PT1H").unwrap());
        package.policy.sha256 = "cd".to_owned();
        package.hosts.count = 0;
        assert_eq!(
            missing(&package, &rules, &["ben", "carla"], 2, now),
            [
                "another policy is in force than the one it was drafted under; draft it again",
                "no host is in it",
                "approval was to be had within 1 hour and ended at 2026-11-22T11:00:00Z; draft it again",
                "a normal change is tested in full, and the package has no check of its own",
                "its first ring is watched for 3600 seconds, the policy asks for 7200",
            ]
        );
        package.policy.sha256 = "ab".to_owned();
        package.hosts.count = 1;
        package.rings[0].soak_seconds = 7200;
        package.checks.push(Check { name: "web".to_owned(), looks_at: LooksAt::Tcp { port: 443 }, timeout_seconds: 5, before: false });
        assert_eq!(missing(&package, &rules, &["ben", "carla"], 2, "2026-11-22T10:30:00Z"), [""; 0]);
    }
}
