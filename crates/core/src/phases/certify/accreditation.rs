//! Whether an authority's accreditation covers the hosts of a change that the
//! policy asks one for. Where none does, their ring waits.

use crate::model::accreditation::{Accreditation, AccreditationStanding};
use crate::model::deployment_package::DeploymentPackage;
use crate::model::identifier::GroupId;
use crate::model::policy::HostFacts;
use crate::model::policy::governance::AccreditationPractice;
use jiff::Timestamp;
use std::collections::{BTreeMap, BTreeSet};

/// A host that has not begun.
#[derive(Clone, Debug)]
pub struct Subject {
    /// Place of its ring in the package.
    pub ring: usize,
    /// What people say of it.
    pub facts: HostFacts,
    /// Groups that it is in.
    pub groups: BTreeSet<GroupId>,
}

/// Everything the decision may look at.
#[derive(Clone, Debug)]
pub struct Input<'a> {
    /// The instant.
    pub now: Timestamp,
    /// Where the policy asks for one.
    pub rule: &'a AccreditationPractice,
    /// The change.
    pub package: &'a DeploymentPackage,
    /// Its hosts that have not begun.
    pub hosts: &'a [Subject],
    /// What authorities gave.
    pub given: &'a [Accreditation],
}

/// Rings with a host that none covers, by their places, and why.
pub fn decide(input: &Input<'_>) -> Vec<(usize, String)> {
    let Input { now, rule, package, .. } = input;
    if !rule.change.is_empty() && !rule.change.contains(&package.change) {
        return Vec::new();
    }
    let products: BTreeSet<&str> = package.streams.values().flat_map(|plan| &plan.install).map(|target| target.name.as_str()).collect();
    let own: Vec<&Accreditation> = input.given.iter().filter(|given| given.client == package.client).collect();
    let holds: Vec<&&Accreditation> = own.iter().filter(|given| given.standing(*now) == AccreditationStanding::InForce).collect();
    let needs = |host: &&Subject| rule.select.is_empty() || rule.select.fits(&host.facts);
    let mut waits: BTreeMap<usize, String> = BTreeMap::new();
    for host in input.hosts.iter().filter(needs) {
        if !holds.iter().any(|given| covers(given, host, &products)) {
            waits.entry(host.ring).or_insert_with(|| words(rule, &ended(&own, host, &products, *now)));
        }
    }
    waits.into_iter().collect()
}

fn covers(given: &Accreditation, host: &Subject, products: &BTreeSet<&str>) -> bool {
    let scope = &given.scope;
    let environment = scope.environments.is_empty() || host.facts.environment.as_ref().is_some_and(|environment| scope.environments.contains(environment));
    let group = scope.groups.is_empty() || scope.groups.intersection(&host.groups).next().is_some();
    environment && group && (scope.products.is_empty() || products.iter().all(|product| scope.products.contains(*product)))
}

/// What became of the newest that once covered a host.
fn ended(own: &[&Accreditation], host: &Subject, products: &BTreeSet<&str>, now: Timestamp) -> String {
    let newest = own.iter().filter(|given| covers(given, host, products)).max_by_key(|given| (given.given, given.id));
    match newest.map(|given| (given, given.standing(now))) {
        Some((given, AccreditationStanding::Ended)) => format!("; that of {} ended at {}", given.by, given.until),
        Some((given, AccreditationStanding::Withdrawn)) => given.withdrawn.as_ref().map_or_else(String::new, |gone| format!("; {} took it back at {}", gone.by, gone.at)),
        _ => String::new(),
    }
}

fn words(rule: &AccreditationPractice, ended: &str) -> String {
    let hosts = if rule.select.is_empty() { "its hosts".to_owned() } else { format!("its hosts whose {}", rule.select.words()) };
    let by = if rule.by.is_empty() { String::new() } else { format!(" from {}", rule.by.join(" or ")) };
    format!("the policy asks for an accreditation{by}, and none in force covers {hosts}{ended}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::accreditation::{Accredited, Withdrawal};
    use crate::model::deployment_package::*;
    use crate::model::identifier::{AccreditationId, ClientId};
    use crate::model::policy::rollout::Select;
    use crate::model::policy::Attribute;
    use crate::model::stream::Stream;

    fn at(hours: i64) -> Timestamp {
        "2026-11-22T00:00:00Z".parse::<Timestamp>().unwrap() + jiff::SignedDuration::from_hours(hours)
    }

    fn package(change: ChangeType) -> DeploymentPackage {
        let target = Target { name: "openssl".into(), arch: "amd64".into(), version: "2".into(), sha256: String::new(), size: 1, repository: String::new(), new: false };
        let plan = StreamPlan { tool: Tool::Apt, install: vec![target], remove: vec![], way_back: vec![], no_way_back: vec![], steps: vec![] };
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
            expires: at(100),
            change,
            policy: PolicyNamed { id: String::new(), version: String::new(), sha256: String::new() },
            streams: BTreeMap::from([(Stream::release("debian", "12"), plan)]),
            hosts: HostList { count: 2, root: String::new() },
            rings: Vec::new(),
            windows: BTreeMap::new(),
            checks: Vec::new(),
            reboot: RebootRule::Never,
            configuration_files: ConfigurationFiles::Keep,
            at_once: 0,
            drain: None,
        }
    }

    fn host(ring: usize, environment: &str, group: u128) -> Subject {
        Subject { ring, facts: HostFacts { environment: Some(environment.to_owned()), ..HostFacts::default() }, groups: BTreeSet::from([GroupId::from_bits(group)]) }
    }

    fn given(scope: Accredited) -> Accreditation {
        Accreditation { id: AccreditationId::from_bits(1), client: ClientId::from_bits(1), scope, statement: "tested".into(), by: "olga".into(), given: at(0), until: at(10), withdrawn: None }
    }

    fn waits(kind: ChangeType, now: i64, given: &[Accreditation]) -> Vec<(usize, String)> {
        let rule = AccreditationPractice {
            select: Select(BTreeMap::from([(Attribute::Environment, vec!["prod".to_owned()])])),
            change: vec![ChangeType::Normal, ChangeType::Standard],
            by: vec!["ciso".to_owned()],
        };
        decide(&Input { now: at(now), rule: &rule, package: &package(kind), hosts: &[host(0, "test", 1), host(1, "prod", 1)], given })
    }

    fn set<T: Ord>(all: impl IntoIterator<Item = T>) -> BTreeSet<T> {
        all.into_iter().collect()
    }

    #[test]
    fn only_hosts_that_the_policy_names_wait_until_one_covers_them() {
        let none = waits(ChangeType::Normal, 1, &[]);
        assert_eq!(none, [(1, "the policy asks for an accreditation from ciso, and none in force covers its hosts whose environment is prod".to_owned())]);
        assert_eq!(waits(ChangeType::Emergency, 1, &[]), []);
        let scope = Accredited { environments: set(["prod".to_owned()]), groups: set([GroupId::from_bits(1)]), products: set(["openssl".to_owned()]) };
        assert_eq!(waits(ChangeType::Normal, 1, &[given(scope.clone())]), []);
        for narrow in [
            Accredited { environments: set(["test".to_owned()]), ..scope.clone() },
            Accredited { groups: set([GroupId::from_bits(2)]), ..scope.clone() },
            Accredited { products: set(["nginx".to_owned()]), ..scope.clone() },
        ] {
            assert_eq!(waits(ChangeType::Normal, 1, &[given(narrow)]), none);
        }
        let foreign = Accreditation { client: ClientId::from_bits(2), ..given(scope) };
        assert_eq!(waits(ChangeType::Normal, 1, &[foreign]), none);
    }

    #[test]
    fn it_holds_until_its_moment_or_until_it_is_taken_back() {
        let one = given(Accredited::default());
        assert_eq!(waits(ChangeType::Normal, 9, std::slice::from_ref(&one)), []);
        let over = waits(ChangeType::Normal, 10, std::slice::from_ref(&one));
        assert!(over[0].1.ends_with("; that of olga ended at 2026-11-22T10:00:00Z"), "{over:?}");
        let back = Accreditation { withdrawn: Some(Withdrawal { at: at(3), by: "per".into(), why: "a finding".into() }), ..one };
        let back = waits(ChangeType::Normal, 4, &[back]);
        assert!(back[0].1.ends_with("; per took it back at 2026-11-22T03:00:00Z"), "{back:?}");
    }
}
