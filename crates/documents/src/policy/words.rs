//! What a policy's values are called in sentences.

use jiff::civil::Date;
use jiff::tz::TimeZone;
use plimsoll_core::model::policy::rollout::Suite;
use plimsoll_core::model::policy::{Clock, Comparison, Condition, Done, EpssModel, Field, Length, Number, Policy, PolicySet, Rule, Within};

/// `a`, `a and b`, `a, b and c`.
pub(super) fn series(words: &[String]) -> String {
    match words {
        [] => String::new(),
        [one] => one.clone(),
        [most @ .., last] => format!("{} and {last}", most.join(", ")),
    }
}

/// The same with "or".
pub(super) fn either(words: &[String]) -> String {
    match words {
        [] => String::new(),
        [one] => one.clone(),
        [most @ .., last] => format!("{} or {last}", most.join(", ")),
    }
}

/// A length in words, `14 days`.
pub(super) fn length(length: &Option<Length>) -> Option<String> {
    length.as_ref().map(Length::words)
}

/// "yes" and "no".
pub(super) fn yes_no(answer: bool) -> String {
    if answer { "yes" } else { "no" }.to_owned()
}

/// The day some time after another.
pub(super) fn later(from: Date, length: &Length) -> Option<Date> {
    let zoned = from.to_zoned(TimeZone::UTC).ok()?;
    length.after(&zoned).map(|end| end.to_zoned(TimeZone::UTC).date())
}

/// The event that starts a clock, short enough for a column.
fn event(clock: Clock) -> &'static str {
    match clock {
        Clock::FixReleased => "release of the fix",
        Clock::Detected => "detection",
        Clock::Evaluated => "evaluation",
        Clock::KevListed => "listing as known exploited",
        Clock::KnownAndFixAvailable => "detection or release of the fix, the later",
        Clock::InputsTrueAndFixReleased => "inputs true or fix released, the later",
    }
}

/// Where a severity or priority stands among others, gravest first.
pub(super) fn rank(set: &PolicySet, level: &str) -> usize {
    let severities = ["critical", "high", "medium", "low"];
    let of_rule = || set.policies.iter().flat_map(|policy| &policy.rules).position(|rule| rule.id == level).map(|at| at + severities.len());
    severities.iter().position(|known| *known == level).or_else(of_rule).unwrap_or(usize::MAX)
}

/// A rule's time and the event that starts it.
pub(super) fn within(rule: &Rule) -> (String, String) {
    let clock = event(rule.clock).to_owned();
    match &rule.within {
        Within::Length(length) => (length.words(), clock),
        Within::KevDueDate { otherwise: Some(length) } => ("by the catalogue's due date".to_owned(), format!("where it has none, {} from {clock}", length.words())),
        Within::KevDueDate { otherwise: None } => ("by the catalogue's due date".to_owned(), event(Clock::KevListed).to_owned()),
        Within::NextUpgrade => ("at the next scheduled upgrade or rebuild".to_owned(), String::new()),
        Within::NoNumber(reason) => ("no number".to_owned(), reason.clone().unwrap_or_default()),
    }
}

/// What counts as done.
pub(super) fn done(done: Done) -> &'static str {
    match done {
        Done::Mitigated => "mitigated",
        Done::Installed => "installed",
        Done::Effective => "installed and in effect",
        Done::Verified => "seen to be in effect",
        Done::VerifiedBySecondSource => "seen to be in effect by a second source",
    }
}

/// A rule's head in words.
pub(super) fn head(policy: &Policy, rule: &Rule) -> String {
    if rule.when.is_empty() {
        return "everything else".to_owned();
    }
    rule.when.iter().map(|condition| part(policy, condition)).collect::<Vec<_>>().join(", and ")
}

fn part(policy: &Policy, condition: &Condition) -> String {
    match condition {
        Condition::OneOf(field, mask) => one_of(policy, *field, *mask),
        Condition::Words(attribute, words) => format!("{attribute} {}", either(words)),
        Condition::Compare(number, comparison, bound) => {
            let how = match comparison {
                Comparison::AtLeast => "at least",
                Comparison::MoreThan => "more than",
                Comparison::AtMost => "at most",
                Comparison::LessThan => "less than",
            };
            let what = match number {
                Number::Cvss2Base => "CVSS 2 base score",
                Number::Cvss3Base => "CVSS 3 base score",
                Number::Cvss4Base => "CVSS 4 base score",
                Number::Epss => "EPSS",
                Number::CveYear => "year of the CVE",
            };
            format!("{what} {how} {bound}")
        }
        Condition::EpssModel(model) => format!("EPSS model {}", EpssModel::as_str(*model)),
    }
}

fn one_of(policy: &Policy, field: Field, mask: u32) -> String {
    let words: Vec<String> = match (field, &policy.priority) {
        (Field::Priority, Some(model)) => model.table.outcome().values.iter().map(|value| value.shown().to_owned()).collect(),
        _ => field.values().iter().map(|word| (*word).to_owned()).collect(),
    };
    let named = words.into_iter().enumerate().filter(|(at, _)| mask.checked_shr(u32::try_from(*at).unwrap_or(32)).unwrap_or(0) & 1 == 1);
    let named: Vec<String> = named.map(|(_, word)| word).collect();
    let is = |yes: &'static str, no: &'static str| match named.as_slice() {
        [only] if only == "yes" => yes.to_owned(),
        [only] if only == "no" => no.to_owned(),
        _ => format!("{yes} or {no}"),
    };
    match field {
        Field::Kev => is("known to be exploited (KEV)", "not known to be exploited (KEV)"),
        Field::PubliclyExposed => is("publicly exposed", "not publicly exposed"),
        Field::Automatable => is("exploitation can be automated", "exploitation cannot be automated"),
        Field::Fix => if named.iter().any(|word| word == "none") { "no fix released" } else { "fix released" }.to_owned(),
        Field::VendorSeverity => format!("vendor's severity {}", either(&named)),
        Field::ComponentClass => either(&named),
        field => format!("{} {}", field.as_str().replace('_', " "), either(&named)),
    }
}

/// How much is tested.
pub(super) fn suite(suite: Suite) -> &'static str {
    match suite {
        Suite::None => "none beyond what every host observes of itself",
        Suite::Smoke => "smoke: what every host observes of itself",
        Suite::Full => "full: checks of the package's own as well",
    }
}
