//! The **reports** by their names.

use super::Audience;

/// A regulator's form.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, serde::Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Regulator {
    /// CISA's Binding Operational Directive 26-04.
    #[serde(rename = "bod-26-04")]
    Bod2604,
    /// FedRAMP's monthly report of vulnerability detection and response.
    FedrampVdr,
    /// The list that PCI DSS 6.3.3 asks for.
    #[serde(rename = "pci-6-3-3")]
    Pci633,
}

impl Regulator {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Bod2604, Self::FedrampVdr, Self::Pci633];

    /// The report's name.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Bod2604 => "bod-26-04",
            Self::FedrampVdr => "fedramp-vdr",
            Self::Pci633 => "pci-6-3-3",
        }
    }

    /// The policy whose rules it asks about: every version of it, and every
    /// policy of one's own that goes on under its name.
    pub const fn policy(self) -> &'static str {
        match self {
            Self::Bod2604 => "cisa-bod-26-04",
            Self::FedrampVdr => "fedramp-vdr",
            Self::Pci633 => "pci-dss",
        }
    }

    /// Whether a rule, `policy/rule`, is one of its.
    pub fn asks(self, rule: &str) -> bool {
        let policy = rule.split('/').next().unwrap_or_default();
        policy.strip_prefix(self.policy()).is_some_and(|rest| rest.is_empty() || rest.starts_with('-'))
    }

    /// What it is, for those who choose one.
    pub const fn about(self) -> &'static str {
        match self {
            Self::Bod2604 => "CISA BOD 26-04: each known exploited vulnerability and every other finding under the directive's rows",
            Self::FedrampVdr => "FedRAMP vulnerability detection and response, a month",
            Self::Pci633 => "PCI DSS 6.3.3: each patch, when it was released, when it is due and when it was there",
        }
    }

    /// Days that it looks back, where nobody says otherwise.
    pub const fn days(self) -> u16 {
        match self {
            Self::Bod2604 | Self::FedrampVdr => 30,
            Self::Pci633 => 90,
        }
    }
}

/// Any report that is made of a moment.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Named {
    /// For somebody.
    For(Audience),
    /// Where hours and money went.
    Cost,
    /// A regulator's form.
    Form(Regulator),
}

impl Named {
    /// All of them, in the order in which people are shown them.
    pub fn all() -> impl Iterator<Item = Self> {
        Audience::ALL.into_iter().map(Self::For).chain([Self::Cost]).chain(Regulator::ALL.into_iter().map(Self::Form))
    }

    /// The report's name.
    pub const fn word(self) -> &'static str {
        match self {
            Self::For(audience) => audience.word(),
            Self::Cost => "cost",
            Self::Form(regulator) => regulator.word(),
        }
    }

    /// Reads the name.
    pub fn parse(word: &str) -> Option<Self> {
        Self::all().find(|named| named.word() == word)
    }

    /// What it is, for those who choose one.
    pub const fn about(self) -> &'static str {
        match self {
            Self::For(audience) => audience.about(),
            Self::Cost => "Where hours and money went: by step, by patch and by host",
            Self::Form(regulator) => regulator.about(),
        }
    }

    /// Days that it looks back, where nobody says otherwise.
    pub const fn days(self) -> u16 {
        match self {
            Self::For(audience) => audience.days(),
            Self::Cost => 30,
            Self::Form(regulator) => regulator.days(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_read_back_and_rules_belong_to_one_form() {
        for named in Named::all() {
            assert_eq!(Named::parse(named.word()), Some(named));
        }
        assert_eq!(Named::parse("yearly"), None);
        let asks = |rule: &str| Regulator::ALL.into_iter().filter(|form| form.asks(rule)).collect::<Vec<_>>();
        assert_eq!(asks("cisa-bod-26-04/3DF"), [Regulator::Bod2604]);
        assert_eq!(asks("fedramp-vdr-2026/c-n5-likely"), [Regulator::FedrampVdr]);
        assert_eq!(asks("pci-dss-4.0.1/critical"), [Regulator::Pci633]);
        assert!(asks("pci-dssx/critical").is_empty() && asks("samm/critical").is_empty());
    }
}
