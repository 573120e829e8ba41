//! The index against a naive fleet: a map of hosts to lists of components.

use super::kept::KeptBase;
use super::{Change, Difference, Index, Touched};
use crate::knowledge::{AdvisoryFacts, AdvisoryText, Knowledge, Rule, RuleEnd, RuleVersion};
use crate::model::advisory::{AdvisoryKind, NamesWhat, Only, Status};
use crate::model::component::Component;
use crate::model::host::{Host, OperatingSystem};
use crate::model::identifier::ClientId;
use crate::model::problem::Problem;
use crate::model::source::Source;
use crate::model::statement::Statement;
use crate::model::stream::Stream;
use crate::model::support::{PackageSupport, SupportWindow};
use crate::model::threat::{Epss, Threat};
use crate::phases::evaluate;
use plimsoll_version::{Scheme, key};
use proptest::prelude::*;
use roaring::RoaringBitmap;
use std::collections::{BTreeMap, BTreeSet};

/// One range of the database below.
#[derive(Clone, Debug)]
struct Range {
    name: String,
    names: NamesWhat,
    advisory: u32,
    introduced: Option<String>,
    end: u8,
    to: String,
    status: Status,
    only: Option<Only>,
}

/// A database as it could be in a test.
#[derive(Debug, Default)]
struct Small {
    rules: Vec<Kept>,
    threats: BTreeMap<u32, f32>,
    summaries: BTreeMap<u32, String>,
}

#[derive(Debug)]
struct Kept {
    range: Range,
    introduced: Option<Vec<u8>>,
    to: Option<Vec<u8>>,
}

impl Small {
    fn new(ranges: Vec<Range>) -> Self {
        let key = |text: &str| key(Scheme::Debian, text).ok().map(|key| key.into_bytes().into_vec());
        let keep = |range: Range| Kept {
            introduced: range.introduced.as_deref().and_then(key),
            to: key(&range.to),
            range,
        };
        Self { rules: ranges.into_iter().map(keep).collect(), ..Self::default() }
    }
}

fn stream() -> Stream {
    Stream::release("debian", "12")
}

impl Knowledge for Small {
    fn rules<'a>(
        &'a self,
        asked: &Stream,
        names: NamesWhat,
        name: &str,
        _: Option<&[u8]>,
        each: &mut dyn FnMut(Rule<'a>),
    ) -> Result<(), Problem> {
        let asked_for = |kept: &&Kept| *asked == stream() && kept.range.names == names && kept.range.name == name;
        for kept in self.rules.iter().filter(asked_for) {
            let range = &kept.range;
            let to = RuleVersion { text: range.to.as_bytes(), key: kept.to.as_deref() };
            let end = match range.end {
                0 => RuleEnd::Fixed(to),
                1 => RuleEnd::LastAffected(to),
                2 => RuleEnd::Exactly,
                _ => RuleEnd::Open,
            };
            let introduced = range.introduced.as_ref().map(|text| RuleVersion { text: text.as_bytes(), key: kept.introduced.as_deref() });
            let introduced = introduced.or((range.end == 2).then_some(to));
            each(Rule { advisory: range.advisory, order: 0, introduced, end, status: range.status, names: range.names, only: range.only.as_ref() });
        }
        Ok(())
    }
    fn advisory(&self, number: u32) -> Result<AdvisoryFacts, Problem> {
        Ok(AdvisoryFacts {
            id: format!("A-{number}"),
            aliases: Vec::new(),
            cves: vec![format!("CVE-2024-{number}")],
            kind: AdvisoryKind::Security,
            summary: self.summaries.get(&number).cloned().unwrap_or_default(),
            published: None,
            modified: None,
            withdrawn: None,
            severities: Vec::new(),
            workarounds: Vec::new(),
            sources: Vec::new(),
        })
    }
    fn advisory_text(&self, number: u32) -> Result<AdvisoryText, Problem> {
        let named = self.rules.iter().filter(|kept| kept.range.advisory == number);
        let packages: BTreeSet<String> = named.map(|kept| format!("{}/{}", stream(), kept.range.name)).collect();
        let packages = packages.into_iter().take(AdvisoryText::PACKAGE_LIMIT).collect();
        Ok(AdvisoryText { packages, ..AdvisoryText::default() })
    }
    fn advisories_named(&self, _: &str) -> Result<Vec<u32>, Problem> {
        Ok(Vec::new())
    }
    fn threat(&self, cve: &str) -> Result<Option<Threat>, Problem> {
        let number: u32 = cve.rsplit('-').next().and_then(|text| text.parse().ok()).unwrap_or(0);
        Ok(self.threats.get(&number).map(|score| Threat {
            epss: Some(crate::model::threat::Epss { score: *score, percentile: 0.5, date: jiff::civil::date(2026, 3, 1) }),
            ..Threat::default()
        }))
    }
    fn statements(&self, _: &str) -> Result<Vec<Statement>, Problem> {
        Ok(Vec::new())
    }
    fn support(&self, _: &str) -> Result<Vec<SupportWindow>, Problem> {
        Ok(Vec::new())
    }
    fn package_support(&self, _: &Stream) -> Result<Vec<PackageSupport>, Problem> {
        Ok(Vec::new())
    }
    fn sources(&self) -> &[Source] {
        &[]
    }
    fn streams(&self) -> Vec<Stream> {
        vec![stream()]
    }
    fn covers(&self, asked: &Stream) -> bool {
        *asked == stream() && !self.rules.is_empty()
    }
}

fn client(number: u8) -> ClientId {
    ClientId::from_bits(u128::from(number))
}

/// Components drawn from few names and versions, so that hosts share them;
/// an empty version cannot be read.
fn component() -> impl Strategy<Value = Component> {
    let name = prop_oneof![Just("openssl"), Just("Openssh"), Just("linux"), Just("libc6"), Just("openssl-dev")];
    let version = prop_oneof![Just("1"), Just("1.0-1"), Just("2~rc1"), Just("2"), Just("3:0.1"), Just("")];
    let source = proptest::option::of((prop_oneof![Just("openssl"), Just("glibc")], prop_oneof![Just("1.5"), Just("2")]));
    (name, version, source, 0..3u8, any::<bool>()).prop_map(|(name, version, source, arch, judged)| Component {
        purl: format!("pkg:deb/debian/{name}@{version}"),
        stream: judged.then(stream),
        name: name.to_owned(),
        version: version.to_owned(),
        arch: Some(["amd64", "i386", "all"][usize::from(arch)].to_owned()),
        source: source.map(|(name, _)| name.to_owned()),
        source_version: source.map(|(_, version)| version.to_owned()),
        ..Component::default()
    })
}

/// An image of many components with some taken out and some put in.
fn inventory() -> impl Strategy<Value = Vec<Component>> {
    let own = proptest::collection::vec(component(), 0..6);
    let image = (0..3u32, proptest::collection::vec(0..60u32, 0..4)).prop_map(|(image, without)| {
        let filler = |number: u32| Component {
            purl: format!("pkg:deb/debian/filler{number}@{image}"),
            stream: Some(stream()),
            name: format!("filler{number}"),
            version: format!("{image}"),
            ..Component::default()
        };
        let count = if image == 0 { 0 } else { 60 };
        (0..count).filter(|number| !without.contains(number)).map(filler).collect::<Vec<_>>()
    });
    (own, image).prop_map(|(own, mut image)| {
        image.extend(own);
        image
    })
}

fn range() -> impl Strategy<Value = Range> {
    let name = prop_oneof![Just("openssl"), Just("Openssh"), Just("linux"), Just("glibc"), Just("filler7")];
    let version = || prop_oneof![Just("0"), Just("1"), Just("1.5"), Just("2~rc1"), Just("2"), Just("")];
    let narrow = prop_oneof![
        5 => Just(None),
        1 => Just(Some(Only { arches: vec!["amd64".to_owned()], ..Only::default() })),
        1 => Just(Some(Only { minor: Some("9.2-eus".to_owned()), ..Only::default() })),
    ];
    let status = prop_oneof![4 => Just(Status::Affected), 1 => Just(Status::NotAffected)];
    (name, any::<bool>(), 0..4u32, proptest::option::of(version()), 0..4u8, version(), status, narrow).prop_map(
        |(name, source, advisory, introduced, end, to, status, only)| Range {
            name: name.to_owned(),
            names: if source { NamesWhat::Source } else { NamesWhat::Binary },
            advisory,
            introduced: introduced.map(str::to_owned),
            end,
            to: to.to_owned(),
            status,
            only,
        },
    )
}

#[derive(Clone, Debug)]
enum Step {
    Set { host: u32, client: u8, eus: bool, inventory: usize },
    Remove(u32),
    Restart,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        6 => (0..40u32, 0..2u8, any::<bool>(), 0..12usize).prop_map(|(host, client, eus, inventory)| Step::Set { host, client, eus, inventory }),
        1 => (0..40u32).prop_map(Step::Remove),
        1 => Just(Step::Restart),
    ];
    proptest::collection::vec(step, 0..120)
}

fn facts(eus: bool) -> Host {
    Host {
        os: eus.then(|| OperatingSystem { version: "9.2".to_owned(), ..OperatingSystem::default() }),
        subscriptions: eus.then(|| vec!["rhel-eus".to_owned()]),
        ..Host::default()
    }
}

/// Host by number: client, circumstance, components.
type Naive = BTreeMap<u32, (u8, bool, Vec<Component>)>;

fn play(steps: &[Step], inventories: &[Vec<Component>]) -> (Index, Naive) {
    let (mut index, mut naive) = (Index::new(), Naive::new());
    for step in steps {
        match step {
            Step::Set { host, client: number, eus, inventory } => {
                let at = inventory % inventories.len();
                let mut digest = [0; 32];
                digest[0] = at as u8;
                let components = &inventories[at];
                let gained = index.set(*host, client(*number), digest, &facts(*eus), components).unwrap();
                let old = naive.insert(*host, (*number, *eus, components.clone()));
                check_change(gained, old.map(|(_, _, list)| list), components);
            }
            Step::Remove(host) => assert_eq!(index.remove(*host), naive.remove(host).is_some()),
            Step::Restart => index = restarted(&index),
        }
    }
    (index, naive)
}

/// What is written down of an index, taken up again.
fn restarted(index: &Index) -> Index {
    let kept = index.keep();
    let restored = Index::restore(kept.clone()).expect("what was kept");
    assert_eq!(restored.keep(), kept);
    let counts = |index: &Index| {
        let size = index.size();
        (size.hosts, size.inventories, size.bases, size.components, size.names)
    };
    assert_eq!(counts(&restored), counts(index));
    restored
}

fn check_change(change: Change, old: Option<Vec<Component>>, new: &[Component]) {
    let new = distinct(new);
    let known = old.is_some();
    let old = distinct(&old.unwrap_or_default());
    let gained = new.difference(&old).count();
    let lost = old.difference(&new).count();
    let (has_gained, has_lost) = match change {
        Change::None => (0, 0),
        Change::Changed { gained, lost } => (gained, lost),
    };
    assert_eq!((has_gained, has_lost), (gained, lost));
    assert!(known || change != Change::None);
}

fn distinct(list: &[Component]) -> BTreeSet<String> {
    list.iter().map(|component| format!("{component:?}")).collect()
}

fn naive_hosts(naive: &Naive, has: impl Fn(&Component, bool) -> bool) -> RoaringBitmap {
    let with = |(_, eus, list): &(u8, bool, Vec<Component>)| list.iter().any(|component| has(component, *eus));
    naive.iter().filter(|(_, host)| with(host)).map(|(host, _)| *host).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]

    #[test]
    fn answers_as_a_list_of_hosts_would(
        steps in steps(),
        inventories in proptest::collection::vec(inventory(), 1..12),
        ranges in proptest::collection::vec(range(), 0..12),
        scope in 0..3u8,
    ) {
        let (index, naive) = play(&steps, &inventories);
        let hosts: RoaringBitmap = naive.keys().copied().collect();
        prop_assert_eq!(index.hosts(), &hosts);
        for (host, (_, _, list)) in &naive {
            prop_assert_eq!(distinct(&index.components(*host)), distinct(list));
        }
        let visible: RoaringBitmap = match scope {
            2 => hosts,
            number => naive.iter().filter(|(_, (client, _, _))| *client == number).map(|(host, _)| *host).collect(),
        };
        if scope < 2 {
            prop_assert_eq!(index.hosts_of_client(client(scope)).cloned().unwrap_or_default(), visible.clone());
        }
        check_packages(&index, &naive, &visible);
        check_advisories(&index, &naive, &Small::new(ranges));
    }

    #[test]
    fn forgets_what_nobody_has(steps in steps(), inventories in proptest::collection::vec(inventory(), 1..12)) {
        let (mut index, naive) = play(&steps, &inventories);
        for host in naive.keys() {
            index.remove(*host);
        }
        let size = index.size();
        prop_assert_eq!((size.hosts, size.inventories, size.bases, size.components, size.names), (0, 0, 1, 0, 0));
        prop_assert_eq!(index.search("", &(0..100).collect(), None, 1000), vec![]);
    }
}

fn check_packages(index: &Index, naive: &Naive, visible: &RoaringBitmap) {
    for prefix in ["", "OPEN", "openssl", "filler1", "zzz"] {
        let mut expected: BTreeMap<(String, Stream), (RoaringBitmap, BTreeSet<String>)> = BTreeMap::new();
        for (host, (_, _, list)) in naive.iter().filter(|(host, _)| visible.contains(**host)) {
            for component in list.iter().filter(|one| one.name.to_lowercase().starts_with(&prefix.to_lowercase())) {
                let stream = component.stream.clone().unwrap_or_else(|| Stream::from_stored(""));
                let entry = expected.entry((component.name.clone(), stream)).or_default();
                entry.0.insert(*host);
                entry.1.insert(component.version.clone());
            }
        }
        let found = index.search(prefix, visible, None, 1000);
        let found: Vec<_> = found.into_iter().map(|one| ((one.name, one.stream), (one.hosts, one.versions))).collect();
        let wanted: Vec<_> = expected.iter().map(|(key, (hosts, versions))| (key.clone(), (hosts.len(), versions.len()))).collect();
        assert_eq!(found, wanted);
        if let [first, second, ..] = &wanted[..] {
            let after = Some((first.0.0.as_str(), &first.0.1));
            let next = index.search(prefix, visible, after, 1);
            assert_eq!(next.first().map(|one| (&one.name, &one.stream)), Some((&second.0.0, &second.0.1)));
        }
    }
    for name in ["openssl", "Openssh", "glibc", "libc6", "filler7"] {
        let here = |one: &Component| one.stream == Some(stream());
        let with = naive_hosts(naive, |one, _| here(one) && (one.name == name || one.source.as_deref().unwrap_or(&one.name) == name));
        assert_eq!(index.hosts_with(&stream(), name), with, "{name}");
        for version in index.versions(&stream(), name, visible) {
            let with = naive_hosts(naive, |one, _| here(one) && one.name == name && one.version == version.version);
            assert_eq!(index.hosts_with_version(&stream(), name, &version.version), with);
            assert_eq!(version.hosts, with & visible);
            assert_eq!(version.readable, !version.version.is_empty());
        }
    }
}

fn check_advisories(index: &Index, naive: &Naive, knowledge: &Small) {
    let mut all: BTreeMap<u32, RoaringBitmap> = BTreeMap::new();
    index.affected_by_all(knowledge, &mut |advisory, hosts| assert!(all.insert(advisory, hosts).is_none())).unwrap();
    for advisory in 0..4 {
        let affected = naive_hosts(naive, |one, eus| evaluate::matches(one, &facts(eus), knowledge).unwrap().contains(&advisory));
        assert_eq!(index.affected(knowledge, advisory).unwrap(), affected, "advisory {advisory}");
        assert_eq!(all.remove(&advisory).unwrap_or_default(), affected, "all at once, advisory {advisory}");
    }
    assert!(all.is_empty());
}

fn plain(name: &str, version: &str) -> Component {
    Component { name: name.to_owned(), version: version.to_owned(), stream: Some(stream()), ..Component::default() }
}

fn simple(name: &str, advisory: u32, fixed: &str) -> Range {
    Range {
        name: name.to_owned(),
        names: NamesWhat::Binary,
        advisory,
        introduced: None,
        end: 0,
        to: fixed.to_owned(),
        status: Status::Affected,
        only: None,
    }
}

#[test]
fn finds_hosts_of_an_advisory_that_names_more_packages_than_are_listed() {
    let ranges = (0..900).map(|number| simple(&format!("flavour-{number:03}"), 0, "2")).collect();
    let knowledge = Small::new(ranges);
    let mut index = Index::new();
    for host in 0..900 {
        let component = plain(&format!("flavour-{host:03}"), if host % 2 == 0 { "1" } else { "2" });
        index.set(host, client(0), [host as u8; 32], &facts(false), &[component]).unwrap();
        // The digest repeats every 256 hosts: give each a client of its own.
        let component = plain(&format!("flavour-{host:03}"), if host % 2 == 0 { "1" } else { "2" });
        index.set(host, ClientId::from_bits(u128::from(host)), [host as u8; 32], &facts(false), &[component]).unwrap();
    }
    assert_eq!(index.affected(&knowledge, 0).unwrap(), (0..900).step_by(2).collect());
}

#[test]
fn names_the_packages_that_a_new_database_speaks_of_differently() {
    let mut index = Index::new();
    let list = [plain("openssl", "1"), plain("curl", "1"), plain("bash", "1"), plain("zlib", "1"), plain("silent", "1")];
    index.set(0, client(0), [0; 32], &facts(false), &list).unwrap();
    let ranges = |bash: &str| vec![simple("openssl", 0, "2"), simple("curl", 1, "2"), simple("bash", 2, bash), simple("zlib", 3, "2")];
    let mut old = Small::new(ranges("2"));
    old.threats.insert(1, 0.1);
    let above = |threshold: f32| move |epss: &Epss| (vec![epss.score > threshold], None);
    let before = index.digests(&old, &above(0.15)).unwrap();
    assert_eq!(before.len(), 4);
    let mut new = Small::new(ranges("3"));
    new.threats.insert(1, 0.2);
    new.summaries.insert(3, "was rewritten".to_owned());
    let names = |difference: Difference| difference.names.into_iter().map(|one| one.name).collect::<Vec<_>>();
    let (difference, now) = index.touched(&before, &new, &above(0.15)).unwrap();
    assert_eq!(difference.streams, vec![]);
    assert_eq!(names(difference), ["bash", "curl", "zlib"]);
    assert_eq!(index.touched(&now, &new, &above(0.15)).unwrap().0, Difference::default());
    // A prediction that crosses no threshold changes nothing.
    let before = index.digests(&old, &above(0.5)).unwrap();
    assert_eq!(names(index.touched(&before, &new, &above(0.5)).unwrap().0), ["bash", "zlib"]);
    // Without a rule the stream is not covered any more.
    let gone = index.touched(&now, &Small::default(), &above(0.15)).unwrap().0;
    assert_eq!((gone.names.len(), gone.streams), (4, vec![stream()]));
}

#[test]
fn takes_with_a_name_whatever_is_shown_or_installed_with_it() {
    let mut index = Index::new();
    let built = |name: &str, source: &str| Component { source: Some(source.to_owned()), ..plain(name, "1") };
    let other = Component { stream: Some(Stream::language("npm")), ..plain("libssl3", "1") };
    let list = [built("libssl3", "openssl"), built("openssl", "openssl"), built("bash", "bash"), other];
    index.set(0, client(0), [0; 32], &facts(false), &list).unwrap();
    let touched = |name: &str| [Touched { stream: stream(), name: name.to_owned() }];
    let taken = |name: &str| {
        let numbers = index.components_under(&touched(name));
        let mut names: Vec<String> = index.components_among(0, &numbers).into_iter().map(|one| format!("{} {}", one.stream.unwrap(), one.name)).collect();
        names.sort();
        (names, index.hosts_with_any(&numbers).len())
    };
    let all = vec![format!("npm libssl3"), format!("{} libssl3", stream()), format!("{} openssl", stream())];
    let sorted = |mut names: Vec<String>| { names.sort(); names };
    assert_eq!(taken("openssl"), (sorted(all.clone()), 1), "by its source");
    assert_eq!(taken("libssl3"), (sorted(all), 1), "by its own name");
    assert_eq!(taken("bash"), (vec![format!("{} bash", stream())], 1));
    assert_eq!(taken("nothing"), (vec![], 0));
    assert_eq!(index.hosts_in(&stream()).len(), 1);
    assert_eq!(index.hosts_in(&Stream::language("pypi")).len(), 0);
}

#[test]
fn refuses_what_is_too_much_and_changes_nothing() {
    let mut index = Index::new();
    let many: Vec<Component> = (0..=super::COMPONENT_LIMIT).map(|number| plain(&format!("p{number}"), "1")).collect();
    let long = plain(&"x".repeat(super::FIELD_LIMIT + 1), "1");
    let mut subscribed = facts(true);
    subscribed.subscriptions = Some(vec!["s".to_owned(); 1000]);
    let refused = [
        index.set(0, client(0), [0; 32], &facts(false), &many),
        index.set(0, client(0), [0; 32], &facts(false), &[plain("fine", "1"), long]),
        index.set(super::HOST_LIMIT, client(0), [0; 32], &facts(false), &[]),
        index.set(0, client(0), [0; 32], &subscribed, &[]),
    ];
    for problem in refused.map(Result::unwrap_err) {
        assert_eq!(problem.code, "E-LIMIT", "{problem:?}");
    }
    assert_eq!((index.size().components, index.size().names, index.hosts().len()), (0, 0, 0));
    assert_eq!(index.set(0, client(0), [0; 32], &facts(false), &many[1..]), Ok(Change::Changed { gained: super::COMPONENT_LIMIT, lost: 0 }));
    assert_eq!(index.versions(&stream(), "p7", index.hosts()).len(), 1);
}

#[test]
fn thousands_of_versions_of_one_name_are_entered_and_left_at_once() {
    let mut index = Index::new();
    let versions: Vec<Component> = (0..20_000).map(|number| plain("p", &format!("{number}"))).collect();
    index.set(0, client(0), [0; 32], &facts(false), &versions).unwrap();
    let oldest: Vec<String> = index.versions(&stream(), "p", index.hosts()).into_iter().map(|one| one.version).collect();
    assert!(oldest.iter().map(|version| version.parse::<u32>().unwrap()).eq(0..20_000));
    assert!(index.remove(0));
    assert_eq!(index.size().names, 0);
}

#[test]
fn what_is_kept_is_taken_up_whole_or_not_at_all() {
    let mut index = Index::new();
    for host in 0..3000 {
        let (alike, digest) = (host % 3, [(host % 3) as u8; 32]);
        let components = [plain("everywhere", "1"), plain("here", &alike.to_string())];
        index.set(host, client(0), digest, &facts(alike == 0), &components).unwrap();
    }
    let restored = restarted(&index);
    assert_eq!(restored.hosts_with(&stream(), "everywhere"), *index.hosts());
    assert_eq!(restored.hosts_with_version(&stream(), "here", "1").len(), 1000);
    let damages: [fn(&mut super::Kept); 13] = [
        |kept| kept.hosts[7].1 = 99,
        |kept| kept.hosts[7].2 = 99,
        |kept| kept.hosts.swap(1, 2),
        |kept| kept.hosts.clear(),
        |kept| kept.hosts[2999].0 = super::HOST_LIMIT,
        |kept| kept.components[0].truncate(3),
        |kept| kept.components.push(kept.components[0].clone()),
        |kept| kept.bases.clear(),
        |kept| kept.bases.push(KeptBase { components: vec![0], refined: 0 }),
        |kept| kept.bases.push(KeptBase { components: vec![99], refined: 0 }),
        |kept| kept.inventories[0] = None,
        |kept| kept.inventories[0].as_mut().unwrap().packed = vec![0, 99],
        |kept| kept.circumstances.push(kept.circumstances[0].clone()),
    ];
    for (number, damage) in damages.into_iter().enumerate() {
        let mut kept = index.keep();
        damage(&mut kept);
        assert!(Index::restore(kept).is_none(), "damage {number}");
    }
}
