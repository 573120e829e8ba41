//! What a rule may look at: enumerated fields, words of the host, and numbers
//! with a threshold.

use std::fmt;

/// A field with a fixed, ordered set of values.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Field {
    /// Severity in force, by the policy's order of sources.
    Severity,
    /// Severity by the vendor's own word alone.
    VendorSeverity,
    /// Outcome of the policy's decision table; values come from the table.
    Priority,
    /// Listed as known exploited.
    Kev,
    /// How far the host can be reached.
    Exposure,
    /// Whether the host is open to untrusted networks; from `Exposure`.
    PubliclyExposed,
    /// Exploitation.
    Exploitation,
    /// Whether exploitation can be automated.
    Automatable,
    /// Technical impact.
    TechnicalImpact,
    /// What class of software it is.
    ComponentClass,
    /// Whether a fix has been released anywhere.
    Fix,
}

impl Field {
    /// All fields.
    pub const ALL: [Self; 11] = [
        Self::Severity,
        Self::VendorSeverity,
        Self::Priority,
        Self::Kev,
        Self::Exposure,
        Self::PubliclyExposed,
        Self::Exploitation,
        Self::Automatable,
        Self::TechnicalImpact,
        Self::ComponentClass,
        Self::Fix,
    ];

    /// The policy's word.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Severity => "severity",
            Self::VendorSeverity => "vendor_severity",
            Self::Priority => "priority",
            Self::Kev => "kev",
            Self::Exposure => "exposure",
            Self::PubliclyExposed => "publicly_exposed",
            Self::Exploitation => "exploitation",
            Self::Automatable => "automatable",
            Self::TechnicalImpact => "technical_impact",
            Self::ComponentClass => "component_class",
            Self::Fix => "fix",
        }
    }

    /// Reads the policy's word.
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|field| field.as_str() == word)
    }

    /// Values in order; empty for `priority`, whose values the table gives.
    ///
    /// The order is that of the enums' `Ord` (severities as in
    /// [`Rating`](crate::model::advisory::Rating)), so that a position is the
    /// enum's number.
    pub fn values(self) -> &'static [&'static str] {
        match self {
            Self::Severity | Self::VendorSeverity => {
                &["unknown", "none", "low", "medium", "high", "critical"]
            }
            Self::Priority => &[],
            Self::Kev | Self::PubliclyExposed | Self::Automatable => &["no", "yes"],
            Self::Exposure => &["small", "controlled", "open"],
            Self::Exploitation => &["none", "public-poc", "active"],
            Self::TechnicalImpact => &["partial", "total"],
            Self::ComponentClass => &super::classes::WORDS,
            Self::Fix => &["none", "available"],
        }
    }
}

/// A free word that people give a host.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Attribute {
    /// Environment.
    Environment,
    /// Tier.
    Tier,
    /// Client.
    Client,
    /// A label by its name.
    Label(String),
}

impl fmt::Display for Attribute {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Environment => formatter.write_str("environment"),
            Self::Tier => formatter.write_str("tier"),
            Self::Client => formatter.write_str("client"),
            Self::Label(name) => write!(formatter, "labels.{name}"),
        }
    }
}

/// A number that a rule may compare.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Number {
    /// Highest CVSS v2 base score.
    Cvss2Base,
    /// Highest CVSS v3 base score, apart from any full score.
    Cvss3Base,
    /// Highest CVSS v4 score.
    Cvss4Base,
    /// Highest EPSS probability, of the model the rule names.
    Epss,
    /// Year in the newest CVE id.
    CveYear,
}

impl Number {
    /// All numbers.
    pub const ALL: [Self; 5] =
        [Self::Cvss2Base, Self::Cvss3Base, Self::Cvss4Base, Self::Epss, Self::CveYear];

    /// The policy's word.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Cvss2Base => "cvss2_base",
            Self::Cvss3Base => "cvss3_base",
            Self::Cvss4Base => "cvss4_base",
            Self::Epss => "epss",
            Self::CveYear => "cve_year",
        }
    }

    /// Reads the policy's word.
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|number| number.as_str() == word)
    }
}

/// How a number is compared.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Comparison {
    /// At least.
    AtLeast,
    /// More than.
    MoreThan,
    /// At most.
    AtMost,
    /// Less than.
    LessThan,
}

impl Comparison {
    /// Reads a threshold such as `>=7.0`.
    pub fn parse(text: &str) -> Option<(Self, f64)> {
        let text = text.trim();
        let (comparison, rest) = if let Some(rest) = text.strip_prefix(">=") {
            (Self::AtLeast, rest)
        } else if let Some(rest) = text.strip_prefix("<=") {
            (Self::AtMost, rest)
        } else if let Some(rest) = text.strip_prefix('>') {
            (Self::MoreThan, rest)
        } else {
            (Self::LessThan, text.strip_prefix('<')?)
        };
        let bound: f64 = rest.trim().parse().ok()?;
        bound.is_finite().then_some((comparison, bound))
    }

    /// Whether `value` compares so to `bound`.
    pub fn holds(self, value: f64, bound: f64) -> bool {
        match self {
            Self::AtLeast => value >= bound,
            Self::MoreThan => value > bound,
            Self::AtMost => value <= bound,
            Self::LessThan => value < bound,
        }
    }

    /// The sign.
    pub fn sign(self) -> &'static str {
        match self {
            Self::AtLeast => ">=",
            Self::MoreThan => ">",
            Self::AtMost => "<=",
            Self::LessThan => "<",
        }
    }
}

/// One condition of a rule's head.
#[derive(Clone, PartialEq, Debug)]
pub enum Condition {
    /// A field has one of these values, a bit a position.
    OneOf(Field, u32),
    /// A word of the host is one of these; an unknown word is none of them.
    Words(Attribute, Vec<String>),
    /// A number compares so; an unknown number does not.
    Compare(Number, Comparison, f64),
    /// The EPSS score comes from this model; scores of different models do not
    /// compare.
    EpssModel(EpssModel),
}

/// Whatever answers a rule's questions: the facts of a finding, or one cell of
/// a linter's table.
pub trait Answers {
    /// Position of a field's value.
    fn field(&mut self, field: Field) -> u8;
    /// Whether a word of the host is among `words`.
    fn word(&mut self, attribute: &Attribute, words: &[String]) -> bool;
    /// A number; none when unknown.
    fn number(&mut self, number: Number) -> Option<f64>;
    /// Whether the EPSS score is of this model.
    fn epss_model(&mut self, model: EpssModel) -> bool;
}

impl Condition {
    /// Whether it holds.
    pub fn holds(&self, answers: &mut impl Answers) -> bool {
        match self {
            Self::OneOf(field, mask) => {
                1u32.checked_shl(u32::from(answers.field(*field))).is_some_and(|bit| mask & bit != 0)
            }
            Self::Words(attribute, words) => answers.word(attribute, words),
            Self::Compare(number, comparison, bound) => {
                answers.number(*number).is_some_and(|value| comparison.holds(value, *bound))
            }
            Self::EpssModel(model) => answers.epss_model(*model),
        }
    }
}

/// A version of FIRST's prediction model. A new model shifts every score, so a
/// threshold holds for one model only.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum EpssModel {
    /// `v2023.03.01` (EPSS 3), from 2023-03-07 on.
    V2023,
    /// `v2025.03.14` (EPSS 4), from 2025-03-17 on.
    V2025,
}

impl EpssModel {
    /// Both models.
    pub const ALL: [Self; 2] = [Self::V2023, Self::V2025];

    /// The name in the feed's first line.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::V2023 => "v2023.03.01",
            Self::V2025 => "v2025.03.14",
        }
    }

    /// The model that made the score of a day; none before the known ones.
    ///
    /// A later model than the known ones would be taken for the last: the
    /// feed's own line is not kept by the advisory database yet.
    pub fn of_day(day: jiff::civil::Date) -> Option<Self> {
        if day >= jiff::civil::date(2025, 3, 17) {
            Some(Self::V2025)
        } else if day >= jiff::civil::date(2023, 3, 7) {
            Some(Self::V2023)
        } else {
            None
        }
    }
}
