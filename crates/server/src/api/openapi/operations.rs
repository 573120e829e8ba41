//! What each route is for: the one table behind the document. A test holds it
//! against the routes that are served.

use Shape::{Any, List, Nothing, One, Page, Text};

/// One operation.
pub struct Operation {
    /// Method, lower case.
    pub method: &'static str,
    /// Path as the router writes it.
    pub path: &'static str,
    /// One line.
    pub summary: &'static str,
    /// Parameters of the query with what they mean.
    pub query: &'static [(&'static str, &'static str)],
    /// What is sent.
    pub body: Body,
    /// What comes back.
    pub answer: Shape,
    /// Status of that.
    pub status: &'static str,
    /// What to send, for who tries it.
    pub example: Option<&'static str>,
}

/// What an operation takes.
pub enum Body {
    /// Nothing.
    None,
    /// JSON of this schema.
    Json(&'static str),
    /// Bytes of one of these media types.
    Bytes(&'static [&'static str]),
}

/// What an operation gives.
pub enum Shape {
    /// This schema.
    One(&'static str),
    /// All of them.
    List(&'static str),
    /// A part of them and how many there are.
    Page(&'static str),
    /// Text of this media type.
    Text(&'static str),
    /// JSON that describes itself.
    Any,
    /// Nothing.
    Nothing,
}

const SKIP: (&str, &str) = ("skip", "rows left out at the front");
const TAKE: (&str, &str) = ("take", "rows wanted, 1 to 1000, 100 unless given");
const WHY: (&str, &str) = ("reason", "why; kept beside the evidence");
const JSON: &str = "application/json";

const fn operation(method: &'static str, path: &'static str, summary: &'static str, answer: Shape) -> Operation {
    Operation { method, path, summary, query: &[], body: Body::None, answer, status: "200", example: None }
}

const fn get(path: &'static str, summary: &'static str, answer: Shape) -> Operation {
    operation("get", path, summary, answer)
}

const fn post(path: &'static str, summary: &'static str, answer: Shape) -> Operation {
    operation("post", path, summary, answer)
}

const fn put(path: &'static str, summary: &'static str, answer: Shape) -> Operation {
    operation("put", path, summary, answer)
}

const fn patch(path: &'static str, summary: &'static str, answer: Shape) -> Operation {
    operation("patch", path, summary, answer)
}

const fn delete(path: &'static str, summary: &'static str) -> Operation {
    operation("delete", path, summary, Nothing)
}

impl Operation {
    const fn asked(self, query: &'static [(&'static str, &'static str)]) -> Self {
        Self { query, ..self }
    }

    const fn takes(self, schema: &'static str) -> Self {
        Self { body: Body::Json(schema), ..self }
    }

    const fn takes_bytes(self, kinds: &'static [&'static str]) -> Self {
        Self { body: Body::Bytes(kinds), ..self }
    }

    const fn status(self, status: &'static str) -> Self {
        Self { status, ..self }
    }

    const fn such_as(self, example: &'static str) -> Self {
        Self { example: Some(example), ..self }
    }
}

/// All of them.
pub const OPERATIONS: &[Operation] = &[
    get("/healthz", "Whether the process lives", One("State")),
    get("/readyz", "Whether the store answers; 503 while it does not", One("State")),
    get("/metrics", "Counters and timings (OpenMetrics)", Text("application/openmetrics-text")),
    get("/openapi.json", "This document", Any),
    // The fleet.
    get("/api/v1/standings", "What needs doing, in figures", One("Standings")),
    get("/api/v1/alerts", "Open alerts, the newest first", List("AlertRow")).asked(&[TAKE]),
    post("/api/v1/alerts/{alert}/close", "Close an alert that somebody looked at", One("AlertRow"))
        .takes("Reason")
        .such_as(r#"{"reason": "a drill, announced beforehand"}"#),
    get("/api/v1/hosts", "Hosts, the most urgent first", Page("HostRow")).asked(&[
        ("filter", "conditions, `environment = prod, label.role = web | proxy, name != test-*`; fields are name, os, stream, environment, tier, exposure, owner, source, state, overdue and label.NAME"),
        ("name", "part of the name"),
        ("state", "how they stand with the server"),
        ("overdue", "true: only hosts with something overdue"),
        ("environment", "environment"),
        ("order", "what comes first"),
        SKIP,
        TAKE,
    ]),
    post("/api/v1/hosts", "Enter a host by hand; entered again, its components are replaced", One("HostRow")).takes("ManualHost").such_as(
        r#"{"name": "switch-3", "components": [{"purl": "pkg:deb/debian/zlib1g@1.2.13", "stream": "debian:12", "name": "zlib1g", "version": "1:1.2.13.dfsg-1", "kind": "package"}]}"#,
    ),
    get("/api/v1/hosts/{host}", "One host with the whole answer about it", One("HostAnswer")),
    patch("/api/v1/hosts/{host}", "Edit what people say of a host; it is judged again", One("HostRow"))
        .takes("Edit")
        .such_as(r#"{"labels": {"role": "web"}, "environment": "prod", "exposure": "open", "owner": "ana"}"#),
    get("/api/v1/hosts/{host}/history", "What came and went on a host, newest first", List("Moment")).asked(&[TAKE]),
    post("/api/v1/hosts/{host}/accept", "Accept a host that waits", One("HostRow")).takes("Reason"),
    post("/api/v1/hosts/{host}/retire", "Retire a host", One("HostRow")).takes("Reason"),
    post("/api/v1/hosts/{host}/unflag", "Take the flag off a host that somebody looked at", One("HostRow")).takes("Reason"),
    get("/api/v1/findings", "Open findings, the most urgent first", Page("FindingRow")).asked(&[
        ("severity", "at least this severe"),
        ("overdue", "true: only what is overdue"),
        ("exploited", "true: only what is known to be exploited"),
        ("fix", "true: only where a fix is on offer"),
        ("excepted", "true: only what is under an exception"),
        ("text", "part of the advisory's id or of a package's name"),
        SKIP,
        TAKE,
    ]),
    get("/api/v1/advisories", "Advisories with open findings, the most urgent first", Page("AdvisoryRow")).asked(&[
        ("severity", "at least this severe"),
        ("overdue", "true: only what is overdue somewhere"),
        ("exploited", "true: only what is known to be exploited"),
        ("fix", "true: only where a fix is on offer"),
        ("excepted", "true: only what is under an exception somewhere"),
        ("text", "part of the id or of a package's name"),
        SKIP,
        TAKE,
    ]),
    get("/api/v1/advisories/{advisory}", "A CVE or an advisory with every host it concerns", One("AdvisoryAnswer")),
    get("/api/v1/packages", "Installed packages by name", List("PackageRow")).asked(&[
        ("name", "beginning of the name"),
        ("after", "the last name of the page before"),
        ("after_stream", "the stream of that name"),
        TAKE,
    ]),
    get("/api/v1/packages/{stream}/{name}", "A package's versions with the hosts that have each", List("VersionRow")),
    get("/api/v1/sources", "The advisory database and its sources", One("SourcesAnswer")),
    get("/api/v1/sources/watches", "What people look at again and again by the policy, and when they last did", List("WatchAnswer")),
    post("/api/v1/sources/looks", "Say that somebody looked at what the policy has them watch", List("WatchAnswer"))
        .takes("WatchWish")
        .such_as(r#"{"subject": "discovery", "note": "two printers, both ours"}"#),
    get("/api/v1/exposure", "Open findings at the end of each day by priority and due date, oldest first", List("Exposure"))
        .asked(&[("days", "days back from today, 1 to 366, 90 unless given"), ("host", "one host instead of all that the asker may see")]),
    get("/api/v1/policy/file", "The policy in force as its file, and who put it in force", One("PolicyFile")),
    put("/api/v1/policy/file", "Put a policy in force; a bad one leaves the one in force", One("PolicyFile")).takes("PolicyWish"),
    post("/api/v1/policy/review", "Note that the policy in force was looked at anew, and what came of it", One("PolicyFile")).takes("Reviewing"),
    get("/api/v1/policy/versions", "Versions of the policy, newest first: proposed, in force, past", List("VersionAnswer")),
    post("/api/v1/policy/versions", "Propose a policy", One("VersionAnswer")).takes("Proposal"),
    get("/api/v1/policy/versions/{number}", "One version with its text", One("VersionAnswer")),
    post("/api/v1/policy/versions/{number}/comment", "Say something of a version", One("VersionAnswer")).takes("Remark"),
    post("/api/v1/policy/versions/{number}/outline", "Sign a version off in outline", One("VersionAnswer")).takes("Remark"),
    post("/api/v1/policy/versions/{number}/approve", "Sign a version off in detail; the last sign-off that is needed puts it in force on its day", One("VersionAnswer")).takes("SignOff"),
    post("/api/v1/policy/versions/{number}/refuse", "Refuse a version", One("VersionAnswer")).takes("Remark"),
    post("/api/v1/policy/versions/{number}/withdraw", "Take a version back", One("VersionAnswer")).takes("Remark"),
    post("/api/v1/policy/simulate", "Play a policy through the past of the hosts that the asker sees, beside the one in force", Any).takes("SimulationWish"),
    post("/api/v1/policy/check", "Check a policy and show which findings it would give another due date", One("PolicyCheck")).takes("PolicyDraft"),
    get("/api/v1/policy", "The policies in force", List("ScanPolicyInForce")),
    get("/api/v1/evidence", "Entries of the evidence log, oldest first", List("Entry")).asked(&[SKIP, TAKE]),
    get("/api/v1/applications", "Applications, by name", List("ApplicationAnswer")),
    post("/api/v1/applications", "Make an application", One("ApplicationAnswer"))
        .takes("ApplicationWish")
        .such_as(r#"{"name": "shop", "owner": "ana", "team": "web", "stakeholders": ["shop@example.org"]}"#),
    get("/api/v1/applications/{application}", "One application", One("ApplicationAnswer")),
    patch("/api/v1/applications/{application}", "Edit an application", One("ApplicationAnswer")).takes("ApplicationWish"),
    delete("/api/v1/applications/{application}", "Delete an application").asked(&[WHY]),
    get("/api/v1/applications/{application}/findings", "The findings of an application's own components", One("ApplicationFindings")),
    put("/api/v1/applications/{application}/sbom", "Give an application's SBOM (CycloneDX or SPDX, compressed or not); it is judged at once", One("ApplicationAnswer"))
        .takes_bytes(&[JSON, "application/octet-stream"]),
    get("/api/v1/clients", "Clients that the asker may see, by name", List("ClientAnswer")),
    post("/api/v1/clients", "Make a client, whose hosts and people are kept apart", One("ClientAnswer")).takes("NewClient"),
    patch("/api/v1/clients/{client}", "Rename a client, put it away or take it back", One("ClientAnswer")).takes("ClientEdit"),
    get("/api/v1/groups", "Groups of hosts, by name", List("GroupAnswer")),
    post("/api/v1/groups", "Make a group, by a query or by hand", One("GroupAnswer"))
        .takes("NewGroup")
        .such_as(r#"{"name": "web", "query": "label.role = web", "note": "what customers reach"}"#),
    get("/api/v1/groups/{group}", "One group", One("GroupAnswer")),
    patch("/api/v1/groups/{group}", "Edit a group; its members follow", One("GroupAnswer")).takes("GroupEdit"),
    delete("/api/v1/groups/{group}", "Delete a group; roles and tokens bound to it lose what it gave").asked(&[WHY]),
    get("/api/v1/groups/{group}/hosts", "Hosts of a group, the most urgent first", Page("HostRow")).asked(&[SKIP, TAKE]),
    put("/api/v1/groups/{group}/hosts", "Name the hosts of a group that has no query", One("GroupAnswer")).takes("NamedHosts"),
    get("/api/v1/scanner-results", "Results of outside scanners, the newest first", Page("ScannerResultAnswer")).asked(&[
        ("host", "for this host"),
        ("scanner", "of this scanner: openscap, trivy, grype or osv-scanner"),
        SKIP,
        TAKE,
    ]),
    post("/api/v1/hosts/{host}/scanner-results", "Bring a result of OpenSCAP (ARF, XCCDF or OVAL results), Trivy, Grype or OSV-Scanner for a host, compressed or not", One("ScannerResultAnswer"))
        .asked(&[
            ("moment", "when the scanner looked, RFC 3339; for files that do not say"),
            ("database", "when its vulnerability data was made, RFC 3339; for files that do not say"),
            ("renamed", "true: take a file that names a host of another name"),
        ])
        .takes_bytes(&[JSON, "application/xml", "application/octet-stream"]),
    post("/api/v1/imports", "Bring a file that `plimsoll collect` made (zstd)", One("HostRow")).takes_bytes(&["application/zstd"]),
    post("/api/v1/enrolment-tokens", "Make a token with which hosts join; its secret is shown once", One("TokenMade"))
        .takes("TokenWish")
        .such_as(r#"{"uses": 10, "hours": 8, "note": "the new rack"}"#),
    // What is accepted for a time instead of patched.
    get("/api/v1/exceptions", "Exceptions, the newest first", Page("ExceptionAnswer")).asked(&[
        ("standing", "where they stand: requested, approved, refused, expired, withdrawn or replaced"),
        ("client", "one client's"),
        ("advisory", "about this advisory"),
        ("host", "about an open finding of this host"),
        SKIP,
        TAKE,
    ]),
    post("/api/v1/exceptions", "Ask for an exception: findings of some advisories on some hosts are accepted until a moment", One("ExceptionAnswer"))
        .takes("ExceptionWish")
        .such_as(r#"{"kind": "deferral", "advisories": ["DSA-6001-1"], "all_hosts": true, "owner": "ana", "reason": "the upgrade of the cluster comes first", "control": "the port is closed outside", "until": "2026-12-24T10:00:00Z"}"#),
    get("/api/v1/exceptions/{exception}", "One exception", One("ExceptionAnswer")),
    post("/api/v1/exceptions/{exception}/renew", "Ask for the renewal of an exception; approved, it takes its place", One("ExceptionAnswer"))
        .takes("RenewalWish")
        .such_as(r#"{"until": "2027-01-24T10:00:00Z", "reason": "the cluster is not upgraded yet"}"#),
    post("/api/v1/exceptions/{exception}/review", "Note that an exception in force was looked at again, and what came of it", One("ExceptionAnswer")).takes("Reason"),
    post("/api/v1/exceptions/{exception}/withdraw", "Take an exception back; its findings count again at once", One("ExceptionAnswer")).takes("Reason"),
    post("/api/v1/exceptions/{exception}/approve", "Approve an exception that somebody else asked for", One("ExceptionAnswer")).takes("Reason"),
    post("/api/v1/exceptions/{exception}/refuse", "Refuse an exception that somebody asked for", One("ExceptionAnswer")).takes("Reason"),
    // What clients are asked about changes of their hosts.
    get("/api/v1/questions", "Questions to clients about changes of their hosts, the newest first", Page("QuestionAnswer")).asked(&[
        ("state", "where they stand: told, open, approved, refused, objected, proceeded, waived or closed"),
        ("client", "one client's"),
        ("package", "about the rollout of this package"),
        SKIP,
        TAKE,
    ]),
    get("/api/v1/questions/{question}", "One question with everything that the client is shown, and what was said of it", One("QuestionAnswer")),
    post("/api/v1/questions/{question}/answer", "Answer a question in the name of its client; changed as long as the change has not started", One("QuestionAnswer"))
        .takes("AnswerWish")
        .such_as(r#"{"answer": "refuse", "reason": "the fair is on until Sunday", "seen": "open"}"#),
    post("/api/v1/questions/{question}/remark", "Ask back, or say something of a question", One("QuestionAnswer")).takes("Remark"),
    get("/api/v1/accreditations", "Accreditations, the newest first", Page("AccreditationAnswer")).asked(&[SKIP, TAKE]),
    post("/api/v1/accreditations", "Give an accreditation: an authority's word for a scope until a moment", One("AccreditationAnswer"))
        .takes("AccreditationWish")
        .such_as(r#"{"environments": ["prod"], "products": ["openssl"], "statement": "tested on the bench of November", "until": "2037-01-01T00:00:00Z"}"#),
    post("/api/v1/accreditations/{accreditation}/withdraw", "Take an accreditation back; what has not begun under it does not begin", One("AccreditationAnswer")).takes("Reason"),
    // What people are told as the policy says.
    get("/api/v1/notices", "What people were told as the policy says, the newest first, and who of them saw and acknowledged it", Page("NoticeAnswer")).asked(&[
        ("rollout", "about the rollout of this package"),
        ("mine", "only those that went to oneself; all that one may see otherwise"),
        SKIP,
        TAKE,
    ]),
    get("/api/v1/notices/{notice}", "One notice", One("NoticeAnswer")),
    post("/api/v1/notices/{notice}/acknowledge", "Acknowledge a notice that went to oneself; one that another corrects counts no more", One("NoticeAnswer")),
    get("/api/v1/mitigations", "Mitigations, the newest first", Page("MitigationAnswer")).asked(&[
        ("standing", "where they stand: to-remove, overdue, unverified, verified or removed"),
        ("client", "one client's"),
        ("advisory", "for this advisory"),
        ("host", "applied on this host"),
        SKIP,
        TAKE,
    ]),
    post("/api/v1/mitigations", "Write down a mitigation that was applied in place of a patch", One("MitigationAnswer"))
        .takes("MitigationWish")
        .such_as(r#"{"measure": "filter", "advisories": ["DSA-6001-1"], "all_hosts": true, "done": "port 8443 is closed in the firewall", "verify": "a scan from outside finds it closed", "owner": "ana"}"#),
    get("/api/v1/mitigations/{mitigation}", "One mitigation with its hosts", One("MitigationAnswer")),
    post("/api/v1/mitigations/{mitigation}/verify", "Note that a mitigation was seen to work", One("MitigationAnswer")).takes("CheckWish"),
    post("/api/v1/mitigations/{mitigation}/remove", "Note that a mitigation was removed, from all of its hosts or some", One("MitigationAnswer")).takes("RemovalWish"),
    get("/api/v1/triages", "Hosts on which traces of a break-in are to be looked for before a change, the most urgent first", Page("TriageAnswer")).asked(&[
        ("state", "where they stand: asked, collected, late, compromised or decided"),
        ("client", "one client's"),
        SKIP,
        TAKE,
    ]),
    get("/api/v1/hosts/{host}/triage", "The forensic triage of a host, and what was said of it", One("TriageAnswer")),
    post("/api/v1/hosts/{host}/triage", "Say what the forensic triage of a host came to", One("TriageAnswer"))
        .takes("TriageWish")
        .such_as(r#"{"step": "clean", "evidence": "case 2026-117"}"#),
    // Teams.
    get("/api/v1/rosters", "Rosters: who is to be told, by name", List("RosterAnswer")),
    put("/api/v1/rosters", "Say who is on a roster from now on; who is left out has left it", One("RosterAnswer"))
        .takes("RosterWish")
        .such_as(r#"{"name": "teams", "audience": "teams", "from_applications": true, "members": [{"name": "Web", "accounts": ["ada"]}]}"#),
    get("/api/v1/briefings", "Briefings with whom they reached, the newest first", List("BriefingAnswer")),
    post("/api/v1/briefings", "Record a briefing", One("BriefingAnswer"))
        .takes("BriefingWish")
        .such_as(r#"{"roster": "teams", "topic": "process", "title": "How we patch", "document": "https://wiki.example/patching", "attended": ["Web"]}"#),
    get("/api/v1/briefings/{briefing}", "One briefing", One("BriefingAnswer")),
    post("/api/v1/briefings/{briefing}/attendance", "Note who was at a briefing", One("BriefingAnswer")).takes("AttendanceWish"),
    post("/api/v1/briefings/{briefing}/acknowledge", "Acknowledge a briefing as the person who is signed in", One("BriefingAnswer")),
    get("/api/v1/meetings", "Meetings of operations and development, the newest first", List("MeetingAnswer")),
    get("/api/v1/meetings/due", "When meetings are due, the earliest first", List("DueAnswer")),
    get("/api/v1/meetings/{meeting}", "One meeting", One("MeetingAnswer")),
    post("/api/v1/meetings/{meeting}/actions/{action}/done", "Note that an action was done; it is named by its place, from 0 on", One("MeetingAnswer")).takes("DoneWish"),
    put("/api/v1/applications/{application}/cadence", "Say how often is met about an application", Nothing).takes("CadenceWish").such_as(r#"{"every": "P1M"}"#),
    post("/api/v1/applications/{application}/meetings", "Record a meeting about an application", One("MeetingAnswer"))
        .takes("MeetingWish")
        .such_as(r#"{"attendance": ["Ada", "Bo"], "minutes": "The upgrade goes first to the test ring.", "actions": [{"what": "book the window", "owner": "Ada", "due": "2026-12-01T16:00:00Z"}]}"#),
    // Packages and rollouts.
    post("/api/v1/acquired", "Say which bytes among the artefacts are which version of a package", One("AcquiredAnswer")).takes("AcquiredList").such_as(
        r#"{"entries": [{"stream": "debian:12", "name": "openssl", "arch": "amd64", "version": "3.0.17-1~deb12u3", "sha256": "9f2c…", "size": 1430000, "repository": "https://deb.debian.org/debian-security bookworm-security"}]}"#,
    ),
    get("/api/v1/deployment-packages", "Deployment packages, newest first", List("PackageAnswer")),
    post("/api/v1/deployment-packages", "Draft a deployment package from what hosts have pending and what was acquired", One("PackageDetail"))
        .takes("DraftWish")
        .such_as(r#"{"name": "openssl-2026-11", "title": "OpenSSL, known exploited", "reason": "DSA-6001-1", "hosts": "environment = prod", "updates": "advisories", "of": ["DSA-6001-1"]}"#),
    get("/api/v1/deployment-packages/{package}", "One deployment package: why it is as it is, and what is missing before it is accepted", One("PackageDetail")),
    get("/api/v1/deployment-packages/{package}/document", "The bytes that people sign, with the signatures so far", One("PackageDocument")),
    get("/api/v1/deployment-packages/{package}/hosts", "The whole list of hosts, whose root hash is signed", List("PackageHost")),
    post("/api/v1/deployment-packages/{package}/signatures", "Hand in a signature; the one that was missing accepts the package", One("PackageDetail")).takes("SignatureGiven"),
    post("/api/v1/deployment-packages/{package}/approve", "Approve a change as one whom the policy asks; no signature is replaced", One("PackageDetail")).takes("Approval"),
    post("/api/v1/deployment-packages/{package}/remarks", "Refuse a change, or close the review after it", One("PackageDetail"))
        .takes("Saying")
        .such_as(r#"{"kind": "refuse", "reason": "the cluster is upgraded on Thursday"}"#),
    post("/api/v1/deployment-packages/{package}/withdraw", "Withdraw a package that was not rolled out", One("PackageDetail")).takes("Reason"),
    get("/api/v1/rollouts", "Rollouts, newest first", List("RolloutAnswer")),
    post("/api/v1/rollouts", "Start the rollout of an accepted package", One("RolloutDetail")).takes("RolloutWish"),
    get("/api/v1/rollouts/{package}", "One rollout with its rings, and why it stands as it does", One("RolloutDetail")),
    get("/api/v1/rollouts/{package}/hosts", "Hosts of a rollout", Page("RolloutHost")).asked(&[("phase", "only hosts in this phase: waits, at-work, succeeded, failed, silent, away, left-out"), SKIP, TAKE]),
    get("/api/v1/rollouts/{package}/record", "The record of a rollout, made of the evidence log alone: the same bytes as `plimsoll evidence record` makes of an exported folder", Any)
        .asked(&[("format", "json, html, pdf, markdown or docx; each comes as its own media type"), ("notes", "true: the short release notes")]),
    get("/api/v1/rollouts/{package}/calendar", "The windows of a rollout as an iCalendar file (RFC 5545): identities stay, the sequence rises, an abort cancels", Any),
    get("/api/v1/reports/made", "Reports that were made when the policy said so, the newest first", List("MadeAnswer")),
    get("/api/v1/reports/made/{report}", "The file of one of them, as its own media type", Any),
    get("/api/v1/reports/{report}", "A report as of a moment: operator, weekly, management, client, auditor, cost, bod-26-04, fedramp-vdr, pci-6-3-3 or samm, and as of now an application's status page (application) or the agenda of its next meeting (agenda); the same moment gives the same bytes whenever it is asked for", Any).asked(&[
        ("as_of", "the moment, RFC 3339; now where it is left out"),
        ("days", "days that it looks back, 1 to 400; each report has its own"),
        ("client", "one client's hosts only, by its id or name; the client's report needs it"),
        ("application", "the application whose status page it is, by its id or name"),
        ("format", "json, html, pdf, markdown, docx or csv, and oscal-poam for the auditor's and a client's report; each comes as its own media type"),
    ]),
    get("/api/v1/reports/events", "What the reports of a moment are counted from: hosts and what changed on them, a line of JSON each, so that anyone can count again", Text("application/x-ndjson")).asked(&[
        ("as_of", "the moment up to which they are told, RFC 3339; now where it is left out"),
        ("client", "one client's hosts only, by its id or name"),
    ]),
    post("/api/v1/rollouts/{package}/pause", "Let nothing more start; what runs ends", One("RolloutDetail")).takes("Reason"),
    post("/api/v1/rollouts/{package}/resume", "Let a paused rollout go on, or hosts that failed try again", One("RolloutDetail")).takes("ResumeWish"),
    post("/api/v1/rollouts/{package}/looks", "Say what was seen by hand at a host that the sample of a change draws", One("RolloutDetail"))
        .takes("SampleWish")
        .such_as(r#"{"host": "01kb2m2m4v0000000000000000", "held": true, "note": "openssl version on the host says 3.0.17"}"#),
    post("/api/v1/rollouts/{package}/tickets", "Say that a ticket names a change as its cause, or does not any more", One("RolloutDetail"))
        .takes("TicketWish")
        .such_as(r#"{"ticket": "HELP-431", "note": "the shop answers slowly since the change"}"#),
    post("/api/v1/rollouts/{package}/abort", "Let nothing more start ever; what runs ends", One("RolloutDetail")).takes("Reason"),
    // Work.
    get("/api/v1/work", "Hours that people said, the newest first; nobody is named", Page("WorkAnswer")).asked(&[
        ("client", "one client's, by its id"),
        ("subject", "package:SHA-256, advisory:ID or overhead:monitoring, overhead:change-procedures, overhead:guides"),
        ("mine", "true: the asker's own"),
        ("running", "true: timers that run"),
        ("corrected", "true: those too whose place a correction took"),
        SKIP,
        TAKE,
    ]),
    post("/api/v1/work", "Write down hours, or minutes out of service", One("WorkAnswer"))
        .takes("WorkWish")
        .such_as(r#"{"subject": "overhead:monitoring", "step": "1.3", "hours": "0.5"}"#),
    post("/api/v1/work/start", "Start a timer", One("WorkAnswer")).takes("WorkStart").such_as(r#"{"subject": "overhead:guides"}"#),
    post("/api/v1/work/stop", "Stop a timer of one's own", One("WorkAnswer")).takes("WorkStop"),
    post("/api/v1/work/import", "Take a ticket system's work log, CSV: whole or not at all", One("WorkLogTaken"))
        .takes("WorkLog")
        .such_as(r#"{"csv": "ticket,date,hours,role,step,subject\nOPS-1,2026-11-02,1.5,operator,1.3,overhead:monitoring\n"}"#),
    post("/api/v1/work/{work}/correct", "Correct a record: a new one takes its place", One("WorkAnswer")).takes("WorkCorrection"),
    // Notices.
    get("/api/v1/webhooks", "Webhooks and mail", List("WebhookRow")),
    post("/api/v1/webhooks", "Make a webhook; its signing secret is shown once", One("WebhookMade"))
        .takes("WebhookWish")
        .such_as(r#"{"name": "chat", "address": "https://hooks.example.org/plimsoll", "events": []}"#),
    patch("/api/v1/webhooks/{webhook}", "Edit a webhook, switch it on or off", One("WebhookRow")).takes("WebhookEdit"),
    delete("/api/v1/webhooks/{webhook}", "Delete a webhook; what waits for it is given up").asked(&[WHY]),
    post("/api/v1/webhooks/{webhook}/secret", "Give a webhook another signing secret, shown once; the old one signs too for 24 hours", One("WebhookMade")).takes("Reason"),
    post("/api/v1/webhooks/{webhook}/test", "Send a test event", One("DeliveryRow")),
    get("/api/v1/webhooks/{webhook}/deliveries", "Deliveries to a webhook, newest first", List("DeliveryRow"))
        .asked(&[("before", "the last id of the page before"), TAKE]),
    post("/api/v1/deliveries/{delivery}/send-again", "Send a delivery again that ended, under the same id", One("DeliveryRow")),
    // Signing in. Each way ends with the session's cookie.
    get("/api/v1/session/providers", "Identity providers to sign in by", List("ProviderView")),
    get("/api/v1/session", "Who asks, as they see themselves", One("WhoView")),
    post("/api/v1/session", "Sign in by account name and password; a second proof may be asked", One("StepView")).takes("Credentials"),
    post("/api/v1/session/second", "Give the second proof", One("StepView")).takes("Proven"),
    post("/api/v1/session/link", "Sign in by the secret of a one-time link", One("StepView")).takes("Link"),
    post("/api/v1/session/passkey/question", "Begin to sign in by a passkey", One("PasskeyQuestion")),
    post("/api/v1/session/passkey", "End signing in by a passkey", One("StepView")).takes("Answered"),
    delete("/api/v1/session", "Sign out"),
    post("/api/v1/session/proof/question", "Ask for a fresh proof, which dangerous acts need", One("Question")),
    post("/api/v1/session/proof", "Give a fresh proof", One("StepView")).takes("Proven"),
    post("/api/v1/session/proof/{provider}", "Leave for an identity provider to give a fresh proof", One("Departure")),
    get("/sign-in/{provider}", "Leave for an identity provider to sign in", Nothing).status("303"),
    get("/sign-in/{provider}/return", "Come back from an identity provider", Text("text/html; charset=utf-8")).asked(&[
        ("state", "our ticket"),
        ("code", "the provider's code"),
        ("iss", "the provider's issuer (RFC 9207)"),
        ("error", "what went wrong there"),
    ]),
    // One's own account.
    get("/api/v1/account/sessions", "One's own sessions", List("SessionView")),
    delete("/api/v1/account/sessions", "End all of one's sessions but this one"),
    delete("/api/v1/account/sessions/{name}", "End one of one's sessions"),
    get("/api/v1/account/proofs", "What one can prove oneself with", One("ProofsView")),
    delete("/api/v1/account/proofs/{id}", "Remove an app or a passkey"),
    put("/api/v1/account/password", "Set one's password; all other sessions end", One("StepView")).takes("Password"),
    post("/api/v1/account/app/question", "Begin to register an app for one-time codes", One("NewApp")),
    post("/api/v1/account/app", "End registering an app, with its first code", One("Registered")).takes("Labelled"),
    post("/api/v1/account/passkey/question", "Begin to register a passkey", One("NewPasskey")),
    post("/api/v1/account/passkey", "End registering a passkey", One("Registered")).takes("Labelled"),
    post("/api/v1/account/recovery-codes", "Make recovery codes in place of all before; shown once", List("RecoveryCode")),
    get("/api/v1/account/tokens", "One's own API tokens", List("TokenView")),
    post("/api/v1/account/tokens", "Make an API token; its secret is shown once", One("SecretView"))
        .takes("NewToken")
        .status("201")
        .such_as(r#"{"name": "nightly report", "grants": [{"role": "viewer"}], "days": 90}"#),
    delete("/api/v1/account/tokens/{id}", "Withdraw an API token of one's own"),
    // Everybody's.
    get("/api/v1/people", "People and their roles", List("PersonView")),
    post("/api/v1/people", "Make a person", One("PersonView"))
        .takes("NewPerson")
        .status("201")
        .such_as(r#"{"account": "ana", "name": "Ana Lima", "email": "ana@example.org", "grants": [{"role": "operator"}]}"#),
    put("/api/v1/people/{id}/grants", "Set a person's roles; their sessions end", Nothing)
        .takes("Grants")
        .such_as(r#"{"grants": [{"role": "viewer"}], "reason": "moved to another team"}"#),
    put("/api/v1/people/{id}/disabled", "Disable or enable a person", Nothing).takes("Disabled"),
    delete("/api/v1/people/{id}/sessions", "End all sessions of a person"),
    post("/api/v1/people/{id}/link", "Make a one-time sign-in link for a person; shown once", One("SecretView")).status("201"),
    get("/api/v1/tokens", "Everybody's API tokens", List("TokenView")),
    // What agents speak; `plimsoll_formats::protocol` has the forms.
    post("/agent/v1/enrol", "A host joins with a one-time token", Any).takes_bytes(&[JSON]),
    post("/agent/v1/check-in", "A host says that it is here and what its state is; 204 where nothing is wanted", Any).takes_bytes(&[JSON]),
    post("/agent/v1/report", "A host's whole report (zstd)", Any).takes_bytes(&["application/zstd"]),
    post("/agent/v1/report/delta", "What changed since the report before (zstd)", Any).takes_bytes(&["application/zstd"]),
    post("/agent/v1/rotate", "A host changes its key", Nothing).takes_bytes(&[JSON]),
    post("/agent/v1/package", "A deployment package that an assignment names, with the proof that the evidence log has it", Any).takes_bytes(&[JSON]),
    post("/agent/v1/artefact", "The bytes of an artefact from an offset on", Any).takes_bytes(&[JSON]),
    post("/agent/v1/outcome", "What came of an attempt; durable before it is answered", Nothing).takes_bytes(&[JSON]),
];
