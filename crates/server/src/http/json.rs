//! Strict **JSON**: what a client sends is read as meant or refused with the
//! place, never half understood. A name that comes twice, a field we do not
//! know, a number beyond its type and nesting without end are all refused.

use super::problem::Refusal;
use axum::body::Bytes;
use axum::extract::{FromRequest, Request};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use serde::de::{DeserializeOwned, DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor};
use std::collections::BTreeSet;
use std::fmt;

/// Deepest nesting; nothing of ours goes beyond eight.
const DEPTH: usize = 32;

/// Values in a document, names included.
const VALUES: usize = 200_000;

/// A body of JSON, strictly read. Asks for `Content-Type: application/json`,
/// which a stranger's form cannot send.
#[derive(Clone, Debug)]
pub struct Json<T>(pub T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequest<S> for Json<T> {
    type Rejection = Refusal;

    async fn from_request(request: Request, state: &S) -> Result<Self, Refusal> {
        let kind = request.headers().get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or_default();
        let (kind, parameters) = kind.split_once(';').unwrap_or((kind, ""));
        let utf8 = matches!(parameters.trim().to_ascii_lowercase().as_str(), "" | "charset=utf-8" | "charset=\"utf-8\"");
        if !kind.trim().eq_ignore_ascii_case("application/json") || !utf8 {
            return Err(Refusal::new(
                StatusCode::UNSUPPORTED_MEDIA_TYPE,
                "E-CONTENT-TYPE",
                format!("the body is said to be {:?}", kind.trim()),
                "send JSON in UTF-8 with `Content-Type: application/json`",
            ));
        }
        let bytes = Bytes::from_request(request, state).await.map_err(|error| {
            Refusal::new(error.status(), "E-BODY", error.body_text(), "send the body again, whole")
        })?;
        parse(&bytes).map(Json)
    }
}

impl<T: Serialize> IntoResponse for Json<T> {
    fn into_response(self) -> Response {
        axum::Json(self.0).into_response()
    }
}

/// Reads one document.
///
/// # Errors
/// 400 `E-JSON` with the place as path, line and column.
pub fn parse<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, Refusal> {
    let refuse = |place: String, detail: String| {
        Refusal::new(StatusCode::BAD_REQUEST, "E-JSON", detail, "correct the body; /openapi.json describes it").at(place)
    };
    let mut guard = Guard { path: Vec::new(), values: 0 };
    let mut reader = serde_json::Deserializer::from_slice(bytes);
    if let Err(error) = Value(&mut guard).deserialize(&mut reader).and_then(|()| reader.end()) {
        return Err(refuse(place(&guard.path.join(""), &error), said(&error)));
    }
    let mut unknown = None;
    let mut reader = serde_json::Deserializer::from_slice(bytes);
    let mut track = serde_path_to_error::Track::new();
    let tracked = serde_path_to_error::Deserializer::new(&mut reader, &mut track);
    let value = serde_ignored::deserialize(tracked, |path| {
        unknown.get_or_insert_with(|| path.to_string());
    });
    match (value, unknown) {
        (Err(error), _) => {
            let path = track.path().to_string();
            let path = if path == "." { String::new() } else { format!(".{path}") };
            Err(refuse(place(&path, &error), said(&error)))
        }
        (Ok(_), Some(path)) => Err(refuse(format!("$.{path}"), format!("the field {path} is unknown"))),
        (Ok(value), None) => Ok(value),
    }
}

fn place(path: &str, error: &serde_json::Error) -> String {
    format!("${path} line {} column {}", error.line(), error.column())
}

/// The error without its position, which goes into the place.
fn said(error: &serde_json::Error) -> String {
    let text = error.to_string();
    match text.rfind(" at line ") {
        Some(end) => text[..end].to_owned(),
        None => text,
    }
}

/// Where the reader is, and how much it has seen.
struct Guard {
    path: Vec<String>,
    values: usize,
}

struct Value<'a>(&'a mut Guard);

impl Value<'_> {
    fn count<E: Error>(&mut self) -> Result<(), E> {
        self.0.values += 1;
        if self.0.values > VALUES {
            return Err(E::custom(format_args!("the document has more than {VALUES} values")));
        }
        Ok(())
    }

    fn descend<E: Error>(&self) -> Result<(), E> {
        if self.0.path.len() >= DEPTH {
            return Err(E::custom(format_args!("the document is nested deeper than {DEPTH}")));
        }
        Ok(())
    }
}

impl<'de> DeserializeSeed<'de> for Value<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Value<'_> {
    type Value = ();

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("JSON")
    }

    fn visit_bool<E: Error>(mut self, _: bool) -> Result<(), E> {
        self.count()
    }

    fn visit_i64<E: Error>(mut self, _: i64) -> Result<(), E> {
        self.count()
    }

    fn visit_u64<E: Error>(mut self, _: u64) -> Result<(), E> {
        self.count()
    }

    fn visit_f64<E: Error>(mut self, _: f64) -> Result<(), E> {
        self.count()
    }

    fn visit_str<E: Error>(mut self, text: &str) -> Result<(), E> {
        // PostgreSQL cannot keep it, and no text of ours needs it.
        if text.contains('\0') {
            return Err(E::custom("a text contains U+0000"));
        }
        self.count()
    }

    fn visit_unit<E: Error>(mut self) -> Result<(), E> {
        self.count()
    }

    fn visit_seq<A: SeqAccess<'de>>(mut self, mut sequence: A) -> Result<(), A::Error> {
        self.count()?;
        self.descend()?;
        for index in 0.. {
            self.0.path.push(format!("[{index}]"));
            if sequence.next_element_seed(Value(self.0))?.is_none() {
                self.0.path.pop();
                break;
            }
            self.0.path.pop();
        }
        Ok(())
    }

    fn visit_map<A: MapAccess<'de>>(mut self, mut map: A) -> Result<(), A::Error> {
        self.count()?;
        self.descend()?;
        let mut seen = BTreeSet::new();
        while let Some(name) = map.next_key::<String>()? {
            self.count()?;
            let shown: String = name.chars().take(64).collect();
            self.0.path.push(format!(".{shown}"));
            if name.contains('\0') {
                return Err(A::Error::custom("a name contains U+0000"));
            }
            if !seen.insert(name) {
                return Err(A::Error::custom(format_args!("the name {shown:?} comes twice")));
            }
            map.next_value_seed(Value(self.0))?;
            self.0.path.pop();
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde::Deserialize;

    #[derive(Deserialize, Debug)]
    #[allow(dead_code, reason = "only read by Debug")]
    struct Person {
        name: String,
        age: Option<u8>,
        #[serde(default)]
        friends: Vec<Person>,
    }

    fn read(text: &str) -> String {
        match parse::<Person>(text.as_bytes()) {
            Ok(person) => format!("{person:?}"),
            Err(refusal) => {
                let body = serde_json::to_value(format!("{refusal:?}")).unwrap();
                let body = body.as_str().unwrap();
                let place = body.split("place: Some(\"").nth(1).and_then(|rest| rest.split("\")").next()).unwrap_or("-");
                format!("{} · {place}", refusal.detail())
            }
        }
    }

    /// C14 and T5's share of it.
    #[test]
    fn reads_what_is_meant_or_says_where_it_is_not() {
        let cases = [
            r#"{"name":"a","friends":[{"name":"b","age":7}]}"#,
            r#"{"name":"a","name":"b"}"#,
            r#"{"name":"a","friends":[{"name":"b"},{"name":"c","nmae":"d"}]}"#,
            r#"{"name":"a","friends":[{"name":"b","age":256}]}"#,
            r#"{"name":"a","age":"7"}"#,
            r#"{"name":"a"} {"#,
            r#"{"name":"a\u0000"}"#,
            r#"{"name":1e999}"#,
            "",
            "[",
            "nul",
        ];
        let mut answers: Vec<String> = cases.iter().map(|case| read(case)).collect();
        answers.push(read(&"[".repeat(10_000)));
        answers.push(read(&format!("[{}1]", "1,".repeat(1_000_000))));
        insta::assert_snapshot!(answers.join("\n"), @r#"
        Person { name: "a", age: None, friends: [Person { name: "b", age: Some(7), friends: [] }] }
        the name "name" comes twice · $.name line 1 column 18
        the field friends.1.nmae is unknown · $.friends.1.nmae
        invalid value: integer `256`, expected u8 · $.friends[0].age line 1 column 44
        invalid type: string "7", expected u8 · $.age line 1 column 21
        trailing characters · $ line 1 column 14
        a text contains U+0000 · $.name line 1 column 17
        number out of range · $.name line 1 column 13
        EOF while parsing a value · $ line 1 column 0
        EOF while parsing a list · $[0] line 1 column 1
        EOF while parsing a value · $ line 1 column 3
        the document is nested deeper than 32 · $[0][0][0][0][0][0][0][0][0][0][0][0][0][0][0][0][0][0][0][0][0][0][0][0][0][0][0][0][0][0][0][0] line 1 column 33
        the document has more than 200000 values · $[199999] line 1 column 400000
        "#);
    }
}
