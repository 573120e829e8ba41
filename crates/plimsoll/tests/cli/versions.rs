//! `version compare`, one pair and many.

use crate::sandbox::{data, piped, plimsoll};

fn sign(words: &[&str]) -> String {
    let ran = plimsoll(&[&["version", "compare"], words].concat());
    assert_eq!(ran.code, Some(0), "{words:?}: {}", ran.err);
    ran.out
}

#[test]
fn one_pair_gives_one_sign() {
    assert_eq!(sign(&["debian", "1.0~rc1", "1.0"]), "<\n");
    assert_eq!(sign(&["Debian", "1:0", "2"]), ">\n");
    assert_eq!(sign(&["rpm", "1.0-1", "1.0-1"]), "=\n");
    assert_eq!(sign(&["crates.io", "1.0.0-alpha", "1.0.0"]), "<\n");
    assert_eq!(sign(&["alpine", "1.0-r1", "1.0-r2"]), "<\n");
    assert_eq!(sign(&["maven", "-1", "-2"]), sign(&["maven", "--", "-1", "-2"]));
    let json = plimsoll(&["version", "compare", "pypi", "1.0", "1.0.0", "--format", "json"]).json();
    assert_eq!(json["order"], "=");
}

#[test]
fn what_cannot_be_read_is_an_error_with_a_reason() {
    let ran = plimsoll(&["version", "compare", "semver", "not a version", "1.0.0"]);
    assert_eq!(ran.failed().code, Some(2));
    assert!(ran.err.contains("not a version"), "{}", ran.err);
    assert!(plimsoll(&["version", "compare", "klingon", "1", "2"]).failed().err.contains("debian"));
}

#[test]
fn every_line_of_a_batch_gives_a_line() {
    let input = b"1.0 2.0\n2.0\t1.0\n1.0 1.0\none two\n\n1.0\n1.0 2.0 3.0\n\xff\xfe 1.0\n1.0.0 2.0.0";
    let ran = piped(&["version", "compare", "semver", "--batch"], input);
    assert_eq!(ran.code, Some(0), "{}", ran.err);
    let signs: Vec<&str> = ran.out.lines().collect();
    assert_eq!(signs.len(), 9, "{signs:?}");
    assert_eq!(signs[3..8], ["!", "!", "!", "!", "!"]);
    assert_eq!(signs[8], "<");
    let long = vec![b'1'; 200_000];
    piped(&["version", "compare", "debian", "--batch"], &long).failed();
}

#[test]
fn every_vector_holds() {
    let Some(data) = data() else { return };
    let mut wrong = Vec::new();
    let mut counted = 0;
    let mut files: Vec<_> =
        std::fs::read_dir(data.join("version-order")).expect("vectors").map(|entry| entry.expect("a file").path()).collect();
    files.sort();
    assert_eq!(files.len(), 16);
    for path in files {
        let name = path.file_name().expect("a name").to_string_lossy().into_owned();
        let ecosystem = match name.split('-').next().expect("a word") {
            "redhat" => "rpm",
            word => word,
        };
        let vectors = std::fs::read_to_string(&path).expect("text");
        let mut lines = Vec::new();
        for line in vectors.lines().map(str::trim) {
            if line.is_empty() || line.starts_with('#') || line.starts_with("//") {
                continue;
            }
            let words: Vec<&str> = line.split_whitespace().collect();
            let [a, order, b] = words[..] else { panic!("{name}: no vector: {line}") };
            lines.push((a.to_owned(), order.to_owned(), b.to_owned()));
        }
        let input: String = lines.iter().map(|(a, _, b)| format!("{a} {b}\n")).collect();
        let ran = piped(&["version", "compare", ecosystem, "--batch"], input.as_bytes());
        assert_eq!(ran.code, Some(0), "{}", ran.err);
        let signs: Vec<&str> = ran.out.lines().collect();
        assert_eq!(signs.len(), lines.len(), "{name}");
        counted += signs.len();
        for ((a, order, b), sign) in lines.iter().zip(signs) {
            if order != sign {
                wrong.push(format!("{name}: {a} {order} {b}, but we say {sign}"));
            }
        }
    }
    assert!(counted > 28_000, "{counted}");
    assert!(wrong.is_empty(), "{} of {counted}: {wrong:#?}", wrong.len());
}
