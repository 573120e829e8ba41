//! **One-time codes** of an app (RFC 6238): six digits, 30 seconds, SHA-1,
//! which is what every app takes; and the recovery codes beside them.

use super::Unavailable;
use super::secret::{SecretDigest, random};
use jiff::Timestamp;
use totp_rs::{Algorithm, Builder, Secret, Totp};

/// Bytes of a seed, as RFC 4226 recommends.
pub const SEED: usize = 20;

/// Seconds that a code counts for.
const STEP: u64 = 30;

/// Recovery codes made at a time.
pub const RECOVERY_CODES: usize = 10;

fn app(seed: &[u8], account: &str) -> Result<Totp, Unavailable> {
    Builder::new()
        .with_algorithm(Algorithm::SHA1)
        .with_digits(6)
        // One step either way, for clocks that are off and people who are slow.
        .with_skew(1)
        .with_step_duration(STEP)
        .with_secret(Secret::from(seed.to_vec()))
        .with_issuer(Some("Plimsoll"))
        // A colon would end the account's name in the app's address.
        .with_account_name(account.replace(':', "_"))
        .build()
        .map_err(|error| Unavailable::new("one-time codes", error))
}

/// What an app needs to know: an `otpauth:` address for a QR code, and its
/// seed in base 32 for typing.
///
/// # Errors
/// The seed has the wrong length.
pub fn describe(seed: &[u8], account: &str) -> Result<(String, String), Unavailable> {
    let app = app(seed, account)?;
    let url = app.to_url().map_err(|error| Unavailable::new("one-time codes", error))?;
    Ok((url, app.secret().to_base32()))
}

/// The step that a code belongs to, if it is right now and newer than `last`:
/// no code counts twice.
///
/// # Errors
/// The seed has the wrong length.
pub fn check(seed: &[u8], code: &str, last: i64, now: Timestamp) -> Result<Option<i64>, Unavailable> {
    let digits: String = code.chars().filter(|character| !character.is_whitespace()).collect();
    if digits.len() != 6 || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return Ok(None);
    }
    let seconds = u64::try_from(now.as_second()).unwrap_or(0);
    let step = app(seed, "")?.check(&digits, seconds).and_then(|step| i64::try_from(step).ok());
    Ok(step.filter(|step| *step > last))
}

/// New recovery codes, 80 bits each, in clear, to be shown once.
///
/// # Errors
/// No randomness.
pub fn recovery_codes() -> Result<Vec<String>, Unavailable> {
    (0..RECOVERY_CODES)
        .map(|_| {
            let letters = data_encoding::BASE32_NOPAD.encode(&random::<10>()?).to_ascii_lowercase();
            let groups: Vec<_> = letters.as_bytes().chunks(4).map(String::from_utf8_lossy).collect();
            Ok(groups.join("-"))
        })
        .collect()
}

/// What is kept of a recovery code, however it was typed.
pub fn recovery_digest(code: &str) -> SecretDigest {
    let letters: String = code.chars().filter(char::is_ascii_alphanumeric).take(64).collect();
    SecretDigest::of(letters.to_ascii_lowercase().as_bytes())
}

/// The code of an instant, as an authenticator program shows it.
#[cfg(test)]
pub fn code_at(seed: &[u8], now: Timestamp) -> Result<String, Unavailable> {
    Ok(app(seed, "")?.generate(u64::try_from(now.as_second()).unwrap_or(0)).to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 6238, appendix B, the last six digits of each.
    #[test]
    fn codes_of_the_standard() {
        let seed = b"12345678901234567890";
        for (second, code) in [(59, "287082"), (1_111_111_109, "081804"), (1_234_567_890, "005924"), (20_000_000_000, "353130")] {
            let now = Timestamp::from_second(second).unwrap();
            let step = check(seed, code, -1, now).unwrap();
            assert_eq!(step, Some(second / 30), "{second}");
            assert_eq!(check(seed, &format!(" {} {} ", &code[..3], &code[3..]), -1, now).unwrap(), step);
            assert_eq!(check(seed, code, second / 30, now).unwrap(), None, "a code counts once");
            assert_eq!(check(seed, code, -1, Timestamp::from_second(second + 90).unwrap()).unwrap(), None);
            for wrong in ["", "28708", "2870822", "28708é", "abcdef"] {
                assert_eq!(check(seed, wrong, -1, now).unwrap(), None);
            }
        }
        let (url, secret) = describe(seed, "alice:x").unwrap();
        assert_eq!(secret, "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ");
        insta::assert_snapshot!(url, @"otpauth://totp/Plimsoll:alice_x?secret=GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ&issuer=Plimsoll");
    }

    #[test]
    fn recovery_codes_read_as_people_type() {
        let codes = recovery_codes().unwrap();
        assert_eq!(codes.len(), RECOVERY_CODES);
        let typed = codes[0].to_uppercase().replace('-', " ");
        assert_eq!(recovery_digest(&typed), recovery_digest(&codes[0]));
        assert_ne!(recovery_digest(&codes[1]), recovery_digest(&codes[0]));
    }
}
