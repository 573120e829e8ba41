//! SPDX 2.x tag-value: lines `Tag: value`, with `<text>` blocks over several
//! lines.
//!
//! Source: SPDX specification 2.3, clause 4.6 and the tag of each field.

use super::lenient::{List, Object, Text};
use super::spdx2::{self, CreationInfo, ExternalRef, Package, Spdx};
use super::{Document, OBJECT_LIMIT, unsupported};
use plimsoll_core::model::problem::Problem;

/// What the lines now read speak of; only the document and its packages
/// matter.
#[derive(PartialEq)]
enum Section {
    Document,
    Package,
    Other,
}

pub(super) fn read(place: &str, text: &str) -> Result<Document, Problem> {
    let mut spdx = Spdx::default();
    let mut created = Text::default();
    let mut packages: Vec<Package> = Vec::new();
    let mut section = Section::Document;
    let mut lines = text.lines().enumerate();
    while let Some((number, line)) = lines.next() {
        let line = line.trim();
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        let Some((tag, value)) = line.split_once(':') else {
            return Err(broken(place, number, "is no `Tag: value` line"));
        };
        let value = value.trim();
        if value.starts_with("<text>") && !value.contains("</text>") {
            // Free text is not needed; its lines must not be taken for tags.
            if !lines.any(|(_, line)| line.contains("</text>")) {
                return Err(broken(place, number, "opens a <text> that is never closed"));
            }
            continue;
        }
        match tag {
            "PackageName" => {
                if packages.len() >= OBJECT_LIMIT {
                    return Err(broken(place, number, &format!("is package {}, the limit", OBJECT_LIMIT + 1)));
                }
                section = Section::Package;
                packages.push(Package { name: Text::of(value), ..Package::default() });
                continue;
            }
            "FileName" | "SnippetSPDXID" | "LicenseID" => section = Section::Other,
            "SPDXVersion" => spdx.spdx_version = Text::of(value),
            "DocumentName" => spdx.name = Text::of(value),
            "Created" => created = Text::of(value),
            _ => {}
        }
        if let (Section::Package, Some(package)) = (&section, packages.last_mut()) {
            member(package, tag, value);
        }
    }
    let version = spdx.spdx_version.get().unwrap_or("").to_owned();
    if !matches!(version.as_str(), "SPDX-2.1" | "SPDX-2.2" | "SPDX-2.3") {
        return Err(unsupported(place, &format!("SPDX version \"{}\"", super::clip(&version))));
    }
    spdx.creation_info = Object(Some(Box::new(CreationInfo { created })));
    spdx.packages = List { items: packages, refused: 0 };
    Ok(spdx2::document(place, spdx, "tag-value"))
}

fn member(package: &mut Package, tag: &str, value: &str) {
    let value_of = |value: &str| Text::of(value.trim_start_matches("<text>").trim_end_matches("</text>"));
    match tag {
        "SPDXID" => package.id = Text::of(value),
        "PackageVersion" => package.version_info = Text::of(value),
        "PackageSupplier" => package.supplier = Text::of(value),
        "PackageSourceInfo" => package.source_info = value_of(value),
        "PrimaryPackagePurpose" => package.primary_package_purpose = Text::of(value),
        "PackageLicenseConcluded" => package.license_concluded = Text::of(value),
        "PackageLicenseDeclared" => package.license_declared = Text::of(value),
        "PackageAttributionText" => package.attribution_texts.0.extend(value_of(value).owned()),
        "ExternalRef" => {
            let mut words = value.split_whitespace().skip(1);
            package.external_refs.items.push(ExternalRef {
                reference_type: words.next().map(Text::of).unwrap_or_default(),
                reference_locator: words.next().map(Text::of).unwrap_or_default(),
            });
        }
        _ => {}
    }
}

fn broken(place: &str, number: usize, what: &str) -> Problem {
    Problem::new(
        "E-FORMAT",
        format!("{place}:{}", number + 1),
        format!("{what} of SPDX tag-value"),
        "make the document again, or have SPDX JSON written",
    )
}
