use super::*;

pub(in crate::console) fn triage_item(words: &Words, place: usize) -> TriageItem {
    let states = [("broken into", "overdue"), ("late", "overdue"), ("to be looked at", "due-soon"), ("evidence taken", "in-time")];
    let word = |step: &'static str, by: &str| TriageWordItem {
        step,
        evidence: words.some("case 2026-117, image 6f1e2b90"),
        reason: words.some("No new accounts, no unknown binaries, memory image taken."),
        released: place == 3,
        at: ago(5),
        by: words.say(by),
    };
    TriageItem {
        id: words.say("01kh0st"),
        name: words.say("web-1.nordwerft.example"),
        client: (place != 1).then(|| words.say("Nordwerft")),
        state: states[place],
        advisories: words.all(&["DSA-6015-1", "CVE-2026-41940"]),
        clocks: if place == 0 { vec![] } else { vec![("scope settled", ago(2)), ("evidence taken", ahead(20)), ("decided", ahead(70))] },
        waits: (place != 3).then(|| words.say("it waits for a forensic triage before the change: DSA-6015-1")),
        said: if place == 2 { vec![] } else { vec![word("broken into", "ragnhild"), word("evidence taken", "per")] },
        may_say: place != 1,
    }
}

pub(in crate::console) fn triage(words: &Words) -> TriagePage {
    TriagePage { rows: (0..4).map(|place| triage_item(words, place)).collect(), total: 900, asked_for: true }
}

pub(in crate::console) fn no_triage() -> TriagePage {
    TriagePage { rows: vec![], total: 0, asked_for: false }
}

pub(in crate::console) fn triage_lines(words: &Words) -> Vec<TriageLine> {
    let line = |state| TriageLine { id: words.say("01kh0st"), name: words.say("web-1.nordwerft.example"), state, text: words.say("for DSA-6015-1; evidence by 2026-11-24T10:00:00Z") };
    vec![line(("late", "overdue")), line(("to be looked at", "due-soon"))]
}
