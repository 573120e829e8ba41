//! **Meetings** of operations and development: when the next one is due.

use super::teams::Teams;
use crate::model::identifier::{ApplicationId, ClientId};
use crate::model::policy::Length;
use jiff::Timestamp;
use jiff::tz::TimeZone;
use serde::Serialize;

/// When an application's next meeting is due.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct Due {
    /// Application.
    pub application: ApplicationId,
    /// Its client.
    pub client: ClientId,
    /// Its name.
    pub name: String,
    /// How often is met, ISO 8601.
    pub every: String,
    /// Whether that is the application's own cadence and not the policy's.
    pub own: bool,
    /// When was met last.
    pub last: Option<Timestamp>,
    /// Until when the next is to be held.
    pub due: Timestamp,
    /// Whether that was missed.
    pub overdue: bool,
}

/// What a policy says of meetings.
#[derive(Clone, Copy, Debug)]
pub struct Terms<'a> {
    /// How often.
    pub every: &'a Length,
    /// Since when it says so; nobody is late from the day before.
    pub since: Option<Timestamp>,
}

/// When meetings are due, by application; those that nobody wants regularly
/// are left out.
pub fn due(teams: &Teams, policy: Option<Terms<'_>>, zone: &TimeZone, as_of: Timestamp) -> Vec<Due> {
    let one = |(application, (client, described)): (&ApplicationId, &(ClientId, super::teams::Described))| {
        let own = teams.cadences.get(application).and_then(|(every, since)| Some((Length::parse(every).ok()?, Some(*since), true)));
        let (every, since, own) = own.or_else(|| policy.map(|terms| (terms.every.clone(), terms.since, false)))?;
        let last = teams.last_meeting(*application).map(|met| met.meeting.held);
        let begin = last.unwrap_or_else(|| since.map_or(described.created, |since| since.max(described.created)));
        let due = every.due(begin, zone, false)?;
        let (name, every) = (described.name.clone(), every.as_str().to_owned());
        Some(Due { application: *application, client: *client, name, every, own, last, due, overdue: due < as_of })
    };
    teams.applications.iter().filter_map(one).collect()
}

#[cfg(test)]
mod tests {
    use super::super::teams::{Cadence, Described, Fact, Meeting, Recorded};
    use super::*;

    #[test]
    fn a_meeting_is_overdue_after_the_day_it_was_due_and_not_before() {
        let (client, application) = (ClientId::from_bits(1), ApplicationId::from_bits(2));
        let at = |text: &str| -> Timestamp { text.parse().unwrap() };
        let record = |when: &str, fact: Fact| Recorded { client, at: at(when), by: String::new(), fact };
        let described = Described {
            application,
            name: "shop".to_owned(),
            owner: "ada".to_owned(),
            team: "web".to_owned(),
            stakeholders: Vec::new(),
            components: false,
            created: at("2026-01-01T12:00:00Z"),
            gone: false,
        };
        let mut recorded = vec![record("2026-01-01T12:00:00Z", Fact::Described(described))];
        let asked = |recorded: &[Recorded], policy: Option<Terms<'_>>, now: &str| due(&Teams::as_of(recorded, at(now), None), policy, &TimeZone::UTC, at(now));
        assert_eq!(asked(&recorded, None, "2027-01-01T00:00:00Z"), [], "nobody wants meetings");
        let monthly = Length::parse("P1M").unwrap();
        let policy = Some(Terms { every: &monthly, since: Some(at("2026-02-01T00:00:00Z")) });
        let first = asked(&recorded, policy, "2026-03-01T23:59:59Z").remove(0);
        assert_eq!((first.due, first.overdue, first.own), (at("2026-03-01T23:59:59Z"), false, false));
        assert!(asked(&recorded, policy, "2026-03-02T00:00:00Z").remove(0).overdue);
        recorded.push(record("2026-02-10T00:00:00Z", Fact::Cadence(Cadence { application, every: Some("P7D".to_owned()) })));
        let own = asked(&recorded, policy, "2026-02-20T00:00:00Z").remove(0);
        assert_eq!((own.due, own.own, own.overdue), (at("2026-02-17T23:59:59Z"), true, true));
        let meeting = Meeting {
            id: "m".to_owned(),
            application,
            held: at("2026-02-18T09:00:00Z"),
            attendance: Default::default(),
            minutes: "we met".to_owned(),
            decisions: Vec::new(),
            actions: Vec::new(),
        };
        recorded.push(record("2026-02-18T10:00:00Z", Fact::Meeting(meeting)));
        let met = asked(&recorded, policy, "2026-02-20T00:00:00Z").remove(0);
        assert_eq!((met.due, met.overdue), (at("2026-02-25T23:59:59Z"), false));
    }
}
