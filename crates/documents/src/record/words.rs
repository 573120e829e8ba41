//! Words for states and acts.

use crate::words::count;
use crate::model::Kind;
use crate::text::{Style, Text};
use plimsoll_core::model::outcome::State;
use plimsoll_core::phases::deploy::{Gate, Phase, Wanted};
use plimsoll_core::phases::document::Record;

/// What came of it all, in a sentence.
pub fn outcome(record: &Record) -> (Kind, Text) {
    let totals = &record.totals;
    let mut left = Vec::new();
    for (number, words) in [
        (totals.succeeded, "carried it out and were not seen with it in effect yet"),
        (totals.failed, "failed or refused it"),
        (totals.silent, "took it and fell silent"),
        (totals.at_work, "are at work"),
        (totals.waiting, "did not begin"),
    ] {
        if number > 0 {
            left.push(format!("{number} {words}"));
        }
    }
    let state = match (record.state, record.gate) {
        (Wanted::Done, _) => "The rollout is done.",
        (Wanted::Aborted, _) => "The rollout was aborted.",
        (Wanted::Paused, _) => "The rollout is paused.",
        (Wanted::Running, Gate::Shut) => "The gate is shut: nothing more starts.",
        (Wanted::Running, _) => "The rollout is under way.",
    };
    let rest = if left.is_empty() { String::new() } else { format!(" {}.", left.join(", ")) };
    let told = format!("{state} {} of {} seen with the change in effect.{rest}", totals.confirmed, count(totals.hosts, "host was", "hosts were"));
    let bad = totals.failed + totals.silent > 0 || record.state == Wanted::Aborted || record.gate == Gate::Shut;
    let kind = match (bad, totals.confirmed == totals.hosts) {
        (true, _) => Kind::Danger,
        (false, true) => Kind::Information,
        (false, false) => Kind::Warning,
    };
    (kind, Text::from(told))
}

/// A host's phase, coloured by what it means.
pub fn phase(phase: Phase) -> Text {
    let (style, word) = match phase {
        Phase::Succeeded => (Style::Good, "succeeded"),
        Phase::Pending => (Style::Warning, "reboot pending"),
        Phase::Failed => (Style::Bad, "failed"),
        Phase::Silent => (Style::Bad, "silent"),
        Phase::AtWork => (Style::Warning, "at work"),
        Phase::Waits => (Style::Soft, "waits"),
        Phase::Away => (Style::Soft, "away"),
        Phase::LeftOut => (Style::Soft, "left out"),
    };
    Text::styled(style, word)
}

/// A state of an attempt, in the protocol's words without their dashes.
pub fn state(state: State) -> &'static str {
    match state {
        State::Staged => "staged",
        State::Deferred => "deferred",
        State::Executing => "executing",
        State::Rebooting => "rebooting",
        State::Succeeded => "succeeded",
        State::AlreadySatisfied => "already satisfied",
        State::FailedClean => "failed, former state proven",
        State::RepairedTarget => "repaired, target reached",
        State::RepairedFormer => "repaired, former state",
        State::RolledBack => "rolled back",
        State::Refused => "refused",
        State::NeedsOperator => "needs a person",
        State::Unknown => "unknown",
    }
}

/// What people did, in their words.
pub fn verb(verb: &str) -> &str {
    match verb {
        "package.draft" => "drafted the package",
        "package.sign" => "signed it",
        "package.accept" => "enough had signed: accepted",
        "package.approve" => "approved it",
        "package.refuse" => "refused it",
        "package.review" => "closed its review",
        "package.escalated" => "time for approval ran out: a higher authority is asked",
        "package.rejected" => "time for approval ran out: rejected",
        "package.retro-overdue" => "not approved in time after the fact",
        "package.review-overdue" => "its review was not closed in time",
        "rollout.start" => "started the rollout",
        "rollout.pause" => "paused it",
        "rollout.resume" => "let it go on",
        "rollout.abort" => "aborted it",
        "client.told" => "told the client",
        "client.asked" => "asked the client",
        "client.reminded" => "reminded the client",
        "client.remarked" => "remarked on the question to the client",
        "client.approved" => "agreed, for the client",
        "client.refused" => "refused, for the client",
        "client.objected" => "objected, for the client",
        "client.silent" => "recorded the client's silence",
        "client.closed" => "closed the question to the client",
        other => other,
    }
}
