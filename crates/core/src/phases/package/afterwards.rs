//! What a policy wants to see after every change, held against the checks that
//! a package carries.

use crate::model::deployment_package::{Check, LooksAt};
use crate::model::policy::PolicySet;
use crate::model::policy::governance::VerifyMethod;
use crate::model::problem::Problem;

/// Kinds of checks, as packages write them.
pub const KINDS: [&str; 5] = ["service", "tcp", "http", "tls", "command"];

fn kind(looks_at: &LooksAt) -> &'static str {
    match looks_at {
        LooksAt::Service { .. } => "service",
        LooksAt::Tcp { .. } => "tcp",
        LooksAt::Http { .. } => "http",
        LooksAt::Tls { .. } => "tls",
        LooksAt::Command { .. } => "command",
    }
}

/// The kind that a word of `test.post_deploy.checks` begins with: `service-up`
/// asks for a service, `http-200` for an answer with that status.
pub fn kind_of(word: &str) -> Option<(&'static str, &str)> {
    let (first, rest) = word.split_once('-').unwrap_or((word, ""));
    KINDS.into_iter().find(|kind| *kind == first).map(|kind| (kind, rest))
}

/// Whether a check does what a word asks for: it has that name, or is of that
/// kind.
fn does(check: &Check, word: &str) -> bool {
    let of_kind = |(wanted, rest): (&str, &str)| {
        let status = match (&check.looks_at, rest.parse::<u16>()) {
            (LooksAt::Http { status, .. }, Ok(wanted)) => *status == wanted,
            _ => true,
        };
        kind(&check.looks_at) == wanted && status
    };
    check.name == word || kind_of(word).is_some_and(of_kind)
}

/// Names of the checks that must hold on a host after the change, of those that
/// a package carries.
pub fn asked(set: &PolicySet, checks: &[Check]) -> Vec<String> {
    let words = set.governance.test.post_deploy.as_ref().map(|post| post.checks.as_slice()).unwrap_or_default();
    let configuration = wants_configuration(set);
    checks.iter().filter(|check| configuration || words.iter().any(|word| does(check, word))).map(|check| check.name.clone()).collect()
}

/// Whether a fix is to be seen by a check of the configuration, too.
fn wants_configuration(set: &PolicySet) -> bool {
    set.governance.verify.as_ref().is_some_and(|verify| verify.method.contains(&VerifyMethod::Configuration))
}

/// Holds the checks of a draft against the policy.
///
/// # Errors
///
/// `E-POST-DEPLOY` with what no check does.
pub fn hold(set: &PolicySet, checks: &[Check]) -> Result<(), Problem> {
    let words = set.governance.test.post_deploy.as_ref().map(|post| post.checks.as_slice()).unwrap_or_default();
    let lacking: Vec<&str> = words.iter().map(String::as_str).filter(|word| !checks.iter().any(|check| does(check, word))).collect();
    if !lacking.is_empty() {
        let text = format!("the policy wants {} looked at after every change (test.post_deploy.checks), and no check of the package does it", lacking.join(", "));
        return Err(Problem::new("E-POST-DEPLOY", "checks", text, "give the package a check of that name or kind: `--checks FILE`"));
    }
    if wants_configuration(set) && checks.is_empty() {
        let text = "the policy verifies by a check of the configuration (verify.method), and the package carries no check";
        return Err(Problem::new("E-POST-DEPLOY", "checks", text, "give the package a check: `--checks FILE`"));
    }
    Ok(())
}
