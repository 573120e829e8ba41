//! Shows a policy's whole decision table, and what is wrong with it.

use crate::model::policy::{
    Answers, Attribute, Comparison, Condition, EpssModel, Field, Number, Policy, Rule, Within,
};
use crate::model::problem::Problem;
use std::collections::{BTreeMap, BTreeSet};

/// Most combinations that are looked at. FedRAMP's matrix, the largest preset,
/// has some hundreds.
pub const COMBINATION_LIMIT: usize = 100_000;
/// Most combinations times rules, so that a hostile policy cannot keep a
/// processor busy; the largest preset has some thousands.
const WORK_LIMIT: usize = 5_000_000;
/// Uncovered combinations named in full.
const NAMED: usize = 5;

/// The whole table of one duty of a policy.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct DecisionRows {
    /// The duty, `remediate` unless the policy names others.
    pub duty: String,
    /// The inputs that its rules look at.
    pub columns: Vec<String>,
    /// One row for every combination of them, the last column fastest.
    pub rows: Vec<DecisionRow>,
}

/// One combination of inputs and the rule that binds it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct DecisionRow {
    /// A value a column.
    pub values: Vec<String>,
    /// Id of the rule; none where no rule matches.
    pub rule: Option<String>,
    /// What it demands, `P14D of fix_released`; empty without a rule.
    pub demand: String,
}

/// Works out the whole decision table, duty by duty.
///
/// Fails where the rules look at so much that the combinations exceed
/// [`COMBINATION_LIMIT`].
pub fn decision_table(policy: &Policy) -> Result<Vec<DecisionRows>, Problem> {
    let mut tables = Vec::new();
    for rules in duties(policy) {
        let columns = columns(policy, &rules)?;
        let mut rows = Vec::new();
        each_cell(&columns, |cell| {
            let rule = binding(&rules, cell).and_then(|at| rules.get(at));
            rows.push(DecisionRow {
                values: cell.words(),
                rule: rule.map(|rule| rule.id.clone()),
                demand: rule.map_or_else(String::new, |rule| demand(rule)),
            });
        });
        tables.push(DecisionRows {
            duty: rules.first().map_or_else(String::new, |rule| rule.duty_name.clone()),
            columns: columns.iter().map(|column| column.name.clone()).collect(),
            rows,
        });
    }
    Ok(tables)
}

/// Finds combinations that no rule covers, rules that never bind, rules
/// without a number, and deadlines that rest on a prediction alone.
///
/// Everything found is a warning: a policy may mean to leave a gap.
pub fn lint(policy: &Policy) -> Vec<Problem> {
    let mut problems = Vec::new();
    for rules in duties(policy) {
        match columns(policy, &rules) {
            Ok(columns) => coverage(policy, &rules, &columns, &mut problems),
            Err(problem) => problems.push(problem),
        }
        for rule in &rules {
            single_rule(rule, &mut problems);
        }
    }
    problems
}

fn coverage(policy: &Policy, rules: &[&Rule], columns: &[Column], problems: &mut Vec<Problem>) {
    let mut bound = vec![false; rules.len()];
    let mut taken: Vec<BTreeSet<usize>> = vec![BTreeSet::new(); rules.len()];
    let mut gaps = Vec::new();
    let mut gap_count = 0usize;
    let mut cells = 0usize;
    each_cell(columns, |cell| {
        cells += 1;
        let first = binding(rules, cell);
        match first {
            None => {
                gap_count += 1;
                if gaps.len() < NAMED {
                    gaps.push(cell.sentence());
                }
            }
            Some(first) => {
                if let Some(slot) = bound.get_mut(first) {
                    *slot = true;
                }
                for (at, rule) in rules.iter().enumerate().skip(first + 1) {
                    if matches(rule, cell)
                        && let Some(by) = taken.get_mut(at)
                    {
                        by.insert(first);
                    }
                }
            }
        }
    });
    let duty = rules.first().map_or("", |rule| rule.duty_name.as_str());
    if gap_count > 0 {
        let more = if gap_count > gaps.len() { format!(", and {} more", gap_count - gaps.len()) } else { String::new() };
        problems.push(Problem::new(
            "W-POLICY-GAP",
            format!("policy {}", policy.id),
            format!("no {duty} rule covers {gap_count} of {cells} combinations: {}{more}", gaps.join("; ")),
            "add a rule, a last one without `when` for all the rest",
        ));
    }
    for (at, rule) in rules.iter().enumerate() {
        if bound.get(at) == Some(&false) {
            let by: Vec<&str> = taken
                .get(at)
                .into_iter()
                .flatten()
                .filter_map(|first| rules.get(*first).map(|rule| rule.id.as_str()))
                .collect();
            let text = if by.is_empty() {
                "can never match".to_owned()
            } else {
                format!("never binds: {} before it {} all it matches", by.join(", "), if by.len() == 1 { "takes" } else { "take" })
            };
            problems.push(Problem::new(
                "W-POLICY-SHADOWED",
                &rule.name,
                text,
                "move it up, narrow the earlier rule, or remove it",
            ));
        }
    }
}

fn single_rule(rule: &Rule, problems: &mut Vec<Problem>) {
    if rule.within == Within::NoNumber(None) {
        problems.push(Problem::new(
            "W-POLICY-NO-NUMBER",
            &rule.name,
            "has no `within`: it sets no date",
            "give `within`, or say in `no_number` why there is none",
        ));
    }
    let by_prediction = |condition: &Condition| {
        matches!(condition, Condition::Compare(Number::Epss, ..) | Condition::EpssModel(_))
    };
    if !rule.when.is_empty() && rule.when.iter().all(by_prediction) {
        problems.push(Problem::new(
            "W-POLICY-EPSS-ALONE",
            &rule.name,
            "rests on EPSS alone, which FIRST means for when there is no other evidence",
            "add severity, exploitation or exposure to its `when`",
        ));
    }
}

fn demand(rule: &Rule) -> String {
    match &rule.within {
        Within::Length(length) => format!("{} of {}", length.as_str(), rule.clock.as_str()),
        Within::KevDueDate { otherwise: Some(length) } => format!("kev-due-date, else {}", length.as_str()),
        Within::KevDueDate { otherwise: None } => "kev-due-date".to_owned(),
        Within::NextUpgrade => "next-upgrade".to_owned(),
        Within::NoNumber(_) => "no number".to_owned(),
    }
}

fn duties(policy: &Policy) -> Vec<Vec<&Rule>> {
    let mut by_duty: BTreeMap<u8, Vec<&Rule>> = BTreeMap::new();
    for rule in &policy.rules {
        by_duty.entry(rule.duty).or_default().push(rule);
    }
    by_duty.into_values().collect()
}

fn matches(rule: &Rule, cell: &mut Cell<'_>) -> bool {
    rule.when.iter().all(|condition| condition.holds(cell))
}

fn binding(rules: &[&Rule], cell: &mut Cell<'_>) -> Option<usize> {
    rules.iter().position(|rule| matches(rule, cell))
}

/// One input and the values it is tried with.
struct Column {
    name: String,
    values: Vec<Value>,
}

/// One value of an input.
#[derive(Clone)]
enum Value {
    Field(Field, u8, String),
    Word(Attribute, Option<String>),
    Number(Number, Option<f64>, String),
    Model(Option<EpssModel>),
}

impl Value {
    fn word(&self) -> String {
        match self {
            Self::Field(_, _, word) | Self::Number(_, _, word) => word.clone(),
            Self::Word(_, word) => word.clone().unwrap_or_else(|| "(other)".to_owned()),
            Self::Model(model) => model.map_or("(other)", EpssModel::as_str).to_owned(),
        }
    }
}

fn columns(policy: &Policy, rules: &[&Rule]) -> Result<Vec<Column>, Problem> {
    let mut fields: BTreeMap<Field, u32> = BTreeMap::new();
    let mut words: BTreeMap<Attribute, BTreeSet<String>> = BTreeMap::new();
    let mut numbers: BTreeMap<Number, Vec<(Comparison, f64)>> = BTreeMap::new();
    let mut models = false;
    for condition in rules.iter().flat_map(|rule| &rule.when) {
        match condition {
            Condition::OneOf(field, mask) => *fields.entry(*field).or_default() |= mask,
            Condition::Words(attribute, allowed) => {
                words.entry(attribute.clone()).or_default().extend(allowed.iter().cloned());
            }
            Condition::Compare(number, comparison, bound) => {
                numbers.entry(*number).or_default().push((*comparison, *bound));
            }
            Condition::EpssModel(_) => models = true,
        }
    }
    let mut columns = Vec::new();
    for (field, named) in fields {
        columns.push(field_column(policy, field, named));
    }
    for (attribute, allowed) in words {
        let mut values: Vec<Value> =
            allowed.into_iter().map(|word| Value::Word(attribute.clone(), Some(word))).collect();
        values.push(Value::Word(attribute.clone(), None));
        columns.push(Column { name: attribute.to_string(), values });
    }
    for (number, bounds) in numbers {
        columns.push(number_column(number, &bounds));
    }
    if models {
        let mut values: Vec<Value> = EpssModel::ALL.into_iter().map(|model| Value::Model(Some(model))).collect();
        values.push(Value::Model(None));
        columns.push(Column { name: "epss_model".to_owned(), values });
    }
    let cells = columns.iter().fold(1usize, |product, column| product.saturating_mul(column.values.len()));
    if cells > COMBINATION_LIMIT || cells.saturating_mul(rules.len()) > WORK_LIMIT {
        return Err(Problem::new(
            "W-POLICY-TOO-LARGE",
            format!("policy {}", policy.id),
            format!(
                "its {} rules span {cells} combinations, the limit for checking all is {}",
                rules.len(),
                COMBINATION_LIMIT.min(WORK_LIMIT / rules.len().max(1))
            ),
            "look at fewer inputs, or split the policy in two that are extended together",
        ));
    }
    Ok(columns)
}

fn field_column(policy: &Policy, field: Field, named: u32) -> Column {
    let words: Vec<String> = match (field, &policy.priority) {
        (Field::Priority, Some(model)) => {
            model.table.outcome().values.iter().map(|value| value.shown().to_owned()).collect()
        }
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
struct Cell<'a> {
    columns: &'a [Column],
    at: Vec<usize>,
}

impl Cell<'_> {
    fn values(&self) -> impl Iterator<Item = (&Column, &Value)> {
        self.columns.iter().zip(&self.at).filter_map(|(column, at)| column.values.get(*at).map(|value| (column, value)))
    }

    fn words(&self) -> Vec<String> {
        self.values().map(|(_, value)| value.word()).collect()
    }

    fn sentence(&self) -> String {
        let parts: Vec<String> =
            self.values().map(|(column, value)| format!("{} = {}", column.name, value.word())).collect();
        parts.join(", ")
    }

    fn position(&self, wanted: Field) -> Option<u8> {
        self.values().find_map(|(_, value)| match value {
            Value::Field(field, at, _) if *field == wanted => Some(*at),
            _ => None,
        })
    }

    /// Whether the combination can occur: what is known exploited is exploited,
    /// and only an open host is publicly exposed.
    fn possible(&self) -> bool {
        let exploited = !(self.position(Field::Kev) == Some(1)
            && self.position(Field::Exploitation).is_some_and(|at| at != 2));
        let exposed = match (self.position(Field::Exposure), self.position(Field::PubliclyExposed)) {
            (Some(exposure), Some(public)) => (exposure == 2) == (public == 1),
            _ => true,
        };
        exploited && exposed
    }
}

impl Answers for Cell<'_> {
    fn field(&mut self, field: Field) -> u8 {
        self.position(field).unwrap_or(u8::MAX)
    }

    fn word(&mut self, attribute: &Attribute, words: &[String]) -> bool {
        self.values().any(|(_, value)| {
            matches!(value, Value::Word(own, Some(word)) if own == attribute && words.contains(word))
        })
    }

    fn number(&mut self, number: Number) -> Option<f64> {
        self.values().find_map(|(_, value)| match value {
            Value::Number(own, value, _) if *own == number => *value,
            _ => None,
        })
    }

    fn epss_model(&mut self, model: EpssModel) -> bool {
        self.values().any(|(_, value)| matches!(value, Value::Model(Some(own)) if *own == model))
    }
}

fn each_cell(columns: &[Column], mut visit: impl FnMut(&mut Cell<'_>)) {
    if columns.iter().any(|column| column.values.is_empty()) {
        return;
    }
    let mut cell = Cell { columns, at: vec![0; columns.len()] };
    loop {
        if cell.possible() {
            visit(&mut cell);
        }
        // Counts up, the last column fastest.
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
