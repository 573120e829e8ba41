use super::*;

fn held(words: &Words, role: &str, scope: &str) -> RoleHeld {
    RoleHeld { value: words.say("operator|01kclient|"), role: words.say(role), scope: words.say(scope) }
}

pub(in crate::console) fn people(words: &Words) -> People {
    let person = |place: usize, account: &str, name: &str, factors: &[&str]| PersonRow {
        id: words.say("01kperson"),
        account: words.say(account),
        name: words.say(name),
        mail: (place != 1).then(|| words.say("ingrid.solheim@nordwerft.example")),
        roles: if place == 2 { vec![] } else { vec![held(words, "administrator", "everywhere"), held(words, "policy author", "client Nordwerft")] },
        factors: words.all(factors),
        through: words.say(if place == 1 { "https://id.nordwerft.example" } else { "local account" }),
        made: ago(place as i64 * 3000),
        locked: place == 1,
        own: place == 0,
    };
    People {
        rows: vec![
            person(0, "ingrid", "Ingrid Solheim", &["passkey", "one-time codes"]),
            person(1, "ragnhild.ostergard-hamalainen.with-a-long-name", "Ragnhild Østergård-Hämäläinen", &["passkey"]),
            person(2, "per", "Per Dahl", &[]),
        ],
        roles: words.choices(&[("viewer", "viewer: sees hosts, findings and policy"), ("operator", "operator: looks after hosts and groups"), ("auditor", "auditor: sees everything, changes nothing")]),
        places: words.choices(&[("|", "everywhere"), ("01kclient|", "client Nordwerft"), ("01kclient|01kgroup", "group web of Nordwerft")]),
        changes: true,
        invitation: None,
    }
}

pub(in crate::console) fn people_invited(words: &Words) -> People {
    let address = words.say("https://plimsoll.nordwerft.example/console/sign-in/link/plimlink_4qv9d1c0k8m2x74qv9d1c0k8m2x74qv9d1c0k8m2x7");
    People { invitation: Some(Invitation { name: words.say("per"), address, expires: now() + SignedDuration::from_mins(15) }), ..people(words) }
}

pub(in crate::console) fn tokens(words: &Words) -> Tokens {
    let token = |place: usize| ApiTokenRow { id: words.say("01ktoken00000000000000000000"), name: words.say("nightly report"), scopes: vec![held(words, "viewer", "everywhere"), held(words, "auditor", "everywhere")], made: ago(400), expires: if place == 1 { ago(20) } else { ahead(24 * 60) }, used: (place == 0).then(|| ago(3)), revoked: place == 2 };
    Tokens { rows: (0..3).map(token).collect(), scopes: words.choices(&[("viewer||", "viewer, everywhere"), ("operator|01kclient|", "operator, client Nordwerft")]), days: 366, created: Some(NewSecret { name: words.say("nightly report"), secret: words.say("plim_7x2k9mq4wv8d1c0k8m2x7r5t3y6u9p0a") }) }
}

pub(in crate::console) fn no_tokens(words: &Words) -> Tokens {
    Tokens { rows: vec![], created: None, ..tokens(words) }
}

pub(in crate::console) fn clients(words: &Words) -> Clients {
    let client = |name: &str, hosts, away: Option<i64>| ClientItem { id: words.say("01kclient"), name: words.say(name), made: ago(4000), away: away.map(ago), hosts };
    let rows = vec![client("Hafenbetriebe", words.figure(118), None), client("Nordwerft", words.figure(0), None), client("Seilerei Ost", 0, Some(300))];
    Clients { rows, changes: true }
}

pub(in crate::console) fn read_clients(words: &Words) -> Clients {
    Clients { changes: false, ..clients(words) }
}

pub(in crate::console) fn alerts(words: &Words) -> Alerts {
    let alert = |kind: &str, text: &str, object: &str, link: Option<&str>, client: Option<&str>, hours| AlertItem {
        id: words.say("01kalert"),
        kind: words.say(kind),
        text: words.say(text),
        object: words.say(object),
        link: link.map(|link| words.say(link)),
        client: client.map(|client| words.say(client)),
        raised: ago(hours + 30),
        times: words.figure(3),
        last: ago(hours),
    };
    let rows = vec![
        alert("E-BREAK-GLASS", "The emergency account was used from 192.0.2.7.", "person:01k8m2x7r5t3y6u9p0a7x2k9mq", Some("/console/people"), None, 1),
        alert("E-WEBHOOK-OFF", "chat was switched off: every try failed for three days", "webhook:01k8m2x7r5t3y6u9p0a7x2k9mr", Some("/console/webhooks"), Some("Nordwerft"), 40),
        alert("E-OTHER", "A kind that has no page of its own.", "server", None, None, 90),
    ];
    Alerts { rows, closes: true }
}

pub(in crate::console) fn read_alerts(words: &Words) -> Alerts {
    Alerts { closes: false, ..alerts(words) }
}

pub(in crate::console) fn no_alerts() -> Alerts {
    Alerts { rows: vec![], closes: true }
}

fn exception(words: &Words, place: usize) -> ExceptionItem {
    let states = [("requested", "due-soon"), ("approved", "excepted"), ("expired", "late"), ("refused", "none")];
    ExceptionItem {
        id: words.say("01kexception"),
        client: (place != 1).then(|| words.say("Nordwerft")),
        state: states[place % 4],
        kind: "put off to a new date",
        advisories: words.all(&["DSA-6015-1", "DSA-5998-1", "DSA-5990-1", "DSA-5980-1"]),
        package: (place == 1).then(|| words.say("openssl")),
        hosts: words.say("group web"),
        findings: words.figure(41),
        owner: words.say("Ragnhild Østergård-Hämäläinen"),
        reason: words.say("The cluster of the shop is upgraded first; the fix needs the new release."),
        control: if place == 2 { String::new() } else { words.say("The port is closed outside of the yard's network.") },
        until: ahead(24 * 20),
        requester: words.say("per"),
        requested: ago(30),
        approvers: if place == 0 { String::new() } else { words.say("ingrid, ola") },
        approvals: (1, 2),
        ended: (place == 3).then(|| words.say("by ingrid: too much depends on it")),
        renewals: place as u64,
        review_due: (place == 1).then(|| ago(9)),
        may_review: place == 1,
        may_approve: place == 0,
        may_refuse: place == 0,
        may_withdraw: place < 2,
        may_renew: place == 1,
    }
}

pub(in crate::console) fn exceptions(words: &Words) -> Exceptions {
    let ask = ExceptionForm {
        clients: words.choices(&[("nordwerft", "Nordwerft"), ("havn", "Havn Logistikk")]),
        groups: words.choices(&[("01kgroup", "web")]),
        kinds: words.choices(&[("deferral", "put off to a new date")]),
        advisories: words.say("DSA-6015-1"),
        hosts: words.say("web-1.nordwerft.example"),
    };
    Exceptions { rows: (0..4).map(|place| exception(words, place)).collect(), total: 900, ask: Some(ask), approves: true }
}

pub(in crate::console) fn no_exceptions() -> Exceptions {
    Exceptions { rows: vec![], total: 0, ask: None, approves: false }
}

pub(in crate::console) fn mitigations(words: &Words) -> Mitigations {
    let states = [("to be removed", "due-soon"), ("check overdue", "overdue"), ("in place", "excepted"), ("removed", "none")];
    let item = |place: usize| MitigationItem {
        id: words.say("01kmitigation"),
        client: (place != 1).then(|| words.say("Nordwerft")),
        state: states[place],
        measure: "a filter before it (firewall, web application firewall)",
        advisories: words.all(&["DSA-6015-1", "DSA-5998-1"]),
        done: words.say("Port 8443 is closed in the firewall of the yard."),
        verify: words.say("A scan from outside finds the port closed."),
        check: (place != 2).then(|| words.say("port-8443-closed")),
        owner: words.say("Ragnhild Østergård-Hämäläinen"),
        applied: ago(24 * 9),
        by: words.say("per"),
        verified: (place != 1).then(|| (ago(30), words.say("ola"))),
        next_check: if place == 1 { ago(3) } else { ahead(24 * 5) },
        in_place: words.figure(12),
        to_remove: if place == 0 { words.all(&["web-1.nordwerft.example", "web-2.nordwerft.example"]) } else { vec![] },
        remove_by: (place == 0).then(|| ahead(24 * 3)),
        removed: place as u64,
        may_edit: place < 3,
    };
    let add = MitigationForm {
        clients: words.choices(&[("nordwerft", "Nordwerft"), ("havn", "Havn Logistikk")]),
        groups: words.choices(&[("01kgroup", "web")]),
        measures: words.choices(&[("filter", "a filter before it")]),
        advisories: words.say("DSA-6015-1"),
        hosts: words.say("web-1.nordwerft.example"),
    };
    Mitigations { rows: (0..4).map(item).collect(), total: 900, add: Some(add) }
}

pub(in crate::console) fn no_mitigations() -> Mitigations {
    Mitigations { rows: vec![], total: 0, add: None }
}

pub(in crate::console) fn webhooks(words: &Words) -> Webhooks {
    let hook = |name: &str, address: &str, mail: bool| WebhookRow {
        id: words.say("01khook"),
        name: words.say(name),
        old_secret_until: (!mail).then(|| ahead(20)),
        address: words.say(address),
        client: mail.then(|| words.say("Nordwerft")),
        mail,
        signed: !mail,
        kinds: if mail { vec![] } else { words.all(&["advisory.affects", "host.silent"]) },
        enabled: mail,
        off_because: (!mail).then(|| words.say("every try failed since 2026-11-16T08:00:00Z; the last answer was: 502 in 12 ms")),
        waiting: if mail { 2 } else { 0 },
        last_good: (!mail).then(|| ago(130)),
        last_error: mail.then(|| words.say("the mail server cannot be reached")),
    };
    let delivery = |kind: &str, text: &str, outcome: &str, standing, next| DeliveryRow {
        id: words.say("01kdelivery"),
        at: ago(1),
        kind: words.say(kind),
        text: words.say(text),
        to: words.say("security channel"),
        tries: 3,
        outcome: words.say(outcome),
        next,
        standing,
        again: standing != DeliveryStanding::Waiting,
    };
    let affects = "DSA-6042-1 (critical, known to be exploited) affects 214 hosts";
    Webhooks {
        rows: vec![
            hook("security channel", "https://chat.nordwerft.example/hooks/security-and-operations/4711", false),
            hook("people on call", "ingrid.solheim@nordwerft.example, ragnhild.ostergard-hamalainen@nordwerft.example", true),
        ],
        deliveries: vec![
            delivery("advisory.affects", affects, "204 in 38 ms", DeliveryStanding::Arrived, None),
            delivery("host.silent", "12 hosts went silent", "503 in 4 ms", DeliveryStanding::Waiting, Some(ahead(1))),
            delivery("advisory.affects", affects, "E-OUTBOUND: chat.nordwerft.example could not be asked: timeout", DeliveryStanding::Failed, None),
        ],
        kinds: words.choices(&[
            ("advisory.affects", "a new advisory affects hosts"),
            ("findings.changed", "findings opened or closed"),
            ("findings.overdue", "findings became overdue"),
            ("host.silent", "hosts went silent"),
        ]),
        clients: words.choices(&[("", "all clients"), ("nordwerft", "Nordwerft"), ("havn", "Havn Logistikk")]),
        mail: true,
        edits: true,
        created: Some(NewSecret { name: words.say("security channel"), secret: words.say("whsec_7x2k9mq4wv8d1c0k8m2x7r5t3y6u9p0aBcDeFgHiJk=") }),
    }
}

pub(in crate::console) fn no_webhooks(words: &Words) -> Webhooks {
    Webhooks { rows: vec![], deliveries: vec![], created: None, clients: vec![], mail: false, ..webhooks(words) }
}

pub(in crate::console) fn read_webhooks(words: &Words) -> Webhooks {
    Webhooks { created: None, edits: false, ..webhooks(words) }
}

pub(in crate::console) fn enrolment(words: &Words) -> Enrolment {
    let token = |place: u64| EnrolmentTokenRow { id: words.say("01ktoken00000000000000000000"), group: (place != 1).then(|| words.say("web")), by: words.say("Ingrid Solheim"), made: ago(5), expires: if place == 2 { ago(2) } else { ahead(1) }, used: place, uses: 5, revoked: place == 1 };
    Enrolment {
        pending: pending(words),
        tokens: (0..3).map(token).collect(),
        groups: words.choices(&[("web", "web"), ("db", "db")]),
        join: Some(JoinCommand { command: words.say("sudo plimsoll-agent join https://plimsoll.nordwerft.example --token plime_4qv9d1c0k8m2x7r5t3y6u9p0 --root sha256:77aa41cd0be493f25d6018c76f1e2b9077aa41cd0be493f25d6018c76f1e2b90"), expires: ahead(1), uses: 5, group: words.some("web") }),
        root_digest: words.say("sha256:77aa41cd0be493f25d6018c76f1e2b9077aa41cd0be493f25d6018c76f1e2b90"),
    }
}

pub(in crate::console) fn no_enrolment(words: &Words) -> Enrolment {
    Enrolment { pending: vec![], tokens: vec![], join: None, ..enrolment(words) }
}

pub(in crate::console) fn account(words: &Words) -> Account {
    let session = |place: usize| SessionRow { id: words.say("01ksession"), browser: words.say("Mozilla/5.0 (X11; Linux x86_64; rv:145.0) Gecko/20100101 Firefox/145.0"), address: words.say("10.20.4.9"), began: ago(7), used: ago(place as i64), own: place == 0 };
    let factor = |kind: &str, name: &str| FactorRow { id: words.say("01kfactor"), kind: words.say(kind), name: words.say(name), added: ago(900), used: Some(ago(7)) };
    Account {
        account: words.say("ingrid"),
        name: words.say("Ingrid Solheim"),
        mail: words.some("ingrid.solheim@nordwerft.example"),
        roles: vec![held(words, "administrator", "everywhere"), held(words, "policy author", "client Nordwerft")],
        password: true,
        factors: vec![factor("passkey", "this laptop"), factor("one-time codes", "phone")],
        setup: None,
        recovery_codes: Some(8),
        new_recovery_codes: vec![],
        passkeys_possible: true,
        sessions: (0..3).map(session).collect(),
    }
}

pub(in crate::console) fn account_in_setup(words: &Words) -> Account {
    let address = words.say("otpauth://totp/Plimsoll:ingrid?secret=JBSWY3DPEHPK3PXP&issuer=Plimsoll");
    let new = crate::identity::factor::NewApp { ticket: words.say("t"), url: address, seed: "JBSWY3DPEHPK3PXP".to_owned() };
    Account {
        factors: vec![],
        password: false,
        recovery_codes: None,
        setup: Some(crate::console::fill::square_code(new)),
        new_recovery_codes: words.all(&["k8m2-x7r5-t3y6-u9p0", "t3y6-u9p0-k8m2-x7r5", "4qv9-d1c0-t3y6-u9p0"]),
        passkeys_possible: false,
        roles: vec![],
        ..account(words)
    }
}

pub(in crate::console) fn fresh_proof(words: &Words) -> FreshProof {
    FreshProof {
        ticket: words.say("t"),
        code: true,
        recovery_code: true,
        password: false,
        passkey: words.some("{}"),
        next: if words.is_hostile() { "/console/people".to_owned() } else { words.say("/console/people") },
        trouble: words.some("the proof is wrong, was used before, or does not belong to this step"),
    }
}

pub(in crate::console) fn fresh_proof_by_password(words: &Words) -> FreshProof {
    FreshProof { code: false, recovery_code: false, password: true, passkey: None, trouble: None, ..fresh_proof(words) }
}

pub(in crate::console) fn sign_in(words: &Words) -> SignIn {
    SignIn {
        step: SignInStep::Password { name: words.say("ingrid"), passkeys: true, providers: vec![OidcProvider { id: words.say("nordwerft"), name: words.say("Nordwerft ID") }] },
        trouble: words.some("Name or password is wrong."),
        next: words.say("/console/hosts?condition=overdue"),
    }
}

pub(in crate::console) fn plain_sign_in(words: &Words) -> SignIn {
    SignIn { step: SignInStep::Password { name: String::new(), passkeys: false, providers: vec![] }, trouble: None, next: words.say("/console") }
}

pub(in crate::console) fn code_sign_in(words: &Words) -> SignIn {
    SignIn { step: SignInStep::Second { ticket: "t".to_owned(), codes: true, passkey: words.some("{}") }, trouble: words.some("This code is wrong or was used already."), next: words.say("/console") }
}

pub(in crate::console) fn link_sign_in(words: &Words) -> SignIn {
    SignIn { step: SignInStep::Link { token: words.say("4qv9d1c0k8m2x7") }, trouble: words.some("The link was used."), next: words.say("/console") }
}

pub(in crate::console) fn trouble(words: &Words) -> Trouble {
    Trouble { status: 404, problem: Problem { code: words.say("E-HOST"), place: words.say("/console/hosts/01kgone"), text: words.say("There is no such host among those you may see."), next: words.say("look for it by name in the search above; it may have been retired, or belong to another client") }, request: words.say("01krequest0000000000000000") }
}

pub(in crate::console) fn accreditations(words: &Words) -> Accreditations {
    let states = [("in force", "excepted"), ("ended", "none"), ("taken back", "overdue")];
    let item = |place: usize| AccreditationItem {
        id: words.say("01kaccreditation"),
        client: (place != 1).then(|| words.say("Nordwerft")),
        state: states[place],
        scope: words.all(&["environments: prod, prod-dmz", "groups: web, the yard's controllers", "products: openssl, libssl3, nginx"]),
        statement: words.say("Tested on the bench of November, report 2026-118; not for hosts with the old card readers."),
        by: words.say("Ragnhild Østergård-Hämäläinen"),
        given: ago(24 * 40),
        until: if place == 1 { ago(24) } else { ahead(24 * 60) },
        withdrawn: (place == 2).then(|| (words.say("per"), ago(3), words.say("the card readers fail"))),
        may_withdraw: place == 0,
    };
    Accreditations {
        asked: Some(words.say("on hosts whose environment is prod or prod-dmz")),
        rows: (0..3).map(item).collect(),
        gives: true,
        clients: words.choices(&[("nordwerft", "Nordwerft"), ("havn", "Havn Logistikk")]),
        groups: words.choices(&[("01kgroup", "web")]),
    }
}

pub(in crate::console) fn no_accreditations() -> Accreditations {
    Accreditations { asked: None, rows: vec![], gives: false, clients: vec![], groups: vec![] }
}
