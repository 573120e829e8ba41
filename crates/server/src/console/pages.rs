//! **Pages**: one function a page, from its view to HTML.

use super::lists;
use super::query::ListForm;
use super::views::*;
use askama::Template;

/// Sections of the console as the navigation shows them: key, path, title,
/// and which ability shows it (empty for everybody).
pub const SECTIONS: &[(&str, &str, &str)] = &[
    ("portal", "/console/portal", "Overview"),
    ("today", "/console", "Today"),
    ("hosts", "/console/hosts", "Hosts"),
    ("findings", "/console/findings", "Findings"),
    ("advisories", "/console/advisories", "Advisories"),
    ("packages", "/console/packages", "Packages"),
    ("rollouts", "/console/rollouts", "Rollouts"),
    ("applications", "/console/applications", "Applications"),
    ("teams", "/console/teams", "Teams"),
    ("questions", "/console/questions", "Questions"),
    ("notices", "/console/notices", "Notices"),
    ("exceptions", "/console/exceptions", "Exceptions"),
    ("accreditations", "/console/accreditations", "Accreditations"),
    ("mitigations", "/console/mitigations", "Mitigations"),
    ("triage", "/console/triage", "Triage"),
    ("groups", "/console/groups", "Groups"),
    ("sources", "/console/sources", "Sources"),
    ("policy", "/console/policy", "Policy"),
    ("reports", "/console/reports", "Reports"),
    ("work", "/console/work", "Work"),
    ("activity", "/console/activity", "Activity"),
];

/// Sections for whoever speaks for a client: its hosts, what it is asked, what
/// it decided, its reports.
const PORTAL: &[&str] = &["portal", "hosts", "findings", "advisories", "rollouts", "questions", "notices", "exceptions", "reports"];

impl Abilities {
    /// Whether the navigation shows a section to this reader.
    pub fn shows(&self, section: &str) -> bool {
        match (self.portal, section) {
            (true, section) => PORTAL.contains(&section),
            (false, "portal") => false,
            (false, "activity") => self.audit,
            (false, _) => true,
        }
    }
}

/// Sections of the administration.
pub const ADMINISTRATION: &[(&str, &str, &str)] = &[
    ("enrolment", "/console/enrolment", "Enrolment"),
    ("people", "/console/people", "People"),
    ("clients", "/console/clients", "Clients"),
    ("webhooks", "/console/webhooks", "Webhooks"),
];

macro_rules! pages {
    ($($(#[$attribute:meta])* $function:ident, $template:ident, $path:literal, $section:literal, $view:ty, $form:expr;)*) => {$(
        #[derive(Template)]
        #[template(path = $path)]
        struct $template<'a> {
            shell: &'a Shell,
            view: &'a $view,
            section: &'static str,
            #[allow(dead_code, reason = "pages without a list do not read it")]
            form: &'static ListForm,
        }

        $(#[$attribute])*
        ///
        /// # Errors
        /// Only when writing fails, which a string never does.
        pub fn $function(shell: &Shell, view: &$view) -> askama::Result<String> {
            $template { shell, view, section: $section, form: &$form }.render()
        }
    )*};
}

pages! {
    /// Draws what needs doing.
    today, TodayTemplate, "today.html", "today", Today, lists::HOSTS;
    /// Draws what somebody should look at.
    alerts, AlertsTemplate, "alerts.html", "today", Alerts, lists::HOSTS;
    /// Draws the list of hosts.
    hosts, HostsTemplate, "hosts.html", "hosts", HostsPage, lists::HOSTS;
    /// Draws one host.
    host, HostTemplate, "host.html", "hosts", HostPage, lists::HOSTS;
    /// Draws two hosts side by side.
    compare, CompareTemplate, "compare.html", "hosts", Compare, lists::HOSTS;
    /// Draws findings by advisory.
    findings, FindingsTemplate, "findings.html", "findings", Listing<FindingRow>, lists::FINDINGS;
    /// Draws the page on which a CVE is typed.
    advisories, AdvisoriesTemplate, "advisories.html", "advisories", Search, lists::AFFECTED;
    /// Draws one advisory or CVE and every host under it.
    advisory, AdvisoryTemplate, "advisory.html", "advisories", AdvisoryPage, lists::AFFECTED;
    /// Draws updates, one for many hosts.
    packages, PackagesTemplate, "packages.html", "packages", Listing<PackageRow>, lists::PACKAGES;
    /// Draws one package in all its versions.
    package, PackageTemplate, "package.html", "packages", PackagePage, lists::PACKAGE_HOSTS;
    /// Draws the form of another policy, what it would change, and the button
    /// that puts it in force.
    policy_edit, PolicyEditTemplate, "policy_edit.html", "policy", PolicyEdit, lists::HOSTS;
    /// Draws hours that people said.
    work, WorkTemplate, "hours.html", "work", WorkPage, lists::HOSTS;
    /// Draws the choice of reports, and the one that was chosen.
    reports, ReportsTemplate, "reports.html", "reports", ReportsPage, lists::HOSTS;
    /// Draws the list of applications.
    applications, ApplicationsTemplate, "applications.html", "applications", Applications, lists::APPLICATIONS;
    /// Draws one application's status.
    application, ApplicationTemplate, "application.html", "applications", ApplicationPage, lists::APPLICATIONS;
    /// Draws who is to be told, whom it reached, and meetings.
    teams, TeamsTemplate, "teams.html", "teams", TeamsPage, lists::HOSTS;
    /// Draws what is accepted for a time.
    exceptions, ExceptionsTemplate, "exceptions.html", "exceptions", Exceptions, lists::HOSTS;
    /// Draws what clients are asked.
    questions, QuestionsTemplate, "questions.html", "questions", Questions, lists::HOSTS;
    /// Draws one question with the form that answers it.
    question, QuestionTemplate, "question.html", "questions", QuestionPage, lists::HOSTS;
    /// Draws who was told what.
    notices, NoticesTemplate, "notices.html", "notices", Notices, lists::HOSTS;
    /// Draws one notice with the form that acknowledges it.
    notice, NoticeTemplate, "notice.html", "notices", NoticePage, lists::HOSTS;
    /// Draws what a client sees first.
    portal, PortalTemplate, "portal.html", "portal", Portal, lists::HOSTS;
    /// Draws what authorities signed off.
    accreditations, AccreditationsTemplate, "accreditations.html", "accreditations", Accreditations, lists::HOSTS;
    /// Draws what was done in place of patches.
    mitigations, MitigationsTemplate, "mitigations.html", "mitigations", Mitigations, lists::HOSTS;
    /// Draws hosts that are looked at for traces of a break-in.
    triage, TriageTemplate, "triage.html", "triage", TriagePage, lists::HOSTS;
    /// Draws the clients.
    clients, ClientsTemplate, "clients.html", "clients", Clients, lists::HOSTS;
    /// Draws the groups of hosts.
    groups, GroupsTemplate, "groups.html", "groups", Groups, lists::HOSTS;
    /// Draws one group with its hosts.
    group, GroupTemplate, "group.html", "groups", GroupPage, lists::GROUP_HOSTS;
    /// Draws the sources of facts.
    sources, SourcesTemplate, "sources.html", "sources", SourcesPage, lists::HOSTS;
    /// Draws the policies.
    policy, PolicyTemplate, "policy.html", "policy", PolicyPage, lists::HOSTS;
    /// Draws one version of the policy with what was said of it.
    policy_version, PolicyVersionTemplate, "policy_version.html", "policy", PolicyVersionPage, lists::HOSTS;
    /// Draws people with an account.
    people, PeopleTemplate, "people.html", "people", People, lists::HOSTS;
    /// Draws API tokens.
    tokens, TokensTemplate, "tokens.html", "tokens", Tokens, lists::HOSTS;
    /// Draws webhooks and their deliveries.
    webhooks, WebhooksTemplate, "webhooks.html", "webhooks", Webhooks, lists::HOSTS;
    /// Draws enrolment: who waits, and the command to join.
    enrolment, EnrolmentTemplate, "enrolment.html", "enrolment", Enrolment, lists::HOSTS;
    /// Asks for a fresh proof of who sits there.
    fresh_proof, FreshProofTemplate, "fresh_proof.html", "account", FreshProof, lists::HOSTS;
    /// Draws what is rolled out, and what waits for it.
    rollouts, RolloutsTemplate, "rollouts.html", "rollouts", Rollouts, lists::HOSTS;
    /// Draws one rollout.
    rollout, RolloutTemplate, "rollout.html", "rollouts", RolloutPage, lists::HOSTS;
    /// Draws one deployment package.
    deployment, DeploymentTemplate, "deployment.html", "rollouts", DeploymentPage, lists::HOSTS;
    /// Draws one's own account.
    account, AccountTemplate, "account.html", "account", Account, lists::HOSTS;
    /// Draws what a search found, as a page of its own.
    search, SearchTemplate, "search.html", "search", Search, lists::HOSTS;
    /// Draws a sign-in page.
    sign_in, SignInTemplate, "sign_in.html", "sign-in", SignIn, lists::HOSTS;
    /// Draws an error.
    trouble, TroubleTemplate, "trouble.html", "trouble", Trouble, lists::HOSTS;
}

#[derive(Template)]
#[template(path = "activity.html")]
struct ActivityTemplate<'a> {
    shell: &'a Shell,
    view: &'a Listing<EvidenceEntry>,
    checkpoint: Option<&'a Checkpoint>,
    section: &'static str,
    form: &'static ListForm,
}

/// Draws the evidence log; `checkpoint` is none before the first is signed.
///
/// # Errors
/// Only when writing fails, which a string never does.
pub fn activity(
    shell: &Shell,
    view: &Listing<EvidenceEntry>,
    checkpoint: Option<&Checkpoint>,
) -> askama::Result<String> {
    ActivityTemplate { shell, view, checkpoint, section: "activity", form: &lists::ACTIVITY }.render()
}

#[derive(Template)]
#[template(path = "search_hits.html")]
struct SearchHitsTemplate<'a> {
    shell: &'a Shell,
    view: &'a Search,
}

/// Draws what a search found so far, as the part that is swapped in while
/// somebody types; answer with it where the request carries `HX-Request`.
///
/// # Errors
/// Only when writing fails, which a string never does.
pub fn search_hits(shell: &Shell, view: &Search) -> askama::Result<String> {
    SearchHitsTemplate { shell, view }.render()
}
