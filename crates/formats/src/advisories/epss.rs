//! FIRST's Exploit Prediction Scoring System: the daily CSV of all CVEs.

use super::facts::{date, is_cve, start_of, unreadable};
use super::{Fact, Reading};
use crate::bounded::{self, Limits};
use jiff::civil::Date;
use plimsoll_core::model::problem::Problem;
use plimsoll_core::model::threat::Epss;

/// Reads a day's scores, gzipped or plain.
///
/// The first line is a comment with the day,
/// `#model_version:v2025.03.14,score_date:2026-03-29T00:00:00+0000`; without
/// it the scores cannot be dated and the file is refused. The second names the
/// columns.
pub fn scores(place: &str, bytes: &[u8], sink: &mut dyn FnMut(Fact)) -> Result<Reading, Problem> {
    let bytes = bounded::decompress(place, bytes, Limits::FEED)?;
    let text = bounded::text(place, &bytes)?;
    let day = text
        .lines()
        .take_while(|line| line.starts_with('#'))
        .find_map(score_date)
        .ok_or_else(|| unreadable(place, "has no `score_date` in its first line, so the scores have no day"))?;
    let mut reading = Reading { newest: start_of(day), ..Reading::default() };
    let mut header = true;
    for (number, line) in text.lines().enumerate() {
        if line.starts_with('#') || line.is_empty() {
            continue;
        }
        if header {
            header = false;
            if line.trim_end() == "cve,epss,percentile" {
                continue;
            }
            return Err(unreadable(place, "has other columns than `cve,epss,percentile`"));
        }
        match score(line, day) {
            Some((cve, epss)) => {
                reading.records += 1;
                sink(Fact::Epss { cve: cve.to_owned(), epss });
            }
            None => {
                let text = format!("is not a score: `{}`", line.chars().take(60).collect::<String>());
                reading.reject(unreadable(format!("{place}:{}", number + 1), text));
            }
        }
    }
    Ok(reading)
}

fn score_date(line: &str) -> Option<Date> {
    let (_, rest) = line.split_once("score_date:")?;
    date(rest)
}

fn score(line: &str, date: Date) -> Option<(&str, Epss)> {
    let (cve, rest) = line.split_once(',')?;
    let (score, percentile) = rest.trim_end().split_once(',')?;
    let share = |text: &str| text.parse::<f32>().ok().filter(|value| (0.0..=1.0).contains(value));
    let epss = Epss { score: share(score)?, percentile: share(percentile)?, date };
    is_cve(cve).then_some((cve, epss))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_real_day_reads_in_full() {
        let Some(data) = crate::test_data::folder() else { return };
        let bytes = std::fs::read(data.join("epss/epss_scores-2026-03-29.csv.gz")).unwrap();
        let mut xz = None;
        let reading = scores("epss", &bytes, &mut |fact| {
            if let Fact::Epss { cve, epss } = fact
                && cve == "CVE-2021-44228" {
                    xz = Some(epss);
                }
        })
        .unwrap();
        assert_eq!((reading.records, reading.rejected), (323_411, 0));
        assert_eq!(reading.newest.unwrap().to_string(), "2026-03-29T00:00:00Z");
        let log4shell = xz.expect("Log4Shell has a score");
        assert!(log4shell.score > 0.9 && log4shell.percentile > 0.99, "{log4shell:?}");
    }

    #[test]
    fn bad_rows_are_named_by_line() {
        let text = "#model_version:x,score_date:2026-03-29T00:00:00+0000\ncve,epss,percentile\nCVE-2024-3094,0.5,0.9\nCVE-2024-3095,2,0.9\nCVE-2024-3096,NaN,0\nCVE-2024-3097\n";
        let reading = scores("epss", text.as_bytes(), &mut |_| ()).unwrap();
        assert_eq!((reading.records, reading.rejected), (1, 3));
        assert_eq!(reading.problems[0].place, "epss:4");
        for bad in ["", "cve,epss,percentile\n", "#score_date:2026-03-29\na,b\n", "#score_date:é\n"] {
            assert!(scores("epss", bad.as_bytes(), &mut |_| ()).is_err(), "{bad}");
        }
    }
}
