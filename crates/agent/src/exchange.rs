//! One signed exchange.

use crate::sequence::Sequence;
use crate::server::{Answer, Failure, Head, Server};
use crate::state::State;
use ed25519_dalek::SigningKey;
use jiff::Timestamp;
use plimsoll_formats::protocol::{Message, SignedRequest, digest, sign, write_message};

/// Who speaks, and with which numbers.
pub(crate) struct Speaker<'a> {
    pub(crate) server: &'a Server,
    pub(crate) state: &'a State,
    pub(crate) host: &'a str,
    pub(crate) key: &'a SigningKey,
}

impl Speaker<'_> {
    /// Sends a message.
    pub(crate) fn say<M: Message>(&self, path: &str, sequence: u64, message: &M) -> Result<Answer, Failure> {
        self.post(path, sequence, &write_message(message)?, false)
    }

    /// Sends a compressed body under the next number.
    pub(crate) fn send(&self, path: &str, sequence: &mut Sequence, body: &[u8]) -> Result<Answer, Failure> {
        self.post(path, sequence.take(self.state), body, true)
    }

    fn post(&self, path: &str, sequence: u64, body: &[u8], compressed: bool) -> Result<Answer, Failure> {
        let date = Timestamp::now().to_string();
        let digest = digest(body);
        let request = SignedRequest { method: "POST", path, host: self.host, date: &date, sequence, digest: &digest };
        let signature = sign(self.key, &request);
        let head = Head { host: self.host, date: &date, sequence, digest: &digest, signature: &signature, compressed };
        self.server.post(path, &head, body)
    }
}
