use super::*;
use plimsoll_core::operations::briefing::Reach;
use plimsoll_core::operations::teams::{Circle, Topic};

fn reached(words: &Words, audience: Circle, topic: Topic, reached: u64, members: u64) -> Reach {
    Reach {
        audience,
        topic,
        within: words.say("P12M"),
        reached,
        members,
        acknowledged: reached / 2,
        share: (members >= 20).then(|| (reached * 1000 / members) as f64 / 10.0),
        more_than: 80,
        met: Some(reached * 100 > 80 * members),
        missing: (reached..members).map(|_| words.say("Yard operations, Hamburg")).collect(),
        source: "policy",
    }
}

pub(in crate::console) fn teams(words: &Words) -> TeamsPage {
    let briefing = |place: usize| BriefingItem {
        id: words.say("01kbriefing"),
        client: (place != 1).then(|| words.say("Nordwerft")),
        title: words.say(["How we patch", "Patch status, third quarter", "The policy of 2026-11"][place]),
        topic: Topic::ALL[place].words(),
        document: words.say(["https://wiki.nordwerft.example/patching", "", "Folder 7, shelf 2"][place]),
        roster: words.say("all teams"),
        held: ago(24 * 30 * (place as i64 + 1)),
        holder: words.say("Ragnhild Østergård-Hämäläinen"),
        reached: 20 + place as u64,
        acknowledged: 11,
        members: 25,
        asks: place == 0,
        may_edit: place < 2,
    };
    let due = |place: usize| DueItem {
        application: words.say("01kapplication"),
        name: words.say(["shop", "yard planning", "payroll"][place]),
        every: words.say("P1M"),
        own: place == 1,
        last: (place > 0).then(|| ago(24 * 40)),
        due: if place == 0 { ago(24 * 9) } else { ahead(24 * 12) },
        overdue: place == 0,
    };
    let action = |place: usize| ActionItem {
        place,
        what: words.say("Book the window of the yard for the new OpenSSL"),
        owner: words.say("per"),
        due: if place == 0 { ago(24) } else { ahead(24 * 6) },
        done: (place == 2).then(|| ago(3)),
    };
    let meeting = |place: usize| MeetingItem {
        id: words.say("01kmeeting"),
        application: words.say("01kapplication"),
        name: words.say("shop"),
        held: ago(24 * 40 * (place as i64 + 1)),
        attendance: words.all(&["ola", "per", "Ingrid Solheim"]),
        minutes: words.all(&["The upgrade of October went well.", "OpenSSL goes first to the test ring."]),
        decisions: words.all(&["No change during the launch."]),
        actions: (0..3).map(action).collect(),
        may_edit: place == 0,
    };
    TeamsPage {
        reach: vec![reached(words, Circle::Teams, Topic::Process, 20, 25), reached(words, Circle::Stakeholders, Topic::PatchStatus, 6, 6)],
        rosters: (0..2)
            .map(|place| RosterItem {
                name: words.say("all teams"),
                client: (place == 0).then(|| words.say("Nordwerft")),
                audience: Circle::ALL[place].word(),
                members: words.all(&["shop", "yard", "payroll"]),
                more: words.figure(22),
            })
            .collect(),
        briefings: (0..3).map(briefing).collect(),
        briefings_total: 900,
        due: (0..3).map(due).collect(),
        meetings: (0..2).map(meeting).collect(),
        edit: Some(TeamsForm {
            clients: words.choices(&[("nordwerft", "Nordwerft"), ("havn", "Havn Logistikk")]),
            rosters: words.all(&["all teams", "stakeholders"]),
            topics: words.choices(&[("process", "the patch process")]),
            applications: words.choices(&[("01kapplication", "shop")]),
        }),
    }
}

pub(in crate::console) fn no_teams() -> TeamsPage {
    TeamsPage { reach: vec![], rosters: vec![], briefings: vec![], briefings_total: 0, due: vec![], meetings: vec![], edit: None }
}
