//! A **decision table**: ordered inputs with ordered values, one outcome for
//! every combination.
//!
//! The shape is SSVC's (`DecisionTable_2_0_0.schema.json`), so that an
//! organisation's own table is just another file.

/// A decision point: a named input or outcome with ordered values, mildest
/// first.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct DecisionPoint {
    /// Namespace, `ssvc`.
    pub namespace: String,
    /// Key, `EXP`.
    pub key: String,
    /// Version, `1.0.1`.
    pub version: String,
    /// Name for people, `System Exposure`.
    pub name: String,
    /// Values, mildest first.
    pub values: Vec<PointValue>,
}

impl DecisionPoint {
    /// The identifier that tables use, `ssvc:EXP:1.0.1`.
    pub fn id(&self) -> String {
        format!("{}:{}:{}", self.namespace, self.key, self.version)
    }

    /// Finds a value by its key or its word.
    pub fn position(&self, word: &str) -> Option<usize> {
        self.values.iter().position(|value| value.is(word))
    }
}

/// One value of a decision point.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct PointValue {
    /// Key in the table, `O`.
    pub key: String,
    /// The name in lower case with hyphens, `out-of-cycle`.
    pub word: String,
    /// Whether the name is one word, which people then see instead of the key.
    one_word: bool,
}

impl PointValue {
    /// Makes a value from the key and name of a table.
    pub fn new(key: &str, name: &str) -> Self {
        Self {
            key: key.to_owned(),
            word: name.trim().to_lowercase().replace(char::is_whitespace, "-"),
            one_word: !name.trim().contains(char::is_whitespace),
        }
    }

    /// What people see: the word where the name is one word (`immediate`),
    /// else the key (`3DF`).
    pub fn shown(&self) -> &str {
        if self.one_word { &self.word } else { &self.key }
    }

    /// Whether `word` names this value by key or word, case aside.
    pub fn is(&self, word: &str) -> bool {
        self.key.eq_ignore_ascii_case(word) || self.word.eq_ignore_ascii_case(word)
    }
}

/// A whole table; every combination of input values has exactly one outcome.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct DecisionTable {
    id: String,
    inputs: Vec<DecisionPoint>,
    outcome: DecisionPoint,
    outcomes: Vec<u8>,
}

/// Why rows do not make a table.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum TableFault {
    /// More combinations than [`DecisionTable::LIMIT`], or no input at all, or
    /// more than 32 outcomes.
    Size {
        /// Combinations that the inputs span, saturated.
        combinations: usize,
    },
    /// A row with a value that its point does not have.
    Row(usize),
    /// A combination given twice; the later row's number, from 0.
    Twice(usize),
    /// A combination that no row gives, in the values' keys.
    Missing(String),
}

impl DecisionTable {
    /// Most combinations of one table. The largest official one has 108; the
    /// limit bounds memory for a hostile file.
    pub const LIMIT: usize = 20_000;

    /// Makes a table and proves that every combination occurs exactly once.
    ///
    /// Rows hold the position of each input's value and of the outcome's.
    pub fn new(
        id: String,
        inputs: Vec<DecisionPoint>,
        outcome: DecisionPoint,
        rows: impl IntoIterator<Item = (Vec<usize>, usize)>,
    ) -> Result<Self, TableFault> {
        let combinations =
            inputs.iter().fold(1usize, |product, point| product.saturating_mul(point.values.len()));
        if inputs.is_empty() || combinations > Self::LIMIT || outcome.values.len() > 32 {
            return Err(TableFault::Size { combinations });
        }
        let mut found: Vec<Option<u8>> = vec![None; combinations];
        for (number, (values, outcome_at)) in rows.into_iter().enumerate() {
            let index = index_of(&inputs, &values).ok_or(TableFault::Row(number))?;
            if outcome_at >= outcome.values.len() {
                return Err(TableFault::Row(number));
            }
            let slot = found.get_mut(index).ok_or(TableFault::Row(number))?;
            if slot.is_some() {
                return Err(TableFault::Twice(number));
            }
            *slot = u8::try_from(outcome_at).ok();
        }
        let mut outcomes = Vec::with_capacity(combinations);
        for (index, slot) in found.into_iter().enumerate() {
            match slot {
                Some(outcome_at) => outcomes.push(outcome_at),
                None => return Err(TableFault::Missing(keys_of(&inputs, index).join(", "))),
            }
        }
        Ok(Self { id, inputs, outcome, outcomes })
    }

    /// Identifier, `ssvc:DT_DP:1.0.0`.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// Inputs in the table's order.
    pub fn inputs(&self) -> &[DecisionPoint] {
        &self.inputs
    }

    /// The outcome point.
    pub fn outcome(&self) -> &DecisionPoint {
        &self.outcome
    }

    /// The position of the outcome for one position of a value an input; none
    /// when a position is out of range.
    pub fn decide(&self, values: &[usize]) -> Option<usize> {
        let index = index_of(&self.inputs, values)?;
        self.outcomes.get(index).map(|outcome| usize::from(*outcome))
    }

    /// Every combination with its outcome, as keys, the last input fastest.
    pub fn rows(&self) -> impl Iterator<Item = (Vec<&str>, &str)> {
        self.outcomes.iter().enumerate().map(|(index, outcome)| {
            let key = self.outcome.values.get(usize::from(*outcome)).map_or("", |value| &value.key);
            (keys_of(&self.inputs, index), key)
        })
    }
}

fn index_of(inputs: &[DecisionPoint], values: &[usize]) -> Option<usize> {
    if inputs.len() != values.len() {
        return None;
    }
    inputs.iter().zip(values).try_fold(0usize, |index, (point, value)| {
        (*value < point.values.len()).then(|| index * point.values.len() + value)
    })
}

fn keys_of(inputs: &[DecisionPoint], mut index: usize) -> Vec<&str> {
    let mut keys: Vec<&str> = inputs
        .iter()
        .rev()
        .map(|point| {
            let size = point.values.len().max(1);
            let key = point.values.get(index % size).map_or("", |value| value.key.as_str());
            index /= size;
            key
        })
        .collect();
    keys.reverse();
    keys
}
