//! **Assets**: style, scripts and pictures, embedded in the binary and served
//! under names that hold the digest of their content.
//!
//! A name changes whenever its bytes do, so a browser may keep them for ever
//! and an upgrade is seen at once. Nothing is read from disk, and a name that
//! is not in the list does not exist.

use axum::extract::Path;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use plimsoll_formats::protocol::digest;
use std::sync::LazyLock;

/// Where assets are served.
pub const ROOT: &str = "/console/assets/";

struct Asset {
    /// Name in templates.
    name: &'static str,
    /// Name in addresses: stem, first 16 hex digits of the SHA-256, extension.
    hashed: String,
    kind: &'static str,
    bytes: &'static [u8],
}

macro_rules! embedded {
    ($($file:literal as $name:literal: $kind:literal),* $(,)?) => {
        [$(($name, $kind, include_bytes!(concat!("../../assets/", $file)).as_slice())),*]
    };
}

static ASSETS: LazyLock<Vec<Asset>> = LazyLock::new(|| {
    embedded![
        "console.css" as "console.css": "text/css; charset=utf-8",
        "console.js" as "console.js": "text/javascript; charset=utf-8",
        "theme.js" as "theme.js": "text/javascript; charset=utf-8",
        "charts.js" as "charts.js": "text/javascript; charset=utf-8",
        "passkeys.js" as "passkeys.js": "text/javascript; charset=utf-8",
        "mark.svg" as "mark.svg": "image/svg+xml",
        "vendor/htmx-2.0.11.min.js" as "htmx.js": "text/javascript; charset=utf-8",
        "vendor/chart-4.6.1.umd.min.js" as "chart.js": "text/javascript; charset=utf-8",
    ]
    .into_iter()
    // Reports look on a page as they do on paper.
    .chain([("paper.css", "text/css; charset=utf-8", plimsoll_documents::PAPER.as_bytes())])
    .map(|(name, kind, bytes)| Asset { name, hashed: hashed(name, bytes), kind, bytes })
    .collect()
});

fn hashed(name: &str, bytes: &[u8]) -> String {
    let digest = digest(bytes);
    let digest = digest.get(..16).unwrap_or(&digest);
    let (stem, extension) = name.rsplit_once('.').unwrap_or((name, "bin"));
    format!("{stem}.{digest}.{extension}")
}

/// Address of an asset; a name that is not embedded gives an address that is
/// not found, which the tests refuse.
pub fn address(name: &str) -> String {
    let hashed = ASSETS.iter().find(|asset| asset.name == name).map_or(name, |asset| asset.hashed.as_str());
    format!("{ROOT}{hashed}")
}

/// Every address, for files written beside pages and for tests.
pub fn addresses() -> Vec<(String, &'static [u8])> {
    ASSETS.iter().map(|asset| (format!("{ROOT}{}", asset.hashed), asset.bytes)).collect()
}

/// Serves `GET /console/assets/{name}`; needs no permission, as the sign-in
/// page uses them.
pub async fn serve(Path(name): Path<String>) -> Response {
    let Some(asset) = ASSETS.iter().find(|asset| asset.hashed == name) else {
        return StatusCode::NOT_FOUND.into_response();
    };
    let headers = [
        (header::CONTENT_TYPE, HeaderValue::from_static(asset.kind)),
        (header::CACHE_CONTROL, HeaderValue::from_static("public, max-age=31536000, immutable")),
        (header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")),
    ];
    (headers, asset.bytes).into_response()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_in_a_template_is_embedded() {
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/templates");
        let mut seen = 0;
        for entry in std::fs::read_dir(folder).unwrap() {
            let text = std::fs::read_to_string(entry.unwrap().path()).unwrap();
            for rest in text.split("assets::address(\"").skip(1) {
                let name = rest.split('"').next().unwrap();
                assert!(ASSETS.iter().any(|asset| asset.name == name), "{name}");
                seen += 1;
            }
        }
        assert!(seen > 4, "{seen}");
    }

    /// What is vendored is what the registry holds: the digests of the files in
    /// the npm packages htmx.org 2.0.11 and chart.js 4.6.1.
    #[test]
    fn vendored_files_are_the_pinned_ones() {
        for (name, digest) in [
            ("htmx.js", "d6fdc75f204e6bde"),
            ("chart.js", "87364cc2b2a76a66"),
        ] {
            assert!(address(name).contains(digest), "{}", address(name));
        }
    }
}
