//! What a policy's rules ask about one finding, answered once each, with what
//! had to be assumed.

use super::cells::{fed_by, field_of, meaning};
use super::severity::cvss_of;
use super::{Input, add};
use crate::model::advisory::{Cvss, Rating, Severity};
use crate::model::because::{Because, BecauseKind};
use crate::model::policy::{
    Answers, Attribute, ClassFrom, DecisionPoint, DecisionTable, EpssModel, Exposure, Field, Number,
    Policy, PriorityModel,
};
use crate::model::threat::{Exploitation, TechnicalImpact};

const UNASKED: u8 = u8::MAX;
/// Deepest chain of tables that feed each other; the official ones have two.
const DEPTH: u8 = 4;

/// The answers; only what a rule asks is worked out, and only that is printed.
pub(super) struct Inputs<'a, 'b> {
    input: &'a Input<'a>,
    policy: &'a Policy,
    rating: Rating,
    known: [u8; Field::ALL.len()],
    because: &'b mut Vec<Because>,
    wanted: bool,
}

impl<'a, 'b> Inputs<'a, 'b> {
    pub(super) fn new(
        input: &'a Input<'a>,
        policy: &'a Policy,
        rating: Rating,
        because: &'b mut Vec<Because>,
        wanted: bool,
    ) -> Self {
        Self { input, policy, rating, known: [UNASKED; Field::ALL.len()], because, wanted }
    }

    pub(super) fn add(&mut self, reason: Because) {
        if self.wanted {
            add(self.because, reason);
        }
    }

    /// Whether reasons are wanted; else nobody need put them into words.
    pub(super) fn wanted(&self) -> bool {
        self.wanted
    }

    fn assume(&mut self, text: String) {
        self.add(Because::assumed(text));
    }

    fn threat(&mut self, text: impl Into<String>) {
        self.add(Because::new(BecauseKind::Threat, text));
    }

    /// The value of a field as a word.
    pub(super) fn field_word(&mut self, field: Field) -> String {
        let position = usize::from(self.field(field));
        if field == Field::Priority {
            return self.outcome(position).unwrap_or("unknown").to_owned();
        }
        field.values().get(position).copied().unwrap_or("unknown").to_owned()
    }

    /// The table's outcome, if a rule asked for it.
    pub(super) fn priority_word(&self) -> Option<String> {
        match self.known[Field::Priority as usize] {
            UNASKED => None,
            position => self.outcome(usize::from(position)).map(str::to_owned),
        }
    }

    fn outcome(&self, position: usize) -> Option<&'a str> {
        let model = self.policy.priority.as_ref()?;
        model.table.outcome().values.get(position).map(|value| value.shown())
    }

    /// A word of the host: its own, else the policy's.
    pub(super) fn attribute(&self, attribute: &Attribute) -> Option<&'a str> {
        let pick = |facts: &'a crate::model::policy::HostFacts| match attribute {
            Attribute::Environment => facts.environment.as_deref(),
            Attribute::Tier => facts.tier.as_deref(),
            Attribute::Client => facts.client.as_deref(),
            Attribute::Label(name) => facts.labels.get(name).map(String::as_str),
        };
        pick(self.input.host).or_else(|| pick(&self.policy.host))
    }

    fn find(&mut self, field: Field) -> u8 {
        match field {
            Field::Severity => self.severity() as u8,
            Field::VendorSeverity => self.vendor_severity() as u8,
            Field::Priority => self.priority(),
            Field::Kev => u8::from(self.kev()),
            Field::Exposure => self.exposure() as u8,
            Field::PubliclyExposed => u8::from(self.field(Field::Exposure) == Exposure::Open as u8),
            Field::Exploitation => self.exploitation() as u8,
            Field::Automatable => u8::from(self.automatable()),
            Field::TechnicalImpact => self.technical_impact() as u8,
            Field::ComponentClass => self.class(),
            Field::Fix => u8::from(self.input.finding.fix_exists),
        }
    }

    /// The severity that rules match. A rule that names `unknown` or `none`
    /// gets them; otherwise unknown is what the policy assumes, and a score of
    /// 0 counts as low.
    fn severity(&mut self) -> Rating {
        let named = |rating: Rating| self.policy.rules.severities() & (1 << rating as u32) != 0;
        match self.rating {
            Rating::Unknown if !named(Rating::Unknown) => {
                let assumed = self.policy.classify.unknown.severity;
                if self.wanted {
                    self.assume(format!("severity is unknown: policy {} takes {}", self.policy.id, assumed.as_str()));
                }
                assumed
            }
            Rating::None if !named(Rating::None) => {
                if self.wanted {
                    self.assume("severity is none (score 0): taken as low".to_owned());
                }
                Rating::Low
            }
            rating => rating,
        }
    }

    fn vendor_severity(&mut self) -> Rating {
        let rating = self
            .input
            .finding
            .severities
            .iter()
            .filter_map(|severity| match severity {
                Severity::Vendor { rating, .. } => Some(*rating),
                Severity::Cvss(_) => None,
            })
            .max()
            .unwrap_or_default();
        if rating == Rating::Unknown {
            self.add(Because::new(BecauseKind::Source, "no vendor rates it"));
        }
        rating
    }

    fn kev(&mut self) -> bool {
        match &self.input.finding.threat.kev {
            Some(kev) => {
                if self.wanted {
                    self.threat(format!("listed as known exploited on {}", kev.date_added));
                }
                true
            }
            None => {
                if self.wanted {
                    self.threat("not listed as known exploited");
                }
                false
            }
        }
    }

    fn exposure(&mut self) -> Exposure {
        self.input.host.exposure.or(self.policy.host.exposure).unwrap_or_else(|| {
            let assumed = self.policy.classify.unknown.exposure;
            let word = Field::Exposure.values().get(assumed as usize).copied().unwrap_or_default();
            if self.wanted {
                self.assume(format!("how far the host can be reached is not known: policy {} takes {word}", self.policy.id));
            }
            assumed
        })
    }

    fn exploitation(&mut self) -> Exploitation {
        let threat = self.input.finding.threat;
        if let Some(kev) = &threat.kev {
            if self.wanted {
                self.threat(format!("exploitation active: listed as known exploited on {}", kev.date_added));
            }
            return Exploitation::Active;
        }
        let by_ssvc = threat.ssvc.and_then(|ssvc| ssvc.exploitation);
        let by_vector = self.vectors().filter(|cvss| cvss.version == 4).filter_map(|cvss| match metric(cvss, "E") {
            Some("A") => Some(Exploitation::Active),
            Some("P") => Some(Exploitation::PublicPoc),
            _ => None,
        });
        let by_vector = by_vector.max();
        let words = ["none", "public-poc", "active"];
        let word = |point: Exploitation| words.get(point as usize).copied().unwrap_or_default();
        match by_ssvc.max(by_vector) {
            Some(found) if by_ssvc == Some(found) => {
                if self.wanted {
                    self.threat(format!("exploitation {}: CISA's SSVC points say so", word(found)));
                }
                found
            }
            Some(found) => {
                if self.wanted {
                    self.threat(format!("exploitation {}: the CVSS 4 vector says so", word(found)));
                }
                found
            }
            None => {
                let assumed = self.policy.classify.unknown.exploitation;
                if self.wanted {
                    self.assume(format!(
                        "no sign of exploitation in the sources at hand: policy {} takes {}",
                        self.policy.id,
                        word(assumed)
                    ));
                }
                assumed
            }
        }
    }

    fn automatable(&mut self) -> bool {
        let yes_no = |yes: bool| if yes { "yes" } else { "no" };
        if let Some(automatable) = self.input.finding.threat.ssvc.and_then(|ssvc| ssvc.automatable) {
            if self.wanted {
                self.threat(format!("automatable {}: CISA's SSVC points say so", yes_no(automatable)));
            }
            return automatable;
        }
        let by_vector = self.vectors().filter(|cvss| cvss.version == 4).filter_map(|cvss| match metric(cvss, "AU") {
            Some("Y") => Some(true),
            Some("N") => Some(false),
            _ => None,
        });
        if let Some(automatable) = by_vector.max() {
            if self.wanted {
                self.threat(format!("automatable {}: the CVSS 4 vector says so", yes_no(automatable)));
            }
            return automatable;
        }
        if self.policy.classify.infer_automatable {
            let easy = [("AV", "N"), ("AC", "L"), ("PR", "N"), ("UI", "N")];
            let inferred = self
                .vectors()
                .filter(|cvss| cvss.version >= 3)
                .map(|cvss| easy.iter().all(|(name, value)| metric(cvss, name) == Some(*value)))
                .max();
            if let Some(automatable) = inferred {
                if self.wanted {
                    self.assume(format!(
                        "automatable is told from the CVSS vector (AV:N AC:L PR:N UI:N), Plimsoll's own heuristic: {}",
                        yes_no(automatable)
                    ));
                }
                return automatable;
            }
        }
        let assumed = self.policy.classify.unknown.automatable;
        if self.wanted {
            self.assume(format!(
                "whether exploitation can be automated is not known: policy {} takes {}",
                self.policy.id,
                yes_no(assumed)
            ));
        }
        assumed
    }

    fn technical_impact(&mut self) -> TechnicalImpact {
        let word = |impact: TechnicalImpact| if impact == TechnicalImpact::Total { "total" } else { "partial" };
        if let Some(impact) = self.input.finding.threat.ssvc.and_then(|ssvc| ssvc.technical_impact) {
            if self.wanted {
                self.threat(format!("technical impact {}: CISA's SSVC points say so", word(impact)));
            }
            return impact;
        }
        if self.policy.classify.infer_technical_impact {
            let total = |cvss: &Cvss| {
                let (names, value) = match cvss.version {
                    4 => (["VC", "VI", "VA"], "H"),
                    2 => (["C", "I", "A"], "C"),
                    _ => (["C", "I", "A"], "H"),
                };
                names.iter().all(|name| metric(cvss, name) == Some(value))
            };
            let inferred = self.vectors().filter(|cvss| !cvss.vector.is_empty()).map(total).max();
            if let Some(is_total) = inferred {
                let impact = if is_total { TechnicalImpact::Total } else { TechnicalImpact::Partial };
                if self.wanted {
                    self.assume(format!(
                        "technical impact is told from the CVSS vector, total where confidentiality, integrity and availability are all high: {}",
                        word(impact)
                    ));
                }
                return impact;
            }
        }
        let assumed = self.policy.classify.unknown.technical_impact;
        if self.wanted {
            self.assume(format!("technical impact is not known: policy {} takes {}", self.policy.id, word(assumed)));
        }
        assumed
    }

    fn class(&mut self) -> u8 {
        if let Some(class) = self.input.finding.class {
            return class as u8;
        }
        let Some(component) = self.input.finding.component else {
            if self.wanted {
                self.assume("the class of the component is not known: taken as operating-system".to_owned());
            }
            return 0;
        };
        let (class, from) = self.policy.classify.classes.of(component);
        if from == ClassFrom::Default && self.wanted {
            self.assume("the package is in no list of classes: as a distribution's package it counts as operating-system".to_owned());
        }
        class as u8
    }

    fn vectors(&self) -> impl Iterator<Item = &'a Cvss> + use<'a> {
        let finding = &self.input.finding;
        finding.severities.iter().filter_map(cvss_of).chain(&finding.threat.cvss)
    }

    fn priority(&mut self) -> u8 {
        let Some(model) = &self.policy.priority else { return UNASKED - 1 };
        let (position, inputs) = self.decide(model, &model.table, DEPTH);
        let outcome = self.outcome(position).unwrap_or("unknown");
        self.add(Because::new(BecauseKind::Rule, format!("{} gives {outcome} for {inputs}", model.table.id())));
        u8::try_from(position).unwrap_or(UNASKED - 1)
    }

    /// One table's outcome, with its inputs in words.
    fn decide(&mut self, model: &'a PriorityModel, table: &'a DecisionTable, depth: u8) -> (usize, String) {
        let mut positions = Vec::with_capacity(table.inputs().len());
        let mut words = String::new();
        for point in table.inputs() {
            let position = self.point(model, point, depth);
            if !words.is_empty() {
                words.push_str(", ");
            }
            let value = point.values.get(position).map_or("unknown", |value| value.word.as_str());
            words.push_str(&format!("{} {value}", point.name.to_lowercase()));
            positions.push(position);
        }
        (table.decide(&positions).unwrap_or(0), words)
    }

    /// The value of one input of a table: from the finding, from another
    /// table, from what the host means, or from a label of the host.
    fn point(&mut self, model: &'a PriorityModel, point: &'a DecisionPoint, depth: u8) -> usize {
        if let Some(field) = field_of(point) {
            let word = self.field_word(field);
            return self.position(point, &word);
        }
        if let Some(table) = fed_by(model, point).filter(|_| depth > 0) {
            let (position, _) = self.decide(model, table, depth - 1);
            let word = table.outcome().values.get(position).map_or("", |value| value.key.as_str());
            return self.position(point, word);
        }
        if let Some(word) = meaning(point).and_then(|name| self.impact(name)) {
            return self.position(point, word);
        }
        let label = point.key.to_lowercase();
        match self.attribute(&Attribute::Label(label.clone())) {
            Some(word) => self.position(point, word),
            None => {
                let last = point.values.len().saturating_sub(1);
                let word = point.values.get(last).map_or("", |value| value.word.as_str());
                if self.wanted {
                    self.assume(format!("{} is not known (label {label} of the host): taken as {word}", point.name.to_lowercase()));
                }
                last
            }
        }
    }

    /// What the host means, from itself, the policy, its tier, or assumed.
    fn impact(&mut self, name: &'static str) -> Option<&'a str> {
        let tier = self.attribute(&Attribute::Tier).and_then(|tier| self.policy.tiers.get(tier));
        let said = self
            .input
            .host
            .impact
            .get(name)
            .or_else(|| self.policy.host.impact.get(name))
            .or_else(|| tier.and_then(|impact| impact.get(name)));
        said.or_else(|| {
            let assumed = self.policy.classify.unknown.impact.get(name)?;
            if self.wanted {
                self.assume(format!("{} of the host is not known: policy {} takes {assumed}", name.replace('_', " "), self.policy.id));
            }
            Some(assumed)
        })
    }

    /// Finds a word among a point's values; a word it does not have counts as
    /// its gravest value, and that is printed.
    fn position(&mut self, point: &DecisionPoint, word: &str) -> usize {
        point.position(word).unwrap_or_else(|| {
            let last = point.values.len().saturating_sub(1);
            let gravest = point.values.get(last).map_or("", |value| value.word.as_str());
            if self.wanted {
                self.assume(format!(
                    "{} has no value {}: taken as {gravest}",
                    point.id(),
                    crate::model::problem::printable(word)
                ));
            }
            last
        })
    }
}

impl Answers for Inputs<'_, '_> {
    fn field(&mut self, field: Field) -> u8 {
        if self.known[field as usize] == UNASKED {
            self.known[field as usize] = self.find(field);
        }
        self.known[field as usize]
    }

    fn word(&mut self, attribute: &Attribute, words: &[String]) -> bool {
        match self.attribute(attribute) {
            Some(word) => words.iter().any(|allowed| allowed == word),
            None => {
                if self.wanted {
                    self.assume(format!("{attribute} of the host is not given: taken as none of those the policy names"));
                }
                false
            }
        }
    }

    fn number(&mut self, number: Number) -> Option<f64> {
        let version = match number {
            Number::Cvss2Base => 2,
            Number::Cvss3Base => 3,
            Number::Cvss4Base => 4,
            Number::Epss => return self.input.finding.threat.epss.as_ref().map(|epss| f64::from(epss.score)),
            Number::CveYear => return self.input.finding.cves.iter().filter_map(|cve| year(cve)).max().map(f64::from),
        };
        let best = self.vectors().filter(|cvss| cvss.version == version).map(|cvss| cvss.base_tenths).max();
        if best.is_none() && self.wanted {
            self.assume(format!("no CVSS {version} base score is known: a rule that compares it does not match"));
        }
        best.map(|tenths| f64::from(tenths) / 10.0)
    }

    fn epss_model(&mut self, model: EpssModel) -> bool {
        let made_by = self.input.finding.threat.epss.as_ref().and_then(|epss| EpssModel::of_day(epss.date));
        made_by == Some(model)
    }
}

fn year(cve: &str) -> Option<u16> {
    cve.strip_prefix("CVE-")?.get(..4)?.parse().ok()
}

/// The value of one metric in a vector.
fn metric<'v>(cvss: &'v Cvss, name: &str) -> Option<&'v str> {
    cvss.vector.split('/').find_map(|part| part.split_once(':').filter(|(key, _)| *key == name)).map(|(_, value)| value)
}
