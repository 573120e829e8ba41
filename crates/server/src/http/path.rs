//! **Paths** have one spelling; any other is refused before a route is looked
//! for, so that no second spelling can reach a handler by another rule.

use super::problem::Refusal;
use axum::http::StatusCode;

/// Longest path, in bytes; ours are far shorter.
const LONGEST: usize = 2_048;

/// Checks that a request's path is written the one way it can be: starting
/// with `/`, no empty or dot segment, no `/` at the end (but the root), no `;`,
/// `\` or control character, and no percent-encoding of what needs none or of
/// what could make a segment (`.`, `/`, `\`, `;`, `%`, control).
///
/// # Errors
/// 400 `E-PATH`, 414 for one that is too long.
pub fn check(path: &str) -> Result<(), Refusal> {
    if path.len() > LONGEST {
        return Err(Refusal::new(
            StatusCode::URI_TOO_LONG,
            "E-PATH",
            format!("the path has {} bytes, the limit is {LONGEST}", path.len()),
            "send long values in the query or the body",
        ));
    }
    match fault(path) {
        None => Ok(()),
        Some(fault) => Err(Refusal::new(
            StatusCode::BAD_REQUEST,
            "E-PATH",
            format!("the path {fault}"),
            "use the path as /openapi.json spells it",
        )),
    }
}

fn fault(path: &str) -> Option<&'static str> {
    let Some(rest) = path.strip_prefix('/') else { return Some("does not begin with /") };
    if rest.is_empty() {
        return None;
    }
    for segment in rest.split('/') {
        match segment {
            "" => return Some("has an empty segment or ends in /"),
            "." | ".." => return Some("has a dot segment"),
            _ => {}
        }
        let bytes = segment.as_bytes();
        for (place, byte) in bytes.iter().enumerate() {
            match byte {
                b';' | b'\\' => return Some("has a ; or \\"),
                0..=32 | 127.. => return Some("has a byte that must be percent-encoded"),
                b'%' => {
                    let digits = bytes.get(place + 1..place + 3).and_then(|two| std::str::from_utf8(two).ok());
                    match digits.and_then(|two| u8::from_str_radix(two, 16).ok()) {
                        None => return Some("has a % without two hexadecimal digits"),
                        Some(b'/' | b'\\' | b';' | b'%' | 0..=31 | 127) => {
                            return Some("has a percent-encoded byte that no name of ours contains");
                        }
                        Some(b'.' | b'-' | b'_' | b'~') => return Some("percent-encodes what needs none"),
                        Some(byte) if byte.is_ascii_alphanumeric() => return Some("percent-encodes what needs none"),
                        Some(_) => {}
                    }
                }
                _ => {}
            }
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_spelling_each() {
        for path in ["/", "/hosts", "/api/v1/hosts/01h", "/packages/libstdc%2B%2B", "/packages/g++", "/a/%C3%A9"] {
            assert!(check(path).is_ok(), "{path}");
        }
        let tricks = [
            "", "*", "setup", "//", "/setup/", "//setup", "/./setup", "/x/../setup", "/%2e%2e/setup", "/%2E/setup",
            "/setup;x=1", "/setup%3bx", "/setup%2f", "/se%74up", "/set\\up", "/set%5cup", "/setup%00", "/setup%", "/setup%zz",
            "/setup%25%32%66", "/setup\n", "/set up", "/é",
        ];
        for path in tricks {
            assert_eq!(check(path).map_err(|refusal| refusal.code().to_owned()), Err("E-PATH".to_owned()), "{path:?}");
        }
        assert_eq!(check(&"/a".repeat(2_000)).unwrap_err().status(), StatusCode::URI_TOO_LONG);
    }
}
