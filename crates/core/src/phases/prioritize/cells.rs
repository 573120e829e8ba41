//! Every combination of what a policy's rules look at.

use crate::model::policy::{
    Answers, Attribute, Comparison, Condition, DecisionPoint, DecisionTable, EpssModel, Field, Number, Policy, PriorityModel, Rule,
};
use std::collections::{BTreeMap, BTreeSet};

/// Most combinations that are looked at. FedRAMP's matrix, the largest preset,
/// has some hundreds.
pub const COMBINATION_LIMIT: usize = 100_000;
/// Most combinations times rules, so that a hostile policy cannot keep a
/// processor busy; the largest preset has some thousands.
const WORK_LIMIT: usize = 5_000_000;
/// Deepest chain of tables that feed each other; the official ones have two.
const DEPTH: u8 = 4;

/// How far a priority is taken apart.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Depth {
    /// Not at all: outcomes of the decision table.
    Outcome,
    /// Into the inputs of the decision table.
    Inputs,
    /// Into the inputs of the tables that feed it as well.
    Facts,
}

/// Some rules of one policy.
pub(super) type Part<'a> = (&'a Policy, &'a [&'a Rule]);

/// One input and the values it is tried with.
pub(super) struct Column {
    pub(super) name: String,
    pub(super) values: Vec<Value>,
}

/// One value of an input.
#[derive(Clone)]
pub(super) enum Value {
    Field(Field, u8, String),
    Point(String, usize, String),
    Word(Attribute, Option<String>),
    Number(Number, Option<f64>, String),
    Model(Option<EpssModel>),
}

impl Value {
    pub(super) fn word(&self) -> String {
        match self {
            Self::Field(_, _, word) | Self::Point(_, _, word) | Self::Number(_, _, word) => word.clone(),
            Self::Word(_, word) => word.clone().unwrap_or_else(|| "(other)".to_owned()),
            Self::Model(model) => model.map_or("(other)", EpssModel::as_str).to_owned(),
        }
    }

    /// Position in an ordered set, mild to grave; none where there is no order.
    pub(super) fn gravity(&self) -> Option<u8> {
        match self {
            // Unknown and none are no degrees of severity.
            Self::Field(Field::Severity | Field::VendorSeverity, at, _) => (*at >= 2).then_some(*at),
            Self::Field(Field::ComponentClass | Field::Fix, ..) => None,
            Self::Field(_, at, _) => Some(*at),
            Self::Point(_, at, _) => u8::try_from(*at).ok(),
            _ => None,
        }
    }
}

/// The field of a finding that answers an input of a decision table.
pub(super) fn field_of(point: &DecisionPoint) -> Option<Field> {
    Some(match (point.namespace.as_str(), point.key.as_str()) {
        ("ssvc", "E") => Field::Exploitation,
        ("ssvc", "A") => Field::Automatable,
        ("ssvc", "TI") => Field::TechnicalImpact,
        ("ssvc", "EXP") => Field::Exposure,
        ("cisa", "KEV") => Field::Kev,
        // Published as PE first and as AE since; the same yes or no.
        ("cisa", "PE" | "AE") => Field::PubliclyExposed,
        _ => return None,
    })
}

/// The table whose outcome is an input of another.
pub(super) fn fed_by<'a>(model: &'a PriorityModel, point: &DecisionPoint) -> Option<&'a DecisionTable> {
    model.derived.iter().find(|table| table.outcome().namespace == point.namespace && table.outcome().key == point.key)
}

/// What people say of a service that answers a point of a decision table.
pub(super) fn meaning(point: &DecisionPoint) -> Option<&'static str> {
    match (point.namespace.as_str(), point.key.as_str()) {
        ("ssvc", "SI") => Some("safety"),
        ("ssvc", "MI") => Some("mission"),
        ("cisa", "MP") => Some("mission_prevalence"),
        ("ssvc", "PWI") => Some("public_well_being"),
        ("ssvc", "VD") => Some("value_density"),
        _ => None,
    }
}

/// What rules look at, collected.
#[derive(Default)]
struct Looked {
    fields: BTreeMap<Field, u32>,
    points: BTreeMap<String, Column>,
    words: BTreeMap<Attribute, BTreeSet<String>>,
    numbers: BTreeMap<Number, Vec<(Comparison, f64)>>,
    models: bool,
}

impl Looked {
    fn rule(&mut self, policy: &Policy, rule: &Rule, depth: Depth) {
        for condition in &rule.when {
            match condition {
                Condition::OneOf(Field::Priority, _) if depth > Depth::Outcome => {
                    if let Some(model) = &policy.priority {
                        self.table(model, &model.table, depth, DEPTH);
                    }
                }
                Condition::OneOf(field, mask) => *self.fields.entry(*field).or_default() |= mask,
                Condition::Words(attribute, allowed) => {
                    self.words.entry(attribute.clone()).or_default().extend(allowed.iter().cloned());
                }
                Condition::Compare(number, comparison, bound) => {
                    self.numbers.entry(*number).or_default().push((*comparison, *bound));
                }
                Condition::EpssModel(_) => self.models = true,
            }
        }
    }

    fn table(&mut self, model: &PriorityModel, table: &DecisionTable, depth: Depth, left: u8) {
        for point in table.inputs() {
            if let Some(field) = field_of(point) {
                self.fields.entry(field).or_default();
            } else if let Some(fed) = fed_by(model, point).filter(|_| depth == Depth::Facts && left > 0) {
                self.table(model, fed, depth, left - 1);
            } else {
                let values = point.values.iter().enumerate().map(|(at, value)| Value::Point(point.id(), at, value.word.clone()));
                let name = point.name.to_lowercase().replace(' ', "_");
                self.points.entry(point.id()).or_insert_with(|| Column { name, values: values.collect() });
            }
        }
    }

    fn columns(self, policy: Option<&Policy>) -> Vec<Column> {
        let mut columns: Vec<Column> = self.fields.into_iter().map(|(field, named)| field_column(policy, field, named)).collect();
        columns.extend(self.points.into_values());
        for (attribute, allowed) in self.words {
            let mut values: Vec<Value> = allowed.into_iter().map(|word| Value::Word(attribute.clone(), Some(word))).collect();
            values.push(Value::Word(attribute.clone(), None));
            columns.push(Column { name: attribute.to_string(), values });
        }
        for (number, bounds) in self.numbers {
            columns.push(number_column(number, &bounds));
        }
        if self.models {
            let mut values: Vec<Value> = EpssModel::ALL.into_iter().map(|model| Value::Model(Some(model))).collect();
            values.push(Value::Model(None));
            columns.push(Column { name: "epss_model".to_owned(), values });
        }
        columns
    }
}

/// The columns that some rules look at; their number of combinations and the
/// limit where it is passed.
pub(super) fn columns(parts: &[Part<'_>], depth: Depth) -> Result<Vec<Column>, (usize, usize)> {
    let mut looked = Looked::default();
    let mut rules = 0;
    for (policy, of_policy) in parts {
        rules += of_policy.len();
        for rule in *of_policy {
            looked.rule(policy, rule, depth);
        }
    }
    let columns = looked.columns(parts.first().map(|(policy, _)| *policy));
    let cells = columns.iter().fold(1usize, |product, column| product.saturating_mul(column.values.len()));
    let limit = COMBINATION_LIMIT.min(WORK_LIMIT / rules.max(1));
    if cells > limit { Err((cells, limit)) } else { Ok(columns) }
}

fn field_column(policy: Option<&Policy>, field: Field, named: u32) -> Column {
    let words: Vec<String> = match (field, policy.and_then(|policy| policy.priority.as_ref())) {
        (Field::Priority, Some(model)) => model.table.outcome().values.iter().map(|value| value.shown().to_owned()).collect(),
        _ => field.values().iter().map(|word| (*word).to_owned()).collect(),
    };
    let values = words
        .into_iter()
        .enumerate()
        // Severity reaches the rules as low to critical unless they name more.
        .filter(|(at, _)| field != Field::Severity || *at >= 2 || named & (1 << at) != 0)
        .filter_map(|(at, word)| u8::try_from(at).ok().map(|at| Value::Field(field, at, word)))
        .collect();
    Column { name: field.as_str().to_owned(), values }
}

/// Tries a number at, below and above each bound, and unknown.
fn number_column(number: Number, bounds: &[(Comparison, f64)]) -> Column {
    let mut points: Vec<f64> = bounds.iter().map(|(_, bound)| *bound).collect();
    points.sort_by(f64::total_cmp);
    points.dedup();
    let mut values = vec![Value::Number(number, None, "unknown".to_owned())];
    let mut below: Option<f64> = None;
    for point in &points {
        let (probe, word) = match below {
            None => (point - 1.0, format!("below {point}")),
            Some(previous) => ((previous + point) / 2.0, format!("between {previous} and {point}")),
        };
        values.push(Value::Number(number, Some(probe), word));
        values.push(Value::Number(number, Some(*point), format!("{point}")));
        below = Some(*point);
    }
    if let Some(last) = below {
        values.push(Value::Number(number, Some(last + 1.0), format!("above {last}")));
    }
    Column { name: number.as_str().to_owned(), values }
}

/// One combination.
pub(super) struct Cell<'a> {
    columns: &'a [Column],
    at: Vec<usize>,
}

impl<'a> Cell<'a> {
    pub(super) fn positions(&self) -> &[usize] {
        &self.at
    }

    fn values(&self) -> impl Iterator<Item = &'a Value> {
        self.columns.iter().zip(&self.at).filter_map(|(column, at)| column.values.get(*at))
    }

    pub(super) fn words(&self) -> Vec<String> {
        self.values().map(Value::word).collect()
    }

    fn position(&self, wanted: Field) -> Option<u8> {
        self.values().find_map(|value| match value {
            Value::Field(field, at, _) if *field == wanted => Some(*at),
            _ => None,
        })
    }

    /// Whether the combination can occur: what is known exploited is exploited,
    /// and only an open host is publicly exposed.
    fn possible(&self) -> bool {
        let exploited = !(self.position(Field::Kev) == Some(1) && self.position(Field::Exploitation).is_some_and(|at| at != 2));
        let exposed = match (self.position(Field::Exposure), self.position(Field::PubliclyExposed)) {
            (Some(exposure), Some(public)) => (exposure == 2) == (public == 1),
            _ => true,
        };
        exploited && exposed
    }

    /// The first of some rules that matches.
    pub(super) fn binding(&self, policy: &Policy, rules: &[&Rule]) -> Option<usize> {
        let mut answers = Answerer { cell: self, policy };
        rules.iter().position(|rule| rule.when.iter().all(|condition| condition.holds(&mut answers)))
    }

    /// Whether a rule matches.
    pub(super) fn matches(&self, policy: &Policy, rule: &Rule) -> bool {
        let mut answers = Answerer { cell: self, policy };
        rule.when.iter().all(|condition| condition.holds(&mut answers))
    }

    /// The outcome of the policy's decision table, in the policy's word.
    pub(super) fn priority(&self, policy: &Policy) -> Option<String> {
        let model = policy.priority.as_ref()?;
        let at = Answerer { cell: self, policy }.field(Field::Priority);
        model.table.outcome().values.get(usize::from(at)).map(|value| value.shown().to_owned())
    }
}

/// Answers one policy's questions from a combination.
struct Answerer<'a, 'c> {
    cell: &'a Cell<'c>,
    policy: &'a Policy,
}

impl Answerer<'_, '_> {
    fn severity(&self, at: u8) -> u8 {
        let names = |at: u8| self.policy.rules.severities() & (1 << at) != 0;
        // As a finding's own unknown or missing severity is taken.
        match at {
            0 if !names(0) => self.policy.classify.unknown.severity as u8,
            1 if !names(1) => 2,
            at => at,
        }
    }

    fn outcome(&self, model: &PriorityModel, table: &DecisionTable, left: u8) -> Option<usize> {
        let positions: Option<Vec<usize>> = table.inputs().iter().map(|point| self.point(model, point, left)).collect();
        table.decide(&positions?)
    }

    fn point(&self, model: &PriorityModel, point: &DecisionPoint, left: u8) -> Option<usize> {
        if let Some(field) = field_of(point) {
            let at = self.known(field)?;
            return field.values().get(usize::from(at)).and_then(|word| point.position(word));
        }
        let id = point.id();
        let given = self.cell.values().find_map(|value| match value {
            Value::Point(own, at, _) if *own == id => Some(*at),
            _ => None,
        });
        given.or_else(|| {
            let table = fed_by(model, point).filter(|_| left > 0)?;
            let at = self.outcome(model, table, left - 1)?;
            table.outcome().values.get(at).and_then(|value| point.position(&value.key))
        })
    }

    fn known(&self, field: Field) -> Option<u8> {
        match (field, self.cell.position(field)) {
            (Field::Severity, Some(at)) => Some(self.severity(at)),
            (Field::Priority, None) => {
                let model = self.policy.priority.as_ref()?;
                self.outcome(model, &model.table, DEPTH).and_then(|at| u8::try_from(at).ok())
            }
            (Field::PubliclyExposed, None) => self.cell.position(Field::Exposure).map(|at| u8::from(at == 2)),
            (_, at) => at,
        }
    }
}

impl Answers for Answerer<'_, '_> {
    fn field(&mut self, field: Field) -> u8 {
        self.known(field).unwrap_or(u8::MAX)
    }

    fn word(&mut self, attribute: &Attribute, words: &[String]) -> bool {
        self.cell.values().any(|value| matches!(value, Value::Word(own, Some(word)) if own == attribute && words.contains(word)))
    }

    fn number(&mut self, number: Number) -> Option<f64> {
        self.cell.values().find_map(|value| match value {
            Value::Number(own, value, _) if *own == number => *value,
            _ => None,
        })
    }

    fn epss_model(&mut self, model: EpssModel) -> bool {
        self.cell.values().any(|value| matches!(value, Value::Model(Some(own)) if *own == model))
    }
}

/// Visits every combination that can occur, the last column fastest.
pub(super) fn each_cell(columns: &[Column], mut visit: impl FnMut(&Cell<'_>)) {
    if columns.iter().any(|column| column.values.is_empty()) {
        return;
    }
    let mut cell = Cell { columns, at: vec![0; columns.len()] };
    loop {
        if cell.possible() {
            visit(&cell);
        }
        let mut carry = true;
        for (at, column) in cell.at.iter_mut().zip(columns).rev() {
            *at += 1;
            if *at < column.values.len() {
                carry = false;
                break;
            }
            *at = 0;
        }
        if carry {
            return;
        }
    }
}

/// Rows that lead to the same thing and differ in one input are put together,
/// as often as any do: fewer rows that say the same.
///
/// Each row is a set of positions a column and what it leads to.
pub(super) fn folded<T: Ord + Clone>(rows: Vec<(Vec<usize>, T)>) -> Vec<(Vec<BTreeSet<usize>>, T)> {
    let mut rows: Vec<(Vec<BTreeSet<usize>>, T)> =
        rows.into_iter().map(|(at, outcome)| (at.into_iter().map(|position| BTreeSet::from([position])).collect(), outcome)).collect();
    let columns = rows.first().map_or(0, |(at, _)| at.len());
    loop {
        let before = rows.len();
        for column in (0..columns).rev() {
            let mut together: BTreeMap<(Vec<BTreeSet<usize>>, T), BTreeSet<usize>> = BTreeMap::new();
            for (mut at, outcome) in rows {
                let own = at.get_mut(column).map(std::mem::take).unwrap_or_default();
                together.entry((at, outcome)).or_default().extend(own);
            }
            rows = together
                .into_iter()
                .map(|((mut at, outcome), own)| {
                    if let Some(slot) = at.get_mut(column) {
                        *slot = own;
                    }
                    (at, outcome)
                })
                .collect();
        }
        if rows.len() == before {
            break;
        }
    }
    rows.sort();
    rows
}

/// A folded column in words; none where every value is meant.
pub(super) fn folded_words(column: &Column, at: &BTreeSet<usize>) -> Option<Vec<String>> {
    (at.len() < column.values.len()).then(|| at.iter().filter_map(|at| column.values.get(*at)).map(Value::word).collect())
}
