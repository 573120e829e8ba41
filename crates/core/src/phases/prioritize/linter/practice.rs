//! What a policy says of people and practice, held against its rules.

use crate::model::deployment_package::RebootRule;
use crate::model::policy::governance::{Client, ClientModel, Governance, Involvement, OnSilence, PendingCountsAs, Roles, Untaken, Verify, VerifyMethod};
use crate::model::policy::{ChangeType, Condition, Done, Field, Length, Number, Policy, PolicySet, Rule, WaiverKind, Within};
use crate::model::problem::Problem;
use super::super::cells::{fed_by, field_of, meaning};
use crate::operations::audience::leading_nowhere;
use super::super::forensics;
use crate::phases::package::afterwards::{KINDS, kind_of};
use std::collections::BTreeSet;

/// Kinds of sources that give severities and scores.
const SEVERITIES: [&str; 8] = ["vendor", "csaf", "osv", "nvd", "debian", "ubuntu", "alpine", "advisories"];

/// Finds what does not fit together.
pub(super) fn lint(set: &PolicySet, problems: &mut Vec<Problem>) {
    let (Some(own), governance) = (set.policies.first(), &set.governance) else { return };
    if governance.is_silent() {
        return;
    }
    let mut said = Said { set, own, governance, problems };
    said.inputs();
    if let Some(client) = &governance.client {
        said.client(client);
    }
    said.quorums();
    said.audiences();
    said.cycles();
    said.reboots();
    said.waiver();
    said.proof();
    said.silence();
}

struct Said<'a> {
    set: &'a PolicySet,
    own: &'a Policy,
    governance: &'a Governance,
    problems: &'a mut Vec<Problem>,
}

impl<'a> Said<'a> {
    fn say(&mut self, code: &str, path: &str, text: String, next: &str) {
        self.problems.push(Problem::new(code, self.own.place(path), text, next));
    }

    fn rules(&self) -> impl Iterator<Item = &'a Rule> + use<'a> {
        self.set.policies.iter().flat_map(|policy| &policy.rules)
    }

    /// Inputs that a policy needs and nobody collects.
    fn inputs(&mut self) {
        let set = self.set;
        for policy in &set.policies {
            let wanted = Wanted::of(policy);
            for (field, kinds) in wanted.sources() {
                let collected = self.governance.monitor.as_ref().is_none_or(|monitor| monitor.collects(&kinds));
                if !collected {
                    self.say(
                        "W-POLICY-INPUT",
                        "monitor.sources",
                        format!("policy {} looks at {field}, and monitor.sources names nothing that gives it", policy.id),
                        &format!("add one of: {}", kinds.join(", ")),
                    );
                }
            }
            let missing = wanted.missing_of_hosts(policy);
            if !missing.is_empty() {
                self.say(
                    "N-POLICY-INPUT",
                    if policy.id == self.own.id { "policy" } else { "extends" },
                    format!("policy {} looks at {}, which no source gives: hosts that do not say get what `unknown` assumes", policy.id, missing.join(", ")),
                    "say it of hosts where they are registered, in [host] for all of them, or in [tier.NAME] for a tier",
                );
            }
        }
    }

    fn client(&mut self, client: &Client) {
        for (what, clause) in client.needs_clause() {
            if clause.is_none() {
                self.say(
                    "W-POLICY-CLAUSE",
                    "client",
                    format!("the client section relies on the contract for `{what}`, and client.clause.{what} names no clause"),
                    &format!("name the clause that allows it: clause = {{ {what} = \"MSA 7.2\" }}, or do without"),
                );
            }
        }
        if client.asks() && client.answer_within.is_none() {
            self.say("W-POLICY-CLIENT", "client", "clients are asked, and no answer_within says until when".to_owned(), "add answer_within = \"P3D\"");
        }
        if client.asks() && client.on_silence.is_none() {
            self.say("W-POLICY-CLIENT", "client", "clients are asked, and no on_silence says what silence leads to".to_owned(), "add on_silence = \"proceed\" or \"waive\"");
        }
        if client.on_silence == Some(OnSilence::Waive) && client.waiver_text.is_none() && client.model != ClientModel::Internal {
            self.say("W-POLICY-CLIENT", "client.on_silence", "silence is recorded as a liability waiver, and no waiver_text says in which words".to_owned(), "add waiver_text, as the contract has it");
        }
        if let (Some(answer), Some(reminder)) = (&client.answer_within, client.remind_after.iter().max_by_key(|reminder| reminder.nominal_seconds()))
            && reminder.nominal_seconds() >= answer.nominal_seconds()
        {
            self.say("W-POLICY-CLIENT", "client.remind_after", format!("a reminder goes out after {}, when the {} to answer are over", reminder.words(), answer.words()), "remind earlier");
        }
        let kinds = self.own.waiver.as_ref().map(|waiver| waiver.kinds.as_slice()).unwrap_or_default();
        let decides = client.involvements().iter().any(|(_, how)| *how == Involvement::Consent);
        if decides && !kinds.is_empty() && !kinds.contains(&WaiverKind::ClientRefusal) {
            self.say(
                "W-POLICY-CLIENT",
                "waiver.kinds",
                "clients decide, and `kinds` does not list client-refusal, which a refusal is recorded as".to_owned(),
                "add \"client-refusal\" to kinds",
            );
        }
        let asked = |involved: Option<Involvement>| involved.is_some_and(|how| how >= Involvement::Consult);
        let waits = [(ChangeType::Emergency, asked(client.emergency)), (ChangeType::Standard, asked(client.routine)), (ChangeType::Normal, asked(client.routine))];
        for (kind, _) in waits.into_iter().filter(|(_, asked)| *asked) {
            let Some(answer) = &client.answer_within else { continue };
            let shortest = self.rules().filter(|rule| rule.change_type == Some(kind)).filter_map(|rule| Some((length(rule)?, rule))).min_by_key(|(length, _)| length.nominal_seconds());
            if let Some((length, rule)) = shortest.filter(|(length, _)| length.nominal_seconds() <= answer.nominal_seconds()) {
                self.say(
                    "W-POLICY-CLIENT",
                    "client.answer_within",
                    format!("clients have {} to answer on {} changes, and rule {} allows {} in all", answer.words(), kind.as_str(), rule.name, length.words()),
                    "shorten answer_within, or only inform for such changes",
                );
            }
        }
    }

    /// More signatures than there are people.
    fn quorums(&mut self) {
        let set = self.set;
        for (kind, quorum) in &set.rollout.approve.quorum {
            let by = self.governance.approve.get(kind).map(|practice| practice.by.clone()).unwrap_or_default();
            let counted: Option<usize> = by.iter().map(|name| self.governance.members(name)).sum();
            if let Some(people) = counted.filter(|people| !by.is_empty() && *people < *quorum as usize) {
                self.say(
                    "E-POLICY-QUORUM",
                    &format!("approve.{}", kind.as_str()),
                    format!("{quorum} people must approve a {} change, and {} are {people}", kind.as_str(), by.join(", ")),
                    "lower the quorum, or name more people",
                );
            }
        }
    }

    /// Words that lead to nobody, whatever is told.
    fn audiences(&mut self) {
        for (place, word) in leading_nowhere(self.governance) {
            self.say(
                "W-POLICY-AUDIENCE",
                &place,
                format!("{word} are to be told, and nothing says who that is: no notice can reach anybody by this word"),
                &format!("add [people.{word}] with mail or members, or name somebody else"),
            );
        }
    }

    fn cycles(&mut self) {
        let from = self.own.effective.unwrap_or(jiff::civil::date(2026, 1, 1));
        let governance = self.governance;
        if governance.cycles.is_empty() {
            return;
        }
        let gaps: Vec<Option<i32>> = governance.cycles.iter().map(|cycle| cycle.longest_gap(from)).collect();
        if gaps.iter().any(Option::is_none) {
            self.say("E-POLICY-CYCLE", "cycle", format!("a cycle has no two days from {from} on"), "correct its rule");
        }
        let Some(gap) = gaps.into_iter().flatten().min() else { return };
        let short = |rule: &&Rule| rule.change_type == Some(ChangeType::Standard) && length(rule).is_some_and(|length| length.nominal_seconds() < i64::from(gap) * 86_400);
        let names: Vec<String> = self.rules().filter(short).filter_map(|rule| Some(format!("{} ({})", rule.name, length(rule)?.words()))).collect();
        if !names.is_empty() {
            self.say(
                "N-POLICY-CYCLE",
                "cycle",
                format!("cycles lie up to {gap} days apart, and standard changes of these rules may not wait so long: {}", names.join(", ")),
                "expect some of them between cycles, or add a cycle",
            );
        }
    }

    /// Reboots that count as something the other keys do not say.
    fn reboots(&mut self) {
        let practice = &self.governance.reboot;
        if practice.pending_counts_as == Some(PendingCountsAs::InstalledWithinGrace) && practice.grace.is_none() {
            self.say("W-POLICY-REBOOT", "reboot.pending_counts_as", "a pending reboot counts as done within a grace, and no grace says how long".to_owned(), "add grace = \"PT8H\"");
        }
        if let (Some(grace), Some(limit)) = (&practice.grace, &practice.max_pending)
            && grace.nominal_seconds() > limit.nominal_seconds()
        {
            let text = format!("people may put a reboot off for {}, and it is overdue after {}", grace.words(), limit.words());
            self.say("W-POLICY-REBOOT", "reboot.grace", text, "make the grace the shorter of the two");
        }
        if self.set.rollout.reboot == RebootRule::Never && practice.max_pending.is_some() {
            self.say(
                "N-POLICY-REBOOT",
                "reboot.max_pending",
                "Plimsoll reboots no host under rule = \"never\", and a reboot that stays pending for too long counts as a failure of its ring".to_owned(),
                "see that somebody else reboots them in time",
            );
        }
    }

    fn waiver(&mut self) {
        let Some(waiver) = self.own.waiver.as_ref() else { return };
        let forbidden = waiver.forbid.iter().flat_map(|(kinds, _)| kinds).find(|kind| !waiver.kinds.contains(kind));
        if forbidden.is_some() {
            self.say("W-POLICY-WAIVER", "waiver.forbid", "forbids a kind of exception that `kinds` does not allow in the first place".to_owned(), "remove it from one of the two");
        }
        if waiver.max_length.is_empty() {
            self.say("W-POLICY-WAIVER", "waiver", "exceptions have no longest life".to_owned(), "add max_length by severity or priority");
        }
        if waiver.max_renewals.is_none() {
            self.say("N-POLICY-WAIVER", "waiver", "an exception may be renewed without end".to_owned(), "add max_renewals = 2");
        }
        if self.governance.roles.as_ref().is_some_and(|roles| roles.risk_acceptor.is_empty()) {
            self.say("N-POLICY-WAIVER", "roles", "nobody is named who may accept a risk".to_owned(), "add risk_acceptor to [roles]");
        }
    }

    /// What counts as done, and traces.
    fn proof(&mut self) {
        let looks = |verify: &Verify| verify.method.contains(&VerifyMethod::Scanner) || verify.out_of_band.as_ref().is_some_and(|other| other.scanner);
        let scanner = self.governance.verify.as_ref().is_some_and(looks);
        let second: Vec<&str> = self.rules().filter(|rule| rule.done == Done::VerifiedBySecondSource).map(|rule| rule.name.as_str()).collect();
        if !second.is_empty() && !scanner {
            self.say("W-POLICY-VERIFY", "verify", format!("no second source looks, and these rules are done only when one has: {}", second.join(", ")), "add out_of_band = { scanner = true } to [verify]");
        }
        let asks = self.rules().find(|rule| rule.also.iter().any(|also| also.contains("forensic")));
        if let Some(rule) = asks.filter(|_| self.governance.forensics.is_none()) {
            self.say("W-POLICY-FORENSICS", "extends", format!("rule {} asks for forensic triage, and no [forensics] says how", rule.name), "add [forensics] with trigger, scope_within, collect_within and decide_within");
        }
        self.forensics();
        self.afterwards();
        self.duties();
        if let Some(emergency) = &self.governance.emergency
            && emergency.declared_by.is_empty()
        {
            self.say("N-POLICY-EMERGENCY", "emergency", "nobody is named who may declare an emergency".to_owned(), "add declared_by");
        }
    }

    /// Whose work what is, as far as somebody can be held to it.
    fn duties(&mut self) {
        let governance = self.governance;
        for (phase, who) in governance.roles.iter().flat_map(Roles::phases) {
            if ["monitor", "package", "deploy", "confirm"].contains(&phase) && !governance.explains(who) {
                self.say(
                    "W-POLICY-ROLE",
                    &format!("roles.{phase}"),
                    format!("nobody is held to roles.{phase}, because [people] does not say who {who} is"),
                    "add it to [people] with its members",
                );
            }
        }
        for watch in governance.monitor.iter().flat_map(|monitor| &monitor.watch).filter(|watch| watch.every.is_none()) {
            self.say(
                "W-POLICY-WATCH",
                "monitor.watch",
                format!("{} watches {}, and nothing says how often", watch.by, watch.sources.join(", ")),
                "add every = \"P7D\"",
            );
        }
    }

    /// What is looked at after a change.
    fn afterwards(&mut self) {
        let Some(post) = &self.governance.test.post_deploy else { return };
        for word in post.checks.iter().filter(|word| kind_of(word).is_none()) {
            self.say(
                "W-POLICY-CHECK",
                "test.post_deploy",
                format!("{word} begins with no kind of check, so that every package must carry one of exactly this name"),
                &format!("begin it with one of {}: service-up, http-200", KINDS.join(", ")),
            );
        }
    }

    /// Looking for traces before a patch.
    fn forensics(&mut self) {
        let (Some(forensics), set) = (&self.governance.forensics, self.set) else { return };
        for word in &forensics.trigger {
            if forensics::binding(set, word).is_empty() && forensics::severity(word).is_none() {
                self.say(
                    "W-POLICY-FORENSICS",
                    "forensics.trigger",
                    format!("no rule binds what has the priority {word}, so that nothing ever asks for a triage by it"),
                    "name a severity, a rule, or a priority that a rule looks at",
                );
            }
        }
        let clocks = [("scope_within", &forensics.scope_within), ("collect_within", &forensics.collect_within), ("decide_within", &forensics.decide_within)];
        let mut longest: Option<(&str, &Length)> = None;
        for (name, length) in clocks.into_iter().filter_map(|(name, length)| Some((name, length.as_ref()?))) {
            match longest {
                Some((before, other)) if other.nominal_seconds() > length.nominal_seconds() => {
                    let text = format!("{before} is {}, and {name}, which comes after it, {}", other.words(), length.words());
                    self.say("W-POLICY-FORENSICS", &format!("forensics.{name}"), text, "make each no shorter than the one before it");
                }
                _ => longest = Some((name, length)),
            }
        }
        let Some(taken) = &forensics.collect_within else {
            if forensics.on_timeout == Untaken::Patch && forensics.decide_within.is_none() {
                self.say("W-POLICY-FORENSICS", "forensics.on_timeout", "hosts are patched once the time for evidence is over, and neither collect_within nor decide_within says when".to_owned(), "add collect_within = \"PT24H\"");
            }
            return;
        };
        let asked = self.rules().filter(|rule| forensics.trigger.iter().any(|word| forensics::binding(set, word).contains(&rule.name)));
        let late: Vec<String> = asked.filter(|rule| length(rule).is_some_and(|within| within.nominal_seconds() <= taken.nominal_seconds())).map(|rule| rule.name.clone()).collect();
        if forensics.collect_before_patch && !late.is_empty() {
            self.say(
                "W-POLICY-FORENSICS",
                "forensics.collect_within",
                format!("evidence may be taken until {} have passed, and only then is patched what these rules want done by then: {}", taken.words(), late.join(", ")),
                "shorten collect_within",
            );
        }
    }

    /// Sections that standards ask for and the policy lacks.
    fn silence(&mut self) {
        let governance = self.governance;
        let asked = [
            ("policy.owner", governance.owner.is_some()),
            ("policy.review_every", governance.review_every.is_some()),
            ("scope", governance.scope.is_some()),
            ("roles", governance.roles.is_some()),
            ("monitor", governance.monitor.is_some()),
            ("cycle", !governance.cycles.is_empty()),
            ("emergency", governance.emergency.is_some() || governance.approve.contains_key(&ChangeType::Emergency)),
            ("test", !self.set.rollout.test.is_empty()),
            ("approve", !governance.approve.is_empty()),
            ("client", governance.client.is_some()),
            ("verify", governance.verify.is_some()),
            ("waiver", self.own.waiver.is_some()),
            ("notify", governance.notify.is_some()),
            ("targets", governance.targets.is_some()),
            ("retention", governance.retention.is_some()),
        ];
        let missing: Vec<&str> = asked.into_iter().filter(|(_, is)| !is).map(|(name, _)| name).collect();
        if !missing.is_empty() {
            self.say("N-POLICY-SILENT", "policy", format!("says nothing of: {}", missing.join(", ")), "write these sections, or know that the document to sign has no word on them");
        }
    }
}

fn length(rule: &Rule) -> Option<&Length> {
    match &rule.within {
        Within::Length(length) => Some(length),
        _ => None,
    }
}

/// What a policy's rules look at.
#[derive(Default)]
struct Wanted {
    fields: BTreeSet<Field>,
    numbers: BTreeSet<Number>,
    points: BTreeSet<&'static str>,
    attributes: BTreeSet<String>,
}

impl Wanted {
    fn of(policy: &Policy) -> Self {
        let mut wanted = Self::default();
        for condition in policy.rules.iter().flat_map(|rule| &rule.when) {
            match condition {
                Condition::OneOf(Field::Priority, _) => {
                    let Some(model) = &policy.priority else { continue };
                    let fed = model.table.inputs().iter().filter_map(|point| fed_by(model, point)).flat_map(|table| table.inputs());
                    for point in model.table.inputs().iter().chain(fed) {
                        wanted.fields.extend(field_of(point));
                        wanted.points.extend(meaning(point));
                    }
                }
                Condition::OneOf(field, _) => drop(wanted.fields.insert(*field)),
                Condition::Words(attribute, _) => drop(wanted.attributes.insert(attribute.to_string())),
                Condition::Compare(number, ..) => drop(wanted.numbers.insert(*number)),
                Condition::EpssModel(_) => drop(wanted.numbers.insert(Number::Epss)),
            }
        }
        wanted
    }

    /// What sources must give, with the kinds that do.
    fn sources(&self) -> Vec<(&'static str, Vec<&'static str>)> {
        let mut all = Vec::new();
        for field in &self.fields {
            let kinds: &[&'static str] = match field {
                Field::Severity | Field::VendorSeverity => &SEVERITIES,
                Field::Kev => &["kev"],
                Field::Exploitation => &["kev", "vulnrichment", "csaf"],
                Field::Automatable | Field::TechnicalImpact => &["vulnrichment", "nvd", "csaf", "osv"],
                _ => continue,
            };
            all.push((field.as_str(), kinds.to_vec()));
        }
        for number in &self.numbers {
            match number {
                Number::Epss => all.push((number.as_str(), vec!["epss"])),
                Number::CveYear => {}
                _ => all.push((number.as_str(), ["vulnrichment"].into_iter().chain(SEVERITIES).collect())),
            }
        }
        all
    }

    /// What only people can say of hosts, and the policy does not say for them.
    fn missing_of_hosts(&self, policy: &Policy) -> Vec<String> {
        let mut missing = Vec::new();
        let exposed = self.fields.contains(&Field::Exposure) || self.fields.contains(&Field::PubliclyExposed);
        if exposed && policy.host.exposure.is_none() {
            missing.push("exposure".to_owned());
        }
        let said = |name: &str| policy.host.impact.get(name).is_some() || policy.tiers.values().any(|impact| impact.get(name).is_some());
        missing.extend(self.points.iter().filter(|name| !said(name)).map(|name| (*name).to_owned()));
        let host = &policy.host;
        let given = |name: &str| match name {
            "environment" => host.environment.is_some(),
            "tier" => host.tier.is_some(),
            "client" => host.client.is_some(),
            name => name.strip_prefix("labels.").is_some_and(|label| host.labels.contains_key(label)),
        };
        missing.extend(self.attributes.iter().filter(|name| !given(name)).cloned());
        if policy.rules.iter().any(|rule| rule.within == Within::NextUpgrade) {
            missing.push("the day of the next upgrade".to_owned());
        }
        missing
    }
}
