//! **Briefings**: how many of those on the rosters know, measured and not
//! asked.
//!
//! Source: OWASP SAMM 1.5, environment hardening: more than 80 % of project
//! teams briefed on the patch process in twelve months, more than 80 % of
//! stakeholders aware of the patch status in six.

use super::teams::{Circle, Teams, Topic};
use crate::measures::share;
use crate::model::policy::Length;
use crate::model::policy::governance::{Audience, Notify};
use jiff::Timestamp;
use jiff::tz::TimeZone;
use serde::Serialize;

/// Members that are named who were not reached.
const NAMED: usize = 100;

/// Whom a rule wants told, how often, of what.
#[derive(Clone, PartialEq, Debug)]
pub struct Rule {
    /// Who.
    pub circle: Circle,
    /// Of what.
    pub topic: Topic,
    /// Older words do not count.
    pub every: Length,
    /// More than this share, in percent.
    pub target: u8,
    /// Where the rule comes from.
    pub source: &'static str,
}

/// How far the word reached.
#[derive(Clone, PartialEq, Debug, Serialize)]
pub struct Reach {
    /// Who.
    pub audience: Circle,
    /// Of what.
    pub topic: Topic,
    /// The period, ISO 8601.
    pub within: String,
    /// Those whom a word of the period reached.
    pub reached: u64,
    /// All on rosters of this audience.
    pub members: u64,
    /// Of them, those who acknowledged.
    pub acknowledged: u64,
    /// Share in percent; none below [`crate::measures::LEAST`] members.
    pub share: Option<f64>,
    /// More than this, in percent.
    pub more_than: u8,
    /// Whether it was reached; none where no roster lists anybody.
    pub met: Option<bool>,
    /// Those who were not reached; at most 100.
    pub missing: Vec<String>,
    /// Where the rule comes from.
    pub source: &'static str,
}

fn samm(circle: Circle, topic: Topic, every: &str) -> Option<Rule> {
    Some(Rule { circle, topic, every: Length::parse(every).ok()?, target: 80, source: "samm" })
}

/// Rules of SAMM, and in place of those about the same audience and topic, the
/// policy's.
pub fn rules(notify: Option<&Notify>) -> Vec<Rule> {
    let own = |audience: &Audience| {
        Some(Rule {
            circle: Circle::parse(&audience.audience)?,
            topic: Topic::parse(&audience.topic)?,
            every: audience.every.clone(),
            target: audience.target_pct.map_or(80, |target| target.0),
            source: "policy",
        })
    };
    let told = notify.into_iter().flat_map(|notify| [&notify.brief, &notify.status]).flatten();
    let mut rules: Vec<Rule> = told.filter_map(own).collect();
    let defaults = [
        samm(Circle::Teams, Topic::Process, "P12M"),
        samm(Circle::Stakeholders, Topic::PatchStatus, "P6M"),
        samm(Circle::Stakeholders, Topic::ProtectionTools, "P6M"),
        samm(Circle::Stakeholders, Topic::OperationalGuide, "P6M"),
        samm(Circle::Stakeholders, Topic::CodeSigning, "P6M"),
    ];
    for rule in defaults.into_iter().flatten() {
        if !rules.iter().any(|known| (known.circle, known.topic) == (rule.circle, rule.topic)) {
            rules.push(rule);
        }
    }
    rules
}

/// Counts whom words of the period before `as_of` reached.
///
/// A word counts up to the moment in which it is exactly as old as the rule
/// says. Who left the rosters is in neither number; a word to a client's
/// member reaches nobody of another client.
pub fn reach(teams: &Teams, rule: &Rule, zone: &TimeZone, as_of: Timestamp) -> Reach {
    let members = teams.members(rule.circle);
    let counts = |at: Timestamp| at <= as_of && rule.every.due(at, zone, true).is_none_or(|until| as_of <= until);
    let (mut reached, mut acknowledged, mut missing) = (0, 0, Vec::new());
    for (client, name) in &members {
        let told = teams.briefings.iter().filter(|held| held.client == *client && held.briefing.topic == rule.topic);
        let ways = told.filter_map(|held| held.reached.get(*name)).flat_map(|ways| ways.iter().filter(|(_, at)| counts(**at)).map(|(way, _)| *way));
        let ways: std::collections::BTreeSet<super::teams::Way> = ways.collect();
        reached += u64::from(!ways.is_empty());
        acknowledged += u64::from(ways.contains(&super::teams::Way::Acknowledged));
        if ways.is_empty() && missing.len() < NAMED {
            missing.push((*name).to_owned());
        }
    }
    let members = members.len() as u64;
    Reach {
        audience: rule.circle,
        topic: rule.topic,
        within: rule.every.as_str().to_owned(),
        reached,
        members,
        acknowledged,
        share: share(reached, members),
        more_than: rule.target,
        met: (members > 0).then(|| reached * 100 > u64::from(rule.target) * members),
        missing,
        source: rule.source,
    }
}

#[cfg(test)]
mod tests {
    use super::super::teams::{Briefed, Briefing, Fact, Member, Recorded, Roster, Way};
    use super::*;
    use crate::model::identifier::ClientId;

    const HOUR: i64 = 3600;

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    fn client(number: u128) -> ClientId {
        ClientId::from_bits(number)
    }

    fn roster(of: u128, when: &str, members: impl Iterator<Item = usize>) -> Recorded {
        let members = members.map(|number| Member { name: format!("team-{number:02}"), accounts: Default::default() }).collect();
        let fact = Fact::Roster(Roster { name: "all".to_owned(), circle: Circle::Teams, members });
        Recorded { client: client(of), at: at(when), by: "ada".to_owned(), fact }
    }

    fn briefing(of: u128, when: &str) -> Recorded {
        let briefing = Briefing {
            id: "b".to_owned(),
            roster: "all".to_owned(),
            topic: Topic::Process,
            title: "How we patch".to_owned(),
            document: String::new(),
            held: at(when),
            holder: "ada".to_owned(),
        };
        Recorded { client: client(of), at: at(when), by: "ada".to_owned(), fact: Fact::Briefing(briefing) }
    }

    fn told(of: u128, member: usize, when: &str) -> Recorded {
        let briefed = Briefed { briefing: "b".to_owned(), member: format!("team-{member:02}"), at: at(when), way: Way::Acknowledged };
        Recorded { client: client(of), at: at(when), by: "ada".to_owned(), fact: Fact::Briefed(briefed) }
    }

    fn measured(recorded: &[Recorded], as_of: Timestamp) -> Reach {
        reach(&Teams::as_of(recorded, as_of, None), &rules(None)[0], &TimeZone::UTC, as_of)
    }

    #[test]
    fn twenty_of_twenty_five_is_not_more_than_eighty_percent_and_twenty_one_is() {
        let mut recorded = vec![roster(1, "2026-01-01T00:00:00Z", 0..25), briefing(1, "2026-01-02T00:00:00Z")];
        recorded.extend((0..20).map(|member| told(1, member, "2026-01-03T00:00:00Z")));
        let now = at("2026-06-01T00:00:00Z");
        let twenty = measured(&recorded, now);
        assert_eq!((twenty.reached, twenty.members, twenty.share, twenty.met, twenty.missing.len()), (20, 25, Some(80.0), Some(false), 5));
        recorded.push(told(1, 20, "2026-01-04T00:00:00Z"));
        let more = measured(&recorded, now);
        assert_eq!((more.reached, more.share, more.met, more.acknowledged), (21, Some(84.0), Some(true), 21));
        // The same moment says what it said before the last one acknowledged.
        let before = at("2026-01-03T12:00:00Z");
        assert_eq!(measured(&recorded, before), measured(&recorded[..22], before));
    }

    #[test]
    fn a_word_counts_for_as_long_as_the_period_and_no_second_longer() {
        let recorded = [roster(1, "2025-01-01T00:00:00Z", 0..1), briefing(1, "2025-01-02T00:00:00Z"), told(1, 0, "2025-03-01T10:00:00Z")];
        let last = at("2026-03-01T10:00:00Z");
        assert_eq!(measured(&recorded, last).reached, 1);
        assert_eq!(measured(&recorded, last + jiff::SignedDuration::from_secs(1)).reached, 0);
        assert_eq!(measured(&recorded, at("2025-03-01T09:59:59Z")).reached, 0, "not before it was said");
    }

    #[test]
    fn who_left_counts_no_more_and_another_clients_word_reaches_nobody() {
        let mut recorded = vec![
            roster(1, "2026-01-01T00:00:00Z", 0..4),
            roster(2, "2026-01-01T00:00:00Z", 0..2),
            briefing(1, "2026-01-02T00:00:00Z"),
            told(1, 0, "2026-01-03T00:00:00Z"),
            told(1, 3, "2026-01-03T00:00:00Z"),
        ];
        let now = at("2026-02-01T00:00:00Z");
        let all = measured(&recorded, now);
        assert_eq!((all.reached, all.members), (2, 6), "team-00 of the second client is another team");
        recorded.push(roster(1, "2026-01-20T00:00:00Z", 1..4));
        let left = measured(&recorded, now);
        assert_eq!((left.reached, left.members, left.met), (1, 5, Some(false)));
        let own = reach(&Teams::as_of(&recorded, now, Some(client(2))), &rules(None)[0], &TimeZone::UTC, now);
        assert_eq!((own.reached, own.members), (0, 2));
        let none = measured(&[], now + jiff::SignedDuration::from_secs(HOUR));
        assert_eq!((none.members, none.met), (0, None), "nobody on a roster is unknown, not met");
    }
}
