//! Judges the head of a database before anything else of it is believed.

use super::layout::{self, Header};
use crate::protocol::encode_hex;
use plimsoll_core::model::problem::Problem;
use zerocopy::IntoBytes;

/// Checks what the header says of itself and of the file.
pub(super) fn check_header(header: &Header, length: usize, place: &str) -> Result<(), Problem> {
    if header.magic != layout::MAGIC {
        return Err(not_a_database(place, "does not begin as an advisory database does"));
    }
    if header.format.get() != layout::FORMAT {
        return Err(Problem::new(
            "E-DB-FORMAT",
            place,
            format!("has layout {}, this program reads layout {}", header.format.get(), layout::FORMAT),
            "build it again with `plimsoll db update` or `plimsoll db build` of this version",
        ));
    }
    let plain = Header { checksum: [0; 32], ..*header };
    if blake3::hash(plain.as_bytes()).as_bytes() != &header.checksum {
        return Err(damaged(place, "the header does not have the checksum that it names"));
    }
    if header.length.get() != length as u64 {
        return Err(damaged(
            place,
            &format!("is {length} bytes long, its header says {}", header.length.get()),
        ));
    }
    if header.body.get() > length as u64 || !header.body.get().is_multiple_of(layout::BLOCK as u64) {
        return Err(not_a_database(place, "says that its body begins outside the file"));
    }
    Ok(())
}

/// Checks who signed it.
pub(super) fn check_signature(header: &Header, trusted: Option<&[u8; 32]>, place: &str) -> Result<(), Problem> {
    if let Some(trusted) = trusted
        && &header.signer != trusted {
            let signer = if header.signer == [0; 32] { "nobody".to_owned() } else { encode_hex(&header.signer) };
            return Err(Problem::new(
                "E-DB-SIGNER",
                place,
                format!("is signed by {signer}, the trusted key is {}", encode_hex(trusted)),
                "get the database from its builder again, or check the key you were given",
            ));
        }
    if header.signer == [0; 32] {
        return Ok(());
    }
    let unsigned = Header { signature: [0; 64], checksum: [0; 32], ..*header };
    let signature = ed25519_dalek::Signature::from_bytes(&header.signature);
    ed25519_dalek::VerifyingKey::from_bytes(&header.signer)
        .and_then(|key| key.verify_strict(unsigned.as_bytes(), &signature))
        .map_err(|_| {
            Problem::new(
                "E-DB-SIGNATURE",
                place,
                "the header's signature does not verify",
                "get the database from its builder again; do not use this file",
            )
        })
}

/// The problem of a file that is something else.
pub(super) fn not_a_database(place: &str, what: &str) -> Problem {
    Problem::new("E-DB", place, what, "name a file made by `plimsoll db update` or `plimsoll db build`")
}

/// The problem of a file that is not as it was written.
pub(super) fn damaged(place: &str, what: &str) -> Problem {
    Problem::new("E-DB-DAMAGED", place, what, "build or copy the database again")
}
