//! One signed exchange.

use crate::sequence::Sequence;
use crate::server::{ANSWER, Answer, Failure, Head, Server};
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
        self.say_for(path, sequence, message, ANSWER)
    }

    /// Sends a message whose answer may be longer than most.
    pub(crate) fn say_for<M: Message>(&self, path: &str, sequence: u64, message: &M, limit: u64) -> Result<Answer, Failure> {
        let body = write_message(message)?;
        self.signed(path, sequence, &body, false, &mut |head| self.server.post(path, head, &body, limit))
    }

    /// Sends a message and hands the answer's bytes on as they come, at most
    /// `most` of them.
    pub(crate) fn stream<M: Message>(
        &self,
        path: &str,
        sequence: u64,
        message: &M,
        most: u64,
        each: &mut dyn FnMut(&[u8]) -> std::io::Result<()>,
    ) -> Result<(), Failure> {
        let body = write_message(message)?;
        self.signed(path, sequence, &body, false, &mut |head| self.server.stream(path, head, &body, most, each))
    }

    /// Sends a compressed body under the next number.
    pub(crate) fn send(&self, path: &str, sequence: &mut Sequence, body: &[u8]) -> Result<Answer, Failure> {
        self.signed(path, sequence.take(self.state), body, true, &mut |head| self.server.post(path, head, body, ANSWER))
    }

    fn signed<T>(&self, path: &str, sequence: u64, body: &[u8], compressed: bool, send: &mut dyn FnMut(&Head<'_>) -> Result<T, Failure>) -> Result<T, Failure> {
        let date = Timestamp::now().to_string();
        let digest = digest(body);
        let request = SignedRequest { method: "POST", path, host: self.host, date: &date, sequence, digest: &digest };
        let signature = sign(self.key, &request);
        let head = Head { host: self.host, date: &date, sequence, digest: &digest, signature: &signature, compressed };
        send(&head)
    }
}
