//! Rosters, briefings and meetings against a whole server, and what reports say
//! of them.

use crate::exceptions::tests::{days, ground, refused};
use crate::teams::{MISSED, remind};
use crate::trial::{Asker, Trial};
use jiff::Timestamp;
use plimsoll_core::measures::targets::{Coverage, last_day};
use serde_json::{Value, json};

const BRIEFINGS: &str = "/api/v1/briefings";

/// A metric of SAMM's answers by its first words.
async fn metric(trial: &Trial, asker: &Asker, wants: &str, more: &str) -> Value {
    let answer = trial.get(asker, &format!("/api/v1/reports/samm?{more}")).await.json();
    let found = answer["metrics"].as_array().unwrap().iter().find(|one| one["wants"].as_str().unwrap().starts_with(wants)).cloned();
    found.unwrap_or_else(|| panic!("no metric {wants} in {answer}"))
}

#[tokio::test(flavor = "multi_thread")]
async fn twenty_one_of_twenty_five_teams_were_briefed_and_the_report_of_before_stays() {
    let mut ground = ground(&["web"]).await;
    let place = format!("{}|", ground.home);
    let olga = ground.trial.person(&mut ground.owner, "olga", "operator", &place).await;
    let vera = ground.trial.person(&mut ground.owner, "vera", "viewer", &place).await;
    let river = ground.trial.get(&ground.owner, &format!("/api/v1/hosts/{}", ground.river)).await.json()["row"]["client"].as_str().unwrap().to_owned();
    let rita = ground.trial.person(&mut ground.owner, "rita", "operator", &format!("{river}|")).await;
    let (trial, owner) = (&ground.trial, &ground.owner);
    let briefed = "project teams briefed on the patch process";
    assert_eq!(metric(trial, &olga, briefed, "").await["met"], Value::Null, "without a roster it is not known");

    let mut members: Vec<Value> = (0..24).map(|place| json!({ "name": format!("team-{place:02}") })).collect();
    members.push(json!({ "name": "shop", "accounts": ["vera"] }));
    let wish = json!({ "client": ground.home, "name": "all teams", "audience": "teams", "members": members });
    let foreign = trial.send(&rita, "PUT", "/api/v1/rosters", &wish).await;
    assert_eq!(refused(&foreign).0, 404);
    assert_eq!(refused(&trial.send(&vera, "PUT", "/api/v1/rosters", &wish).await).0, 403);
    let twice = json!({ "name": "twice", "audience": "teams", "csv": "name,accounts\nshop,ada\n", "members": [{ "name": "shop" }] });
    assert_eq!(refused(&trial.send(&olga, "PUT", "/api/v1/rosters", &twice).await).1, "E-PARAMETER");
    let made = trial.send(&olga, "PUT", "/api/v1/rosters", &wish).await.json();
    assert_eq!(made["members"].as_array().unwrap().len(), 25);

    let there: Vec<String> = (0..20).map(|place| format!("team-{place:02}")).collect();
    let briefing = json!({ "roster": "all teams", "topic": "process", "title": "How we patch", "document": "https://wiki.example/patching", "attended": there });
    let mut strange = briefing.clone();
    strange["attended"] = json!(["nobody"]);
    assert_eq!(refused(&trial.send(&olga, "POST", BRIEFINGS, &strange).await).1, "E-ROSTER");
    let held = trial.send(&olga, "POST", BRIEFINGS, &briefing).await.json();
    assert_eq!(held["reached"].as_array().unwrap().len(), 20);
    let one = format!("{BRIEFINGS}/{}", held["id"].as_str().unwrap());

    // 20 of 25 are not more than 80 %.
    let twenty = metric(trial, &olga, briefed, "").await;
    assert_eq!((&twenty["met"], &twenty["figure"]["part"], &twenty["figure"]["whole"]), (&json!(false), &json!(20), &json!(25)));
    let then = Timestamp::now();
    let path = |form: &str| format!("/api/v1/reports/samm?client={}&as_of={then}&format={form}", ground.home);
    let mut before = Vec::new();
    for form in ["json", "html", "pdf", "csv", "markdown", "docx"] {
        before.push(trial.get(&olga, &path(form)).await.body);
    }
    assert_eq!(refused(&trial.get(&olga, &path("oscal-poam")).await).1, "E-PARAMETER");

    // Who answers for a team says so; nobody else can.
    assert_eq!(refused(&trial.send(&olga, "POST", &format!("{one}/acknowledge"), &json!({})).await).1, "E-ROSTER");
    assert_eq!(refused(&trial.send(&rita, "POST", &format!("{one}/acknowledge"), &json!({})).await).0, 404);
    assert!(trial.get(&vera, "/console/teams").await.body.contains("I know it"));
    let known = trial.send(&vera, "POST", &format!("{one}/acknowledge"), &json!({})).await.json();
    assert_eq!(known["reached"].as_array().unwrap().iter().find(|one| one["member"] == "shop").unwrap()["attended"], Value::Null);
    let more = metric(trial, &olga, briefed, "").await;
    assert_eq!((&more["met"], &more["figure"]["part"]), (&json!(true), &json!(21)));
    assert!(!trial.get(&vera, "/console/teams").await.body.contains("I know it"));

    // Who left counts no more, and the report of before is the same, byte for byte.
    let left: Vec<Value> = (1..24).map(|place| json!({ "name": format!("team-{place:02}") })).collect();
    trial.send(&olga, "PUT", "/api/v1/rosters", &json!({ "name": "all teams", "audience": "teams", "members": left })).await;
    let fewer = metric(trial, &olga, briefed, "").await;
    assert_eq!((&fewer["figure"]["part"], &fewer["figure"]["whole"]), (&json!(19), &json!(23)));
    for (form, text) in ["json", "html", "pdf", "csv", "markdown", "docx"].into_iter().zip(before) {
        assert_eq!(trial.get(&olga, &path(form)).await.body, text, "{form}");
    }

    // Another client has none of it; the owner sees both.
    assert_eq!(trial.get(&rita, "/api/v1/rosters").await.json(), json!([]));
    assert_eq!(trial.get(&rita, BRIEFINGS).await.json(), json!([]));
    assert_eq!(metric(trial, &rita, briefed, "").await["met"], Value::Null);
    assert_eq!(refused(&trial.get(&rita, &one).await).0, 404);
    assert_eq!(trial.get(owner, "/api/v1/rosters").await.json().as_array().unwrap().len(), 1);
    let page = trial.get(&olga, "/console/reports?report=samm").await.body;
    assert!(page.contains("SAMM, answered from evidence") && page.contains("19 of 23"), "{page}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_missed_meeting_is_told_once_until_somebody_met() {
    let mut ground = ground(&["web"]).await;
    let place = format!("{}|", ground.home);
    let olga = ground.trial.person(&mut ground.owner, "olga", "operator", &place).await;
    let river = ground.trial.get(&ground.owner, &format!("/api/v1/hosts/{}", ground.river)).await.json()["row"]["client"].as_str().unwrap().to_owned();
    let rita = ground.trial.person(&mut ground.owner, "rita", "operator", &format!("{river}|")).await;
    let (trial, app, now) = (&ground.trial, ground.trial.app(), Timestamp::now());
    let wish = json!({ "client": ground.home, "name": "shop", "owner": "ada", "team": "shop team", "stakeholders": ["sales"], "hosts": [ground.web] });
    let made = trial.send(&olga, "POST", "/api/v1/applications", &wish).await.json();
    let own = format!("/api/v1/applications/{}", made["id"].as_str().unwrap());
    let due = || async { trial.get(&olga, "/api/v1/meetings/due").await.json() };
    assert_eq!(due().await, json!([]), "nobody says how often");
    assert_eq!(refused(&trial.send(&olga, "PUT", &format!("{own}/cadence"), &json!({ "every": "PT1H" })).await).1, "E-PARAMETER");
    assert_eq!(refused(&trial.send(&rita, "PUT", &format!("{own}/cadence"), &json!({ "every": "P7D" })).await).0, 404);
    let set = trial.send(&olga, "PUT", &format!("{own}/cadence"), &json!({ "every": "P7D" })).await;
    assert_eq!(set.status, 204, "{set:?}");
    let first = due().await;
    assert_eq!((&first[0]["name"], &first[0]["own"], &first[0]["overdue"]), (&json!("shop"), &json!(true), &json!(false)));

    let alerts = || async { trial.get(&olga, "/api/v1/alerts").await.json() };
    remind(app, now).await.unwrap();
    assert_eq!(alerts().await, json!([]));
    remind(app, now + days(9)).await.unwrap();
    remind(app, now + days(9)).await.unwrap();
    let told = alerts().await;
    assert_eq!((told.as_array().unwrap().len(), &told[0]["kind"], &told[0]["times"]), (1, &json!(MISSED), &json!(1)), "{told}");
    assert!(trial.get(&olga, "/console/alerts").await.body.contains("/console/teams#due"));
    assert_eq!(trial.get(&rita, "/api/v1/alerts").await.json(), json!([]));

    // What is open stands on the agenda, which comes in every form.
    let agenda = |form: &str| format!("/api/v1/reports/agenda?application={}&format={form}", made["id"].as_str().unwrap());
    let text = trial.get(&olga, &agenda("markdown")).await.body;
    for said in ["Agenda: shop", "Past changes", "Exceptions that end", "TEST-2026-1", "shop team"] {
        assert!(text.contains(said), "{said} is missing: {text}");
    }
    assert!(trial.get(&olga, &agenda("html")).await.body.contains("<html"));

    let meeting = json!({
        "attendance": ["ada", "olga"], "minutes": "libpng goes first to the test ring.\n\nNothing else.", "decisions": ["no change during the launch"],
        "actions": [{ "what": "book the window", "owner": "olga", "due": (now + days(3)).to_string() }],
    });
    let mut later = meeting.clone();
    later["held"] = json!((now + days(1)).to_string());
    assert_eq!(refused(&trial.send(&olga, "POST", &format!("{own}/meetings"), &later).await).1, "E-PARAMETER");
    let held = trial.send(&olga, "POST", &format!("{own}/meetings"), &meeting).await.json();
    assert_eq!(alerts().await, json!([]), "somebody met");
    assert!(due().await[0]["last"].is_string());
    let one = format!("/api/v1/meetings/{}", held["id"].as_str().unwrap());
    assert_eq!(trial.get(&olga, &one).await.json()["minutes"], "libpng goes first to the test ring.\n\nNothing else.");
    assert!(trial.get(&olga, &agenda("markdown")).await.body.contains("book the window"));
    let done = trial.send(&olga, "POST", &format!("{one}/actions/0/done"), &json!({ "note": "booked" })).await.json();
    assert_eq!(done["actions"][0]["note"], "booked");
    assert_eq!(refused(&trial.send(&olga, "POST", &format!("{one}/actions/0/done"), &json!({})).await).1, "E-STATE");
    assert_eq!(refused(&trial.send(&olga, "POST", &format!("{one}/actions/1/done"), &json!({})).await).0, 404);
    assert_eq!(refused(&trial.get(&rita, &one).await).0, 404);

    // The status page says the same as a report and in the console.
    let report = trial.get(&olga, "/api/v1/reports/application?application=shop").await.json();
    assert_eq!((&report["owner"], &report["hosts"], &report["open"]), (&json!("ada"), &json!(1), &json!(1)));
    assert!(report["last_meeting"].is_string());
    let past = trial.get(&olga, &format!("/api/v1/reports/application?application=shop&as_of={now}")).await;
    assert_eq!(refused(&past).1, "E-PARAMETER", "a page of the present has no past");
    assert_eq!(refused(&trial.get(&rita, "/api/v1/reports/application?application=shop").await).0, 404);
    let page = trial.get(&olga, &format!("/console/applications/{}", made["id"].as_str().unwrap())).await.body;
    assert!(page.contains("How it stands") && page.contains("TEST-2026-1"), "{page}");
    let teams = trial.get(&olga, "/console/teams").await.body;
    assert!(teams.contains("book the window") && teams.contains("libpng goes first"), "{teams}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_applications_past_stays_as_it_was() {
    let mut ground = ground(&["web"]).await;
    let place = format!("{}|", ground.home);
    let olga = ground.trial.person(&mut ground.owner, "olga", "operator", &place).await;
    let trial = &ground.trial;
    let made = trial.send(&olga, "POST", "/api/v1/applications", &json!({ "client": ground.home, "name": "shop", "team": "web" })).await.json();
    let own = format!("/api/v1/applications/{}", made["id"].as_str().unwrap());
    let then = Timestamp::now();
    let path = format!("/api/v1/reports/samm?as_of={then}");
    let before = trial.get(&olga, &path).await.body;
    assert!(before.contains("\"applications\": 1"), "{before}");
    trial.send(&olga, "PATCH", &own, &json!({ "name": "store", "team": "another" })).await;
    let gone = trial.send(&olga, "DELETE", &own, &json!({})).await;
    assert_eq!(gone.status, 204, "{gone:?}");
    assert_eq!(trial.get(&olga, &path).await.body, before);
    assert!(trial.get(&olga, "/api/v1/reports/samm").await.body.contains("\"applications\": 0"));
    // Rosters can be made of the applications that are there.
    let nobody = json!({ "name": "all", "audience": "teams", "from_applications": true });
    assert_eq!(refused(&trial.send(&olga, "PUT", "/api/v1/rosters", &nobody).await).1, "E-PARAMETER");
    trial.send(&olga, "POST", "/api/v1/applications", &json!({ "client": ground.home, "name": "yard", "team": "harbour", "stakeholders": ["sales", "board"] })).await;
    let teams = trial.send(&olga, "PUT", "/api/v1/rosters", &nobody).await.json();
    assert_eq!(teams["members"], json!([{ "name": "harbour", "accounts": [] }]));
    let people = trial.send(&olga, "PUT", "/api/v1/rosters", &json!({ "name": "people", "audience": "stakeholders", "from_applications": true, "csv": "name,accounts\nAda,ada\n" })).await;
    assert_eq!(people.json()["members"].as_array().unwrap().len(), 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn targets_and_rules_are_those_of_the_policy_of_the_moment() {
    let ground = ground(&["web", "db"]).await;
    let (trial, owner, app) = (&ground.trial, &ground.owner, ground.trial.app());
    let text = trial.get(owner, "/api/v1/policy/file").await.json()["text"].as_str().unwrap().to_owned();
    let govern = |coverage: u8, target: u8| {
        let more = format!(
            "\n[targets]\nwithin_sla_pct = {{ critical = 95 }}\ncoverage_pct = {coverage}\nevidence_fresh_pct = 40\n\
             [notify]\nbrief = {{ audience = \"project-teams\", every = \"P6M\", topic = \"process\", target_pct = {target} }}\n\
             meeting = {{ audience = \"project-teams\", every = \"P1M\", topic = \"patch-status\" }}\n"
        );
        json!({ "text": format!("{text}{more}"), "reason": "what we want" })
    };
    let set = trial.send(owner, "PUT", "/api/v1/policy/file", &govern(98, 50)).await;
    assert_eq!(set.status, 200, "{set:?}");
    // Yesterday somebody looked at three hosts of one client and judged two.
    let now = Timestamp::now();
    let lease = app.store.take_lease("a test", "me", now, jiff::SignedDuration::from_mins(15)).await.unwrap().unwrap();
    let looked = [(ground.home, Coverage { hosts: 3, judged: 2, fresh: 3, ..Coverage::default() })].into();
    app.store.put_coverage(&lease, last_day(now), &looked).await.unwrap();
    let then = Timestamp::now();
    let management = format!("/api/v1/reports/management?as_of={then}");
    let report = trial.get(owner, &management).await;
    let targets = report.json()["targets"].clone();
    let told = |name: &str| targets.as_array().unwrap().iter().find(|one| one["name"] == name).map(|one| (one["part"].clone(), one["whole"].clone(), one["met"].clone())).unwrap();
    assert_eq!(told("coverage_pct"), (json!(2), json!(3), json!(false)));
    assert_eq!(told("evidence_fresh_pct"), (json!(3), json!(3), json!(true)));
    assert_eq!(told("within_sla_pct.critical"), (json!(0), json!(0), Value::Null), "nothing was due");
    let page = trial.get(owner, &format!("{management}&format=html")).await.body;
    assert!(page.contains("Targets of the policy") && page.contains("not met") && page.contains("unknown"));
    assert!(trial.get(owner, &format!("{management}&format=csv")).await.body.contains("targets,coverage_pct,met,false"));
    assert!(trial.get(owner, &format!("/api/v1/reports/weekly?as_of={then}")).await.json().get("targets").is_none());
    let samm = format!("/api/v1/reports/samm?as_of={then}");
    let answers = trial.get(owner, &samm).await;
    let rule = |answers: &Value| answers["briefings"][0].clone();
    assert_eq!((&rule(&answers.json())["more_than"], &rule(&answers.json())["within"]), (&json!(50), &json!("P6M")));
    let known: Vec<Value> = answers.json()["activities"].as_array().unwrap().iter().filter(|one| !one["figure"].is_null()).map(|one| one["id"].clone()).collect();
    assert_eq!(known, ["O-EM-1-B", "O-EM-2-B", "O-EM-3-B"]);
    assert_eq!(answers.json()["activities"].as_array().unwrap().len(), 18);

    // Another policy does not change what was said of then.
    let set = trial.send(owner, "PUT", "/api/v1/policy/file", &govern(50, 70)).await;
    assert_eq!(set.status, 200, "{set:?}");
    let reviewed = trial.send(owner, "POST", "/api/v1/policy/review", &json!({ "text": "as it should be" })).await;
    assert_eq!(reviewed.status, 200, "{reviewed:?}");
    assert_eq!(trial.get(owner, &management).await.body, report.body);
    assert_eq!(trial.get(owner, &samm).await.body, answers.body);
    let newer = trial.get(owner, "/api/v1/reports/samm").await.json();
    assert_eq!(rule(&newer)["more_than"], 70);
    let review = newer["activities"].as_array().unwrap().iter().find(|one| one["id"] == "O-EM-3-B").unwrap()["criteria"][0].clone();
    assert!(review["holds"] == true && review["because"].as_str().unwrap().contains("the policy was reviewed"), "{review}");
    let better = trial.get(owner, "/api/v1/reports/management").await.json()["targets"].clone();
    assert_eq!(better[1]["met"], true);
}
