//! What a client is asked, in words that it can judge by.

use crate::app::Shared;
use crate::http::problem::Refusal;
use crate::rollouts::Notes;
use jiff::Timestamp;
use plimsoll_core::model::deployment_package::{DeploymentPackage, Place};
use plimsoll_core::model::identifier::QuestionId;
use plimsoll_core::model::policy::governance::Involvement;
use plimsoll_core::model::question::{Question, QuestionState, Shown, change_words};
use plimsoll_core::phases::certify::client::decide;
use plimsoll_core::phases::document::Answered;
use plimsoll_formats::trust::SignedPackage;
use plimsoll_store::identifier::fresh;

/// Names of hosts that a question lists; it counts all.
const NAMED: usize = 100;

/// The question about the rollout of a package that starts now; none where its
/// client has no part in it.
///
/// # Errors
///
/// The store cannot be read, or what it keeps of the package is damaged.
pub async fn about(app: &Shared, digest: &str, now: Timestamp) -> Result<Option<Question>, Refusal> {
    let stored = app.store.package_content(digest).await?;
    let signed = SignedPackage::read("stored package", &stored.document)?;
    let package = signed.package();
    let explained = decide(&app.policy(), package, now);
    let asked = explained.decision;
    if asked.involvement == Involvement::None {
        return Ok(None);
    }
    let notes: Notes = serde_json::from_slice(&stored.notes).unwrap_or_default();
    let places: Vec<Place> = serde_json::from_slice(&stored.hosts).unwrap_or_default();
    let mut host_names: Vec<String> = {
        let fleet = app.fleet.read();
        places.iter().filter_map(|place| Some(fleet.host(place.host)?.registration.name.clone())).collect()
    };
    host_names.sort();
    host_names.truncate(NAMED);
    let content = Shown {
        name: format!("{} {}", package.name, package.version),
        title: package.title.clone(),
        reason: package.reason.clone(),
        change: change_words(package.change).to_owned(),
        because: explained.because.into_iter().map(|because| because.text).collect::<Vec<_>>().join("; "),
        patches: patches(package),
        answers: notes.answers.iter().map(answered).collect(),
        advisories: package.advisories.clone(),
        risks: asked.risks,
        hosts: places.len() as u64,
        host_names,
        windows: windows(package, now),
        downtime: asked.downtime,
        silence: asked.silence,
        refusal: asked.refusal,
        clause: asked.clause,
    };
    let told = asked.involvement == Involvement::Inform;
    Ok(Some(Question {
        id: QuestionId::from_bits(fresh(now)?),
        client: package.client,
        package: digest.to_owned(),
        involvement: asked.involvement,
        asked: now,
        answer_by: asked.answer_by,
        reminders: asked.reminders,
        on_silence: asked.on_silence,
        waiver_text: asked.waiver_text,
        content,
        state: if told { QuestionState::Told } else { QuestionState::Open },
        decided: None,
        reminded: 0,
        waiver: None,
        said: Vec::new(),
    }))
}

fn patches(package: &DeploymentPackage) -> Vec<String> {
    let mut lines = Vec::new();
    for (stream, plan) in &package.streams {
        lines.extend(plan.install.iter().map(|target| {
            let new = if target.new { "is newly installed in" } else { "is updated to" };
            format!("{} {new} version {} on {stream}", target.name, target.version)
        }));
        lines.extend(plan.remove.iter().map(|removal| format!("{} is removed on {stream}", removal.name)));
        lines.extend(plan.steps.iter().map(|step| format!("{step}, on {stream}")));
    }
    lines.dedup();
    lines
}

fn answered(answer: &Answered) -> String {
    let exploited = if answer.exploited { ", known to be exploited" } else { "" };
    let summary = if answer.summary.is_empty() { String::new() } else { format!(": {}", answer.summary) };
    format!("{} ({}{exploited}){summary}", answer.advisory, answer.severity.as_str())
}

/// When hosts change, a line a window with its next beginning.
fn windows(package: &DeploymentPackage, now: Timestamp) -> Vec<String> {
    if package.windows.is_empty() {
        return vec!["at any time once the change has started".to_owned()];
    }
    let line = |(name, window): (&String, &plimsoll_core::model::deployment_package::Window)| {
        let next = window.intervals.iter().find(|interval| now < interval.to).map(|interval| format!("; next from {:.0} to {:.0}", interval.from, interval.to));
        format!("{name}: {}{}", window.shown, next.unwrap_or_default())
    };
    package.windows.iter().map(line).collect()
}
