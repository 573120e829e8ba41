//! **Roles** and what each of them may do: one table, in one place, and what
//! it does not say is refused.

use plimsoll_core::model::identifier::{ClientId, GroupId};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use utoipa::ToSchema;

/// What a person or token is to a client.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Role {
    /// Speaks for a client: sees its hosts, answers what it is asked, reads
    /// its reports.
    Client,
    /// Sees hosts, findings and policy.
    Viewer,
    /// Looks after hosts: enrols, labels, groups, retires them.
    Operator,
    /// Signs what others prepared, and stops it; starts nothing.
    Approver,
    /// Writes the policy.
    PolicyAuthor,
    /// Sees everything including the evidence log; changes nothing.
    Auditor,
    /// Keeps people, clients, settings; approves nothing.
    Administrator,
}

impl Role {
    /// All of them, in order.
    pub const ALL: [Self; 7] =
        [Self::Client, Self::Viewer, Self::Operator, Self::Approver, Self::PolicyAuthor, Self::Auditor, Self::Administrator];

    /// The word in storage, API and console.
    pub fn word(self) -> &'static str {
        match self {
            Self::Client => "client",
            Self::Viewer => "viewer",
            Self::Operator => "operator",
            Self::Approver => "approver",
            Self::PolicyAuthor => "policy-author",
            Self::Auditor => "auditor",
            Self::Administrator => "administrator",
        }
    }

    /// Reads that word.
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|role| role.word() == word)
    }
}

macro_rules! permissions {
    ($($(#[$attribute:meta])* $name:ident $word:literal $reach:ident $proof:ident: $($role:ident)|+;)*) => {
        /// One thing that somebody may be allowed to do; every route declares one.
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
        #[serde(rename_all = "kebab-case")]
        pub enum Permission { $($(#[$attribute])* $name,)* }

        impl Permission {
            /// All of them, in order.
            pub const ALL: &[Self] = &[$(Self::$name),*];

            /// The word in API, console and messages.
            pub fn word(self) -> &'static str {
                match self { $(Self::$name => $word,)* }
            }

            /// Roles that hold it.
            pub fn roles(self) -> &'static [Role] {
                match self { $(Self::$name => &[$(Role::$role),+],)* }
            }

            /// How far a grant must reach for it.
            pub fn reach(self) -> Reach {
                match self { $(Self::$name => Reach::$reach,)* }
            }

            /// What proof it asks beyond being signed in.
            pub fn proof(self) -> Proof {
                match self { $(Self::$name => Proof::$proof,)* }
            }
        }
    };
}

permissions! {
    /// Sees hosts, inventories, findings, groups, applications.
    ReadFleet "read-fleet" Portion Ordinary: Client | Viewer | Operator | Approver | PolicyAuthor | Auditor | Administrator;
    /// Sees advisories, sources and their age: the same for every client.
    ReadKnowledge "read-knowledge" Portion Ordinary: Client | Viewer | Operator | Approver | PolicyAuthor | Auditor | Administrator;
    /// Sees the policy and its decision table.
    ReadPolicy "read-policy" Portion Ordinary: Viewer | Operator | Approver | PolicyAuthor | Auditor | Administrator;
    /// Sees the evidence log, which names people of every client.
    ReadEvidence "read-evidence" Everything Ordinary: Auditor | Administrator;
    /// Reads the metrics, which count over all clients.
    ReadMetrics "read-metrics" Everything Ordinary: Viewer | Operator | Auditor | Administrator;
    /// Sees people, their roles and their tokens; no secret among them.
    ReadPeople "read-people" Everything Ordinary: Auditor | Administrator;
    /// Labels, describes, accepts and retires hosts.
    EditHosts "edit-hosts" Portion Ordinary: Operator | Administrator;
    /// Makes and withdraws enrolment tokens.
    EnrolHosts "enrol-hosts" Portion Ordinary: Operator | Administrator;
    /// Brings in collected reports, components entered by hand, and results of
    /// outside scanners.
    ImportHosts "import-hosts" Portion Ordinary: Operator | Administrator;
    /// Makes and changes groups.
    EditGroups "edit-groups" Client Ordinary: Operator | Administrator;
    /// Makes and changes applications.
    EditApplications "edit-applications" Client Ordinary: Operator | Administrator;
    /// Keeps rosters, holds briefings and meetings.
    EditTeams "edit-teams" Client Ordinary: Operator | PolicyAuthor | Administrator;
    /// Acknowledges briefings, for themselves.
    Acknowledge "acknowledge" Portion Ordinary: Viewer | Operator | Approver | PolicyAuthor | Auditor | Administrator;
    /// Sees alerts: what somebody should look at.
    ReadAlerts "read-alerts" Client Ordinary: Operator | Auditor | Administrator;
    /// Closes alerts that somebody looked at.
    CloseAlerts "close-alerts" Client Ordinary: Operator | Administrator;
    /// Changes the policy, which is every client's.
    EditPolicy "edit-policy" Everything Ordinary: PolicyAuthor | Administrator;
    /// Says something of a policy that is proposed.
    CommentPolicy "comment-policy" Portion Ordinary: Viewer | Operator | Approver | PolicyAuthor | Auditor | Administrator;
    /// Signs off a policy that somebody else proposed.
    ApprovePolicy "approve-policy" Everything StepUp: Approver;
    /// Asks for exceptions, and records mitigations and forensic triages.
    EditExceptions "edit-exceptions" Client Ordinary: PolicyAuthor | Operator;
    /// Refuses an exception that somebody asked for: less is needed than to
    /// approve it.
    RefuseExceptions "refuse-exceptions" Client Ordinary: Approver;
    /// Sees what clients are asked about changes, and what they answered.
    ReadQuestions "read-questions" Client Ordinary: Client | Viewer | Operator | Approver | PolicyAuthor | Auditor | Administrator;
    /// Asks back, or says something of a question to a client.
    DiscussQuestions "discuss-questions" Client Ordinary: Client | Operator;
    /// Answers in the name of a client, which no provider's role does.
    AnswerQuestions "answer-questions" Client Ordinary: Client;
    /// Drafts deployment packages and says what was acquired for them.
    DraftPackages "draft-packages" Client Ordinary: Operator | Administrator;
    /// Hands in signatures that were made elsewhere; each proves itself.
    SubmitSignatures "submit-signatures" Client Ordinary: Operator | Approver;
    /// Starts rollouts of accepted packages and lets them go on.
    RunRollouts "run-rollouts" Client Ordinary: Operator | Administrator;
    /// Pauses and aborts rollouts: less is needed to stop than to start.
    StopRollouts "stop-rollouts" Client Ordinary: Operator | Approver | Administrator;
    /// Sees hours that were worked; nobody's name among them.
    ReadWork "read-work" Client Ordinary: Operator | Approver | PolicyAuthor | Auditor | Administrator;
    /// Writes down hours that were worked.
    RecordWork "record-work" Client Ordinary: Operator | Approver | PolicyAuthor | Administrator;
    /// Approves what somebody else prepared.
    Approve "approve" Client StepUp: Approver;
    /// Sees webhooks and their delivery log.
    ReadNotifications "read-notifications" Client Ordinary: Operator | Auditor | Administrator;
    /// Acknowledges notices that went to themselves.
    AcknowledgeNotices "acknowledge-notices" Portion Ordinary: Client | Viewer | Operator | Approver | PolicyAuthor | Auditor | Administrator;
    /// Makes and changes webhooks and mail.
    EditNotifications "edit-notifications" Client Ordinary: Administrator;
    /// Makes and changes clients.
    EditClients "edit-clients" Everything StepUp: Administrator;
    /// Makes and disables people, changes their roles, ends their sessions.
    EditPeople "edit-people" Everything StepUp: Administrator;
    /// Changes sources, schedules and other settings of the server.
    EditSettings "edit-settings" Everything StepUp: Administrator;
}

/// How far a grant must reach to give a permission.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Reach {
    /// A group of hosts is enough; the query is narrowed to it.
    Portion,
    /// A whole client: a group's grant gives nothing.
    Client,
    /// All clients: what it touches is everybody's.
    Everything,
}

/// What a permission asks beyond being signed in.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Proof {
    /// Nothing.
    Ordinary,
    /// A fresh proof of the person, in this session; no token can give it.
    StepUp,
}

/// A role given for all clients, one client, or one group of its hosts.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Grant {
    /// The role.
    #[schema(value_type = String)]
    pub role: Role,
    /// The client; none is all of them.
    #[serde(default)]
    #[schema(value_type = Option<String>)]
    pub client: Option<ClientId>,
    /// The group of that client's hosts; none is all of them. Means nothing
    /// without a client, see [`Grant::is_sound`].
    #[serde(default)]
    #[schema(value_type = Option<String>)]
    pub group: Option<GroupId>,
}

impl Grant {
    /// A role for every client.
    pub fn everywhere(role: Role) -> Self {
        Self { role, client: None, group: None }
    }

    /// A role for one client.
    pub fn at(role: Role, client: ClientId) -> Self {
        Self { role, client: Some(client), group: None }
    }

    /// A role for one group of a client's hosts.
    pub fn within(role: Role, client: ClientId, group: GroupId) -> Self {
        Self { role, client: Some(client), group: Some(group) }
    }

    /// Whether it says something: a group alone does not.
    pub fn is_sound(&self) -> bool {
        self.client.is_some() || self.group.is_none()
    }
}

/// The clients and groups that a query may look at; every query takes one.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Scope {
    /// Every client.
    Everything,
    /// These clients: whole, or some groups of their hosts. Empty is nothing.
    Clients(BTreeMap<ClientId, Portion>),
}

/// How much of a client.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Portion {
    /// All its hosts.
    Whole,
    /// The hosts of these groups.
    Groups(BTreeSet<GroupId>),
}

impl Scope {
    /// Nothing at all.
    pub fn nothing() -> Self {
        Self::Clients(BTreeMap::new())
    }

    /// What grants give for one permission.
    pub fn of(grants: &[Grant], permission: Permission) -> Self {
        let mut clients = BTreeMap::<ClientId, Portion>::new();
        for grant in grants.iter().filter(|grant| grant.is_sound() && permission.roles().contains(&grant.role)) {
            let reach = permission.reach();
            match (grant.client, grant.group) {
                (None, _) => return Self::Everything,
                (Some(client), None) if reach != Reach::Everything => {
                    clients.insert(client, Portion::Whole);
                }
                (Some(client), Some(group)) if reach == Reach::Portion => {
                    let portion = clients.entry(client).or_insert_with(|| Portion::Groups(BTreeSet::new()));
                    if let Portion::Groups(groups) = portion {
                        groups.insert(group);
                    }
                }
                _ => {}
            }
        }
        Self::Clients(clients)
    }

    /// Whether it admits nothing.
    pub fn is_nothing(&self) -> bool {
        matches!(self, Self::Clients(clients) if clients.is_empty())
    }

    /// Whether it admits the client as a whole.
    pub fn holds(&self, client: ClientId) -> bool {
        match self {
            Self::Everything => true,
            Self::Clients(clients) => clients.get(&client) == Some(&Portion::Whole),
        }
    }

    /// Whether it admits a host of `client` that is in `groups`.
    pub fn admits(&self, client: ClientId, groups: &[GroupId]) -> bool {
        match self {
            Self::Everything => true,
            Self::Clients(clients) => match clients.get(&client) {
                None => false,
                Some(Portion::Whole) => true,
                Some(Portion::Groups(own)) => groups.iter().any(|group| own.contains(group)),
            },
        }
    }

    /// What both admit.
    #[must_use]
    pub fn intersection(&self, other: &Self) -> Self {
        match (self, other) {
            (Self::Everything, scope) | (scope, Self::Everything) => scope.clone(),
            (Self::Clients(left), Self::Clients(right)) => Self::Clients(
                left.iter()
                    .filter_map(|(client, mine)| {
                        let both = match (mine, right.get(client)?) {
                            (Portion::Whole, portion) | (portion, Portion::Whole) => portion.clone(),
                            (Portion::Groups(mine), Portion::Groups(theirs)) => {
                                let both: BTreeSet<_> = mine.intersection(theirs).copied().collect();
                                if both.is_empty() {
                                    return None;
                                }
                                Portion::Groups(both)
                            }
                        };
                        Some((*client, both))
                    })
                    .collect(),
            ),
        }
    }

    /// Whether everything it admits is admitted by `other` too.
    pub fn is_within(&self, other: &Self) -> bool {
        self.intersection(other) == *self
    }
}

/// The first permission that `asked` would give and `held` does not, or
/// nothing: who makes a credential can give no more than they hold.
pub fn excess(asked: &[Grant], held: &[Grant]) -> Option<Permission> {
    Permission::ALL
        .iter()
        .copied()
        .find(|permission| !Scope::of(asked, *permission).is_within(&Scope::of(held, *permission)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fmt::Write;

    fn client(number: u128) -> ClientId {
        ClientId::from_bits(number)
    }

    fn group(number: u128) -> GroupId {
        GroupId::from_bits(number)
    }

    #[test]
    fn table() {
        let mut table = String::new();
        for permission in Permission::ALL {
            let marks: Vec<_> =
                Role::ALL.iter().map(|role| if permission.roles().contains(role) { "x" } else { "." }).collect();
            let _ = writeln!(
                table,
                "{:<20} {} {:?} {:?}",
                permission.word(),
                marks.join(" "),
                permission.reach(),
                permission.proof()
            );
        }
        // Columns: client, viewer, operator, approver, policy author, auditor, administrator.
        insta::assert_snapshot!(table, @r"
        read-fleet           x x x x x x x Portion Ordinary
        read-knowledge       x x x x x x x Portion Ordinary
        read-policy          . x x x x x x Portion Ordinary
        read-evidence        . . . . . x x Everything Ordinary
        read-metrics         . x x . . x x Everything Ordinary
        read-people          . . . . . x x Everything Ordinary
        edit-hosts           . . x . . . x Portion Ordinary
        enrol-hosts          . . x . . . x Portion Ordinary
        import-hosts         . . x . . . x Portion Ordinary
        edit-groups          . . x . . . x Client Ordinary
        edit-applications    . . x . . . x Client Ordinary
        edit-teams           . . x . x . x Client Ordinary
        acknowledge          . x x x x x x Portion Ordinary
        read-alerts          . . x . . x x Client Ordinary
        close-alerts         . . x . . . x Client Ordinary
        edit-policy          . . . . x . x Everything Ordinary
        comment-policy       . x x x x x x Portion Ordinary
        approve-policy       . . . x . . . Everything StepUp
        edit-exceptions      . . x . x . . Client Ordinary
        refuse-exceptions    . . . x . . . Client Ordinary
        read-questions       x x x x x x x Client Ordinary
        discuss-questions    x . x . . . . Client Ordinary
        answer-questions     x . . . . . . Client Ordinary
        draft-packages       . . x . . . x Client Ordinary
        submit-signatures    . . x x . . . Client Ordinary
        run-rollouts         . . x . . . x Client Ordinary
        stop-rollouts        . . x x . . x Client Ordinary
        read-work            . . x x x x x Client Ordinary
        record-work          . . x x x . x Client Ordinary
        approve              . . . x . . . Client StepUp
        read-notifications   . . x . . x x Client Ordinary
        acknowledge-notices  x x x x x x x Portion Ordinary
        edit-notifications   . . . . . . x Client Ordinary
        edit-clients         . . . . . . x Everything StepUp
        edit-people          . . . . . . x Everything StepUp
        edit-settings        . . . . . . x Everything StepUp
        ");
    }

    #[test]
    fn nobody_both_writes_and_approves_or_audits_and_changes() {
        // A remark on what is proposed, that one was told, one's own hours: they change nothing.
        let own = [Permission::CommentPolicy, Permission::Acknowledge, Permission::AcknowledgeNotices, Permission::RecordWork];
        let changes = |role| Permission::ALL.iter().filter(move |p| p.roles().contains(&role) && !p.word().starts_with("read-") && !own.contains(p));
        assert_eq!(changes(Role::Viewer).count() + changes(Role::Auditor).count(), 0);
        assert_eq!(changes(Role::Approver).collect::<Vec<_>>(), [&Permission::ApprovePolicy, &Permission::RefuseExceptions, &Permission::SubmitSignatures, &Permission::StopRollouts, &Permission::Approve]);
        assert_eq!(changes(Role::Client).collect::<Vec<_>>(), [&Permission::DiscussQuestions, &Permission::AnswerQuestions]);
        assert_eq!(Permission::AnswerQuestions.roles(), [Role::Client], "no provider answers for a client");
        assert_eq!(Permission::ApprovePolicy.roles(), [Role::Approver]);
        assert_eq!(Permission::Approve.roles(), [Role::Approver]);
        for role in Role::ALL {
            assert_eq!(Role::parse(role.word()), Some(role));
        }
    }

    #[test]
    fn scopes_narrow_and_never_widen() {
        use Permission::{EditClients, EditGroups, ReadFleet};
        let grants = [
            Grant::at(Role::Operator, client(1)),
            Grant::within(Role::Viewer, client(2), group(7)),
            Grant { role: Role::Administrator, client: None, group: Some(group(7)) },
        ];
        let read = Scope::of(&grants, ReadFleet);
        assert!(read.holds(client(1)) && !read.holds(client(2)) && !read.holds(client(3)));
        assert!(read.admits(client(2), &[group(6), group(7)]) && !read.admits(client(2), &[group(6)]) && !read.admits(client(2), &[]));
        // A group's grant gives nothing that concerns the whole client, a
        // client's nothing that concerns all, and a group without a client nothing.
        assert!(!Scope::of(&grants, EditGroups).holds(client(2)));
        assert!(Scope::of(&grants, EditClients).is_nothing());
        assert!(Scope::of(&[Grant::at(Role::Administrator, client(1))], EditClients).is_nothing());
        assert_eq!(Scope::of(&[Grant::everywhere(Role::Administrator)], EditClients), Scope::Everything);

        let everything = Scope::Everything;
        assert_eq!(everything.intersection(&read), read);
        assert!(read.is_within(&everything) && !everything.is_within(&read) && Scope::nothing().is_within(&read));
        let narrower = Scope::of(&[Grant::within(Role::Viewer, client(1), group(3))], ReadFleet);
        assert_eq!(read.intersection(&narrower), narrower);
        assert!(!read.is_within(&narrower));
        let elsewhere = Scope::of(&[Grant::within(Role::Viewer, client(2), group(8))], ReadFleet);
        assert!(read.intersection(&elsewhere).is_nothing());
    }

    #[test]
    fn a_credential_gives_no_more_than_its_maker_holds() {
        let operator = [Grant::at(Role::Operator, client(1))];
        assert_eq!(excess(&[Grant::at(Role::Viewer, client(1))], &operator), None);
        assert_eq!(excess(&[Grant::within(Role::Operator, client(1), group(1))], &operator), None);
        assert_eq!(excess(&[Grant::at(Role::Viewer, client(2))], &operator), Some(Permission::ReadFleet));
        assert_eq!(excess(&[Grant::everywhere(Role::Viewer)], &operator), Some(Permission::ReadFleet));
        // The policy is every client's, so that one client's author changes none.
        assert_eq!(excess(&[Grant::at(Role::PolicyAuthor, client(1))], &operator), None);
        assert_eq!(excess(&[Grant::everywhere(Role::PolicyAuthor)], &[Grant::everywhere(Role::Operator)]), Some(Permission::EditPolicy));
        assert_eq!(
            excess(&[Grant::everywhere(Role::Approver)], &[Grant::everywhere(Role::Administrator)]),
            Some(Permission::ApprovePolicy)
        );
    }
}
