//! Same document, same bytes; and no word of others becomes more than a word.

use crate::{Align, Bars, Block, Document, Format, Kind, Signature, Style, Table, Text, write};
use proptest::prelude::*;

/// One of everything, with a word of others in every place for words.
fn everything(word: &str) -> Document {
    let mut document = Document::new(word, word, jiff::civil::date(2026, 11, 22));
    document.footer(word);
    document.fact(word, Text::code(word));
    for level in 1..=3 {
        document.heading(level, word);
    }
    let styles = [Style::Plain, Style::Strong, Style::Emphasis, Style::Code, Style::Soft, Style::Good, Style::Warning, Style::Bad];
    document.paragraph(styles.into_iter().fold(Text::new(), |text, style| text.and(style, word)));
    for numbered in [false, true, true] {
        document.push(Block::List { numbered, items: vec![word.into(), Text::code(word)] });
    }
    document.push(Block::facts([(word, Text::from(word))]));
    let mut table = Table::new()
        .column(word, Align::Left, 3)
        .column(word, Align::Center, 1)
        .column(word, Align::Right, 1);
    table.row(vec![word.into(), Text::code(word), Text::styled(Style::Bad, word)]);
    table.row(vec![word.into()]);
    document.push(Block::Table(table));
    let mut bars = Bars::new(word, [word, word]);
    bars.bar(word, vec![(3, word.to_owned()), (0, word.to_owned())], word);
    bars.bar(word, vec![(u64::MAX, word.to_owned()), (1, word.to_owned())], word);
    document.push(Block::Bars(bars));
    for kind in [Kind::Information, Kind::Warning, Kind::Danger] {
        document.note(kind, word);
    }
    document.push(Block::lines([word, "", word]));
    document.push(Block::PageBreak);
    document.push(Block::Signatures { signatures: vec![Signature::line(word, ""), Signature::given(word, word, word)] });
    document
}

const FORMATS: [Format; 4] = [Format::Html, Format::Markdown, Format::Pdf, Format::Docx];

fn bytes(document: &Document, format: Format) -> Vec<u8> {
    write(document, format).unwrap_or_else(|problem| panic!("{format:?}: {}", problem.text))
}

#[test]
fn same_document_same_bytes() {
    let document = everything("libc6 2.36-9+deb12u9");
    let first: Vec<Vec<u8>> = FORMATS.iter().map(|format| bytes(&document, *format)).collect();
    // Another document between them must leave nothing behind.
    for format in FORMATS {
        bytes(&everything("another"), format);
    }
    let again = std::thread::spawn(move || FORMATS.map(|format| bytes(&document, format)));
    for (format, (first, again)) in FORMATS.iter().zip(first.iter().zip(again.join().unwrap())) {
        assert!(*first == again, "{format:?} differs");
    }
}

#[test]
fn what_has_a_date_has_the_documents() {
    let document = everything("word");
    let pdf = bytes(&document, Format::Pdf);
    let shown = String::from_utf8_lossy(&pdf);
    assert!(shown.contains("2026-11-22"), "the date of the document");
    let docx = bytes(&document, Format::Docx);
    // Local file headers hold the time at 10 and the date at 12: the first
    // day that the format knows.
    for (place, _) in docx.windows(4).enumerate().filter(|(_, window)| *window == b"PK\x03\x04") {
        assert_eq!(docx[place + 10..place + 14], [0, 0, 0x21, 0]);
    }
}

#[test]
fn long_words_and_hostile_signs_are_laid_out() {
    let long = "x".repeat(2_000);
    let wide = "\u{4e2d}".repeat(300);
    for word in [
        long.as_str(),
        wide.as_str(),
        "",
        " ",
        "<script>alert(1)</script>",
        "#eval(\"1\") $x$ @label *b* _i_ `c` [l](u) <a> \\ // ~",
        "]]>&amp;&#0;<![CDATA[",
        "a\u{202e}gpj.exe\u{0}\u{1b}[31m\u{8}\u{fffe}\u{ffff}\u{feff}\u{200b}",
        "| a | b |\n| --- | --- |\n\n# heading\n```",
        "e\u{301}\u{301}\u{301} \u{1f600} \u{5d0}\u{5d1} \u{627}\u{644}\u{639} \u{e000} \u{10ffff} \u{fe0f}\u{200d}",
    ] {
        let document = everything(word);
        for format in FORMATS {
            bytes(&document, format);
        }
    }
}

#[test]
fn html_holds_no_markup_of_others() {
    let html = crate::html(&everything("\"><script>x</script><img src=x onerror=y>'"));
    assert!(!html.contains("<script") && !html.contains("<img"));
    assert!(!html.contains("onerror=y>'\""), "an attribute was left");
}

#[test]
fn turned_names_are_shown() {
    let document = everything("exe\u{202e}gpj.\u{7}exe");
    for text in [crate::html(&document), crate::markdown(&document)] {
        assert!(!text.contains('\u{202e}') && !text.contains('\u{7}'));
        assert!(text.contains("exe\u{fffd}gpj"));
    }
}

#[test]
fn markdown_of_others_stays_words() {
    let mut document = Document::new("# t", "- s", jiff::civil::date(2026, 1, 1));
    document.paragraph("1. not a list");
    document.paragraph("--- not a rule");
    document.paragraph("[l](javascript:x) <b> *x* _y_ a_b https://h www.h.org `c` ~~z~~ &amp; \\");
    document.paragraph(Text::code("a`b``c|d").and(Style::Strong, " bold* "));
    let mut table = Table::new().column("a|b", Align::Right, 1);
    table.row(vec![Text::code("c|`d").plain(" | e\n# f")]);
    document.push(Block::Table(table));
    document.push(Block::lines(["```", "# x"]));
    assert_eq!(
        crate::markdown(&document),
        "# \\# t\n\n\\- s\n\n1\\. not a list\n\n\\--- not a rule\n\n\\[l\\](javascript:x) \\<b\\> \\*x\\* \\_y\\_ a_b https\\://h \
         www\\.h.org \\`c\\` \\~\\~z\\~\\~ \\&amp; \\\\\n\n```a`b``c|d``` **bold\\*** \n\n| a\\|b |\n| ---: |\n| ``c\\|`d`` \\| e \\# f |\n\n\
         ````text\n```\n# x\n````\n",
    );
}

#[test]
fn long_words_are_cut_after_their_own_signs_and_nothing_is_lost() {
    let cut = |text: &str| crate::text::pieces(text).join("|");
    assert_eq!(cut("installed pending reboot"), "installed pending reboot");
    assert_eq!(cut("on web-07.nordwerft.example now"), "on web-|07.|nordwerft.|example now");
    assert_eq!(cut(&"ab".repeat(8)), "abababababab|abab");
    assert_eq!(crate::text::pieces(&"x".repeat(10_000)).concat().len(), 10_000);
}

#[test]
fn a_bar_never_outgrows_its_track() {
    let mut bars = Bars::new("c", ["a", "b"]);
    bars.bar("x", vec![(u64::MAX, String::new()), (u64::MAX, String::new())], "");
    bars.bar("y", vec![(0, String::new())], "");
    assert_eq!(bars.share(u64::MAX), 500);
    assert_eq!(bars.share(0), 0);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]
    #[test]
    fn any_words_are_laid_out_and_stay_words(word in "\\PC{0,60}|[<>&\"'*_`|#\\[\\]()\\\\~:/.w\\-+=0-9 \n]{0,60}|.{0,40}") {
        let document = everything(&word);
        for format in FORMATS {
            prop_assert!(write(&document, format).is_ok());
        }
        let html = crate::html(&document);
        prop_assert_eq!(html.matches("<h2>").count(), 1);
        prop_assert_eq!(html.matches("<li>").count(), 6);
        let markdown = crate::markdown(&document);
        let headings = markdown.lines().filter(|line| line.starts_with('#')).count();
        // Lines of machines may start with it, inside their fence.
        let fenced = if word.trim_start().starts_with('#') || word.starts_with('#') { 2 } else { 0 };
        prop_assert!(headings <= 4 + fenced, "{}", markdown);
    }
}
