//! **Because**: the reasons that come with every decision.

use serde::{Deserialize, Serialize};

/// One reason for a decision, in the words of the person who will ask.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Because {
    /// What kind of reason it is; stable, for machines.
    pub kind: BecauseKind,
    /// The reason as one plain sentence, without a full stop at its end.
    pub text: String,
}

/// The kinds of reason, stable names for machines.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum BecauseKind {
    /// Two versions were compared.
    Version,
    /// A source of facts and its date or digest.
    Source,
    /// A rule of the policy.
    Rule,
    /// An input that was not known and was assumed; always shown.
    Assumed,
    /// A statement (VEX) by a vendor or by people.
    Statement,
    /// Where a fix is, or why there is none.
    Fix,
    /// Where the package came from.
    Origin,
    /// Which kernel runs, boots next, or lies idle.
    Kernel,
    /// A clock: when it started and why then.
    Clock,
    /// Support of a release or package has ended or is limited.
    Support,
    /// Something known about exploitation (KEV, EPSS, SSVC).
    Threat,
}

impl Because {
    /// Makes a reason.
    pub fn new(kind: BecauseKind, text: impl Into<String>) -> Self {
        Self { kind, text: text.into() }
    }

    /// Makes the reason that an input was unknown and what was assumed.
    pub fn assumed(text: impl Into<String>) -> Self {
        Self::new(BecauseKind::Assumed, text)
    }
}

/// A decision together with its reasons; neither travels without the other.
#[must_use]
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Explained<T> {
    /// What was decided.
    pub decision: T,
    /// Why.
    pub because: Vec<Because>,
}
