//! The **routes** of the console with what each needs, as data.
//!
//! The server builds its router from declared permissions; this table says what
//! the console needs, so that a page without a line here is found by a test and
//! not by an attacker.

/// One route.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Route {
    /// Method.
    pub method: &'static str,
    /// Path in the words of axum.
    pub path: &'static str,
    /// What the reader must be allowed.
    pub needs: Needs,
    /// What it does.
    pub does: &'static str,
}

/// What a route needs.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Needs {
    /// Nothing: the sign-in pages and the assets.
    Nobody,
    /// A session.
    Session,
    /// To see hosts; shows only those within the reader's client and groups.
    View,
    /// To change what is kept about hosts, groups and applications.
    Operate,
    /// To enrol and admit hosts.
    Enrol,
    /// To put a policy in force.
    AuthorPolicy,
    /// To read the evidence log.
    Audit,
    /// People, tokens, webhooks.
    Administer,
}

macro_rules! routes {
    ($($method:ident $path:literal $needs:ident $does:literal;)*) => {
        /// Every route.
        pub const ROUTES: &[Route] = &[$(Route {
            method: stringify!($method), path: $path, needs: Needs::$needs, does: $does,
        }),*];
    };
}

routes! {
    GET "/console/assets/{name}" Nobody "style, scripts, pictures";
    GET "/console/sign-in" Nobody "sign-in page; `next`";
    POST "/console/sign-in" Nobody "name, password, next";
    POST "/console/sign-in/code" Nobody "code, next";
    POST "/console/sign-in/passkey/options" Nobody "JSON: options for navigator.credentials.get";
    POST "/console/sign-in/passkey" Nobody "JSON: the credential; answers {next} or problem+json";
    GET "/console/sign-in/oidc/{provider}" Nobody "goes to the provider; `next`";
    GET "/console/sign-in/oidc/{provider}/back" Nobody "comes back from it";
    GET "/console/sign-in/link/{token}" Nobody "landing of a one-time link; uses nothing up";
    POST "/console/sign-in/link" Nobody "token, password when one must be chosen";
    POST "/console/sign-out" Session "ends the session";
    GET "/console" View "today";
    GET "/console/live" View "server-sent events: `changed`";
    GET "/console/search" View "`q`; a page, or its hits for htmx";
    GET "/console/hosts" View "list of hosts";
    GET "/console/hosts.csv" View "the same as CSV";
    GET "/console/hosts.json" View "the same as JSON";
    GET "/console/hosts/{id}" View "one host";
    POST "/console/hosts/{id}" Operate "labels, tier, exposure, environment, owner, reason";
    POST "/console/hosts/{id}/retire" Operate "reason";
    POST "/console/hosts/{id}/flag" Operate "takes the flag off; reason";
    GET "/console/compare" View "two hosts; `left`, `right`";
    GET "/console/findings" View "findings by advisory";
    GET "/console/findings.csv" View "the same as CSV";
    GET "/console/findings.json" View "the same as JSON";
    GET "/console/advisories" View "type a CVE; `q` goes to the advisory when it names one";
    GET "/console/advisories/{id}" View "one advisory and every host";
    GET "/console/advisories/{id}.csv" View "its hosts as CSV";
    GET "/console/advisories/{id}.json" View "its hosts as JSON";
    GET "/console/packages" View "updates";
    GET "/console/packages.csv" View "the same as CSV";
    GET "/console/packages.json" View "the same as JSON";
    GET "/console/packages/{stream}/{name}" View "one package";
    GET "/console/packages/{stream}/{name}.csv" View "its hosts as CSV";
    GET "/console/packages/{stream}/{name}.json" View "its hosts as JSON";
    GET "/console/applications" View "list of applications";
    GET "/console/applications.csv" View "the same as CSV";
    GET "/console/applications.json" View "the same as JSON";
    GET "/console/applications/{id}" View "one application";
    GET "/console/groups" View "groups";
    POST "/console/groups" Operate "name, query, reason";
    POST "/console/groups/{id}/remove" Operate "reason";
    GET "/console/sources" View "sources";
    GET "/console/policy" View "policies and presets";
    POST "/console/policy" AuthorPolicy "preset, reason";
    GET "/console/activity" Audit "evidence log";
    GET "/console/activity.csv" Audit "the same as CSV";
    GET "/console/activity.json" Audit "the same as JSON";
    GET "/console/enrolment" Enrol "hosts that wait, tokens, join command";
    POST "/console/enrolment/tokens" Enrol "group, uses, hours; answers with the command";
    POST "/console/enrolment/tokens/{id}/revoke" Enrol "takes a token back";
    POST "/console/enrolment/hosts/{id}/admit" Enrol "reason";
    POST "/console/enrolment/hosts/{id}/refuse" Enrol "reason";
    GET "/console/people" Administer "people";
    POST "/console/people" Administer "name, mail, role, client, group; answers with a link";
    POST "/console/people/{id}/lock" Administer "reason";
    POST "/console/people/{id}/unlock" Administer "reason";
    GET "/console/tokens" Session "API tokens within the reader's own rights";
    POST "/console/tokens" Session "name, scope (several), days; answers with the secret";
    POST "/console/tokens/{id}/revoke" Session "takes a token back";
    GET "/console/webhooks" Administer "webhooks";
    POST "/console/webhooks" Administer "name, channel, address, client, kind (several), reason; answers with the secret";
    POST "/console/webhooks/{id}" Administer "name, address, kind (several), reason";
    POST "/console/webhooks/{id}/switch" Administer "on (yes or no)";
    POST "/console/deliveries/{id}/send-again" Administer "sends a delivery again";
    POST "/console/webhooks/{id}/test" Administer "sends a test event";
    POST "/console/webhooks/{id}/remove" Administer "reason";
    GET "/console/account" Session "one's own account";
    POST "/console/account/password" Session "current, password, again";
    POST "/console/account/codes" Session "begins the set-up of one-time codes";
    POST "/console/account/codes/confirm" Session "code; ends the set-up";
    POST "/console/account/recovery" Session "makes new recovery codes";
    POST "/console/account/passkeys/options" Session "JSON: options for navigator.credentials.create";
    POST "/console/account/passkeys" Session "JSON: the credential and its name";
    POST "/console/account/passkeys/{id}/remove" Session "removes a passkey";
    POST "/console/account/sessions/{id}/end" Session "ends another session";
}
