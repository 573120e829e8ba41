//! CVSS vectors of every version to their base score.

use plimsoll_core::model::advisory::Cvss;

/// Longest vector taken, in bytes: a v4 vector with every metric stays below.
const LONGEST: usize = 400;

/// Reads a CVSS vector (2.0, 3.0, 3.1 or 4.0) and works out its base score.
///
/// The score is that of the *base* metrics: threat, temporal and
/// environmental metrics in the vector are left out of it, because feeds mix
/// both and scores would not compare. Returns none where the vector is not
/// valid; the source's number can then be kept with [`stated`].
pub fn vector(text: &str) -> Option<Cvss> {
    let text = text.trim().trim_end_matches('/');
    let text = text.strip_prefix('(').and_then(|inner| inner.strip_suffix(')')).unwrap_or(text);
    if text.len() > LONGEST {
        return None;
    }
    let (version, score) = match text.split_once('/')?.0 {
        "CVSS:4.0" => (4, base_only(text, &V4_BASE)?.parse::<cvss::v4::Vector>().ok()?.score().value()),
        "CVSS:3.0" | "CVSS:3.1" => {
            (3, base_only(text, &V3_BASE)?.parse::<cvss::v3::Vector>().ok()?.score().value())
        }
        _ => {
            let bare = text.strip_prefix("CVSS:2.0/").unwrap_or(text);
            (2, base_only(bare, &V2_BASE)?.parse::<cvss::v2::Vector>().ok()?.score().value())
        }
    };
    Some(Cvss { version, vector: text.to_owned(), base_tenths: tenths(score)? })
}

/// Keeps a number that a source states without a usable vector.
///
/// `version` is the CVSS version's text, `3.1`; a number outside 0 to 10 or a
/// version outside 2 to 4 is none.
pub fn stated(version: &str, score: f64) -> Option<Cvss> {
    let version = match version.trim().bytes().next()? {
        b'2' => 2,
        b'3' => 3,
        b'4' => 4,
        _ => return None,
    };
    Some(Cvss { version, vector: String::new(), base_tenths: tenths(score)? })
}

const V2_BASE: [&str; 6] = ["AV", "AC", "Au", "C", "I", "A"];
const V3_BASE: [&str; 9] = ["CVSS", "AV", "AC", "PR", "UI", "S", "C", "I", "A"];
const V4_BASE: [&str; 12] = ["CVSS", "AV", "AC", "AT", "PR", "UI", "VC", "VI", "VA", "SC", "SI", "SA"];

/// Leaves only the base metrics of a vector; none unless each stands once.
fn base_only(text: &str, metrics: &[&str]) -> Option<String> {
    let mut out = String::with_capacity(text.len());
    let mut seen = Vec::with_capacity(metrics.len());
    for part in text.split('/') {
        let name = part.split(':').next().unwrap_or(part);
        if metrics.contains(&name) {
            if seen.contains(&name) {
                return None;
            }
            seen.push(name);
            if !out.is_empty() {
                out.push('/');
            }
            out.push_str(part);
        }
    }
    (seen.len() == metrics.len()).then_some(out)
}

fn tenths(score: f64) -> Option<u8> {
    let tenths = (score * 10.0).round();
    if (0.0..=100.0).contains(&tenths) { Some(tenths as u8) } else { None }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Scores as NVD and FIRST publish them.
    #[test]
    fn known_vectors_have_their_published_scores() {
        for (text, version, expected) in [
            // Log4Shell, Heartbleed (v2 and v3.1), and FIRST's v4 examples.
            ("CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:C/C:H/I:H/A:H", 3, 100),
            ("CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:N/A:N", 3, 75),
            ("AV:N/AC:L/Au:N/C:P/I:N/A:N", 2, 50),
            ("(AV:N/AC:L/Au:N/C:C/I:C/A:C)", 2, 100),
            ("AV:L/AC:H/Au:N/C:C/I:C/A:C", 2, 62),
            ("CVSS:3.0/AV:L/AC:H/PR:L/UI:N/S:U/C:H/I:H/A:H", 3, 70),
            ("CVSS:3.0/AV:N/AC:L/PR:N/UI:R/S:C/C:L/I:L/A:N", 3, 61),
            ("CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:N/I:N/A:N", 3, 0),
            ("CVSS:4.0/AV:L/AC:L/AT:P/PR:L/UI:N/VC:H/VI:H/VA:H/SC:N/SI:N/SA:N", 4, 73),
            ("CVSS:4.0/AV:N/AC:L/AT:N/PR:N/UI:N/VC:H/VI:H/VA:H/SC:H/SI:H/SA:H", 4, 100),
        ] {
            let cvss = vector(text).unwrap_or_else(|| panic!("{text} is a vector"));
            assert_eq!((cvss.version, cvss.base_tenths), (version, expected), "{text}");
        }
    }

    #[test]
    fn metrics_beside_the_base_change_nothing() {
        let plain = vector("CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H").unwrap();
        let more = vector("CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H/E:P/RL:O/RC:C").unwrap();
        assert_eq!((plain.base_tenths, more.base_tenths), (98, 98));
        assert!(more.vector.ends_with("/E:P/RL:O/RC:C"));
        let threat = "CVSS:4.0/AV:N/AC:L/AT:N/PR:N/UI:N/VC:H/VI:H/VA:H/SC:H/SI:H/SA:H/E:U";
        assert_eq!(vector(threat).unwrap().base_tenths, 100);
    }

    #[test]
    fn what_is_not_a_vector_is_none() {
        for text in ["", "/", "CVSS:3.1/", "CVSS:3.1/AV:N", "CVSS:5.0/AV:N", "HIGH", "AV:N/AC:L/Au:N/C:P/I:N/A:ü"] {
            assert_eq!(vector(text), None, "{text}");
        }
        assert_eq!(vector(&"AV:N/".repeat(100_000)), None);
        assert_eq!(stated("3.1", 7.25).unwrap().base_tenths, 73);
        assert_eq!(stated("3.1", f64::NAN), None);
        assert_eq!(stated("1.0", 5.0), None);
    }
}
