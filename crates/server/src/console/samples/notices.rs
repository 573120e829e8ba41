use super::*;

pub(super) fn item(words: &Words, place: usize) -> NoticeItem {
    let states = [("to be acknowledged", "due-soon"), ("not acknowledged", "overdue"), ("acknowledged", "in-time"), ("corrected", "none"), ("told", "none")];
    NoticeItem {
        id: words.say("01knotice"),
        moment: words.say(["planned", "emergency", "moved", "planned", "80 %"][place % 5]),
        text: words.say("Planned on 41 hosts: November's kernel, and everything that was built against it, from 2026-11-24 22:00 CET, until 2026-11-25 02:00 CET; every host reboots once"),
        told: ago(20),
        held_until: (place == 0).then(|| ago(12)),
        acknowledge_by: (place < 4).then(|| ahead(30)),
        state: states[place % 5],
        people: words.figure(7),
        delivered: words.figure(6),
        seen: words.figure(3),
        acknowledged: u64::from(place == 2),
        nobody: if place == 1 { words.all(&["soc", "users"]) } else { vec![] },
    }
}

pub(in crate::console) fn notices(words: &Words) -> Notices {
    let rows = |from: usize| (from..5).map(|place| item(words, place)).collect();
    Notices { mine: rows(2), all: rows(0), total: words.figure(1_212), reads: true, mails: true }
}

pub(in crate::console) fn no_notices() -> Notices {
    Notices { mine: vec![], all: vec![], total: 0, reads: false, mails: false }
}

fn reader(words: &Words, place: usize) -> NoticeReader {
    NoticeReader {
        name: words.say(["ana", "a-very-long-name-of-somebody@a-long-department.nordwerft.example", "carl"][place % 3]),
        mail: (place != 2).then(|| words.say("ana@nordwerft.example")),
        account: place != 1,
        words: words.say("owners, told before"),
        delivered: (place == 0).then(|| ago(19)),
        trouble: (place == 1).then(|| words.say("the mail server refused it: 550")),
        seen: (place != 1).then(|| ago(12)),
        acknowledged: (place == 2).then(|| ago(11)),
    }
}

pub(in crate::console) fn notice(words: &Words) -> NoticePage {
    NoticePage {
        item: item(words, 0),
        page: "/console/rollouts/9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08".to_owned(),
        called_for: None,
        corrected_by: None,
        acknowledges: true,
        own: None,
        audiences: vec![
            NoticeWord { word: words.say("owners"), people: words.figure(3), because: words.say("owners of shop, billing"), unknown: vec![] },
            NoticeWord { word: words.say("users"), people: 0, because: words.say("stakeholders of shop"), unknown: vec![(words.say("bo"), words.say("has an account without rights at this client"))] },
        ],
        people: (0..3).map(|place| reader(words, place)).collect(),
    }
}

pub(in crate::console) fn corrected_notice(words: &Words) -> NoticePage {
    NoticePage {
        item: item(words, 3),
        called_for: words.some("01kroot"),
        corrected_by: words.some("01klater"),
        acknowledges: false,
        own: Some(ago(3)),
        audiences: vec![],
        people: vec![reader(words, 2)],
        ..notice(words)
    }
}
