use super::*;

fn item(words: &Words, place: usize) -> QuestionItem {
    let states = [("open", "due-soon"), ("approved", "in-time"), ("waived", "excepted"), ("told", "none")];
    let said = ["waits for the client's answer", "the client agrees", "the client was silent; a liability waiver is recorded", "the client was told"];
    QuestionItem {
        id: words.say("01kquestion"),
        client: (place != 1).then(|| words.say("Nordwerft")),
        name: words.say("kernel-2026-11 11"),
        title: words.say("November's kernel, and everything that was built against it"),
        state: states[place % 4],
        words: said[place % 4],
        open: place == 0,
        asked: ago(20),
        answer_by: (place != 3).then(|| ahead(52)),
        hosts: words.figure(41),
    }
}

pub(in crate::console) fn questions(words: &Words) -> Questions {
    Questions { rows: (0..4).map(|place| item(words, place)).collect(), total: words.figure(212) }
}

pub(in crate::console) fn no_questions() -> Questions {
    Questions { rows: vec![], total: 0 }
}

pub(in crate::console) fn question(words: &Words) -> QuestionPage {
    QuestionPage {
        item: item(words, 0),
        package: words.say("9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"),
        word: "open",
        reason: words.say("Two weaknesses of the kernel are used by attackers."),
        change: words.say("a change that was assessed by itself"),
        because: words.say("nothing is done without the client's consent: so the policy says of changes of high risk"),
        patches: words.all(&["linux-image-amd64 is updated to version 6.1.0-56 on debian:12", "openssl is updated to version 3.0.15-1 on debian:12"]),
        answers: words.all(&["DSA-6015-1 (high, known to be exploited): several weaknesses of the kernel"]),
        risks: words.all(&["a kernel is replaced: linux-image-amd64"]),
        host_names: words.all(&["web-1.nordwerft.example", "a-very-long-name-of-a-host-that-somebody-chose.production.nordwerft.example"]),
        windows: words.all(&["night: Tue, Thu 22:00 Europe/Oslo, 4 hours; next from 2026-11-24T21:00:00Z to 2026-11-25T01:00:00Z"]),
        downtime: words.say("Services that use what changes are started again. A host is restarted where the patch needs it, inside its window."),
        silence: words.say("Without an answer before 2026-11-25T10:00:00Z the change is not made on your hosts, and the waiver below is recorded as your decision."),
        refusal: words.say("The change is not made on your hosts, and the waiver below is recorded in your name."),
        waiver_text: words.say("The client did not answer in time. The patch is not applied, and the provider is not liable for what it would have prevented until the client decides."),
        clause: words.say("MSA 7.2; MSA 9.1"),
        decided: None,
        waiver: None,
        said: vec![QuestionSaid { at: ago(3), by: words.say("carl"), kind: words.say("remark"), text: words.say("Does the shop go down with it?") }],
        answers_it: true,
        discusses: true,
    }
}

pub(in crate::console) fn decided_question(words: &Words) -> QuestionPage {
    QuestionPage {
        item: item(words, 2),
        word: "waived",
        decided: Some((words.say("by silence: the client was asked and gave no answer"), ago(1))),
        waiver: words.some("01kexception"),
        risks: vec![],
        answers: vec![],
        waiver_text: String::new(),
        answers_it: false,
        discusses: false,
        ..question(words)
    }
}

pub(in crate::console) fn portal(words: &Words) -> Portal {
    Portal {
        clients: words.say("Nordwerft"),
        board: SlaBoard {
            hosts: words.figure(57),
            unknown: words.figure(2),
            within: words.figure(301),
            approaching: words.figure(12),
            exceeded: words.figure(4),
            undated: words.figure(7),
            excepted: words.figure(9),
            next: Some((words.say("DSA-6015-1"), ahead(30))),
        },
        open: (0..2).map(|place| item(words, place)).collect(),
        planned: vec![(words.say("9f86d081"), words.say("openssl-2026-11 12"), words.say("OpenSSL on the web servers"), words.say("running, waiting"), words.all(&["the client was asked for consent"]))],
        waivers: vec![(words.say("01kexception"), words.all(&["DSA-5998-1", "DSA-5990-1"]), words.say("The client did not answer in time."), ahead(24 * 20))],
        reports: vec![PortalReport { client: words.say("01kclient"), name: words.say("Nordwerft") }],
    }
}

pub(in crate::console) fn quiet_portal(words: &Words) -> Portal {
    Portal { board: SlaBoard::default(), open: vec![], planned: vec![], waivers: vec![], ..portal(words) }
}
