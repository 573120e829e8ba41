//! **Events**: what a notice can be about, and what each of them says.
//!
//! An event stands for many hosts: an advisory that touches a fleet is one
//! event with a count and the first of the hosts, whatever the fleet's size.

use super::publish::Telling;
use super::under_policy::{AdvisoryDue, DeadlinesEscalated, NoticeUnacknowledged, RolloutTold};
use crate::console::query::segment;
use cloudevents::{EventBuilder, EventBuilderV10};
use jiff::Timestamp;
use plimsoll_core::model::identifier::{ClientId, HostId};
use plimsoll_core::model::policy::governance::Channel as Way;
use plimsoll_store::webhooks::Channel;
use serde::Serialize;
use serde_json::{Map, Value, json};
use utoipa::{PartialSchema, ToSchema};

/// Hosts, advisories and the like that one event lists; the rest is counted.
pub const LISTED: usize = 100;

/// Whose an event is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Reach {
    /// One client's: its targets get it, and those of all clients.
    Client,
    /// The server's: only targets of all clients get it.
    Server,
}

macro_rules! kinds {
    ($($(#[$attribute:meta])* $name:ident $word:literal $reach:ident $data:ident $text:literal;)*) => {
        /// What an event is about.
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
        pub enum Kind { $($(#[$attribute])* $name,)* }

        impl Kind {
            /// All of them, in order.
            pub const ALL: &[Self] = &[$(Self::$name),*];

            /// The word in storage, API and console; the CloudEvents type is
            /// `plimsoll.` and this.
            pub fn word(self) -> &'static str {
                match self { $(Self::$name => $word,)* }
            }

            /// What it means, for people who choose.
            pub fn text(self) -> &'static str {
                match self { $(Self::$name => $text,)* }
            }

            /// Whose it is.
            pub fn reach(self) -> Reach {
                match self { $(Self::$name => Reach::$reach,)* }
            }

            fn data(self) -> Value {
                match self { $(Self::$name => schema::<$data>(),)* }
            }
        }
    };
}

kinds! {
    /// A new or changed advisory affects hosts.
    AdvisoryAffects "advisory.affects" Client AdvisoryAffects "a new advisory affects hosts";
    /// Findings opened or closed.
    FindingsChanged "findings.changed" Client FindingsChanged "findings opened or closed";
    /// Findings passed their due dates.
    FindingsOverdue "findings.overdue" Client FindingsOverdue "findings became overdue";
    /// Hosts went silent.
    HostSilent "host.silent" Client HostsHeard "hosts went silent";
    /// Silent hosts are heard of again.
    HostReturned "host.returned" Client HostsHeard "silent hosts are heard of again";
    /// A host's identity or report is suspicious.
    HostFlagged "host.flagged" Client HostMarked "a host was flagged";
    /// A host waits for a person to admit it.
    EnrolmentWaiting "enrolment.waiting" Client HostMarked "a host waits to be admitted";
    /// A client is asked, or told, about a change of its hosts.
    QuestionAsked "question.asked" Client QuestionTold "a client is asked about a change of its hosts, or told of it";
    /// A client that has not answered is reminded.
    QuestionReminded "question.reminded" Client QuestionTold "a client that has not answered is reminded";
    /// A question was answered, or silence decided it.
    QuestionDecided "question.decided" Client QuestionTold "a client answered, or its silence decided";
    /// A rollout is planned.
    RolloutPlanned "rollout.planned" Client RolloutTold "a change of hosts is planned";
    /// An emergency change comes.
    RolloutEmergency "rollout.emergency" Client RolloutTold "an emergency change of hosts comes";
    /// A planned rollout begins at another time than was told.
    RolloutMoved "rollout.moved" Client RolloutTold "a change that was told begins at another time";
    /// A rollout that was told was aborted.
    RolloutCancelled "rollout.cancelled" Client RolloutTold "a change that was told was cancelled";
    /// A rollout began.
    RolloutStarted "rollout.started" Client RolloutTold "a change began on its first hosts";
    /// A rollout was stopped by its failures.
    RolloutFailed "rollout.failed" Client RolloutTold "a change was stopped, too much failed";
    /// A rollout ended.
    RolloutCompleted "rollout.completed" Client RolloutTold "a change ended";
    /// A share of the time of deadlines is used up.
    DeadlineEscalated "deadline.escalated" Client DeadlinesEscalated "a share of the time of deadlines is used up";
    /// Nobody acknowledged in time what must be acknowledged.
    NoticeUnacknowledged "notice.unacknowledged" Client NoticeUnacknowledged "nobody acknowledged a notice in time; the next are called";
    /// A source of advisories is stale, failed or shrank.
    SourceTroubled "source.troubled" Server SourceTroubled "a source failed or is stale";
    /// A source is sound again.
    SourceRecovered "source.recovered" Server SourceRecovered "a source is sound again";
    /// Other policies are in force.
    PolicyChanged "policy.changed" Server PolicyChanged "other policies are in force";
    /// Somebody's account, rights or factors changed.
    PeopleChanged "people.changed" Server Changed "a person's account or rights changed";
    /// An API or enrolment token was made or taken back.
    TokenChanged "token.changed" Server Changed "a token was made or taken back";
    /// A report was made when it was due.
    ReportMade "report.made" Client ReportMade "a report was made when it was due";
    /// Something happened that somebody should look at.
    AlertRaised "alert.raised" Server AlertRaised "an alert was raised";
    /// Somebody tries whether events arrive.
    Test "test" Client Tried "a test, sent by hand";
}

impl Kind {
    /// Those that can be chosen; a test comes to whom it is sent.
    pub fn chosen() -> impl Iterator<Item = Self> {
        Self::ALL.iter().copied().filter(|kind| *kind != Self::Test)
    }

    /// Whether the policy asks for it, so that its quiet hours hold for every
    /// way it goes and not for people's alone.
    pub fn is_of_policy(self) -> bool {
        use Kind::{DeadlineEscalated, NoticeUnacknowledged, RolloutCancelled, RolloutCompleted, RolloutEmergency, RolloutFailed, RolloutMoved, RolloutPlanned, RolloutStarted};
        matches!(self, DeadlineEscalated | NoticeUnacknowledged | RolloutPlanned | RolloutEmergency | RolloutMoved | RolloutCancelled | RolloutStarted | RolloutFailed | RolloutCompleted)
    }

    /// Whether it is critical whatever it says.
    fn is_critical(self) -> bool {
        matches!(self, Self::HostFlagged | Self::AlertRaised | Self::RolloutEmergency | Self::RolloutFailed | Self::Test)
    }

    /// Reads the word.
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|kind| kind.word() == word)
    }
}

/// A client.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, ToSchema)]
pub struct ClientNamed {
    /// Id.
    pub id: String,
    /// Name.
    pub name: String,
}

/// A host.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, ToSchema)]
pub struct HostNamed {
    /// Id.
    pub id: String,
    /// Name.
    pub name: String,
    /// When it was last heard of, where that is what the event is about.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = DateTime)]
    pub last_seen: Option<Timestamp>,
}

impl HostNamed {
    /// A host without a time.
    pub fn new(id: HostId, name: impl Into<String>) -> Self {
        Self { id: id.to_string(), name: name.into(), last_seen: None }
    }
}

/// An advisory that newly affects hosts.
#[derive(Clone, PartialEq, Debug, Serialize, ToSchema)]
pub struct AdvisoryAffects {
    /// Id of the advisory.
    pub advisory: String,
    /// Other names of it, CVEs among them.
    pub aliases: Vec<String>,
    /// One line.
    pub summary: String,
    /// `unknown`, `none`, `low`, `medium`, `high` or `critical`.
    pub severity: String,
    /// Whether it is known to be exploited.
    pub exploited: bool,
    /// Hosts on which it opened a finding.
    pub hosts: u64,
    /// Of those, hosts where an enabled repository offers the fix.
    pub fix_available: u64,
    /// Hosts whose installed versions it names, judged or not yet; none
    /// where the database cannot tell.
    pub hosts_by_version: Option<u64>,
    /// Whether hosts were still being judged: `hosts` is then a beginning.
    pub judging: bool,
    /// The first hosts, by name, at most 100.
    pub listed: Vec<HostNamed>,
    /// Components concerned on those.
    pub components: Vec<String>,
    /// Earliest due date on those.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub due: Option<Timestamp>,
}

/// What came and went under one advisory.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, ToSchema)]
pub struct AdvisoryChange {
    /// Id of the advisory.
    pub advisory: String,
    /// Severity.
    pub severity: String,
    /// Findings that opened.
    pub opened: u64,
    /// Findings that closed.
    pub closed: u64,
}

/// Findings that opened and closed within some seconds.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, ToSchema)]
pub struct FindingsChanged {
    /// Findings that opened.
    pub opened: u64,
    /// Findings that closed.
    pub closed: u64,
    /// Hosts on which any did.
    pub hosts: u64,
    /// Advisories concerned.
    pub advisories: u64,
    /// The most severe of those, at most 100.
    pub listed: Vec<AdvisoryChange>,
}

/// What became overdue under one advisory.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, ToSchema)]
pub struct AdvisoryOverdue {
    /// Id of the advisory.
    pub advisory: String,
    /// Severity.
    pub severity: String,
    /// Hosts on which it became overdue.
    pub hosts: u64,
}

/// Findings whose due dates have passed since the last look.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, ToSchema)]
pub struct FindingsOverdue {
    /// Findings.
    pub findings: u64,
    /// Hosts with any of them.
    pub hosts: u64,
    /// Advisories concerned.
    pub advisories: u64,
    /// The most severe of those, at most 100.
    pub listed: Vec<AdvisoryOverdue>,
}

/// Hosts that went silent, or came back.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, ToSchema)]
pub struct HostsHeard {
    /// How many.
    pub hosts: u64,
    /// The first of them, by name, at most 100.
    pub listed: Vec<HostNamed>,
}

/// A host that somebody should look at.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, ToSchema)]
pub struct HostMarked {
    /// The host.
    pub host: HostNamed,
    /// Why.
    pub reason: String,
}

/// A question to a client about a change of its hosts.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, ToSchema)]
pub struct QuestionTold {
    /// Id of the question.
    pub question: String,
    /// Digest of the package, which names the rollout.
    pub package: String,
    /// Short name and number of the package.
    pub name: String,
    /// `inform`, `consult` or `consent`.
    pub involvement: String,
    /// `told`, `open`, `approved`, `refused`, `objected`, `proceeded`,
    /// `waived` or `closed`.
    pub state: String,
    /// Hosts that change.
    pub hosts: u64,
    /// First moment that is too late for an answer.
    #[schema(value_type = String, format = DateTime)]
    pub answer_by: Timestamp,
    /// What silence leads to.
    pub silence: String,
    /// The exception that records a waiver.
    pub waiver: Option<String>,
}

/// What is wrong with a source.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, ToSchema)]
pub struct SourceTroubled {
    /// Name of the source.
    pub source: String,
    /// `stale`, `failed`, `shrunk`, `went-back`, `partial` or `refused`.
    pub troubles: Vec<String>,
    /// What each of them says.
    pub texts: Vec<String>,
}

/// A source that was in trouble.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, ToSchema)]
pub struct SourceRecovered {
    /// Name of the source.
    pub source: String,
}

/// Policies in force, before and after.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, ToSchema)]
pub struct PolicyChanged {
    /// Names and versions before.
    pub before: Vec<String>,
    /// Names and versions now.
    pub after: Vec<String>,
}

/// What somebody changed. Names of people are in the evidence log only.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, ToSchema)]
pub struct Changed {
    /// What was done, `person.grants`, `token.add`.
    pub act: String,
    /// To what, `person:01h…`.
    pub object: String,
    /// By whom, `person:01h…`, `server`.
    pub actor: String,
    /// Place in the evidence log.
    pub position: u64,
}

/// A report that was made.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, ToSchema)]
pub struct ReportMade {
    /// Id.
    pub id: String,
    /// Which, `management`.
    pub report: String,
    /// What the policy calls it.
    pub title: String,
    /// Its form, `pdf`.
    pub format: String,
    /// End of its period, RFC 3339.
    pub as_of: String,
    /// For whom, in the policy's words.
    pub to: Vec<String>,
    /// SHA-256 of the file.
    pub digest: String,
}

/// An alert.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, ToSchema)]
pub struct AlertRaised {
    /// Code of its kind.
    pub alert: String,
    /// What it is about.
    pub object: String,
}

/// A try.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, ToSchema)]
pub struct Tried {
    /// Name of the webhook it is sent to.
    pub webhook: String,
}

/// Something that happened.
#[derive(Clone, Debug)]
pub struct Event {
    /// What kind.
    pub kind: Kind,
    /// Whose; none for the server's.
    pub client: Option<ClientNamed>,
    /// When.
    pub time: Timestamp,
    /// What it is about, in one word, `DSA-5000-1`.
    pub subject: Option<String>,
    /// One sentence for people.
    pub text: String,
    /// Page of the console that shows it, from the root on.
    pub page: String,
    /// The rest.
    pub data: Value,
    /// Ways that the policy names for it; all where it names none.
    pub ways: Vec<Way>,
    /// Whether it goes out in quiet hours.
    pub critical: bool,
    /// When what it announces begins: later it is of no use.
    pub start: Option<Timestamp>,
    /// The people whom the policy has told of it, where it does.
    pub telling: Option<Telling>,
}

impl Event {
    /// Puts one together.
    pub fn new(kind: Kind, client: Option<ClientNamed>, time: Timestamp, text: String, page: String, data: &impl Serialize) -> Self {
        let data = serde_json::to_value(data).unwrap_or_default();
        Self { kind, client, time, subject: None, text, page, data, ways: Vec::new(), critical: kind.is_critical(), start: None, telling: None }
    }

    /// Says what it is about.
    #[must_use]
    pub fn about(mut self, subject: impl Into<String>) -> Self {
        self.subject = Some(subject.into());
        self
    }

    /// Whether a target gets it: its client's events and, where it belongs to
    /// none, everybody's; of the kinds that were chosen, or of all.
    pub fn concerns(&self, client: Option<ClientId>, kinds: &[String]) -> bool {
        let whose = client.is_none_or(|client| self.client.as_ref().is_some_and(|own| own.id == client.to_string()));
        whose && (kinds.is_empty() || kinds.iter().any(|kind| kind == self.kind.word()))
    }

    /// Whether it goes a way.
    pub fn goes(&self, channel: Channel) -> bool {
        let way = match channel {
            Channel::Webhook => Way::Webhook,
            Channel::Slack | Channel::Teams | Channel::Matrix => Way::Chat,
            Channel::Mail => Way::Mail,
        };
        self.ways.is_empty() || self.ways.contains(&way)
    }

    /// The event as it is sent: CloudEvents 1.0 in the structured JSON form.
    ///
    /// # Errors
    /// In words: an attribute that the standard does not take.
    pub fn written(&self, id: &str, url: &str) -> Result<Vec<u8>, String> {
        let mut data = Map::new();
        data.insert("text".to_owned(), json!(self.text));
        data.insert("link".to_owned(), json!(format!("{url}{}", self.page)));
        if let Some(client) = &self.client {
            data.insert("client".to_owned(), json!(client));
        }
        if let Value::Object(rest) = &self.data {
            data.extend(rest.clone());
        }
        let mut builder = EventBuilderV10::new()
            .id(id)
            .ty(format!("plimsoll.{}", self.kind.word()))
            .source(url)
            .time(self.time.to_string())
            .data("application/json", Value::Object(data));
        if let Some(subject) = &self.subject {
            builder = builder.subject(subject.as_str());
        }
        let event = builder.build().map_err(|error| error.to_string())?;
        serde_json::to_vec(&event).map_err(|error| error.to_string())
    }
}

/// Page of a host.
pub fn host_page(id: &str) -> String {
    format!("/console/hosts/{}", segment(id))
}

/// Page of an advisory.
pub fn advisory_page(id: &str) -> String {
    format!("/console/advisories/{}", segment(id))
}

/// A number with its noun.
pub fn counted(number: u64, one: &str, many: &str) -> String {
    format!("{number} {}", if number == 1 { one } else { many })
}

fn schema<T: PartialSchema>() -> Value {
    serde_json::to_value(T::schema()).unwrap_or_default()
}

/// JSON Schema (2020-12) of every event, committed as
/// `docs/schema/events-1.schema.json`.
pub fn schemas() -> Value {
    let one = |kind: &Kind| {
        let mut data = kind.data();
        if let Some(properties) = data.get_mut("properties").and_then(Value::as_object_mut) {
            properties.insert("text".to_owned(), json!({ "type": "string", "description": "One sentence for people." }));
            properties.insert("link".to_owned(), json!({ "type": "string", "format": "uri", "description": "Page of the console that shows it." }));
            if kind.reach() == Reach::Client {
                properties.insert("client".to_owned(), json!({ "$ref": "#/$defs/ClientNamed" }));
            }
        }
        if let Some(required) = data.get_mut("required").and_then(Value::as_array_mut) {
            required.extend([json!("text"), json!("link")]);
        }
        json!({
            "title": kind.word(),
            "description": format!("{}. {}", kind.text(), match kind.reach() {
                Reach::Client => "Sent to the client's webhooks and to those of all clients.",
                Reach::Server => "Sent to webhooks of all clients.",
            }),
            "properties": { "type": { "const": format!("plimsoll.{}", kind.word()) }, "data": data },
        })
    };
    let text = serde_json::to_string(&json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Plimsoll events",
        "description": "CloudEvents 1.0, structured JSON (application/cloudevents+json).",
        "type": "object",
        "required": ["specversion", "id", "source", "type", "time", "datacontenttype", "data"],
        "properties": {
            "specversion": { "const": "1.0" },
            "id": { "type": "string", "description": "The same in every copy of the event." },
            "source": { "type": "string", "format": "uri", "description": "Address of the server." },
            "type": { "type": "string" },
            "subject": { "type": "string", "description": "Advisory, host or source that it is about." },
            "time": { "type": "string", "format": "date-time" },
            "datacontenttype": { "const": "application/json" },
        },
        "oneOf": Kind::ALL.iter().map(one).collect::<Vec<_>>(),
        "$defs": {
            "AdvisoryChange": schema::<AdvisoryChange>(),
            "AdvisoryDue": schema::<AdvisoryDue>(),
            "AdvisoryOverdue": schema::<AdvisoryOverdue>(),
            "ClientNamed": schema::<ClientNamed>(),
            "HostNamed": schema::<HostNamed>(),
        },
    }));
    let text = text.unwrap_or_default().replace("#/components/schemas/", "#/$defs/");
    serde_json::from_str(&text).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_committed_schema_is_this_one() {
        let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/schema/events-1.schema.json");
        let now = serde_json::to_string_pretty(&schemas()).unwrap() + "\n";
        if std::env::var_os("PLIMSOLL_WRITE_OPENAPI").is_some() {
            std::fs::write(&path, &now).unwrap();
        }
        let committed = std::fs::read_to_string(&path).unwrap_or_default();
        assert!(committed == now, "docs/schema/events-1.schema.json is not what is sent: run this test with PLIMSOLL_WRITE_OPENAPI=1");
    }

    #[test]
    fn the_guide_names_every_kind() {
        let guide = include_str!("../../../../docs/guide/notices.md");
        for kind in Kind::ALL {
            assert!(guide.contains(&format!("`{}`", kind.word())), "{} is not in docs/guide/notices.md", kind.word());
        }
    }

    #[test]
    fn whose_events_a_target_gets() {
        let (own, other) = (ClientId::from_bits(1), ClientId::from_bits(2));
        let client = |id: ClientId| ClientNamed { id: id.to_string(), name: "Acme".to_owned() };
        let event = |kind, client| Event::new(kind, client, Timestamp::UNIX_EPOCH, String::new(), String::new(), &json!({}));
        let touching = event(Kind::AdvisoryAffects, Some(client(own)));
        assert!(touching.concerns(Some(own), &[]) && touching.concerns(None, &[]));
        assert!(!touching.concerns(Some(other), &[]), "another client's");
        assert!(touching.concerns(None, &["advisory.affects".into()]) && !touching.concerns(None, &["host.silent".into()]));
        let of_the_server = event(Kind::PeopleChanged, None);
        assert!(of_the_server.concerns(None, &[]) && !of_the_server.concerns(Some(own), &[]));
    }
}
