//! **Audiences**: who the words of a policy mean when something is told.
//!
//! The caller gathers the facts of one client and of the applications that are
//! touched; nobody else can be found among them. Whoever has an account without
//! rights at the client is told nothing of it, whatever names them.

use crate::model::identifier::PersonId;
use crate::model::policy::governance::{Governance, Notify};
use std::collections::{BTreeMap, BTreeSet};

/// What somebody may do at the client that is told of.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Part {
    /// Speaks for the client.
    Client,
    /// Looks after its hosts.
    Operator,
    /// Signs changes.
    Approver,
    /// Reads the evidence.
    Auditor,
}

/// An account.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Account {
    /// Whose.
    pub id: PersonId,
    /// Name to sign in with.
    pub account: String,
    /// Address; none where nobody gave one.
    pub mail: Option<String>,
    /// What it may do at the client.
    pub parts: BTreeSet<Part>,
    /// Whether its rights reach the client at all.
    pub reaches: bool,
}

/// An application that runs on hosts of the change.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Touched {
    /// Name.
    pub name: String,
    /// Who answers for it; empty where nobody is named.
    pub owner: String,
    /// Who works on it; empty where nobody is named.
    pub team: String,
    /// Who is told about it.
    pub stakeholders: Vec<String>,
}

/// What is known of the matter and of its people.
#[derive(Clone, Copy, Debug)]
pub struct Facts<'a> {
    /// The policy's people.
    pub governance: &'a Governance,
    /// Open accounts, those without rights at the client among them.
    pub accounts: &'a [Account],
    /// Applications of the client on the hosts concerned.
    pub applications: &'a [Touched],
}

/// Somebody who is told.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Someone {
    /// Account, else the name that the policy or the application has.
    pub name: String,
    /// Address, in small letters; none where the console is the only way.
    pub mail: Option<String>,
    /// The account; none where an address has none.
    pub person: Option<PersonId>,
}

/// Whom a word means.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Meant {
    /// The policy's word.
    pub word: String,
    /// Each person once, by [`Someone::key`].
    pub people: BTreeMap<String, Someone>,
    /// Names that lead to nobody, and why not.
    pub unknown: BTreeMap<String, &'static str>,
    /// Why these and no others.
    pub because: String,
}

impl Someone {
    /// What makes two of them one: the account, else the address.
    pub fn key(&self) -> String {
        match (&self.person, &self.mail) {
            (Some(person), _) => person.to_string(),
            (None, Some(mail)) => mail.clone(),
            (None, None) => self.name.clone(),
        }
    }
}

/// Whom a word of the policy means here.
///
/// An entry of `[people]` comes first, so that a policy may say what it means
/// by `soc` or `owner`; then the words for roles and for people of the
/// applications; then accounts and addresses.
pub fn meant(word: &str, facts: &Facts<'_>) -> Meant {
    let mut found = Meant { word: word.to_owned(), people: BTreeMap::new(), unknown: BTreeMap::new(), because: String::new() };
    if facts.governance.people.contains_key(word) {
        found.because = format!("the policy says in people.{word} who that is");
        named(word, facts, &mut BTreeSet::new(), &mut found);
        return found;
    }
    let part = match word {
        "client" | "clients" => Some((Part::Client, "who speaks for the client")),
        "operators" => Some((Part::Operator, "who looks after its hosts")),
        "approvers" => Some((Part::Approver, "who signs changes for it")),
        "auditors" => Some((Part::Auditor, "who reads its evidence")),
        _ => None,
    };
    if let Some((part, words)) = part {
        let held: Vec<&Account> = facts.accounts.iter().filter(|account| account.reaches && account.parts.contains(&part)).collect();
        found.because = format!("{words}: {} account{}", held.len(), if held.len() == 1 { "" } else { "s" });
        held.into_iter().for_each(|account| add(&account.account, Some(account), None, facts, &mut found));
        return found;
    }
    let all = facts.applications.iter();
    let (what, people): (&str, BTreeSet<&str>) = match word {
        "owner" | "owners" | "service-owner" => ("owners", all.map(|one| one.owner.as_str()).collect()),
        "team" | "teams" | "project-teams" => ("teams", all.map(|one| one.team.as_str()).collect()),
        "users" | "stakeholders" => ("stakeholders", all.flat_map(|one| &one.stakeholders).map(String::as_str).collect()),
        _ => {
            found.because = "the policy names an account or an address".to_owned();
            named(word, facts, &mut BTreeSet::new(), &mut found);
            return found;
        }
    };
    let names: Vec<&str> = facts.applications.iter().map(|one| one.name.as_str()).collect();
    found.because = if names.is_empty() { format!("{what} of applications: none runs on these hosts") } else { format!("{what} of {}", names.join(", ")) };
    for name in people.into_iter().filter(|name| !name.is_empty()) {
        named(name, facts, &mut BTreeSet::new(), &mut found);
    }
    found
}

/// A name: an entry of the policy with its members, an account, an address.
fn named<'a>(name: &'a str, facts: &Facts<'a>, met: &mut BTreeSet<&'a str>, found: &mut Meant) {
    // Groups may name each other.
    if !met.insert(name) {
        return;
    }
    let account = facts.accounts.iter().find(|account| account.account.eq_ignore_ascii_case(name));
    let Some(entry) = facts.governance.people.get(name) else {
        return add(name, account, name.contains('@').then_some(name), facts, found);
    };
    if entry.mail.is_some() || entry.members.is_empty() {
        add(name, account, entry.mail.as_deref(), facts, found);
    }
    for member in &entry.members {
        named(member, facts, met, found);
    }
}

fn add(name: &str, account: Option<&Account>, mail: Option<&str>, facts: &Facts<'_>, found: &mut Meant) {
    let of_mail = |mail: &str| facts.accounts.iter().find(|account| account.mail.as_deref().is_some_and(|own| own.eq_ignore_ascii_case(mail)));
    // An address speaks for the account that has it: what its holder may not
    // see is not written to it either.
    let holder = mail.and_then(of_mail).or(account);
    if holder.is_some_and(|holder| !holder.reaches) {
        found.unknown.insert(name.to_owned(), "has an account without rights at this client");
        return;
    }
    let mail = mail.or_else(|| holder.and_then(|holder| holder.mail.as_deref())).map(str::to_lowercase);
    if mail.is_none() && holder.is_none() {
        found.unknown.insert(name.to_owned(), "is no account, no address, and nobody in [people] with one");
        return;
    }
    let someone = Someone { name: holder.map_or(name, |holder| holder.account.as_str()).to_owned(), mail, person: holder.map(|holder| holder.id) };
    found.people.entry(someone.key()).or_insert(someone);
}

/// Words of the policy that can lead to nobody, whatever is told: nothing but an
/// entry of `[people]` could say who it is. Each with the key that has it.
pub fn leading_nowhere(governance: &Governance) -> BTreeSet<(String, &str)> {
    let notices = governance.notify.iter().flat_map(Notify::notices);
    let notices = notices.flat_map(|(event, notice)| notice.to.iter().map(move |word| (format!("notify.{event}"), word)));
    let overdue = governance.notify.iter().filter_map(|notify| notify.overdue.as_ref()).flat_map(|overdue| &overdue.to);
    let steps = governance.escalation.iter().flat_map(|step| &step.to).map(|word| ("escalation".to_owned(), word));
    let nowhere = |word: &str| ["account-manager", "auto", "everyone", "management", "security", "soc"].contains(&word) && !governance.people.contains_key(word);
    let all = notices.chain(overdue.map(|word| ("notify.overdue".to_owned(), word))).chain(steps);
    all.filter(|(_, word)| nowhere(word)).map(|(place, word)| (place, word.as_str())).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::policy::governance::{Escalation, Percent, Person};
    use proptest::prelude::*;

    fn account(number: u128, name: &str, mail: Option<&str>, parts: &[Part]) -> Account {
        Account { id: PersonId::from_bits(number), account: name.to_owned(), mail: mail.map(str::to_owned), parts: parts.iter().copied().collect(), reaches: true }
    }

    fn shop() -> Touched {
        Touched { name: "shop".into(), owner: "ana".into(), team: "web".into(), stakeholders: vec!["sales@acme.example".into(), "bo".into()] }
    }

    fn mails(found: &Meant) -> BTreeSet<&str> {
        found.people.values().filter_map(|one| one.mail.as_deref()).collect()
    }

    #[test]
    fn words_mean_people_of_the_matter_and_nobody_else() {
        let web = Person { members: vec!["ana".into(), "web".into(), "kim".into()], ..Person::default() };
        let kim = Person { mail: Some("Kim@acme.example".into()), ..Person::default() };
        let governance = Governance { people: [("web".to_owned(), web), ("kim".to_owned(), kim)].into(), ..Governance::default() };
        let stranger = Account { reaches: false, ..account(3, "eve", Some("eve@other.example"), &[Part::Client]) };
        let accounts = [account(1, "Ana", Some("ana@acme.example"), &[Part::Operator]), account(2, "carl", None, &[Part::Client]), stranger];
        let applications = [shop()];
        let facts = Facts { governance: &governance, accounts: &accounts, applications: &applications };
        let owners = meant("owners", &facts);
        assert_eq!((mails(&owners), owners.because.as_str()), (["ana@acme.example"].into(), "owners of shop"));
        assert_eq!(mails(&meant("team", &facts)), ["ana@acme.example", "kim@acme.example"].into(), "a group that names itself ends");
        let client = meant("client", &facts);
        assert_eq!(client.people.values().map(|one| (one.name.as_str(), &one.mail)).collect::<Vec<_>>(), [("carl", &None)], "reads it in the console");
        let users = meant("users", &facts);
        assert_eq!((mails(&users), users.unknown.keys().map(String::as_str).collect::<Vec<_>>()), (["sales@acme.example"].into(), vec!["bo"]));
        let owners = meant("owners", &Facts { applications: &[], ..facts });
        assert!(owners.people.is_empty() && owners.because.contains("none runs on these hosts"), "{owners:?}");
        assert!(meant("soc", &facts).people.is_empty());
        for name in ["eve", "EVE@other.example"] {
            let eve = meant(name, &facts);
            assert!(eve.people.is_empty() && eve.unknown[name].contains("without rights at this client"), "{eve:?}");
        }
    }

    #[test]
    fn what_the_policy_says_of_a_word_comes_first() {
        let soc = Person { mail: Some("soc@acme.example".into()), ..Person::default() };
        let escalation = vec![Escalation { at_percent: Percent(80), to: vec!["soc".into(), "management".into(), "owners".into()], levels: Vec::new() }];
        let governance = Governance { people: [("soc".to_owned(), soc.clone()), ("owners".to_owned(), soc)].into(), escalation, ..Governance::default() };
        let facts = Facts { governance: &governance, accounts: &[], applications: &[shop()] };
        assert_eq!(mails(&meant("soc", &facts)), ["soc@acme.example"].into());
        assert_eq!(mails(&meant("owners", &facts)), ["soc@acme.example"].into());
        assert_eq!(leading_nowhere(&governance), [("escalation".to_owned(), "management")].into());
    }

    proptest! {
        /// Whatever names whom: nobody without rights at the client is found,
        /// neither by account nor by address, and nobody twice.
        #[test]
        fn nobody_without_rights_is_told(
            reach in prop::collection::vec(any::<bool>(), 4),
            members in prop::collection::vec(0_usize..10, 0..8),
            word in prop::sample::select(vec!["client", "operators", "owners", "users", "group", "a0", "a1@x.example"]),
        ) {
            let accounts: Vec<Account> = reach.iter().enumerate().map(|(number, reaches)| Account {
                reaches: *reaches,
                ..account(number as u128 + 1, &format!("a{number}"), Some(&format!("a{number}@x.example")), &[Part::Client, Part::Operator])
            }).collect();
            let name = |number: &usize| if number.is_multiple_of(2) { format!("a{}", number / 2) } else { format!("A{}@X.example", number / 2) };
            let names: Vec<String> = members.iter().map(name).collect();
            let group = Person { members: names.clone(), ..Person::default() };
            let governance = Governance { people: [("group".to_owned(), group)].into(), ..Governance::default() };
            let applications = [Touched { name: "x".into(), owner: names.first().cloned().unwrap_or_default(), team: String::new(), stakeholders: names }];
            let found = meant(word, &Facts { governance: &governance, accounts: &accounts, applications: &applications });
            let mut met = BTreeSet::new();
            for one in found.people.values() {
                let known = accounts.iter().find(|account| account.mail == one.mail);
                prop_assert!(known.is_none_or(|account| account.reaches), "{:?}", one);
                prop_assert!(met.insert(&one.mail), "twice {:?}", one);
            }
        }
    }
}
