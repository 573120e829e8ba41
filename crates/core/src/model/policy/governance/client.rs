//! How clients take part in decisions.

use crate::model::policy::{ComponentClass, Length};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// How clients take part.
#[derive(Clone, PartialEq, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Client {
    /// What is provided to them.
    pub model: ClientModel,
    /// For routine changes.
    pub routine: Option<Involvement>,
    /// For emergency changes.
    pub emergency: Option<Involvement>,
    /// For changes of high risk.
    pub high_risk: Option<Involvement>,
    /// By class of software, before the three above.
    #[serde(default)]
    pub by_class: BTreeMap<ComponentClass, Involvement>,
    /// How long a client has to answer.
    pub answer_within: Option<Length>,
    /// When a client that is silent is reminded, from the question on.
    #[serde(default)]
    pub remind_after: Vec<Length>,
    /// What silence leads to.
    pub on_silence: Option<OnSilence>,
    /// The words that a liability waiver is recorded with.
    pub waiver_text: Option<String>,
    /// What a refusal leads to.
    pub on_refusal: Option<OnRefusal>,
    /// The clause of the contract that allows each of it.
    #[serde(default)]
    pub clause: Clauses,
}

/// What is provided to clients.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ClientModel {
    /// A service whose machines are the provider's own affair.
    Asp,
    /// Machines that are run for the client.
    ManagedInfrastructure,
    /// There are no clients but the organisation itself.
    Internal,
}

impl ClientModel {
    /// For readers.
    pub fn words(self) -> &'static str {
        match self {
            Self::Asp => "clients use a hosted service; its machines are the provider's own affair",
            Self::ManagedInfrastructure => "machines are run on behalf of clients",
            Self::Internal => "the organisation runs its machines for itself",
        }
    }
}

/// How far a client takes part.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Involvement {
    /// Not at all.
    None,
    /// Is told.
    Inform,
    /// Is heard; the provider decides.
    Consult,
    /// Decides.
    Consent,
}

impl Involvement {
    /// Reads the policy's word.
    pub fn parse(word: &str) -> Option<Self> {
        [Self::None, Self::Inform, Self::Consult, Self::Consent].into_iter().find(|how| how.as_str() == word)
    }

    /// The policy's word.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Inform => "inform",
            Self::Consult => "consult",
            Self::Consent => "consent",
        }
    }

    /// For readers.
    pub fn words(self) -> &'static str {
        match self {
            Self::None => "the client is not involved",
            Self::Inform => "the client is told",
            Self::Consult => "the client is heard, and the provider decides",
            Self::Consent => "nothing is done without the client's consent",
        }
    }
}

/// What a client's silence leads to.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum OnSilence {
    /// The change goes on.
    Proceed,
    /// A liability waiver is recorded, and the change is not made.
    Waive,
}

impl OnSilence {
    /// The policy's word.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Proceed => "proceed",
            Self::Waive => "waive",
        }
    }

    /// Reads that word.
    pub fn parse(word: &str) -> Option<Self> {
        [Self::Proceed, Self::Waive].into_iter().find(|silence| silence.as_str() == word)
    }
}

/// What a client's refusal leads to.
#[derive(Clone, PartialEq, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OnRefusal {
    /// What is recorded.
    pub record: Option<String>,
    /// Who is told.
    #[serde(default)]
    pub notify: Vec<String>,
}

/// Clauses of the contract.
#[derive(Clone, PartialEq, Eq, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Clauses {
    /// That the provider changes machines and tells the client.
    pub inform: Option<String>,
    /// That the client is heard.
    pub consult: Option<String>,
    /// That the client decides.
    pub consent: Option<String>,
    /// That silence lets a change go on, or records a waiver.
    pub silence: Option<String>,
    /// That a refusal is recorded and moves liability.
    pub refusal: Option<String>,
}

impl Client {
    /// Every involvement with what it is for.
    pub fn involvements(&self) -> Vec<(String, Involvement)> {
        let kinds = [("routine changes", self.routine), ("emergency changes", self.emergency), ("changes of high risk", self.high_risk)];
        let mut all: Vec<(String, Involvement)> = kinds.into_iter().filter_map(|(what, how)| Some((what.to_owned(), how?))).collect();
        all.extend(self.by_class.iter().map(|(class, how)| (format!("class {}", class.as_str()), *how)));
        all
    }

    /// Whether a client's answer is waited for anywhere.
    pub fn asks(&self) -> bool {
        self.involvements().iter().any(|(_, how)| *how >= Involvement::Consult)
    }

    /// What needs a clause of the contract, with the clause where it is given.
    pub fn needs_clause(&self) -> Vec<(&'static str, Option<&str>)> {
        if self.model == ClientModel::Internal {
            return Vec::new();
        }
        let used = |wanted: Involvement| self.involvements().iter().any(|(_, how)| *how == wanted);
        let all = [
            ("inform", used(Involvement::Inform), &self.clause.inform),
            ("consult", used(Involvement::Consult), &self.clause.consult),
            ("consent", used(Involvement::Consent), &self.clause.consent),
            ("silence", self.on_silence.is_some() && self.asks(), &self.clause.silence),
            ("refusal", self.on_refusal.is_some(), &self.clause.refusal),
        ];
        all.into_iter().filter(|(_, needed, _)| *needed).map(|(name, _, clause)| (name, clause.as_deref())).collect()
    }
}
