//! The shapes, from the types themselves.

use super::operations::{Body, OPERATIONS};
use super::reference;
use crate::api::acts::{Edit, ManualHost, Reason, TokenMade, TokenWish};
use crate::api::alerts::AlertRow;
use crate::api::applications::{ApplicationAnswer, ApplicationFindings, ApplicationWish};
use crate::api::clients::{ClientAnswer, ClientEdit, NewClient};
use crate::api::deployment_packages::{AcquiredAnswer, AcquiredEntry, AcquiredList, Approval, DraftWish, PackageAnswer, PackageDetail, PackageDocument, PackageHost, RemarkAnswer, Saying, SignatureGiven};
use crate::api::exceptions::{ApprovalAnswer, ExceptionAnswer};
use crate::api::findings::AdvisoryAnswer;
use crate::api::groups::{GroupAnswer, GroupEdit, NamedHosts, NewGroup};
use crate::api::history::{Entry, Moment};
use crate::api::hosts::HostAnswer;
use crate::api::knowledge::SourcesAnswer;
use crate::api::accreditations::AccreditationAnswer;
use crate::accreditations::AccreditationWish;
use crate::api::forensics::{TriageAnswer, TriageSaid};
use crate::api::mitigations::{MitigatedHost, MitigationAnswer};
use crate::api::reports::MadeAnswer;
use crate::api::work::WorkAnswer;
use crate::api::packages::{PackageRow, VersionRow};
use crate::api::notices::{NoticeAnswer, NoticeAudience, NoticePerson};
use crate::api::questions::{QuestionAnswer, QuestionWord};
use crate::api::rollouts::{ResumeWish, RingAnswer, RolloutAnswer, RolloutDetail, RolloutHost, RolloutWish, SampleAnswer, TicketAnswer};
use crate::looks::{SampleWish, TicketWish};
use crate::watches::{WatchAnswer, WatchWish};
use crate::api::teams::{ActionAnswer, BriefingAnswer, DueAnswer, MeetingAnswer, ReachedMember, RosterAnswer, RosterMember};
use crate::api::scanners::ScannerResultAnswer;
use crate::api::{PAGE_LIMIT, SKIP_LIMIT};
use crate::exceptions::{ExceptionWish, RenewalWish};
use crate::exposure::Exposure;
use crate::fleet::exceptions::{Excepted, ExceptionMark};
use crate::fleet::question::{AdvisoryRow, FindingRow, HostOrder, HostRow, Standing, Standings};
use crate::identity::api::{Answered, Credentials, Departure, Disabled, Grants, Labelled, Link, Password, Proven, SecretView, WhoView};
use crate::identity::factor::{FactorView, NewApp, NewPasskey, ProofsView, Registered};
use crate::identity::oidc::ProviderView;
use crate::identity::people::{NewPerson, PersonView};
use crate::identity::proof::{Proof, Question};
use crate::identity::role::{Grant, Permission, Role};
use crate::identity::session::SessionView;
use crate::identity::sign_in::{PasskeyQuestion, StepView};
use crate::identity::token::{NewToken, TokenView};
use crate::forensics::TriageWish;
use crate::mitigations::{CheckWish, MitigationWish, RemovalWish};
use crate::work::{WorkCorrection, WorkLog, WorkLogTaken, WorkStart, WorkStop, WorkWish};
use crate::notices::acts::{DeliveryRow, WebhookEdit, WebhookMade, WebhookRow, WebhookWish};
use crate::policy::{PolicyChange, PolicyCheck, PolicyCycle, PolicyDraft, PolicyFile, PolicyPreview, PolicyWish, SimulationWish};
use crate::policy::review::Reviewing;
use crate::policy::versions::{Proposal, Remark, SignOff, VersionAnswer, Word};
use crate::questions::AnswerWish;
use crate::reports::Form;
use crate::teams::{ActionWish, AttendanceWish, BriefingWish, CadenceWish, DoneWish, MeetingWish, MemberWish, RosterWish};
use plimsoll_core::model::advisory::Rating;
use serde_json::{Map, Value, json};
use utoipa::PartialSchema;

fn schema<T: PartialSchema>() -> Value {
    serde_json::to_value(T::schema()).unwrap_or_default()
}

/// The shape of a parameter of the query, by its name.
pub fn parameter(path: &str, name: &str) -> Value {
    match name {
        "format" if path.starts_with("/api/v1/reports/") => json!({ "type": "string", "enum": Form::ALL.map(Form::word) }),
        "skip" => json!({ "type": "integer", "minimum": 0, "maximum": SKIP_LIMIT }),
        "take" => json!({ "type": "integer", "minimum": 1, "maximum": PAGE_LIMIT }),
        "format" => json!({ "type": "string", "enum": ["json", "html", "pdf", "markdown", "docx"] }),
        "renamed" | "excepted" | "overdue" | "exploited" | "fix" | "notes" => json!({ "type": "boolean" }),
        "severity" => json!({ "type": "string", "enum": Rating::ALL.map(Rating::as_str) }),
        "phase" => json!({ "type": "string", "enum": ["waits", "at-work", "succeeded", "failed", "silent", "away", "left-out"] }),
        "state" => json!({ "type": "string", "enum": Standing::ALL.map(Standing::word) }),
        "order" => json!({ "type": "string", "enum": HostOrder::ALL.map(|(word, _)| word) }),
        _ => json!({ "type": "string" }),
    }
}

/// All of them by name.
pub fn all() -> Value {
    let mut all = own();
    scan(&mut all);
    correct(&mut all);
    // What is sent is read strictly: see `crate::http::json`.
    for operation in OPERATIONS {
        if let Body::Json(name) = operation.body && let Some(schema) = all.get_mut(name) {
            strict(schema);
        }
    }
    Value::Object(all)
}

fn strict(schema: &mut Value) {
    if schema["type"] == "object" {
        schema["additionalProperties"] = json!(false);
    }
}

/// Schemas of types under their own names.
macro_rules! schemas {
    ($($name:ident),* $(,)?) => {
        [$((stringify!($name), schema::<$name>()),)*]
    };
}

fn own() -> Map<String, Value> {
    let typed = schemas![
        AdvisoryAnswer, AdvisoryRow, AlertRow, Answered, ApplicationAnswer, ApplicationFindings,
        ApplicationWish, Credentials, DeliveryRow, Departure, Disabled, Edit, Entry, FactorView, FindingRow,
        Exposure, Grant, Grants, ClientAnswer, ClientEdit, NewClient, GroupAnswer, GroupEdit, HostAnswer, HostRow, Labelled, Link, ManualHost, Moment,
        NamedHosts, NewApp, NewGroup, PolicyChange, PolicyCheck, PolicyCycle, PolicyDraft, PolicyFile, PolicyPreview, PolicyWish, SimulationWish, Proposal, Remark, Reviewing, SignOff, VersionAnswer, Word, NewPasskey, NewPerson, NewToken, PackageRow, PasskeyQuestion, Password,
        PersonView, Proof, ProofsView, Proven, ProviderView, Question, Reason, Registered, SecretView,
        SessionView, SourcesAnswer, Standings, StepView, TokenMade, TokenView, TokenWish, VersionRow,
        AcquiredAnswer, AcquiredEntry, AcquiredList, Approval, DraftWish, PackageAnswer, PackageDetail, PackageDocument, PackageHost, RemarkAnswer, Saying, SignatureGiven,
        AnswerWish, QuestionAnswer, QuestionWord,
        NoticeAnswer, NoticeAudience, NoticePerson,
        ApprovalAnswer, Excepted, ExceptionAnswer, ExceptionMark, ExceptionWish, RenewalWish,
        ActionAnswer, ActionWish, AttendanceWish, BriefingAnswer, BriefingWish, CadenceWish, DoneWish, DueAnswer, MeetingAnswer, MeetingWish, MemberWish, ReachedMember, RosterAnswer, RosterMember, RosterWish,
        MadeAnswer, WorkAnswer, WorkCorrection, WorkLog, WorkLogTaken, WorkStart, WorkStop, WorkWish,
        AccreditationAnswer, AccreditationWish, ScannerResultAnswer, CheckWish, MitigatedHost, MitigationAnswer, MitigationWish, RemovalWish,
        TriageAnswer, TriageSaid, TriageWish, WatchAnswer, WatchWish,
        ResumeWish, RingAnswer, RolloutAnswer, RolloutDetail, RolloutHost, RolloutWish, SampleAnswer, SampleWish, TicketAnswer, TicketWish,
        WebhookEdit, WebhookMade, WebhookRow, WebhookWish, WhoView,
    ];
    let words = |all: Vec<&str>| json!({ "type": "string", "enum": all });
    let written = [
        ("Permission", words(Permission::ALL.iter().map(|permission| permission.word()).collect())),
        ("Problem", problem()),
        ("RecoveryCode", json!({ "type": "string" })),
        ("Role", words(Role::ALL.iter().map(|role| role.word()).collect())),
        ("State", json!({ "type": "object", "required": ["status"], "properties": { "status": { "type": "string" }, "code": { "type": "string" } } })),
    ];
    typed.into_iter().chain(written).map(|(name, schema)| (name.to_owned(), schema)).collect()
}

/// What a scan answers has a published schema of its own; its parts stand here
/// under `Scan`.
fn scan(all: &mut Map<String, Value>) {
    let text = plimsoll_formats::reports::SCAN_SCHEMA.replace("\"#/$defs/", "\"#/components/schemas/Scan.");
    let mut scan: Value = serde_json::from_str(&text).unwrap_or_default();
    if let Some(Value::Object(parts)) = scan.as_object_mut().and_then(|scan| scan.remove("$defs")) {
        for (name, part) in parts {
            all.insert(part_name(&name), part);
        }
    }
    let mut scan = renamed(scan);
    if let Some(scan) = scan.as_object_mut() {
        scan.remove("$schema");
        scan.remove("$id");
    }
    all.insert("Scan".to_owned(), scan);
    for value in all.values_mut() {
        *value = renamed(std::mem::take(value));
    }
}

/// `policyInForce` as `ScanPolicyInForce`.
fn part_name(name: &str) -> String {
    let mut letters = name.chars();
    let first = letters.next().map(|letter| letter.to_ascii_uppercase());
    format!("Scan{}{}", first.map(String::from).unwrap_or_default(), letters.as_str())
}

fn renamed(value: Value) -> Value {
    const FROM: &str = "#/components/schemas/Scan.";
    match value {
        Value::String(text) => match text.strip_prefix(FROM) {
            Some(name) => Value::String(format!("#/components/schemas/{}", part_name(name))),
            None => Value::String(text),
        },
        Value::Array(all) => Value::Array(all.into_iter().map(renamed).collect()),
        Value::Object(all) => Value::Object(all.into_iter().map(|(name, value)| (name, renamed(value))).collect()),
        other => other,
    }
}

/// Says of values of the core what their types say, where the types in this
/// crate can only say "object".
fn correct(all: &mut Map<String, Value>) {
    let list = |name: &str| json!({ "type": "array", "items": reference(name) });
    let optional = |name: &str| json!({ "oneOf": [{ "type": "null" }, reference(name)] });
    let corrections = [
        ("HostAnswer", "scan", optional("Scan")),
        ("ApplicationFindings", "findings", list("ScanFinding")),
        ("ApplicationFindings", "coverage", reference("ScanCoverage")),
        ("ApplicationFindings", "problems", list("ScanProblem")),
        ("SourcesAnswer", "sources", list("ScanSource")),
        ("SourcesAnswer", "trouble", optional("ScanProblem")),
        ("Grant", "role", reference("Role")),
        ("WhoView", "permissions", list("Permission")),
        ("ManualHost", "components", list("SentComponent")),
        ("ManualHost", "os", optional("SentOperatingSystem")),
    ];
    for (name, property, shape) in corrections {
        if let Some(place) = all.get_mut(name).and_then(|schema| schema.pointer_mut(&format!("/properties/{property}"))) {
            *place = shape;
        }
    }
    // What is sent may leave out what has a default.
    for (sent, said) in [("SentComponent", "ScanComponent"), ("SentOperatingSystem", "ScanOperatingSystem")] {
        let Some(mut schema) = all.get(said).cloned() else { continue };
        let needed: &[&str] = if sent == "SentComponent" { &["purl", "name", "version", "kind"] } else { &["id", "version", "name"] };
        schema["required"] = json!(needed);
        strict(&mut schema);
        all.insert(sent.to_owned(), schema);
    }
}

/// Problem details (RFC 9457) with our code and next step.
fn problem() -> Value {
    json!({
        "type": "object",
        "required": ["type", "title", "status", "code", "detail", "next"],
        "properties": {
            "type": { "type": "string" },
            "title": { "type": "string" },
            "status": { "type": "integer" },
            "code": { "type": "string", "description": "Stable code" },
            "detail": { "type": "string" },
            "next": { "type": "string", "description": "What to do next" },
            "place": { "type": "string", "description": "Where in the request" },
        },
    })
}
