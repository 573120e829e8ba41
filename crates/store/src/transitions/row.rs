//! The content of a row: what changed on one host at one moment, compressed.
//!
//! Before compression it is a byte that says which form follows, and then that
//! form. Form 1 is postcard's: keys, rules and policies repeat within a row,
//! so that each text stands in it once and is meant by its number. Rows of
//! before forms had numbers are JSON, which always begins with a brace.

use plimsoll_core::model::advisory::Rating;
use plimsoll_core::model::transition::{Bound, FindingKey, Obliged, Transition};
use serde::{Deserialize, Serialize};
use std::collections::HashMap;
use std::hash::Hash;

/// Greatest row, bytes before compression.
const GREATEST: usize = 64 << 20;
/// Greatest place that is kept for the next row.
const KEPT: usize = 1 << 20;
const LEVEL: i32 = 3;

/// The form that is written.
const FORM: u8 = 1;
const JSON: u8 = b'{';

/// What a row says, apart from whose it is and when.
#[derive(Serialize, Deserialize, Default, PartialEq, Debug)]
pub(super) struct Row {
    #[serde(rename = "o", default, skip_serializing_if = "Vec::is_empty")]
    pub(super) opened: Vec<FindingKey>,
    #[serde(rename = "c", default, skip_serializing_if = "Vec::is_empty")]
    pub(super) closed: Vec<FindingKey>,
    #[serde(rename = "d", default, skip_serializing_if = "Vec::is_empty")]
    pub(super) obliged: Vec<(FindingKey, Obliged)>,
    #[serde(rename = "p", default, skip_serializing_if = "Vec::is_empty")]
    pub(super) policies: Vec<String>,
}

/// Form 1; numbers are places in `texts` and `keys`.
#[derive(Serialize, Deserialize, Default)]
struct Packed<'a> {
    #[serde(borrow)]
    texts: Vec<&'a str>,
    /// Advisory and component.
    keys: Vec<(u32, u32)>,
    opened: Vec<u32>,
    closed: Vec<u32>,
    /// Key, rating, whether it is exploited, and bounds.
    obliged: Vec<(u32, u32, bool, Vec<PackedBound>)>,
    policies: Vec<u32>,
}

/// Due, start and rule.
type PackedBound = (i64, Option<i64>, u32);

/// Numbers things in the order in which they are first met.
struct Numbers<T> {
    known: HashMap<T, u32>,
    things: Vec<T>,
}

impl<T: Copy + Eq + Hash> Numbers<T> {
    fn new() -> Self {
        Self { known: HashMap::new(), things: Vec::new() }
    }

    fn of(&mut self, thing: T) -> Result<u32, String> {
        let next = u32::try_from(self.things.len()).map_err(|error| error.to_string())?;
        Ok(*self.known.entry(thing).or_insert_with(|| {
            self.things.push(thing);
            next
        }))
    }
}

/// Tells the texts and keys of a row apart while it is written.
struct Packer<'a> {
    texts: Numbers<&'a str>,
    keys: Numbers<(u32, u32)>,
}

impl<'a> Packer<'a> {
    fn key(&mut self, key: &'a FindingKey) -> Result<u32, String> {
        let pair = (self.texts.of(&key.advisory)?, self.texts.of(&key.component)?);
        self.keys.of(pair)
    }

    fn keys(&mut self, keys: &'a [FindingKey]) -> Result<Vec<u32>, String> {
        keys.iter().map(|key| self.key(key)).collect()
    }

    fn bound(&mut self, bound: &'a Bound) -> Result<PackedBound, String> {
        Ok((bound.due, bound.start, self.texts.of(&bound.rule)?))
    }

    fn obliged(&mut self, (key, obliged): &'a (FindingKey, Obliged)) -> Result<(u32, u32, bool, Vec<PackedBound>), String> {
        let bounds = obliged.bounds.iter().map(|bound| self.bound(bound)).collect::<Result<_, _>>()?;
        Ok((self.key(key)?, self.texts.of(obliged.rating.as_str())?, obliged.exploited, bounds))
    }
}

/// Writes the content of a transition's row.
///
/// # Errors
/// It is greater than a row may be.
pub(super) fn write(transition: &Transition) -> Result<Vec<u8>, String> {
    let mut packer = Packer { texts: Numbers::new(), keys: Numbers::new() };
    let mut packed = Packed {
        opened: packer.keys(&transition.opened)?,
        closed: packer.keys(&transition.closed)?,
        obliged: transition.obliged.iter().map(|one| packer.obliged(one)).collect::<Result<_, _>>()?,
        policies: transition.policies.iter().map(|policy| packer.texts.of(policy)).collect::<Result<_, _>>()?,
        ..Packed::default()
    };
    (packed.texts, packed.keys) = (packer.texts.things, packer.keys.things);
    let bytes = postcard::to_extend(&packed, vec![FORM]).map_err(|error| error.to_string())?;
    if bytes.len() > GREATEST {
        return Err(format!("It has {} bytes, {GREATEST} are possible.", bytes.len()));
    }
    zstd::bulk::compress(&bytes, LEVEL).map_err(|error| error.to_string())
}

/// Reads rows; what takes long to make is made once for many of them.
pub(super) struct Reader {
    decompressor: zstd::bulk::Decompressor<'static>,
    bytes: Vec<u8>,
}

impl Reader {
    pub(super) fn new() -> std::io::Result<Self> {
        Ok(Self { decompressor: zstd::bulk::Decompressor::new()?, bytes: Vec::new() })
    }

    /// Reads the content of a row.
    ///
    /// # Errors
    /// What is wrong with it.
    pub(super) fn read(&mut self, content: &[u8]) -> Result<Row, String> {
        let size = match zstd::zstd_safe::get_frame_content_size(content) {
            Ok(Some(size)) => usize::try_from(size).unwrap_or(usize::MAX),
            Ok(None) | Err(_) => GREATEST,
        };
        if size > GREATEST {
            return Err(format!("It has {size} bytes, {GREATEST} are possible."));
        }
        self.bytes.clear();
        self.bytes.shrink_to(KEPT);
        self.bytes.reserve(size);
        self.decompressor.decompress_to_buffer(content, &mut self.bytes).map_err(|error| error.to_string())?;
        match self.bytes.split_first() {
            Some((&JSON, _)) => serde_json::from_slice(&self.bytes).map_err(|error| error.to_string()),
            Some((&FORM, packed)) => unpack(packed),
            Some((form, _)) => Err(format!("Its form {form} is not known, the newest known one is {FORM}.")),
            None => Err("It is empty.".to_owned()),
        }
    }
}

fn unpack(bytes: &[u8]) -> Result<Row, String> {
    let packed: Packed<'_> = postcard::from_bytes(bytes).map_err(|error| error.to_string())?;
    let absent = |what: &str, number: u32| format!("It has no {what} {number}.");
    let text = |number: u32| packed.texts.get(number as usize).copied().ok_or_else(|| absent("text", number));
    let key = |number: u32| {
        let (advisory, component) = packed.keys.get(number as usize).ok_or_else(|| absent("key", number))?;
        Ok::<_, String>(FindingKey { advisory: text(*advisory)?.to_owned(), component: text(*component)?.to_owned() })
    };
    let bound = |(due, start, rule): &PackedBound| Ok::<_, String>(Bound { due: *due, start: *start, rule: text(*rule)?.to_owned() });
    let obliged = packed.obliged.iter().map(|(of, rating, exploited, bounds)| {
        let bounds = bounds.iter().map(bound).collect::<Result<_, _>>()?;
        Ok((key(*of)?, Obliged { rating: rating_of(text(*rating)?)?, exploited: *exploited, bounds }))
    });
    Ok(Row {
        obliged: obliged.collect::<Result<_, String>>()?,
        opened: packed.opened.iter().map(|number| key(*number)).collect::<Result<_, _>>()?,
        closed: packed.closed.iter().map(|number| key(*number)).collect::<Result<_, _>>()?,
        policies: packed.policies.iter().map(|number| text(*number).map(str::to_owned)).collect::<Result<_, _>>()?,
    })
}

/// The rating of a word: a number would change its meaning with the list.
fn rating_of(word: &str) -> Result<Rating, String> {
    Rating::ALL.into_iter().find(|rating| rating.as_str() == word).ok_or_else(|| format!("The rating {word:?} is unknown."))
}

#[cfg(test)]
mod tests {
    use super::*;
    use jiff::Timestamp;
    use plimsoll_core::model::identifier::HostId;

    fn key(number: u32) -> FindingKey {
        FindingKey { advisory: format!("DSA-{number}-1"), component: "pkg:deb/debian/ørsted amd64".to_owned() }
    }

    fn transition() -> Transition {
        let bound = |due| Bound { due, start: (due > 0).then_some(due - 7), rule: "samm/high".to_owned() };
        let obliged = |rating: Rating| Obliged { rating, exploited: rating == Rating::High, bounds: vec![bound(86_400), bound(-1)] };
        Transition {
            host: HostId::from_bits(1),
            serial: 0,
            at: Timestamp::UNIX_EPOCH,
            opened: (0..Rating::ALL.len() as u32).map(key).collect(),
            closed: vec![key(300), key(0)],
            obliged: (0..).zip(Rating::ALL).map(|(number, rating)| (key(number), obliged(rating))).collect(),
            policies: vec!["samm 2026-11-21".to_owned(), "own 1".to_owned()],
        }
    }

    fn row(transition: Transition) -> Row {
        Row { opened: transition.opened, closed: transition.closed, obliged: transition.obliged, policies: transition.policies }
    }

    #[test]
    fn a_row_of_either_form_says_the_same() {
        let whole = transition();
        let mut reader = Reader::new().unwrap();
        let json = |row: &Row| zstd::bulk::compress(&serde_json::to_vec(row).unwrap(), LEVEL).unwrap();
        let (packed, of_before) = (write(&whole).unwrap(), json(&row(transition())));
        // One after the other, so that nothing of a row stays for the next.
        for content in [&packed, &of_before, &packed, &json(&Row::default()), &of_before] {
            let expected = if *content == json(&Row::default()) { Row::default() } else { row(transition()) };
            assert_eq!(reader.read(content).unwrap(), expected);
        }
        let written = r#"{"o":[{"advisory":"A","component":"openssl"}],"d":[[{"advisory":"A","component":"openssl"},{"s":"high","x":true,"b":[{"d":86400,"c":7,"r":"samm/high"}]}]],"p":["samm 1"]}"#;
        let old = reader.read(&zstd::bulk::compress(written.as_bytes(), LEVEL).unwrap()).unwrap();
        let key = FindingKey { advisory: "A".to_owned(), component: "openssl".to_owned() };
        let bound = Bound { due: 86_400, start: Some(7), rule: "samm/high".to_owned() };
        let obliged = Obliged { rating: Rating::High, exploited: true, bounds: vec![bound] };
        assert_eq!(old, Row { opened: vec![key.clone()], closed: vec![], obliged: vec![(key, obliged)], policies: vec!["samm 1".to_owned()] });
    }

    /// Rows that are written now are read for ever.
    #[test]
    fn form_1_stays_as_it_is() {
        let key = FindingKey { advisory: "A".to_owned(), component: "b".to_owned() };
        let obliged = Obliged { rating: Rating::Low, exploited: true, bounds: vec![Bound { due: 1, start: None, rule: "r".to_owned() }] };
        let transition = Transition { opened: vec![key.clone()], closed: vec![], obliged: vec![(key, obliged)], policies: vec!["p".to_owned()], ..transition() };
        let bytes = zstd::bulk::decompress(&write(&transition).unwrap(), 1_000).unwrap();
        // Texts A, b, r, low, p; the key of A and b; it opened; none closed;
        // its rating is text 3, exploited, due in second 1 by text 2; text 4.
        assert_eq!(bytes, b"\x01\x05\x01A\x01b\x01r\x03low\x01p\x01\x00\x01\x01\x00\x00\x01\x00\x03\x01\x01\x02\x00\x02\x01\x04");
    }

    #[test]
    fn what_is_damaged_is_refused_with_its_reason() {
        let mut reader = Reader::new().unwrap();
        let mut refused = |bytes: &[u8]| reader.read(&zstd::bulk::compress(bytes, LEVEL).unwrap()).unwrap_err();
        assert_eq!(refused(b"\x02"), "Its form 2 is not known, the newest known one is 1.");
        assert_eq!(refused(b""), "It is empty.");
        assert_eq!(refused(b"\x01\x00\x00\x01\x07\x00\x00\x00"), "It has no key 7.");
        assert_eq!(refused(b"\x01\x00\x01\x00\x00\x01\x00\x00\x00\x00"), "It has no text 0.");
        assert_eq!(refused(b"\x01\x02\x01A\x04grim\x01\x00\x00\x00\x00\x01\x00\x01\x00\x00\x00"), "The rating \"grim\" is unknown.");
        let whole = zstd::bulk::decompress(&write(&transition()).unwrap(), GREATEST).unwrap();
        for cut in 1..whole.len() {
            refused(&whole[..cut]);
        }
        assert!(reader.read(b"no frame").is_err());
        // Says that 2^40 bytes follow, and reserves nothing for them.
        let frame = [0x28, 0xb5, 0x2f, 0xfd, 0xe0, 0, 0, 0, 0, 0, 1, 0, 0, 1, 0, 0];
        assert_eq!(reader.read(&frame).unwrap_err(), format!("It has {} bytes, {GREATEST} are possible.", 1_u64 << 40));
    }
}
