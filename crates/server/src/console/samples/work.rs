use super::*;

pub(in crate::console) fn work(words: &Words) -> WorkPage {
    let item = |subject: &str, step: Option<&str>, spent: &str, source: &'static str| WorkedItem {
        id: words.say("01kw0rk"),
        client: words.some("Nordwerft"),
        subject: words.say(subject),
        step: step.map(|step| words.say(step)),
        role: words.say("analyst"),
        source,
        spent: words.say(spent),
        started: ago(3),
        ticket: (source == "ticket").then(|| words.say("OPS-1234")),
        note: words.say("read the advisory and asked the vendor"),
        may_correct: source != "estimate",
    };
    WorkPage {
        running: vec![item("openssl-2026-11", Some("7.3 Install"), "1 h 05 min", "timer")],
        rows: vec![
            item("advisory:DSA-6001-1", Some("2.3 Decide local relevance"), "1 h 30 min", "said"),
            item("openssl-2026-11", Some("8.4 Verify function"), "0 h 20 min", "ticket"),
            item("openssl-2026-11", Some("7.4 Restart and return to service"), "12 min out of service, tier1", "said"),
            item("cost centre monitoring", None, "2 h 00 min", "timer"),
        ],
        total: words.figure(250),
        add: Some(WorkForm {
            clients: words.choices(&[("01kh0c11ent000000000000001", "Nordwerft"), ("01kh0c11ent000000000000002", "Havn Logistikk")]),
            subjects: words.choices(&[("overhead:monitoring", "Cost centre monitoring"), ("package:ab", "openssl-2026-11")]),
            steps: words.choices(&[("2.3", "2.3 Decide local relevance"), ("7.3", "7.3 Install")]),
            roles: words.choices(&[("default", "default"), ("analyst", "analyst")]),
        }),
    }
}

pub(in crate::console) fn no_work() -> WorkPage {
    WorkPage { running: vec![], rows: vec![], total: 0, add: None }
}
