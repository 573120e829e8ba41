//! Frames on the socket: four bytes of length, big end first, then the bytes.

use super::failed;
use plimsoll_core::model::problem::Problem;
use std::io::{Read, Write};

/// Reads one frame of at most `limit` bytes.
///
/// Nothing is allocated before the bytes arrive, whatever the length says.
pub(super) fn read_frame(stream: &mut impl Read, limit: usize) -> Result<Vec<u8>, Problem> {
    let mut head = [0; 4];
    stream.read_exact(&mut head).map_err(|error| failed("socket", "was closed", &error))?;
    let length = u32::from_be_bytes(head) as usize;
    if length > limit {
        return Err(Problem::new(
            "E-LIMIT",
            "socket",
            format!("gave a frame of {length} bytes, the limit is {limit}"),
            "use an agent and a helper of the same version",
        ));
    }
    let mut bytes = Vec::new();
    stream.take(length as u64).read_to_end(&mut bytes).map_err(|error| failed("socket", "cannot be read", &error))?;
    if bytes.len() < length {
        return Err(failed("socket", "was closed", &"in the middle of a frame"));
    }
    Ok(bytes)
}

/// Writes one frame.
pub(super) fn write_frame(stream: &mut impl Write, bytes: &[u8]) -> Result<(), Problem> {
    let length = u32::try_from(bytes.len()).map_err(|error| failed("socket", "cannot carry this much", &error))?;
    stream
        .write_all(&length.to_be_bytes())
        .and_then(|()| stream.write_all(bytes))
        .and_then(|()| stream.flush())
        .map_err(|error| failed("socket", "cannot be written", &error))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_come_back_and_lying_lengths_are_refused() {
        let mut wire = Vec::new();
        write_frame(&mut wire, b"hello").unwrap();
        assert_eq!(read_frame(&mut wire.as_slice(), 5).unwrap(), b"hello");
        assert_eq!(read_frame(&mut wire.as_slice(), 4).unwrap_err().code, "E-LIMIT");
        assert_eq!(read_frame(&mut &wire[..7], 9).unwrap_err().code, "E-HELPER");
        assert_eq!(read_frame(&mut [0xff; 4].as_slice(), usize::MAX).unwrap_err().code, "E-HELPER");
    }
}
