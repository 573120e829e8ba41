//! **Repeated requests**: a client that lost the answer sends the request
//! again under the same `Idempotency-Key` and gets the same answer, while the
//! request is done once (draft-ietf-httpapi-idempotency-key-header).
//!
//! Every changing route of the API takes a key; the gate looks at it and no
//! handler has to. See `docs/decisions/0009-repeated-requests.md` for what is
//! kept and what is not.

use super::gate::Allowed;
use super::problem::Refusal;
use super::routes::{Access, Declared, is_safe};
use axum::body::Body;
use axum::extract::Request;
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header};
use axum::http::request::Parts;
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use data_encoding::HEXLOWER;
use jiff::Timestamp;
use plimsoll_store::Store;
use plimsoll_store::answers::{Answer, Claim, Keyed};
use sha2::{Digest, Sha256};

/// The header.
pub const KEY: HeaderName = HeaderName::from_static("idempotency-key");
/// Says that an answer was given before.
const REPLAYED: HeaderName = HeaderName::from_static("idempotency-replayed");
/// Longest key, in characters; a UUID has 36.
pub const LONGEST: usize = 255;
/// Seconds after which a request under way is worth asking for again.
const SOON: u32 = 1;

/// What an answer holds that is shown once: a sentence to give instead.
#[derive(Clone, PartialEq, Eq, Debug)]
struct ShownOnce(String);

/// Marks an answer that holds a secret: no repetition gets it again, only
/// `what`, one sentence that names what was made.
pub fn shown_once(what: impl Into<String>, answer: impl IntoResponse) -> Response {
    let mut response = answer.into_response();
    response.extensions_mut().insert(ShownOnce(what.into()));
    response
}

impl Declared {
    /// Whether requests to it take a key: the API's, where they change
    /// something on behalf of somebody. Signing in has nobody to bind a key to.
    pub fn is_repeatable(&self) -> bool {
        changes_by_api(self) && matches!(self.access, Access::Account | Access::Needs(_))
    }
}

fn changes_by_api(declared: &Declared) -> bool {
    let safe = declared.method.parse::<Method>().is_ok_and(|method| is_safe(&method));
    declared.path.starts_with("/api/") && !safe
}

/// The key of a request, where its route takes one.
///
/// # Errors
/// 400 `E-IDEMPOTENCY-KEY`: malformed, too long, twice, or where nothing can
/// be repeated.
pub(super) fn key(declared: &Declared, headers: &HeaderMap) -> Result<Option<String>, Refusal> {
    let mut given = headers.get_all(KEY).iter();
    let Some(first) = given.next().filter(|_| changes_by_api(declared)) else { return Ok(None) };
    let refuse = |text: String, next: &'static str| Err(Refusal::new(StatusCode::BAD_REQUEST, "E-IDEMPOTENCY-KEY", text, next).at(KEY));
    if !declared.is_repeatable() {
        return refuse("a key belongs to a caller, and this request has none".to_owned(), "leave the key out; what a repetition begins anew harms nothing");
    }
    if given.next().is_some() {
        return refuse("the request has more than one key".to_owned(), "send one");
    }
    match read(first) {
        Some(key) if key.len() <= LONGEST => Ok(Some(key)),
        Some(key) => refuse(format!("the key has {} characters, the limit is {LONGEST}", key.len()), "use a UUID"),
        None => refuse("the key is no text of visible ASCII characters".to_owned(), "use a UUID, in quotation marks or without"),
    }
}

/// Reads a quoted string (RFC 8941, section 3.3.3) or a bare word, as most
/// clients send it.
fn read(value: &HeaderValue) -> Option<String> {
    let text = value.to_str().ok()?.trim();
    let bare = |letter: char| letter.is_ascii_graphic() && !matches!(letter, '"' | '\\' | ',' | ';');
    let Some(rest) = text.strip_prefix('"') else {
        return (!text.is_empty() && text.chars().all(bare)).then(|| text.to_owned());
    };
    let (mut key, mut letters) = (String::new(), rest.chars());
    loop {
        match letters.next()? {
            '"' => break,
            '\\' => key.push(letters.next().filter(|letter| matches!(letter, '"' | '\\'))?),
            letter if letter.is_ascii_graphic() || letter == ' ' => key.push(letter),
            _ => return None,
        }
    }
    (!key.is_empty() && letters.next().is_none()).then_some(key)
}

/// Everything that the request asks for, and the rights it asks with: who lost
/// some in between must not get an answer from before.
fn digest(parts: &Parts, allowed: &Allowed, body: &[u8]) -> String {
    let kind = parts.headers.get(header::CONTENT_TYPE).map(HeaderValue::as_bytes).unwrap_or_default();
    let scope = format!("{:?}", allowed.scope);
    let mut digest = Sha256::new();
    for part in [parts.method.as_str().as_bytes(), parts.uri.to_string().as_bytes(), kind, scope.as_bytes(), body] {
        digest.update((part.len() as u64).to_be_bytes());
        digest.update(part);
    }
    HEXLOWER.encode(&digest.finalize())
}

/// Does a request under its key, or gives the answer that it got before.
///
/// `held` is what the request holds of the server's means. It is done to its
/// end even where the client hangs up, which is when clients repeat.
pub(super) async fn once<T: Send + 'static>(store: &Store, key: String, parts: Parts, body: Vec<u8>, held: T, next: Next) -> Response {
    let Some(allowed) = parts.extensions.get::<Allowed>() else { return broken("no caller").into_response() };
    let keyed = Keyed {
        principal: allowed.principal.to_string(),
        key,
        digest: digest(&parts, allowed, &body),
        holder: allowed.caller.request.clone(),
    };
    // Without randomness requests have no names, and could take each other's claims.
    if keyed.holder.is_empty() {
        return broken("no randomness").into_response();
    }
    let store = store.clone();
    // The claim too: a client that hangs up between it and the work would
    // leave a key that nobody answers for.
    let work = async move {
        let response = claimed(&store, &keyed, parts, body, next).await;
        drop(held);
        response
    };
    tokio::spawn(work).await.unwrap_or_else(|error| broken(&error.to_string()).into_response())
}

async fn claimed(store: &Store, keyed: &Keyed, parts: Parts, body: Vec<u8>, next: Next) -> Response {
    match store.claim_answer(keyed, Timestamp::now()).await {
        Ok(Claim::Mine) => {
            let response = next.run(Request::from_parts(parts, Body::from(body))).await;
            settle(store, keyed, response).await
        }
        Ok(Claim::Answered(answer)) => replayed(answer),
        Ok(Claim::UnderWay) => under_way().into_response(),
        Ok(Claim::Lost) => lost().into_response(),
        Ok(Claim::Another) => another().into_response(),
        Err(error) => Refusal::from(error).into_response(),
    }
}

async fn settle(store: &Store, keyed: &Keyed, response: Response) -> Response {
    let (parts, body) = response.into_parts();
    // Whole in memory already: handlers of the API stream nothing.
    let bytes = match axum::body::to_bytes(body, usize::MAX).await {
        Ok(bytes) => bytes,
        Err(error) => return broken(&error.to_string()).into_response(),
    };
    let once = parts.extensions.get::<ShownOnce>().map(|once| once.0.clone());
    // A cookie is a secret whatever its handler says of it.
    let withheld = once.or_else(|| parts.headers.contains_key(header::SET_COOKIE).then(String::new));
    let kind = parts.headers.get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or_default();
    let answer = Answer {
        status: parts.status.as_u16(),
        content_type: kind.to_owned(),
        withheld: withheld.is_some(),
        body: withheld.map_or_else(|| bytes.to_vec(), String::into_bytes),
    };
    let done = !parts.status.is_client_error() && !parts.status.is_server_error();
    if let Err(error) = store.settle_answer(keyed, &answer, done).await {
        // The client has its answer; a repetition is told that it was lost.
        tracing::warn!(code = error.problem.code, "an answer is not kept for repetitions: {}", error.problem.text);
    }
    Response::from_parts(parts, Body::from(bytes))
}

fn replayed(answer: Answer) -> Response {
    let Answer { status, content_type, withheld, body } = answer;
    let mut response = if withheld {
        let what = String::from_utf8_lossy(&body);
        let text = format!("the request was done ({status}), and its answer held what is shown once{}{what}", if what.is_empty() { "" } else { ": " });
        let next = "withdraw what was made, and make another under a new key";
        Refusal::new(StatusCode::CONFLICT, "E-SHOWN-ONCE", text, next).into_response()
    } else {
        let mut response = Body::from(body).into_response();
        *response.status_mut() = StatusCode::from_u16(status).unwrap_or(StatusCode::OK);
        if let Ok(kind) = HeaderValue::from_str(&content_type) && !content_type.is_empty() {
            response.headers_mut().insert(header::CONTENT_TYPE, kind);
        }
        response
    };
    response.headers_mut().insert(REPLAYED, HeaderValue::from_static("true"));
    response
}

fn under_way() -> Refusal {
    let next = "repeat the request after the seconds in Retry-After";
    Refusal::new(StatusCode::CONFLICT, "E-IDEMPOTENCY-BUSY", "the request with this key is still being done", next).at(KEY).retry_after(SOON)
}

fn lost() -> Refusal {
    let text = "the request with this key changed something, and the server stopped before it could answer";
    Refusal::new(StatusCode::CONFLICT, "E-IDEMPOTENCY-LOST", text, "read the current state, and go on from there under a new key").at(KEY)
}

fn another() -> Refusal {
    let text = "this key was used for another request, or under other rights";
    Refusal::new(StatusCode::UNPROCESSABLE_ENTITY, "E-IDEMPOTENCY-REUSED", text, "take a new key for each request that is not a repetition").at(KEY)
}

/// The refusal of a server that keeps no answers.
pub(super) fn not_kept() -> Refusal {
    Refusal::new(StatusCode::NOT_IMPLEMENTED, "E-IDEMPOTENCY-KEY", "this server keeps no answers", "leave the key out").at(KEY)
}

fn broken(cause: &str) -> Refusal {
    tracing::error!("a keyed request ended early: {cause}");
    let next = "repeat the request under the same key; look into the server's log if it goes on";
    Refusal::new(StatusCode::INTERNAL_SERVER_ERROR, "E-REQUEST", "the request ended early", next)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_read_quoted_and_bare() {
        let said = |text: &str| read(&HeaderValue::from_str(text).unwrap());
        for text in ["8e03978e-40d5", "\"8e03978e-40d5\"", " 8e03978e-40d5 "] {
            assert_eq!(said(text).as_deref(), Some("8e03978e-40d5"), "{text}");
        }
        assert_eq!(said(r#""a \"b\" \\""#).as_deref(), Some(r#"a "b" \"#));
        for text in ["", "\"\"", "\"open", "\"a\" b", "a b", "a,b", "a;b", "\"a\\b\"", "a\tb"] {
            assert_eq!(said(text), None, "{text}");
        }
        assert_eq!(read(&HeaderValue::from_bytes(b"\xc3\xa9").unwrap()), None);
    }
}
