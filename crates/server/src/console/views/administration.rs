//! **Administration**: people, tokens, webhooks, enrolment, and one's own account.

use super::hosts::PendingHost;
use super::shell::Choice;
use jiff::Timestamp;

/// People with an account.
#[derive(Clone, Debug)]
pub struct People {
    /// People, by name.
    pub rows: Vec<PersonRow>,
    /// Roles that can be given.
    pub roles: Vec<Choice>,
    /// Where a role can hold: everywhere, a client, a group of one.
    pub places: Vec<Choice>,
    /// Whether the reader may change people, once proven.
    pub changes: bool,
    /// The link just made, shown once.
    pub invitation: Option<Invitation>,
}

/// One person.
#[derive(Clone, Debug)]
pub struct PersonRow {
    /// Id.
    pub id: String,
    /// Sign-in name.
    pub account: String,
    /// Name shown.
    pub name: String,
    /// Mail address.
    pub mail: Option<String>,
    /// Roles held.
    pub roles: Vec<RoleHeld>,
    /// Second factors, `passkey`, `one-time codes`; empty when there is none.
    pub factors: Vec<String>,
    /// How the account signs in: `local account`, or the address of a provider.
    pub through: String,
    /// When it was made.
    pub made: Timestamp,
    /// Whether it is shut.
    pub locked: bool,
    /// Whether it is the reader's own.
    pub own: bool,
}

/// A role and where it holds.
#[derive(Clone, Debug)]
pub struct RoleHeld {
    /// The same as it stands in a form, `operator|01h…|`.
    pub value: String,
    /// Role, `operator`.
    pub role: String,
    /// Where it holds, `everywhere`, `client Nordwerft`, `group web of Nordwerft`.
    pub scope: String,
}

/// A one-time link for a new person.
#[derive(Clone, Debug)]
pub struct Invitation {
    /// For whom.
    pub name: String,
    /// Whole address.
    pub address: String,
    /// Until when it works.
    pub expires: Timestamp,
}

/// One's own API tokens.
#[derive(Clone, Debug)]
pub struct Tokens {
    /// Tokens, newest first.
    pub rows: Vec<ApiTokenRow>,
    /// Roles, with where they hold, that the reader can give.
    pub scopes: Vec<Choice>,
    /// Days that a token lives at most.
    pub days: i64,
    /// The secret just made, shown once.
    pub created: Option<NewSecret>,
}

/// One API token; never its secret.
#[derive(Clone, Debug)]
pub struct ApiTokenRow {
    /// Id.
    pub id: String,
    /// What it is for.
    pub name: String,
    /// What it may do at most.
    pub scopes: Vec<RoleHeld>,
    /// When it was made.
    pub made: Timestamp,
    /// When it ends.
    pub expires: Timestamp,
    /// When it was last used.
    pub used: Option<Timestamp>,
    /// Whether it was taken back.
    pub revoked: bool,
}

/// A secret that is shown once.
#[derive(Clone, Debug)]
pub struct NewSecret {
    /// What it is for.
    pub name: String,
    /// The secret.
    pub secret: String,
}

/// Webhooks and their deliveries.
#[derive(Clone, Debug)]
pub struct Webhooks {
    /// Webhooks, by name.
    pub rows: Vec<WebhookRow>,
    /// Newest deliveries, newest first.
    pub deliveries: Vec<DeliveryRow>,
    /// Kinds of event that can be chosen.
    pub kinds: Vec<Choice>,
    /// Clients whose events can be chosen; the value of all is empty. Empty
    /// where there is nothing to choose.
    pub clients: Vec<Choice>,
    /// Whether this server can send mail.
    pub mail: bool,
    /// Whether the reader may make one.
    pub edits: bool,
    /// The signing secret just made, shown once.
    pub created: Option<NewSecret>,
}

/// One webhook.
#[derive(Clone, Debug)]
pub struct WebhookRow {
    /// Id.
    pub id: String,
    /// Name.
    pub name: String,
    /// Until when the signing secret before the present one signs too.
    pub old_secret_until: Option<Timestamp>,
    /// Address, or mail addresses.
    pub address: String,
    /// Client whose events it gets; none for those of all.
    pub client: Option<String>,
    /// Whether it gets mail and not requests.
    pub mail: bool,
    /// Whether its requests are signed.
    pub signed: bool,
    /// Kinds of event it gets; empty for all.
    pub kinds: Vec<String>,
    /// Whether it is on.
    pub enabled: bool,
    /// Why the server switched it off.
    pub off_because: Option<String>,
    /// Deliveries that wait.
    pub waiting: u64,
    /// Last delivery that arrived.
    pub last_good: Option<Timestamp>,
    /// What last went wrong, while nothing arrives.
    pub last_error: Option<String>,
}

impl WebhookRow {
    /// Whether it gets a kind of event.
    pub fn gets(&self, kind: &str) -> bool {
        self.kinds.iter().any(|one| one == kind)
    }
}

/// How a delivery stands.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum DeliveryStanding {
    /// Taken by the receiver.
    Arrived,
    /// To be tried.
    Waiting,
    /// Given up.
    Failed,
}

/// One delivery.
#[derive(Clone, Debug)]
pub struct DeliveryRow {
    /// Id; receivers see it as `webhook-id`.
    pub id: String,
    /// When it was put in.
    pub at: Timestamp,
    /// Event, `advisory.affects`.
    pub kind: String,
    /// What it says.
    pub text: String,
    /// Name of the webhook.
    pub to: String,
    /// Tries.
    pub tries: u64,
    /// What came of the last try, `204 in 38 ms`.
    pub outcome: String,
    /// When it is tried next.
    pub next: Option<Timestamp>,
    /// How it stands.
    pub standing: DeliveryStanding,
    /// Whether it can be sent again.
    pub again: bool,
}

/// Enrolment of hosts.
#[derive(Clone, Debug)]
pub struct Enrolment {
    /// Hosts that a person must admit.
    pub pending: Vec<PendingHost>,
    /// Enrolment tokens, newest first.
    pub tokens: Vec<EnrolmentTokenRow>,
    /// Groups that a token can put hosts in.
    pub groups: Vec<Choice>,
    /// The command just made, shown once.
    pub join: Option<JoinCommand>,
    /// Digest of the root keys, hex, to compare out of band.
    pub root_digest: String,
}

/// The command with which a host joins.
#[derive(Clone, Debug)]
pub struct JoinCommand {
    /// The command in whole, to copy.
    pub command: String,
    /// Until when its token works.
    pub expires: Timestamp,
    /// Hosts that may join with it.
    pub uses: u64,
    /// Group they join.
    pub group: Option<String>,
}

/// One enrolment token; never its secret.
#[derive(Clone, Debug)]
pub struct EnrolmentTokenRow {
    /// Id.
    pub id: String,
    /// Group.
    pub group: Option<String>,
    /// Who made it.
    pub by: String,
    /// When.
    pub made: Timestamp,
    /// Until when it works.
    pub expires: Timestamp,
    /// Hosts that joined with it.
    pub used: u64,
    /// Hosts that may.
    pub uses: u64,
    /// Whether it was taken back.
    pub revoked: bool,
}

/// One's own account.
#[derive(Clone, Debug)]
pub struct Account {
    /// Sign-in name.
    pub account: String,
    /// Name shown.
    pub name: String,
    /// Mail address.
    pub mail: Option<String>,
    /// Roles held.
    pub roles: Vec<RoleHeld>,
    /// Whether the account has a password of its own.
    pub password: bool,
    /// Passkeys and programs for one-time codes, oldest first.
    pub factors: Vec<FactorRow>,
    /// Set-up of one-time codes under way.
    pub setup: Option<SecondFactorSetup>,
    /// Recovery codes left; none where there is nothing that they stand in for.
    pub recovery_codes: Option<u64>,
    /// Recovery codes just made, shown once.
    pub new_recovery_codes: Vec<String>,
    /// Whether the console's address allows passkeys.
    pub passkeys_possible: bool,
    /// Sessions, newest first.
    pub sessions: Vec<SessionRow>,
}

/// What an authenticator program needs; shown once.
#[derive(Clone, Debug)]
pub struct SecondFactorSetup {
    /// Sent back with the first code.
    pub ticket: String,
    /// Secret in base 32, in groups of four.
    pub secret: String,
    /// `otpauth:` address.
    pub address: String,
    /// The address as a code to photograph.
    pub picture: Option<SquareCode>,
}

/// A two-dimensional code, as a drawing.
#[derive(Clone, Debug)]
pub struct SquareCode {
    /// Squares on a side, with the quiet zone around them.
    pub side: usize,
    /// The dark squares, in the words of the `d` of a path.
    pub path: String,
}

/// A passkey, or a program for one-time codes.
#[derive(Clone, Debug)]
pub struct FactorRow {
    /// Id.
    pub id: String,
    /// Kind, `passkey` or `one-time codes`.
    pub kind: String,
    /// Name its owner gave it.
    pub name: String,
    /// When it was added.
    pub added: Timestamp,
    /// When it was last used.
    pub used: Option<Timestamp>,
}

/// The question for a fresh proof of who sits there.
#[derive(Clone, Debug)]
pub struct FreshProof {
    /// Sent back with the proof.
    pub ticket: String,
    /// Whether a code of a program will do.
    pub code: bool,
    /// Whether a recovery code will do.
    pub recovery_code: bool,
    /// Whether the password will do.
    pub password: bool,
    /// Options for `navigator.credentials.get` as JSON, where a passkey will do.
    pub passkey: Option<String>,
    /// Page of the console to go on to.
    pub next: String,
    /// What was wrong with the last try.
    pub trouble: Option<String>,
}

/// One session.
#[derive(Clone, Debug)]
pub struct SessionRow {
    /// Id; not its secret.
    pub id: String,
    /// Program and system, as the browser says.
    pub browser: String,
    /// Where from.
    pub address: String,
    /// When it began.
    pub began: Timestamp,
    /// When it was last used.
    pub used: Timestamp,
    /// Whether it is the one in use.
    pub own: bool,
}
