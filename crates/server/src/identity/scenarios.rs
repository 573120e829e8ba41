//! What must hold of identity, told as scenarios: E2, E3, C3's ground, C5, C9,
//! C10, C12 of the numbered checks.

use super::enrolment::{self, NewEnrolment};
use super::people::NewPerson;
use super::proof::Proof;
use super::role::{Grant, Permission, Role, Scope};
use super::secret::Secret;
use super::session::NewSession;
use super::sign_in::Step;
use super::stage::{PASSWORD, Stage, administrator, client};
use super::token::NewToken;
use super::totp;
use crate::http::gate::Caller;
use crate::http::problem::Refusal;
use plimsoll_core::model::identifier::GroupId;
use std::collections::BTreeMap;

fn code(refusal: &Refusal) -> (u16, String) {
    (refusal.status().as_u16(), refusal.code().to_owned())
}

/// C9: sessions die when they should, all at once.
#[tokio::test]
async fn sessions_die_when_they_should() {
    let stage = Stage::new();
    let alice = stage.person("Alice", &[administrator()]).await;
    let dead = |result: Result<_, Refusal>| code(&result.map(|_: super::principal::Principal| ()).unwrap_err()) == (401, "E-SESSION".to_owned());

    // Fixation: what the browser had before is worth nothing after.
    let first = stage.sign_in("alice").await;
    let headers = stage.headers(Some(&first));
    let Step::Done(second) = stage.identity.sign_in_by_password("ALICE", PASSWORD, &stage.browser(&headers)).await.unwrap() else {
        panic!("no second step is asked")
    };
    assert!(dead(stage.who(&first).await));
    assert!(stage.who(&second).await.is_ok());

    // Idle: used within the hour it lives, left alone for it dies.
    stage.wait(3_000);
    assert!(stage.who(&second).await.is_ok());
    stage.wait(3_000);
    assert!(stage.who(&second).await.is_ok());
    let touches = stage.memory.rows().touches;
    assert!(stage.who(&second).await.is_ok());
    assert_eq!(stage.memory.rows().touches, touches, "reading pages writes nothing");
    stage.wait(3_601);
    assert!(dead(stage.who(&second).await));

    // Absolute: no use keeps it alive.
    let third = stage.sign_in("alice").await;
    for _ in 0..14 {
        stage.wait(3_000);
        assert!(stage.who(&third).await.is_ok());
    }
    stage.wait(1_201);
    assert!(dead(stage.who(&third).await));

    // Two browsers: signing out ends one, a new password all.
    let (here, there) = (stage.sign_in("alice").await, stage.sign_in("alice").await);
    stage.identity.sign_out(&stage.who(&here).await.unwrap(), stage.caller()).await.unwrap();
    assert!(dead(stage.who(&here).await));
    assert!(stage.who(&there).await.is_ok());
    let link = stage.identity.link(&stage.identity.local_steward(), alice).await.unwrap();
    let (proven, principal) = stage.proven("alice").await;
    let headers = stage.headers(Some(&proven));
    let renewed = stage.identity.set_own_password(&principal, "quiet harbour ledger falcon", &stage.browser(&headers)).await.unwrap();
    assert!(dead(stage.who(&there).await) && dead(stage.who(&proven).await));
    assert!(stage.who(&renewed).await.is_ok());
    let headers = stage.headers(None);
    let reused = stage.identity.sign_in_by_link(link.secret.expose(), &stage.browser(&headers)).await.unwrap_err();
    assert_eq!(code(&reused), (401, "E-LINK".to_owned()), "a link from before the password changed is dead");

    // Ending the others keeps the one that asks.
    stage.memory.rows().people.get_mut(&alice).unwrap().password = Some(stage.row(alice).password.unwrap());
    let names = stage.identity.own_sessions(&stage.who(&renewed).await.unwrap()).await.unwrap();
    assert_eq!(names.len(), 1);
    assert!(names[0].current);

    // A session of an older generation is dead even where its row survived.
    stage.memory.rows().people.get_mut(&alice).unwrap().generation += 1;
    assert!(dead(stage.who(&renewed).await));
}

/// A one-time link works once, for a while, and stands for the password only.
#[tokio::test]
async fn links_work_once() {
    let stage = Stage::new();
    let alice = stage.person("alice", &[administrator()]).await;
    let steward = stage.identity.local_steward();
    let headers = stage.headers(None);
    let from = stage.browser(&headers);
    let link = stage.identity.link(&steward, alice).await.unwrap();
    let all = (0..50).map(|_| stage.identity.sign_in_by_link(link.secret.expose(), &from));
    let mut won = 0;
    for attempt in all {
        won += usize::from(matches!(attempt.await, Ok(Step::Done(_))));
    }
    assert_eq!(won, 1);
    stage.forget_tries();
    let late = stage.identity.link(&steward, alice).await.unwrap();
    stage.wait(901);
    assert_eq!(code(&stage.identity.sign_in_by_link(late.secret.expose(), &from).await.unwrap_err()).1, "E-LINK");

    // With an app registered, the link is the first of two steps.
    let link = stage.identity.link(&steward, alice).await.unwrap();
    register_app(&stage, "alice").await;
    let Step::Second(question) = stage.identity.sign_in_by_link(link.secret.expose(), &from).await.unwrap() else {
        panic!("a second step is asked")
    };
    assert!(question.code && question.recovery_code && !question.password);
}

/// Registers an app and gives its seed and the recovery codes.
async fn register_app(stage: &Stage, account: &str) -> (Vec<u8>, Vec<String>) {
    let (_, principal) = stage.proven(account).await;
    let app = stage.identity.begin_app(&principal).await.unwrap();
    let seed = data_encoding::BASE32_NOPAD.decode(app.seed.as_bytes()).unwrap();
    let code = code_of(stage, &seed);
    let done = stage.identity.end_app(&principal, &app.ticket, &code, "phone", stage.caller()).await.unwrap();
    (seed, done.recovery_codes.unwrap())
}

fn code_of(stage: &Stage, seed: &[u8]) -> String {
    let app = totp_rs::Builder::new().with_secret(totp_rs::Secret::from(seed.to_vec())).build().unwrap();
    app.generate(u64::try_from(stage.identity.now().as_second()).unwrap()).to_string()
}

/// One-time codes: asked, counted once, bounded, and replaced by recovery codes.
#[tokio::test]
async fn second_steps() {
    let stage = Stage::new();
    stage.person("alice", &[administrator()]).await;
    let (seed, codes) = register_app(&stage, "alice").await;
    let headers = stage.headers(None);
    let from = stage.browser(&headers);
    let first = || async {
        match stage.identity.sign_in_by_password("alice", PASSWORD, &from).await.unwrap() {
            Step::Second(question) => question.ticket,
            Step::Done(_) => panic!("a second step is asked"),
        }
    };
    // The code that registered the app does not count again.
    let used = Proof::Code(code_of(&stage, &seed));
    let ticket = first().await;
    assert_eq!(code(&stage.identity.second_step(&ticket, &used, &from).await.unwrap_err()).1, "E-PROOF");
    stage.wait(30);
    let good = Proof::Code(code_of(&stage, &seed));
    // Two at once with one code: one gets in.
    let (left, right) = (first().await, first().await);
    let session = stage.identity.second_step(&left, &good, &from).await.unwrap();
    assert_eq!(code(&stage.identity.second_step(&right, &good, &from).await.unwrap_err()).1, "E-PROOF");
    assert_eq!(stage.who(&session).await.unwrap().strength, super::principal::Strength::SecondFactor);
    assert_eq!(code(&stage.identity.second_step(&left, &good, &from).await.unwrap_err()).1, "E-TICKET");
    // The password alone does not step up any more.
    let password = Proof::Password(PASSWORD.to_owned());
    let principal = stage.who(&session).await.unwrap();
    let question = stage.identity.ask_fresh(&principal).await.unwrap();
    assert!(!question.password);
    let at = stage.headers(Some(&session));
    assert_eq!(code(&stage.identity.prove_fresh(&principal, &question.ticket, &password, &stage.browser(&at)).await.unwrap_err()).1, "E-PROOF");
    // Guessing ends the ticket, then the person's tries.
    stage.forget_tries();
    let ticket = first().await;
    let mut answers = BTreeMap::new();
    for guess in 0..20 {
        let guess = Proof::Code(format!("{guess:06}"));
        *answers.entry(code(&stage.identity.second_step(&ticket, &guess, &from).await.unwrap_err()).1).or_insert(0) += 1;
    }
    assert_eq!(answers, BTreeMap::from([("E-PROOF".to_owned(), 5), ("E-TICKET".to_owned(), 15)]));
    let ticket = first().await;
    for guess in 0..5 {
        let _ = stage.identity.second_step(&ticket, &Proof::Code(format!("{guess:06}")), &from).await;
    }
    let ticket = first().await;
    stage.wait(1);
    let refusal = stage.identity.second_step(&ticket, &Proof::Code(code_of(&stage, &seed)), &from).await.unwrap_err();
    assert_eq!(code(&refusal), (429, "E-ATTEMPTS".to_owned()));
    // A recovery code works once.
    stage.forget_tries();
    let recovery = Proof::RecoveryCode(codes[3].to_uppercase());
    let ticket = first().await;
    stage.identity.second_step(&ticket, &recovery, &from).await.unwrap();
    let ticket = first().await;
    assert_eq!(code(&stage.identity.second_step(&ticket, &recovery, &from).await.unwrap_err()).1, "E-PROOF");
    // A half-done sign-in does not outlive a change of the account.
    let alice = stage.memory.rows().people.values().next().unwrap().id;
    let ticket = first().await;
    stage.identity.set_grants(&stage.identity.local_steward(), alice, &[administrator()]).await.unwrap();
    stage.wait(60);
    let refusal = stage.identity.second_step(&ticket, &Proof::Code(code_of(&stage, &seed)), &from).await.unwrap_err();
    assert_eq!(code(&refusal).1, "E-PROOF");
}

/// C5: a token holds no more than its maker, at each moment.
#[tokio::test]
async fn tokens_shrink_with_their_makers() {
    let stage = Stage::new();
    let operator = Grant::at(Role::Operator, client(1));
    let alice = stage.person("alice", &[operator]).await;
    let (_, principal) = stage.proven("alice").await;
    let make = |grants: Vec<Grant>| {
        let new = NewToken { name: "script".to_owned(), grants, days: 30 };
        stage.identity.make_token(&principal, new, stage.caller())
    };
    for more in [
        vec![Grant::everywhere(Role::Operator)],
        vec![Grant::at(Role::Operator, client(2))],
        vec![Grant::at(Role::Administrator, client(1))],
        vec![operator, Grant::at(Role::Auditor, client(2))],
        vec![],
    ] {
        assert_eq!(code(&make(more.clone()).await.unwrap_err()), (403, "E-TOKEN-SCOPE".to_owned()), "{more:?}");
    }
    let made = make(vec![operator]).await.unwrap();
    assert!(made.secret.expose().starts_with("plim_"));
    let token = stage.bearer(&made.secret).await.unwrap();
    assert!(token.scope(Permission::EditHosts).holds(client(1)));
    // No token makes tokens, or anything else that asks for the person.
    let new = NewToken { name: "child".to_owned(), grants: vec![operator], days: 1 };
    assert_eq!(stage.identity.make_token(&token, new, stage.caller()).await.unwrap_err().status().as_u16(), 401);

    let steward = stage.identity.local_steward();
    stage.identity.set_grants(&steward, alice, &[Grant::within(Role::Viewer, client(1), GroupId::from_bits(3))]).await.unwrap();
    let token = stage.bearer(&made.secret).await.unwrap();
    assert_eq!(token.scope(Permission::EditHosts), Scope::nothing());
    assert!(!token.scope(Permission::ReadFleet).holds(client(1)));
    assert!(token.scope(Permission::ReadFleet).admits(client(1), &[GroupId::from_bits(3)]));
    // More for the maker is not more for the token.
    stage.identity.set_grants(&steward, alice, &[administrator()]).await.unwrap();
    let token = stage.bearer(&made.secret).await.unwrap();
    assert!(token.may(Permission::EditHosts) && !token.may(Permission::EditPeople));
    assert!(!token.scope(Permission::EditHosts).holds(client(2)));

    stage.identity.set_disabled(&steward, alice, true).await.unwrap_err();
    stage.person("bob", &[administrator()]).await;
    stage.identity.set_disabled(&steward, alice, true).await.unwrap();
    assert_eq!(code(&stage.bearer(&made.secret).await.unwrap_err()), (401, "E-TOKEN".to_owned()));
    stage.identity.set_disabled(&steward, alice, false).await.unwrap();
    stage.wait(31 * 24 * 3_600);
    assert_eq!(code(&stage.bearer(&made.secret).await.unwrap_err()), (401, "E-TOKEN".to_owned()));
}

/// C10: guessing ends whatever address the headers claim; and unknown
/// accounts answer as known ones do.
#[tokio::test]
async fn guessing_ends() {
    let stage = Stage::new();
    stage.person("alice", &[administrator()]).await;
    let headers = stage.headers(None);
    for account in ["alice", "nobody-here"] {
        let mut answers = BTreeMap::new();
        for _ in 0..15 {
            let refusal = stage.identity.sign_in_by_password(account, "wrong", &stage.browser(&headers)).await.unwrap_err();
            *answers.entry(refusal.code().to_owned()).or_insert(0) += 1;
        }
        assert_eq!(answers, BTreeMap::from([("E-ATTEMPTS".to_owned(), 5), ("E-CREDENTIALS".to_owned(), 10)]), "{account}");
    }
    // Bad tokens run out too, before the store is asked again.
    let wrong = Secret::make("plim_").unwrap();
    let mut answers = BTreeMap::new();
    for _ in 0..100 {
        *answers.entry(stage.bearer(&wrong).await.unwrap_err().code().to_owned()).or_insert(0) += 1;
    }
    assert_eq!(answers, BTreeMap::from([("E-ATTEMPTS".to_owned(), 40), ("E-TOKEN".to_owned(), 60)]));
}

/// C12: a stolen cookie without its owner's proof changes no right and plants
/// no key.
#[tokio::test]
async fn a_stolen_cookie_is_not_enough() {
    let stage = Stage::new();
    let alice = stage.person("alice", &[administrator(), Grant::everywhere(Role::Approver)]).await;
    let bob = stage.person("bob", &[]).await;
    let stolen = stage.who(&stage.sign_in("alice").await).await.unwrap();
    let now = stage.identity.now();
    let step_up = (403, "E-STEP-UP".to_owned());
    for permission in [Permission::Approve, Permission::EditPeople, Permission::EditSettings, Permission::EditClients] {
        assert_eq!(code(&stolen.allow(permission, now).unwrap_err()), step_up);
    }
    let headers = stage.headers(None);
    let from = stage.browser(&headers);
    assert_eq!(code(&stage.identity.begin_app(&stolen).await.unwrap_err()), step_up);
    assert_eq!(code(&stage.identity.begin_passkey(&stolen).await.unwrap_err()), step_up);
    assert_eq!(code(&stage.identity.make_recovery_codes(&stolen, stage.caller()).await.unwrap_err()), step_up);
    assert_eq!(code(&stage.identity.set_own_password(&stolen, "quiet harbour ledger falcon", &from).await.unwrap_err()), step_up);
    assert_eq!(code(&stage.identity.remove_factor(&stolen, "x", stage.caller()).await.unwrap_err()), step_up);
    let new = NewToken { name: "x".to_owned(), grants: vec![administrator()], days: 1 };
    assert_eq!(code(&stage.identity.make_token(&stolen, new, stage.caller()).await.unwrap_err()), step_up);
    assert_eq!(code(&stage.identity.steward(&stolen, stage.caller()).unwrap_err()), step_up);

    // With a proof it works, for five minutes, and not on oneself.
    let (_, proven) = stage.proven("alice").await;
    let steward = stage.identity.steward(&proven, stage.caller()).unwrap();
    stage.identity.set_grants(&steward, bob, &[Grant::everywhere(Role::Viewer)]).await.unwrap();
    assert_eq!(code(&stage.identity.set_grants(&steward, alice, &[administrator()]).await.unwrap_err()), (403, "E-SELF".to_owned()));
    assert_eq!(code(&stage.identity.link(&steward, alice).await.unwrap_err()).1, "E-SELF");
    assert_eq!(code(&stage.identity.set_password(&steward, bob, PASSWORD).await.unwrap_err()).1, "E-SELF");
    stage.wait(301);
    assert_eq!(code(&stage.identity.steward(&proven, stage.caller()).unwrap_err()), step_up);
    // The proof of one session is none for another, nor its key from before.
    let one = stage.who(&stage.sign_in("alice").await).await.unwrap();
    let other: NewSession = stage.sign_in("alice").await;
    let other_principal = stage.who(&other).await.unwrap();
    let question = stage.identity.ask_fresh(&one).await.unwrap();
    let proof = Proof::Password(PASSWORD.to_owned());
    let at = stage.headers(Some(&other));
    let refusal = stage.identity.prove_fresh(&other_principal, &question.ticket, &proof, &stage.browser(&at)).await.unwrap_err();
    assert_eq!(code(&refusal).1, "E-PROOF");
}

/// The last administrator stays, and an emergency account is heard of.
#[tokio::test]
async fn administrators_and_emergencies() {
    let stage = Stage::new();
    let alice = stage.person("alice", &[administrator()]).await;
    let steward = stage.identity.local_steward();
    assert_eq!(code(&stage.identity.set_grants(&steward, alice, &[]).await.unwrap_err()), (409, "E-LAST".to_owned()));
    let twice = NewPerson { account: "ALICE".to_owned(), name: "x".to_owned(), email: None, grants: Vec::new(), break_glass: false };
    assert_eq!(code(&stage.identity.add_person(&steward, twice.clone()).await.unwrap_err()), (409, "E-ACCOUNT".to_owned()));
    for bad in ["", " ", "a\u{202e}b", "a\nb", &"x".repeat(129)] {
        let bad = NewPerson { account: bad.to_owned(), ..twice.clone() };
        assert_eq!(code(&stage.identity.add_person(&steward, bad).await.unwrap_err()), (400, "E-TEXT".to_owned()));
    }
    let emergency = stage.person("emergency", &[administrator()]).await;
    stage.memory.rows().people.get_mut(&emergency).unwrap().break_glass = true;
    stage.sign_in("emergency").await;
    let alarms = stage.memory.rows().alarms.clone();
    assert_eq!(alarms, [("A-BREAK-GLASS", "The emergency account emergency signed in from 192.0.2.1.".to_owned())]);
}

/// E2, and E1's share of identity.
#[tokio::test]
async fn enrolment_tokens() {
    let stage = Stage::new();
    stage.person("alice", &[Grant::within(Role::Operator, client(1), GroupId::from_bits(3))]).await;
    let principal = stage.who(&stage.sign_in("alice").await).await.unwrap();
    let new = |client_number, group: Option<u128>, hours, uses| NewEnrolment {
        client: client(client_number),
        group: group.map(GroupId::from_bits),
        labels: BTreeMap::new(),
        note: "rack 4".to_owned(),
        hours,
        uses,
    };
    for (client_number, group) in [(1, None), (1, Some(4)), (2, Some(3)), (2, None)] {
        let made = stage.identity.make_enrolment(&principal, new(client_number, group, 1, 1), stage.caller()).await;
        assert_eq!(code(&made.unwrap_err()), (403, "E-PERMISSION".to_owned()));
    }
    for (hours, uses) in [(0, 1), (721, 1), (1, 0), (1, 10_001)] {
        let made = stage.identity.make_enrolment(&principal, new(1, Some(3), hours, uses), stage.caller()).await;
        assert_eq!(code(&made.unwrap_err()), (400, "E-TOKEN-LIFE".to_owned()));
    }
    let made = stage.identity.make_enrolment(&principal, new(1, Some(3), 1, 1), stage.caller()).await.unwrap();
    let secret = made.secret.expose();
    assert!(secret.starts_with("plimjoin_"));
    let token = stage.identity.enrolment(secret, stage.caller()).await.unwrap();
    assert_eq!((token.client, token.group), (client(1), Some(GroupId::from_bits(3))));
    stage.memory.rows().enrolments.get_mut(&made.id).unwrap().used = 1;
    assert_eq!(stage.identity.enrolment(secret, stage.caller()).await.unwrap_err(), enrolment::spent());
    assert_eq!(stage.memory.rows().alarms.len(), 1, "a token tried again is heard of");
    stage.memory.rows().enrolments.get_mut(&made.id).unwrap().used = 0;
    stage.wait(3_600);
    assert_eq!(code(&stage.identity.enrolment(secret, stage.caller()).await.unwrap_err()).1, "E-TOKEN-EXPIRED");

    let guesser = Caller { address: "198.51.100.9".parse().unwrap(), request: String::new() };
    let mut answers = BTreeMap::new();
    for _ in 0..1_000 {
        let guess = Secret::make("plimjoin_").unwrap();
        let refusal = stage.identity.enrolment(guess.expose(), &guesser).await.unwrap_err();
        *answers.entry(refusal.code().to_owned()).or_insert(0) += 1;
    }
    assert_eq!(answers, BTreeMap::from([("E-ATTEMPTS".to_owned(), 940), ("E-TOKEN".to_owned(), 60)]));
}

/// E3: what is kept opens nothing.
#[tokio::test]
async fn what_is_kept_opens_nothing() {
    let stage = Stage::new();
    let alice = stage.person("alice", &[administrator()]).await;
    let steward = stage.identity.local_steward();
    let link = stage.identity.link(&steward, alice).await.unwrap();
    let (session, principal) = stage.proven("alice").await;
    let new = NewToken { name: "x".to_owned(), grants: vec![administrator()], days: 1 };
    let token = stage.identity.make_token(&principal, new, stage.caller()).await.unwrap();
    let enrol = NewEnrolment { client: client(1), group: None, labels: BTreeMap::new(), note: "x".to_owned(), hours: 1, uses: 1 };
    let enrolment = stage.identity.make_local_enrolment(enrol).await.unwrap();
    let app = stage.identity.begin_app(&principal).await.unwrap();
    let codes = stage.identity.make_recovery_codes(&principal, stage.caller()).await.unwrap();
    let cookie = stage.headers(Some(&session));
    let cookie = cookie["cookie"].to_str().unwrap().split_once('=').unwrap().1.to_owned();
    // `Debug` of a digest shortens it, so the rows are written out whole.
    let rows = stage.memory.rows();
    let mut dump = format!("{rows:?}");
    for digest in rows.sessions.keys().chain(rows.links.keys()).chain(rows.tickets.keys()).chain(rows.codes.iter().map(|(_, code)| code)) {
        dump.push_str(digest.as_str());
    }
    let secrets = [link.secret.expose(), token.secret.expose(), enrolment.secret.expose(), &cookie, &app.ticket, PASSWORD];
    for secret in secrets.into_iter().chain(codes.iter().map(String::as_str)) {
        assert!(!dump.contains(secret) && secret.len() > 15, "{secret}");
    }
    assert_eq!(totp::RECOVERY_CODES, codes.len());
}
