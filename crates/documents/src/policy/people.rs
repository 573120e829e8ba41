//! Who the policy is for, who does what, and who is told.

use super::words::{length, rank, series, yes_no};
use super::{Paper, strong};
use crate::text::Text;
use plimsoll_core::model::policy::governance::{Channel, ClientModel, Governance, Involvement, OnSilence};
use plimsoll_core::model::policy::{ChangeType, Length, PolicySet};

/// A name as readers know it.
pub(super) fn shown(governance: &Governance, name: &str) -> String {
    let known = governance.people.get(name).and_then(|person| person.name.as_deref());
    known.map_or_else(|| name.strip_prefix("group:").unwrap_or(name).replace('-', " "), str::to_owned)
}

fn all(governance: &Governance, names: &[String]) -> String {
    series(&names.iter().map(|name| shown(governance, name)).collect::<Vec<_>>())
}

/// Purpose and scope.
pub(super) fn purpose(paper: &mut Paper, set: &PolicySet) {
    paper.section("Purpose and scope");
    let governance = &set.governance;
    paper.text(governance.purpose.as_deref().unwrap_or("This policy says by when vulnerabilities must be fixed, who decides, and how that is proved."));
    paper.text("It is one file, which people sign and machines obey: this document is rendered from the file named in the annex, and every deadline that is enforced is worked out from it.");
    let Some(scope) = &governance.scope else { return };
    if let Some(statement) = &scope.statement {
        paper.text(Text::from("In scope: ").plain(statement));
    }
    paper.facts([
        ("Hosts in scope", (!scope.select.is_empty()).then(|| scope.select.words())),
        ("Hosts out of scope", (!scope.exclude.is_empty()).then(|| scope.exclude.words())),
    ]);
    let rows = scope.classes.iter().map(|class| vec![strong(&class.id), Text::from(class.select.words()), Text::from(class.description.clone().unwrap_or_default())]);
    paper.table(&[("Class of hosts", 2), ("Hosts", 3), ("Meaning", 4)], rows.collect());
}

/// Roles.
pub(super) fn roles(paper: &mut Paper, set: &PolicySet) {
    let governance = &set.governance;
    let Some(roles) = &governance.roles else { return };
    paper.section("Roles and responsibilities");
    let task = |role: &str| match role {
        "monitor" => "Watches releases and advisories",
        "acquire" => "Obtains fixes and checks where they come from",
        "evaluate" => "Judges what is affected",
        "prioritize" => "Sets priority, ring and window",
        "test" => "Tests and certifies",
        "package" => "Builds deployment packages",
        "deploy" => "Deploys",
        "confirm" => "Confirms that fixes are in effect",
        "clean_up" => "Cleans up and rolls back",
        _ => "Documents and updates configuration standards",
    };
    paper.table(&[("Task", 3), ("Who", 2)], roles.phases().into_iter().map(|(role, who)| vec![Text::from(task(role)), strong(shown(governance, who))]).collect());
    let authority = roles.change_authority.iter().map(|(kind, who)| {
        let who = if who == "auto" { "authorised beforehand".to_owned() } else { shown(governance, who) };
        vec![Text::from(format!("Authorises {} changes", kind.as_str())), strong(who)]
    });
    let mut acceptors: Vec<(&String, &String)> = roles.risk_acceptor.iter().collect();
    acceptors.sort_by_key(|(level, _)| rank(set, level));
    let acceptors = acceptors.into_iter().map(|(level, who)| vec![Text::from(format!("Accepts a risk of level {level}")), strong(shown(governance, who))]);
    paper.table(&[("Decision", 3), ("Who", 2)], authority.chain(acceptors).collect());
    let people = governance.people.iter().map(|(id, person)| {
        let members = all(governance, &person.members);
        vec![strong(shown(governance, id)), Text::from(person.mail.clone().unwrap_or_default()), Text::from(members)]
    });
    paper.table(&[("Person or group", 2), ("Address", 2), ("Members", 3)], people.collect());
}

/// Sources.
pub(super) fn monitoring(paper: &mut Paper, set: &PolicySet) {
    let Some(monitor) = &set.governance.monitor else { return };
    paper.section("Sources of information");
    let every = monitor.scan_every.iter().map(|(exposure, every)| format!("{} hosts every {}", exposure.as_str(), every.words()));
    let every: Vec<String> = every.collect();
    paper.facts([
        ("Sources", Some(monitor.sources.as_ref().map_or_else(|| "every source that Plimsoll knows".to_owned(), |sources| sources.join(", ")))),
        ("A source may be no older than", length(&monitor.max_feed_age)),
        ("Unmanaged hosts are looked for every", length(&monitor.discovery_every)),
        ("Hosts are looked at", (!every.is_empty()).then(|| series(&every))),
    ]);
    let rows = monitor.watch.iter().map(|watch| {
        vec![Text::from(watch.sources.join(", ")), strong(shown(&set.governance, &watch.by)), Text::from(watch.product.clone().unwrap_or_default()), Text::from(length(&watch.every).unwrap_or_default())]
    });
    paper.table(&[("Sources", 3), ("Watched by", 2), ("For", 2), ("Every", 2)], rows.collect());
}

/// Client decisions.
pub(super) fn clients(paper: &mut Paper, set: &PolicySet) {
    let Some(client) = &set.governance.client else { return };
    paper.section("Clients' part in decisions");
    paper.text(format!("How the service stands: {}.", client.model.words()));
    let clause = |how: Involvement| match how {
        Involvement::None => None,
        Involvement::Inform => client.clause.inform.clone(),
        Involvement::Consult => client.clause.consult.clone(),
        Involvement::Consent => client.clause.consent.clone(),
    };
    let rows = client.involvements().into_iter().map(|(what, how)| vec![strong(what), Text::from(how.words()), Text::from(clause(how).unwrap_or_default())]);
    paper.table(&[("For", 2), ("Part", 4), ("Contract", 2)], rows.collect());
    if client.asks() {
        let reminders: Vec<String> = client.remind_after.iter().map(Length::words).collect();
        paper.facts([
            ("A client answers within", length(&client.answer_within)),
            ("Reminders after", (!reminders.is_empty()).then(|| series(&reminders))),
            (
                "Silence",
                client.on_silence.map(|silence| match silence {
                    OnSilence::Proceed => "the change goes on".to_owned(),
                    OnSilence::Waive => "is recorded as a liability waiver, and the change is not made".to_owned(),
                }),
            ),
            ("Contract on silence", client.clause.silence.clone()),
            ("Words of the waiver", client.waiver_text.clone()),
        ]);
    }
    if let Some(refusal) = &client.on_refusal {
        let told = if refusal.notify.is_empty() { String::new() } else { format!("; told: {}", all(&set.governance, &refusal.notify)) };
        let clause = client.clause.refusal.as_ref().map_or_else(String::new, |clause| format!(" ({clause})"));
        paper.text(format!("A refusal is recorded as a {}{clause}{told}.", refusal.record.as_deref().unwrap_or("decision of the client").replace('-', " ")));
    }
    if client.model != ClientModel::Internal && client.needs_clause().iter().any(|(_, clause)| clause.is_none()) {
        paper.document.note(crate::Kind::Warning, "Not every part that clients have here names the clause of the contract that allows it.");
    }
}

/// Notices, escalation.
pub(super) fn communication(paper: &mut Paper, set: &PolicySet) {
    let governance = &set.governance;
    if governance.notify.is_none() && governance.escalation.is_empty() {
        return;
    }
    paper.section("Communication and escalation");
    if let Some(notify) = &governance.notify {
        let event = |event: &str| match event {
            "planned" => "Before a planned change",
            "during" => "While one is under way",
            "completed" => "After a change",
            "failed" => "When a change failed",
            _ => "On an emergency change",
        };
        let rows = notify.notices().into_iter().map(|(what, notice)| {
            let lead = notice.lead.as_ref().filter(|lead| lead.nominal_seconds() > 0).map_or_else(|| "at once".to_owned(), |lead| format!("{} ahead", lead.words()));
            let channels: Vec<String> = notice.channel.iter().map(|channel| Channel::words(*channel).to_owned()).collect();
            vec![strong(event(what)), Text::from(all(governance, &notice.to)), Text::from(if what == "planned" { lead } else { "at once".to_owned() }), Text::from(series(&channels)), Text::from(yes_no(notice.ack))]
        });
        paper.table(&[("When", 3), ("Who is told", 4), ("Lead", 2), ("By", 3), ("Acknowledged", 2)], rows.collect());
        if let Some(overdue) = &notify.overdue {
            let shares: Vec<String> = overdue.at_percent.iter().map(|share| format!("{} %", share.0)).collect();
            paper.text(format!("When {} of a deadline's time is used, {} hear of it.", series(&shares), all(governance, &overdue.to)));
        }
        let regular = notify.audiences().into_iter().map(|(_, audience)| {
            let target = audience.target_pct.map_or_else(String::new, |target| format!("{} %", target.0));
            vec![strong(shown(governance, &audience.audience)), Text::from(audience.topic.replace('-', " ")), Text::from(format!("every {}", audience.every.words())), Text::from(target)]
        });
        paper.table(&[("Audience", 3), ("Topic", 3), ("How often", 2), ("Reached at least", 2)], regular.collect());
        if let Some(quiet) = &notify.quiet_hours {
            paper.text(format!("From {} to {} nothing but emergencies is sent.", quiet.from.strftime("%H:%M"), quiet.to.strftime("%H:%M")));
        }
    }
    let steps = governance.escalation.iter().map(|step| {
        let levels = if step.levels.is_empty() { "all".to_owned() } else { series(&step.levels) };
        vec![strong(format!("{} % of the time used", step.at_percent.0)), Text::from(all(governance, &step.to)), Text::from(levels)]
    });
    paper.table(&[("Escalation at", 3), ("Who is called", 4), ("For", 3)], steps.collect());
}

/// Targets, reports, prices.
pub(super) fn targets(paper: &mut Paper, set: &PolicySet) {
    let governance = &set.governance;
    if governance.targets.is_none() && governance.reports.is_empty() && governance.cost.is_none() {
        return;
    }
    paper.section("Targets and reports");
    if let Some(targets) = &governance.targets {
        let share = |share: Option<plimsoll_core::model::policy::governance::Percent>| share.map(|share| format!("{} %", share.0));
        let mut levels: Vec<_> = targets.within_sla_pct.iter().collect();
        levels.sort_by_key(|(level, _)| rank(set, level));
        let mut rows: Vec<Vec<Text>> = levels.into_iter().map(|(level, share)| vec![Text::from(format!("Fixed in time, {level}")), strong(format!("at least {} %", share.0))]).collect();
        let more = [
            ("Hosts that are looked at", share(targets.coverage_pct), "at least"),
            ("Hosts with fresh evidence", share(targets.evidence_fresh_pct), "at least"),
            ("Failed changes", share(targets.failed_changes_pct), "at most"),
            ("Findings under an exception", share(targets.exceptions_pct), "at most"),
        ];
        rows.extend(more.into_iter().filter_map(|(what, share, how)| share.map(|share| vec![Text::from(what), strong(format!("{how} {share}"))])));
        paper.table(&[("Measure", 3), ("Target", 2)], rows);
    }
    let reports = governance.reports.iter().map(|report| vec![strong(&report.name), Text::from(format!("every {}", report.every.words())), Text::from(all(governance, &report.to))]);
    paper.table(&[("Report", 3), ("How often", 2), ("To", 3)], reports.collect());
    if let Some(cost) = &governance.cost {
        let kinds = [("An hour of", &cost.rate), ("A minute out of service,", &cost.downtime_per_min), ("A year of", &cost.fixed_per_year)];
        let rows = kinds.into_iter().flat_map(|(what, prices)| prices.iter().map(move |(name, price)| vec![Text::from(format!("{what} {}", if name == "default" { "anybody else's work" } else { name })), strong(format!("{} {}", price.0, cost.currency))]));
        paper.table(&[("Cost of", 3), ("Price", 2)], rows.collect());
        let budgets = cost.budget_days.iter().map(|(role, days)| vec![Text::from(role.as_str()), strong(format!("{} days a year", days.0))]);
        paper.table(&[("Time for patching, of each role", 3), ("Budget", 2)], budgets.collect());
    }
}

/// Whether a kind of change is written of anywhere.
pub(super) fn kinds(set: &PolicySet) -> Vec<ChangeType> {
    let said = |kind: &ChangeType| set.rollout.test.contains_key(kind) || set.rollout.approve.quorum.contains_key(kind) || set.governance.approve.contains_key(kind);
    ChangeType::ALL.into_iter().filter(said).collect()
}
