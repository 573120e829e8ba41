//! From the policy file to the policies in force.

use super::document::{
    CvssPart, Deadline, Document, Grace, Head, HostSection, HumanImpact, Infer, PrioritySection, Text,
    UnknownSection, WaiverSection, YesNo,
};
use super::parse::parse;
use super::places::Lines;
use super::suggest::suggestion;
use super::{Ledger, governance, matchers, presets, tables};
use jiff::tz::{TimeZone, TimeZoneDatabase};
use plimsoll_core::model::advisory::Rating;
use plimsoll_core::model::policy::{
    Classify, Clock, ComponentClass, ComponentClasses, FeedAge, Governance, HostFacts, Impact, Length, OnNoFix, Policy,
    PolicySet, PriorityModel, RolloutRules, Rule, SeveritySource, Unknown, WaiverRules, Within,
};
use plimsoll_core::model::problem::{Problem, printable};
use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;
use std::sync::OnceLock;

/// Most policies in force together; each finding is held against all.
const POLICY_LIMIT: usize = 32;
/// Most rules of one policy.
const RULE_LIMIT: usize = 2_000;
/// Most duties of one policy.
const DUTY_LIMIT: usize = 64;
/// Years in which a day of a policy may lie.
const YEARS: std::ops::RangeInclusive<i16> = 1970..=2199;

/// Reads a policy file and every policy it extends.
///
/// `others` gives the text of policies and tables that do not come with the
/// program, by the name written in the file; presets come first and cannot be
/// replaced. The file's time zone and its `[host]` and `[tier]` facts hold for
/// the policies it extends where those have none; how a preset classifies
/// stays the preset's, because its numbers mean that.
///
/// Fails with everything found wrong, each with its line.
pub fn load(
    place: &str,
    text: &str,
    others: &dyn Fn(&str) -> Option<String>,
) -> Result<PolicySet, Vec<Problem>> {
    let mut loading = Loading { others, set: Vec::new(), own: None, problems: Vec::new(), warnings: Vec::new() };
    let inherited = Inherited { zone: None, host: HostFacts::default(), tiers: BTreeMap::new() };
    loading.policy(place, text, &inherited, &mut Vec::new());
    if let Some(own) = &loading.own {
        // Names and levels may be those of any policy that is extended.
        let mut ledger = Ledger::new(place, text);
        governance::check(&own.governance, &loading.set, &own.lines, &mut ledger);
        loading.problems.append(&mut ledger.problems);
    }
    let Some(own) = loading.own.filter(|_| loading.problems.is_empty()) else {
        return Err(loading.problems);
    };
    let stated = own.governance.monitor.as_ref().and_then(|monitor| monitor.max_feed_age.clone());
    let ours = || Length::parse(FeedAge::DEFAULT).unwrap_or_else(|_| Length::zero());
    Ok(PolicySet {
        policies: loading.set,
        max_feed_age: FeedAge { stated: stated.is_some(), limit: stated.unwrap_or_else(ours) },
        rollout: own.rollout,
        governance: own.governance,
        problems: loading.warnings,
        not_enforced: own.not_enforced,
    })
}

/// Reads one preset, its calendar in `timezone` (UTC unless given).
pub fn load_preset(name: &str, timezone: Option<&str>) -> Result<PolicySet, Vec<Problem>> {
    let Some(text) = presets::preset(name) else {
        return Err(vec![unknown_policy("--policy", name)]);
    };
    let mut set = load(&format!("preset {name}"), text, &|_| None)?;
    if let Some(zone_name) = timezone {
        let zone = zone(zone_name).ok_or_else(|| vec![unknown_zone("--timezone", zone_name)])?;
        for policy in &mut set.policies {
            policy.zone = zone.clone();
            policy.zone_name = zone_name.to_owned();
        }
    }
    Ok(set)
}

/// What an extended policy takes over where it has none of its own.
struct Inherited {
    zone: Option<(String, TimeZone)>,
    host: HostFacts,
    tiers: BTreeMap<String, Impact>,
}

/// What only the first file says.
struct Own {
    rollout: RolloutRules,
    governance: Governance,
    lines: Lines,
    not_enforced: Vec<String>,
}

struct Loading<'a> {
    others: &'a dyn Fn(&str) -> Option<String>,
    set: Vec<Policy>,
    /// What the first file, and no other, says beside its rules.
    own: Option<Own>,
    problems: Vec<Problem>,
    warnings: Vec<Problem>,
}

impl Loading<'_> {
    /// Adds one file's policy and those it extends; `path` is the chain of
    /// names that led here.
    fn policy(&mut self, place: &str, text: &str, from: &Inherited, path: &mut Vec<String>) {
        let mut ledger = Ledger::new(place, text);
        // What a file says is large: nothing of it stays while others are read.
        if let Some((extends, next)) = self.one(place, text, from, &mut ledger) {
            for name in &extends {
                self.extend(name, &mut ledger, &next, path);
            }
        }
        self.problems.append(&mut ledger.problems);
    }

    /// Adds one file's own policy; gives what it extends and what those take
    /// over.
    #[inline(never)]
    fn one(&mut self, place: &str, text: &str, from: &Inherited, ledger: &mut Ledger<'_>) -> Option<(Vec<Text>, Inherited)> {
        let document = match parse(place, text) {
            Ok(document) => document,
            Err(mut problems) => {
                self.problems.append(&mut problems);
                return None;
            }
        };
        let lines = toml::de::DeTable::parse(text).map(|table| Lines::of(table.get_ref())).unwrap_or_default();
        let mut policy = build(&document, from, self.others, ledger, &mut self.warnings);
        policy.lines = lines.numbers(text);
        if self.own.is_none() {
            let mut rollout = document.rollout().rules(&policy.zone_name, &policy.zone, ledger, &mut self.warnings);
            let governance = governance::read(&document, ledger);
            let may_skip = governance.emergency.as_ref().map_or(&[][..], |emergency| &emergency.may_skip);
            for path in rollout.bind_emergencies(may_skip) {
                self.warnings.push(Problem::new(
                    "W-POLICY-EMERGENCY",
                    policy.place(&path),
                    format!("{path} lets emergencies go sooner, and emergency.may_skip does not name it: they wait as normal changes do"),
                    "add windows, freezes or full-tests to emergency.may_skip, or take it out here",
                ));
            }
            self.own = Some(Own { rollout, governance, lines, not_enforced: document.not_enforced() });
        } else {
            self.passed_over(&document, &policy);
        }
        let next = Inherited {
            zone: Some((policy.zone_name.clone(), policy.zone.clone())),
            host: policy.host.clone(),
            tiers: policy.tiers.clone(),
        };
        let known = self.set.iter().any(|other| other.id == policy.id);
        if known {
            ledger.error(
                &document.policy.id.span(),
                format!("a policy `{}` is in force already", printable(&policy.id)),
                "give each policy its own id, and extend each once",
            );
        }
        self.set.push(policy);
        Some((document.extends, next))
    }

    /// Says which sections of an extended file have no effect: only its rules
    /// add up.
    fn passed_over(&mut self, document: &Document, policy: &Policy) {
        let sections = document.passed_over();
        if let Some(first) = sections.first() {
            self.warnings.push(Problem::new(
                "W-POLICY-PASSED-OVER",
                policy.place(first),
                format!("policy {} is extended for its rules; these sections of it have no effect: {}", policy.id, sections.join(", ")),
                "write them in the file that extends it",
            ));
        }
    }

    fn extend(&mut self, name: &Text, ledger: &mut Ledger<'_>, from: &Inherited, path: &mut Vec<String>) {
        let at = name.span();
        let name = name.get_ref();
        if path.contains(name) {
            let chain: Vec<String> = path.iter().chain([name]).map(|name| printable(name)).collect();
            ledger.error(&at, format!("policies extend each other in a circle: {}", chain.join(" → ")), "remove one `extends`");
            return;
        }
        if self.set.len() >= POLICY_LIMIT {
            ledger.error(&at, format!("more than {POLICY_LIMIT} policies would be in force"), "extend fewer");
            return;
        }
        let text = presets::preset(name).map(str::to_owned).or_else(|| (self.others)(name));
        match text {
            Some(text) => {
                path.push(name.clone());
                self.policy(name, &text, from, path);
                path.pop();
            }
            None => ledger.problems.push(unknown_policy(&ledger.line(at.start), name)),
        }
    }
}

fn unknown_policy(place: &str, name: &str) -> Problem {
    let known: Vec<&str> = presets::PRESETS.iter().map(|preset| preset.name).collect();
    let next = suggestion(name, &known.iter().copied().collect());
    Problem::new(
        "E-POLICY",
        place,
        format!("there is no policy `{}`", printable(name)),
        next.unwrap_or_else(|| format!("use a preset or a file; the presets are {}", known.join(", "))),
    )
}

pub(super) fn unknown_zone(place: &str, name: &str) -> Problem {
    let zones: Vec<String> = TimeZoneDatabase::bundled().available().map(|zone| zone.to_string()).collect();
    let next = suggestion(name, &zones.iter().map(String::as_str).collect());
    Problem::new(
        "E-POLICY",
        place,
        format!("there is no time zone `{}`", printable(name)),
        next.unwrap_or_else(|| "use an IANA name such as Europe/Oslo, or UTC".to_owned()),
    )
}

/// Finds a zone in the bundled database: the same on every machine.
pub(super) fn zone(name: &str) -> Option<TimeZone> {
    if name == "UTC" {
        return Some(TimeZone::UTC);
    }
    TimeZoneDatabase::bundled().get(name).ok()
}

fn build(
    document: &Document,
    from: &Inherited,
    others: &dyn Fn(&str) -> Option<String>,
    ledger: &mut Ledger<'_>,
    warnings: &mut Vec<Problem>,
) -> Policy {
    let head = &document.policy;
    name_is_plain("policy id", &head.id, ledger);
    let (zone_name, zone) = zone_of(head, from, ledger);
    let classify = classify(document, ledger, warnings);
    let priority = document.priority.as_ref().and_then(|section| model(section, others, ledger));
    let rules = rules(document, priority.as_ref(), ledger);
    let host = document.host.as_ref().map(|host| host_facts(host.get_ref(), &host.span(), ledger));
    let mut tiers = BTreeMap::new();
    for (name, impact) in &document.tier {
        impact_words(impact.get_ref(), &impact.span(), ledger);
        tiers.insert(name.clone(), impact.get_ref().clone());
    }
    Policy {
        id: head.id.get_ref().clone(),
        version: head.version.clone(),
        title: head.title.clone().unwrap_or_else(|| head.id.get_ref().clone()),
        source: head.source.clone().unwrap_or_else(|| ledger.place.to_owned()),
        as_of: head.as_of.as_ref().and_then(|day| date(day, "as_of", ledger)).map(|day| day.to_string()),
        status: head.status,
        effective: head.effective.as_ref().and_then(|day| date(day, "effective", ledger)),
        marks: head.marks.clone(),
        zone,
        zone_name,
        classify,
        priority,
        rules: rules.into(),
        grace_new_assets: head.grace_new_assets != Some(Grace::None),
        host: host.unwrap_or_else(|| from.host.clone()),
        tiers: if tiers.is_empty() { from.tiers.clone() } else { tiers },
        waiver: document.waiver.as_ref().map(|section| waiver(section, ledger)),
        file: ledger.place.to_owned(),
        lines: BTreeMap::new(),
    }
}

/// A name that stands in every answer: letters, digits and `.-_*`, at most 64.
fn name_is_plain(what: &str, name: &Text, ledger: &mut Ledger<'_>) {
    let text = name.get_ref();
    let plain = |character: char| character.is_ascii_alphanumeric() || ".-_*".contains(character);
    if text.is_empty() || text.len() > 64 || !text.chars().all(plain) {
        ledger.error(
            &name.span(),
            format!("{what} `{}` is not a plain name", printable(text)),
            "use 1 to 64 letters, digits, dots, hyphens and underscores",
        );
    }
}

fn zone_of(head: &Head, from: &Inherited, ledger: &mut Ledger<'_>) -> (String, TimeZone) {
    match (&head.timezone, &from.zone) {
        (Some(name), _) => match zone(name.get_ref()) {
            Some(zone) => (name.get_ref().clone(), zone),
            None => {
                let place = ledger.line(name.span().start);
                ledger.problems.push(unknown_zone(&place, name.get_ref()));
                ("UTC".to_owned(), TimeZone::UTC)
            }
        },
        (None, Some((name, zone))) => (name.clone(), zone.clone()),
        (None, None) => ("UTC".to_owned(), TimeZone::UTC),
    }
}

fn date(day: &toml::Spanned<toml::value::Datetime>, what: &str, ledger: &mut Ledger<'_>) -> Option<jiff::civil::Date> {
    let written = day.get_ref().date.and_then(|date| {
        jiff::civil::Date::new(i16::try_from(date.year).ok()?, i8::try_from(date.month).ok()?, i8::try_from(date.day).ok()?).ok()
    });
    let Some(written) = written else {
        ledger.error(&day.span(), format!("{what} is not a day"), "write it as 2026-12-01");
        return None;
    };
    // Days are added to it and it is moved between zones: both need room.
    if !YEARS.contains(&written.year()) {
        ledger.error(
            &day.span(),
            format!("{what} = {written} lies outside of the years {} to {}", YEARS.start(), YEARS.end()),
            "name a day within them; leave a policy that binds nobody yet as a proposal",
        );
        return None;
    }
    Some(written)
}

pub(super) fn length(text: &Text, what: &str, ledger: &mut Ledger<'_>) -> Option<Length> {
    match Length::parse(text.get_ref()) {
        Ok(length) => Some(length),
        Err(wrong) => {
            ledger.error(
                &text.span(),
                format!("{what} `{}` {wrong}", printable(text.get_ref())),
                "write hours as PT48H (to the second) or days as P14D (to the end of the day)",
            );
            None
        }
    }
}

fn classify(document: &Document, ledger: &mut Ledger<'_>, warnings: &mut Vec<Problem>) -> Classify {
    let section = &document.classify;
    // `highest` is the only way to judge a bundle; naming it is allowed.
    let _ = (section.bundle, document.combine);
    if let Some(part) = section.cvss_part.as_ref().filter(|part| *part.get_ref() == CvssPart::Full) {
        warnings.push(Problem::new(
            "W-POLICY-CVSS-PART",
            ledger.line(part.span().start),
            "cvss_part = \"full\": the advisory database holds base scores only, so those are used",
            "write cvss_part = \"base\" to say what is done",
        ));
    }
    let order = match &section.severity_order {
        None => SeveritySource::DEFAULT_ORDER.to_vec(),
        Some(order) => {
            let named = order.get_ref();
            let twice = named.iter().enumerate().any(|(at, source)| named.iter().skip(at + 1).any(|other| other == source));
            if named.is_empty() || twice {
                ledger.error(&order.span(), "severity_order is empty or names a source twice", "name each source once");
            }
            named.clone()
        }
    };
    let infer = section.infer.as_deref().unwrap_or(&[Infer::TechnicalImpact]);
    let mut classes = component_classes().clone();
    for (class, names) in &section.component_class {
        match ComponentClass::parse(class.get_ref()) {
            Some(class) => {
                for name in names.iter().filter(|name| !name.get_ref().is_empty()) {
                    classes.add(name.get_ref(), class);
                }
            }
            None => ledger.error(
                &class.span(),
                format!("there is no class `{}`", printable(class.get_ref())),
                format!("use one of: {}", ComponentClass::ALL.map(ComponentClass::as_str).join(", ")),
            ),
        }
    }
    Classify {
        severity_order: order,
        infer_technical_impact: infer.contains(&Infer::TechnicalImpact),
        infer_automatable: infer.contains(&Infer::Automatable),
        unknown: unknown(&section.unknown, ledger),
        classes,
    }
}

fn unknown(section: &UnknownSection, ledger: &mut Ledger<'_>) -> Unknown {
    let ours = Unknown::default();
    if let Some(severity) = &section.severity
        && matches!(severity.get_ref(), Rating::Unknown | Rating::None)
    {
        ledger.error(&severity.span(), "an unknown severity cannot stand for itself", "use low, medium, high or critical");
    }
    let word = |text: &Option<Text>, default: &Option<String>| {
        text.as_ref().map(|text| text.get_ref().clone()).or_else(|| default.clone())
    };
    let impact = Impact {
        safety: word(&section.safety, &ours.impact.safety),
        mission: word(&section.mission, &ours.impact.mission),
        mission_prevalence: word(&section.mission_prevalence, &ours.impact.mission_prevalence),
        public_well_being: word(&section.public_well_being, &ours.impact.public_well_being),
        value_density: word(&section.value_density, &ours.impact.value_density),
    };
    let written = [
        &section.safety,
        &section.mission,
        &section.mission_prevalence,
        &section.public_well_being,
        &section.value_density,
    ];
    let at = written.into_iter().flatten().next().map_or(0..0, |text| text.span());
    impact_words(&impact, &at, ledger);
    Unknown {
        severity: section.severity.as_ref().map_or(ours.severity, |severity| *severity.get_ref()),
        exposure: section.exposure.unwrap_or(ours.exposure),
        exploitation: section.exploitation.unwrap_or(ours.exploitation),
        automatable: section.automatable.map_or(ours.automatable, |answer| answer == YesNo::Yes),
        technical_impact: section.technical_impact.unwrap_or(ours.technical_impact),
        impact,
    }
}

fn impact_words(impact: &Impact, at: &Range<usize>, ledger: &mut Ledger<'_>) {
    for (name, value, allowed) in impact.fields() {
        if let Some(value) = value.filter(|value| !allowed.contains(value)) {
            ledger.error(
                at,
                format!("`{name}` has no value `{}`", printable(value)),
                format!("use one of: {}", allowed.join(", ")),
            );
        }
    }
}

fn host_facts(section: &HostSection, at: &Range<usize>, ledger: &mut Ledger<'_>) -> HostFacts {
    let impact = Impact {
        safety: section.safety.clone(),
        mission: section.mission.clone(),
        mission_prevalence: section.mission_prevalence.clone(),
        public_well_being: section.public_well_being.clone(),
        value_density: section.value_density.clone(),
    };
    impact_words(&impact, at, ledger);
    HostFacts {
        exposure: section.exposure,
        environment: section.environment.clone(),
        tier: section.tier.clone(),
        client: section.client.clone(),
        labels: section.labels.clone(),
        first_seen: None,
        impact,
    }
}

/// The list of names by class that comes with the program, read once.
fn component_classes() -> &'static ComponentClasses {
    static CLASSES: OnceLock<ComponentClasses> = OnceLock::new();
    CLASSES.get_or_init(|| {
        let mut classes = ComponentClasses::default();
        let lists: BTreeMap<String, Vec<String>> =
            toml::from_str(include_str!("component-classes.toml")).unwrap_or_default();
        for (class, names) in lists {
            if let Some(class) = ComponentClass::parse(&class) {
                for name in names {
                    classes.add(&name, class);
                }
            }
        }
        classes
    })
}

fn model(
    section: &PrioritySection,
    others: &dyn Fn(&str) -> Option<String>,
    ledger: &mut Ledger<'_>,
) -> Option<PriorityModel> {
    let name = section.model.get_ref().as_str();
    if name == "severity" {
        return None;
    }
    let place = ledger.line(section.model.span().start);
    let found = tables::TABLES
        .iter()
        .find(|(known, _)| *known == name || known.split('/').next() == Some(name))
        .map(|(_, text)| (*text).to_owned())
        .or_else(|| others(name));
    let Some(text) = found else {
        let known: Vec<&str> = tables::TABLES.iter().map(|(name, _)| *name).collect();
        ledger.error(
            &section.model.span(),
            format!("there is no decision table `{}`", printable(name)),
            format!("use severity, a table file, or one of: {}", known.join(", ")),
        );
        return None;
    };
    let table = match tables::read_table(name, &text) {
        Ok(table) => table,
        Err(problem) => {
            ledger.problems.push(Problem { text: format!("decision table {}: {}", problem.place, problem.text), place, ..problem });
            return None;
        }
    };
    let uses = |namespace: &str, key: &str| {
        table.inputs().iter().any(|point| point.namespace == namespace && point.key == key)
    };
    let human = match section.human_impact.unwrap_or_default() {
        HumanImpact::Table => "human-impact/table",
        HumanImpact::Text => "human-impact/text",
    };
    let feeds = [
        (uses("ssvc", "HI"), human),
        (uses("ssvc", "MWI"), "mission-well-being/1.0.0"),
        (uses("ssvc", "U"), "utility/1.0.0"),
    ];
    let derived = feeds.into_iter().filter(|(used, _)| *used).filter_map(|(_, name)| tables::table(name)).collect();
    Some(PriorityModel { name: name.to_owned(), table, derived })
}

fn rules(document: &Document, priority: Option<&PriorityModel>, ledger: &mut Ledger<'_>) -> Vec<Rule> {
    if let Some(first_over) = document.deadline.get(RULE_LIMIT) {
        ledger.error(
            &first_over.id.span(),
            format!("has {} rules, the limit is {RULE_LIMIT}", document.deadline.len()),
            "split the policy in several that are extended together",
        );
        return Vec::new();
    }
    let mut ids = BTreeSet::new();
    let mut duties: Vec<&str> = Vec::new();
    let mut rules = Vec::with_capacity(document.deadline.len());
    for deadline in &document.deadline {
        name_is_plain("rule id", &deadline.id, ledger);
        if !ids.insert(deadline.id.get_ref().as_str()) {
            ledger.error(
                &deadline.id.span(),
                format!("a rule `{}` stands above already", printable(deadline.id.get_ref())),
                "give each rule its own id",
            );
        }
        let duty_name = deadline.duty.as_ref().map_or("remediate", |duty| duty.get_ref().as_str());
        let duty = duties.iter().position(|known| *known == duty_name).unwrap_or_else(|| {
            duties.push(duty_name);
            duties.len() - 1
        });
        if duty >= DUTY_LIMIT {
            ledger.error(&deadline.id.span(), format!("has more than {DUTY_LIMIT} duties"), "use fewer");
            return rules;
        }
        let name = format!("{}/{}", document.policy.id.get_ref(), deadline.id.get_ref());
        rules.push(rule(deadline, name, (u8::try_from(duty).unwrap_or(0), duty_name), priority, ledger));
    }
    rules
}

fn rule(
    deadline: &Deadline,
    name: String,
    (duty, duty_name): (u8, &str),
    priority: Option<&PriorityModel>,
    ledger: &mut Ledger<'_>,
) -> Rule {
    if let Some(duty) = &deadline.duty {
        name_is_plain("duty", duty, ledger);
    }
    let when = deadline.when.as_ref().map_or_else(Vec::new, |when| matchers::read(when, priority, ledger));
    let within = within(deadline, ledger);
    let on_no_fix = deadline.on_no_fix.as_ref().map(|section| OnNoFix {
        mitigate_within: section.mitigate_within.as_ref().and_then(|text| length(text, "mitigate_within", ledger)),
        review_every: section.review_every.as_ref().and_then(|text| length(text, "review_every", ledger)),
    });
    Rule {
        id: deadline.id.get_ref().clone(),
        name,
        duty,
        duty_name: duty_name.to_owned(),
        when,
        within,
        clock: deadline.clock.unwrap_or(Clock::FixReleased),
        done: deadline.done.unwrap_or_default(),
        change_type: deadline.change_type,
        precise: deadline.precise,
        on_no_fix,
        also: deadline.also.clone(),
        note: deadline.note.clone(),
    }
}

fn within(deadline: &Deadline, ledger: &mut Ledger<'_>) -> Within {
    let otherwise = deadline.otherwise.as_ref().and_then(|text| length(text, "otherwise", ledger));
    let Some(text) = &deadline.within else {
        return Within::NoNumber(deadline.no_number.clone());
    };
    if deadline.no_number.is_some() {
        ledger.error(&text.span(), "gives both `within` and `no_number`", "keep one of them");
    }
    let within = match text.get_ref().as_str() {
        "kev-due-date" => return Within::KevDueDate { otherwise },
        "next-upgrade" => Within::NextUpgrade,
        _ => length(text, "within", ledger).map_or(Within::NoNumber(None), Within::Length),
    };
    if let Some(otherwise) = &deadline.otherwise {
        ledger.error(&otherwise.span(), "`otherwise` goes with within = \"kev-due-date\" only", "remove it");
    }
    within
}

fn waiver(section: &WaiverSection, ledger: &mut Ledger<'_>) -> WaiverRules {
    let mut max_length = BTreeMap::new();
    for (priority, text) in &section.max_length {
        if let Some(longest) = length(text, "max_length", ledger) {
            max_length.insert(priority.clone(), longest);
        }
    }
    if let Some(cap) = section.cap_percent_of_projects.as_ref().filter(|cap| *cap.get_ref() > 100) {
        ledger.error(&cap.span(), format!("cap_percent_of_projects is {}, the limit is 100", cap.get_ref()), "write a percentage");
    }
    for people in section.quorum.values().filter(|people| *people.get_ref() == 0) {
        ledger.error(&people.span(), "nobody would approve", "write 1 or more people");
    }
    WaiverRules {
        kinds: section.kinds.clone(),
        max_length,
        max_renewals: section.max_renewals,
        quorum: section.quorum.iter().map(|(level, people)| (level.clone(), *people.get_ref())).collect(),
        need_compensating_control: section.need_compensating_control.clone(),
        review_every: section.review_every.as_ref().and_then(|text| length(text, "review_every", ledger)),
        cap_percent_of_projects: section.cap_percent_of_projects.as_ref().map(|cap| *cap.get_ref()),
        forbid: section.forbid.as_ref().map(|forbid| (forbid.kinds.clone(), forbid.priority.clone())),
    }
}
