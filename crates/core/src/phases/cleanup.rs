//! Phase 9, clean up: what failed, what remnants are left, what goes back?
//!
//! [`triage`] sorts what hosts say of failed attempts into a few causes, each
//! with what to do next, so that forty failures of one cause are one piece of
//! work. It reads codes first; where a code covers several causes, the words
//! of the package managers decide, which is why they are listed here and
//! nowhere else.

use crate::model::because::{Because, BecauseKind, Explained};
use crate::model::outcome::State;
use crate::model::problem::Problem;
use serde::{Deserialize, Serialize};

/// Why a change did not come to its end on a host.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Cause {
    /// A file system was full.
    NoSpace,
    /// Packages on the host do not go together with those of the plan.
    Dependencies,
    /// A script of a package failed.
    MaintainerScript,
    /// Something ended the package manager or the host in the middle.
    Interrupted,
    /// A file could not be fetched, or was not the one that was signed.
    Artefact,
    /// A check did not hold.
    CheckFailed,
    /// A person or a rule on the host holds changes back.
    Held,
    /// Another program works on the host's packages.
    Locked,
    /// The host would do something that people did not sign.
    NotPlanned,
    /// A step that is no package could not be taken.
    Step,
    /// Signatures, generations, expiry or place did not hold.
    Refused,
    /// The host's clock is wrong.
    Clock,
    /// It took the change and was not heard of since.
    Silent,
    /// None of these.
    Other,
}

impl Cause {
    /// The word in API and console.
    pub const fn word(self) -> &'static str {
        match self {
            Self::NoSpace => "no-space",
            Self::Dependencies => "dependencies",
            Self::MaintainerScript => "maintainer-script",
            Self::Interrupted => "interrupted",
            Self::Artefact => "artefact",
            Self::CheckFailed => "check-failed",
            Self::Held => "held",
            Self::Locked => "locked",
            Self::NotPlanned => "not-planned",
            Self::Step => "step",
            Self::Refused => "refused",
            Self::Clock => "clock",
            Self::Silent => "silent",
            Self::Other => "other",
        }
    }

    /// What it is, for people.
    pub const fn title(self) -> &'static str {
        match self {
            Self::NoSpace => "no space left",
            Self::Dependencies => "packages that do not go together",
            Self::MaintainerScript => "a package's own script failed",
            Self::Interrupted => "interrupted",
            Self::Artefact => "a file could not be had",
            Self::CheckFailed => "a check did not hold",
            Self::Held => "held back",
            Self::Locked => "another package manager was at work",
            Self::NotPlanned => "not covered by the package",
            Self::Step => "a configuration step failed",
            Self::Refused => "refused by the host's rules of trust",
            Self::Clock => "the host's clock is wrong",
            Self::Silent => "silent",
            Self::Other => "not explained",
        }
    }

    /// What to do next.
    pub const fn next(self) -> &'static str {
        match self {
            Self::NoSpace => "make room on the host, then `plimsoll rollout resume --retry`",
            Self::Dependencies => "look at what the host has beside the plan; draft a package that covers it",
            Self::MaintainerScript => "read the attempt's log, mend what the script trips over, then `plimsoll rollout resume --retry`",
            Self::Interrupted => "the host stands as before; `plimsoll rollout resume --retry` once it is stable",
            Self::Artefact => "see that the host reaches the server and the server has the file; then `plimsoll rollout resume --retry`",
            Self::CheckFailed => "the former versions are there again; find out what the new ones break before anything else",
            Self::Held => "ask who holds it; it goes on by itself when the hold is lifted and the package has not expired",
            Self::Locked => "it goes on by itself when the other program ends",
            Self::NotPlanned => "draft a package that covers what the host needs",
            Self::Step => "look at the file or service that the step names",
            Self::Refused => "do not retry: find out who signed or assigned what the host refuses",
            Self::Clock => "set the host's clock; it goes on by itself",
            Self::Silent => "look at the host and its network; nothing is known of what it did",
            Self::Other => "read the attempt's log on the host",
        }
    }

    /// Whether trying again without changing anything first could help.
    pub const fn passes_by_itself(self) -> bool {
        matches!(self, Self::Interrupted | Self::Artefact | Self::Held | Self::Locked | Self::Clock)
    }
}

/// Everything the decision may look at.
#[derive(Clone, Copy, Debug)]
pub struct Input<'a> {
    /// What the host said last of its attempt; none where it said nothing.
    pub state: Option<State>,
    /// What it named as standing in the way.
    pub problem: Option<&'a Problem>,
    /// Head and tail of what its package manager wrote, as far as it is kept.
    pub log: &'a str,
    /// Whether it took the change and was not heard of since.
    pub silent: bool,
}

/// Words of full disks: the kernel's, dpkg's, apt's, rpm's.
const FULL: [&str; 5] = ["no space left on device", "not enough free space", "don't have enough free space", "more space needed on", "disk quota exceeded"];
/// Words of scripts that failed: dpkg's (of any kind of script) and rpm's.
const SCRIPT: [&str; 4] = ["script subprocess returned error", "script returned error exit status", "scriptlet failed", "pre-dependency script"];
/// Words of packages that do not go together: apt's, dpkg's, dnf's, rpm's.
const TOGETHER: [&str; 8] = [
    "unmet dependencies",
    "dependency problems",
    "held broken packages",
    "conflicting requests",
    "nothing provides",
    "failed dependencies",
    "trying to overwrite",
    "conflicts with file from package",
];
/// Words of a package manager that was ended from outside.
const CUT: [&str; 4] = ["received signal", "segmentation fault", "exited unexpectedly", "dpkg was interrupted"];

/// Says why a change did not come to its end on a host; none where it did, or
/// where nothing is wrong yet.
pub fn triage(input: &Input<'_>) -> Option<Explained<Cause>> {
    let found = |cause: Cause, why: String| Some(Explained { decision: cause, because: vec![Because::new(BecauseKind::Rule, why)] });
    let Some(state) = input.state.filter(|state| !state.is_success()) else {
        let silent = input.silent && input.state.is_none();
        return silent.then(|| found(Cause::Silent, "it took the change and was not heard of since".to_owned())).flatten();
    };
    let Some(problem) = input.problem else {
        return match state {
            _ if input.silent => found(Cause::Silent, "it was at work and was not heard of since".to_owned()),
            State::Staged | State::Executing | State::Rebooting | State::Deferred => None,
            State::RepairedFormer => found(Cause::Interrupted, "it was interrupted and brought back".to_owned()),
            _ => found(Cause::Other, "it names no problem".to_owned()),
        };
    };
    if input.silent && !state.is_terminal() {
        return found(Cause::Silent, format!("it said {} and was not heard of since", problem.code));
    }
    let said = format!("{}\n{}", problem.text, input.log).to_lowercase();
    let says = |words: &[&str]| words.iter().find(|words| said.contains(**words)).map(|words| (*words).to_owned());
    let by_code = |cause| found(cause, format!("{} {} {}", problem.code, problem.place, problem.text));
    // Whoever waits for ring, window or word has not failed.
    if state == State::Deferred && matches!(problem.code.as_str(), "E-RING-LOCKED" | "W-WINDOW" | "E-STOPPED") {
        return None;
    }
    if problem.code == "E-CHECK" {
        return by_code(Cause::CheckFailed);
    }
    if let Some(words) = says(&FULL) {
        return found(Cause::NoSpace, format!("it says {words:?}"));
    }
    match problem.code.as_str() {
        "E-HOST-SPACE" => by_code(Cause::NoSpace),
        "E-HOLD" => by_code(Cause::Held),
        "E-LOCKED" | "E-BUSY" => by_code(Cause::Locked),
        "E-CLOCK" => by_code(Cause::Clock),
        "E-ARTEFACT" | "E-NETWORK" => by_code(Cause::Artefact),
        "E-STEP" | "E-PATH-OWNER" => by_code(Cause::Step),
        "E-INTERRUPTED" | "E-RUNNER" => by_code(Cause::Interrupted),
        "E-PLAN" => says(&TOGETHER).map_or_else(|| by_code(Cause::NotPlanned), |words| found(Cause::Dependencies, format!("it says {words:?}"))),
        code if is_of_trust(code) => by_code(Cause::Refused),
        _ => by_words(&says, state).map_or_else(|| by_code(Cause::Other), |(cause, why)| found(cause, why)),
    }
}

fn is_of_trust(code: &str) -> bool {
    ["E-SIG", "E-SOD", "E-ASSIGN", "E-ROLLBACK", "E-CLIENT", "E-EXPIRED", "E-FORMAT", "E-ROOT", "E-LOG"].iter().any(|start| code.starts_with(start))
}

/// A script that fails leaves packages unconfigured that depend on its own, so
/// that its words come before those of dependencies; and whoever is ended by a
/// signal fails in many ways.
fn by_words(says: &dyn Fn(&[&str]) -> Option<String>, state: State) -> Option<(Cause, String)> {
    let sorts: [(Cause, &[&str]); 3] = [(Cause::Interrupted, &CUT), (Cause::MaintainerScript, &SCRIPT), (Cause::Dependencies, &TOGETHER)];
    let spoken = sorts.into_iter().find_map(|(cause, words)| says(words).map(|words| (cause, format!("it says {words:?}"))));
    spoken.or_else(|| (state == State::RepairedFormer).then(|| (Cause::Interrupted, "it was interrupted and brought back".to_owned())))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cause(state: State, code: &str, text: &str, log: &str) -> Option<&'static str> {
        let problem = Problem::new(code, "transaction", text, "");
        triage(&Input { state: Some(state), problem: Some(&problem), log, silent: false }).map(|found| found.decision.word())
    }

    #[test]
    fn every_measured_failure_has_its_cause() {
        let apply = |log| cause(State::FailedClean, "E-APPLY", "does not reach its targets", log);
        assert_eq!(apply("dpkg: error processing archive: cannot copy: No space left on device"), Some("no-space"));
        assert_eq!(apply("installed libfoo package post-installation script subprocess returned error exit status 1\ndependency problems - leaving unconfigured"), Some("maintainer-script"));
        assert_eq!(apply("error: %prein(foo-1-1) scriptlet failed, exit status 1"), Some("maintainer-script"));
        assert_eq!(apply(" libfoo : Depends: libbar but it is not installable\nE: Unmet dependencies."), Some("dependencies"));
        assert_eq!(apply("E: Sub-process dpkg received signal 9"), Some("interrupted"));
        assert_eq!(apply("nothing to see"), Some("other"));
        assert_eq!(cause(State::RepairedFormer, "E-APPLY", "", ""), Some("interrupted"));
        assert_eq!(cause(State::FailedClean, "E-HOST-SPACE", "", ""), Some("no-space"));
        assert_eq!(cause(State::Deferred, "E-HOLD", "", ""), Some("held"));
        assert_eq!(cause(State::Deferred, "E-LOCKED", "apt-get (pid 7)", ""), Some("locked"));
        assert_eq!(cause(State::NeedsOperator, "E-PLAN", "would remove nginx", ""), Some("not-planned"));
        assert_eq!(cause(State::NeedsOperator, "E-PLAN", "nothing provides libx", ""), Some("dependencies"));
        assert_eq!(cause(State::RolledBack, "E-CHECK", "web does not hold: no space left on device", ""), Some("check-failed"));
        assert_eq!(cause(State::RolledBack, "E-STEP", "", ""), Some("step"));
        assert_eq!(cause(State::Refused, "E-SIG-THRESHOLD", "", ""), Some("refused"));
        assert_eq!(cause(State::Refused, "E-ASSIGN-EPOCH", "", ""), Some("refused"));
        assert_eq!(cause(State::FailedClean, "E-ARTEFACT", "", ""), Some("artefact"));
        assert_eq!(cause(State::Deferred, "E-CLOCK", "", ""), Some("clock"));
        assert_eq!(cause(State::Deferred, "W-WINDOW", "", ""), None);
        assert_eq!(cause(State::Succeeded, "W-MARKS", "no space left on device", ""), None);
    }

    #[test]
    fn silence_has_a_cause_and_patience_has_none() {
        let word = |state, silent| triage(&Input { state, problem: None, log: "", silent }).map(|found| found.decision.word());
        assert_eq!(word(None, true), Some("silent"));
        assert_eq!(word(Some(State::Executing), true), Some("silent"));
        assert_eq!(word(None, false), None);
        assert_eq!(word(Some(State::Staged), false), None);
        assert_eq!(word(Some(State::Executing), false), None);
        assert_eq!(word(Some(State::AlreadySatisfied), true), None);
        assert_eq!(word(Some(State::Unknown), false), Some("other"));
    }
}
