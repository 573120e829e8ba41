//! Events as people read them, in letters and in chats.

use jiff::Timestamp;
use plimsoll_store::deliveries::Delivery;
use serde_json::Value;

/// Events that one message spells out; the rest is counted.
pub const SPELLED: usize = 50;

/// One event.
pub struct Line {
    /// What happened, one line.
    pub text: String,
    /// When, and whose it is.
    pub about: String,
    /// Further lines, in letters to people.
    pub more: Vec<String>,
    /// Where to look.
    pub link: String,
}

impl Line {
    /// Reads what a delivery carries.
    pub fn of(delivery: &Delivery) -> Self {
        let event: Value = serde_json::from_slice(&delivery.body).unwrap_or_default();
        let time = event.pointer("/time").and_then(Value::as_str).and_then(|time| time.parse::<Timestamp>().ok());
        let when = time.map(|time| time.strftime("%Y-%m-%d %H:%M UTC").to_string()).unwrap_or_default();
        let client = event.pointer("/data/client/name").and_then(Value::as_str).map(|name| format!(" · {}", one_line(name))).unwrap_or_default();
        let said = |name: &str| one_line(event.pointer(&format!("/data/{name}")).and_then(Value::as_str).unwrap_or_default());
        let more = event.pointer("/data/lines").and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str).map(one_line).collect();
        Self { text: said("text"), about: format!("{when}{client}"), more, link: said("link") }
    }

    /// Those that one message spells out, and how many more there are.
    pub fn spelled(deliveries: &[Delivery]) -> (Vec<Self>, usize) {
        (deliveries.iter().take(SPELLED).map(Self::of).collect(), deliveries.len().saturating_sub(SPELLED))
    }
}

/// What a host or a feed wrote must not make lines of its own.
fn one_line(text: &str) -> String {
    text.chars().map(|letter| if letter.is_control() { ' ' } else { letter }).collect()
}
