//! Puts the sections of the file together: tables, digests, header, signature.

use super::layout::{self, Header, Section};
use super::write::Signer;
use zerocopy::IntoBytes;

/// The file being put together.
#[derive(Default)]
pub(super) struct File {
    sections: Vec<Section>,
    body: Vec<u8>,
}

impl File {
    /// Appends a section.
    pub(super) fn section(&mut self, kind: u32, bytes: Vec<u8>) {
        self.body.resize(self.body.len().next_multiple_of(64), 0);
        self.sections.push(Section {
            kind: kind.into(),
            reserved: 0.into(),
            start: (self.body.len() as u64).into(),
            length: (bytes.len() as u64).into(),
        });
        self.body.extend_from_slice(&bytes);
    }

    /// Makes the bytes of the file.
    pub(super) fn finish(self, built: Option<jiff::Timestamp>, signer: Option<&dyn Signer>) -> Vec<u8> {
        let mut tables = self.sections.as_slice().as_bytes().to_vec();
        for block in self.body.chunks(layout::BLOCK) {
            tables.extend_from_slice(blake3::hash(block).as_bytes());
        }
        let body = (size_of::<Header>() + tables.len()).next_multiple_of(layout::BLOCK);
        tables.resize(body - size_of::<Header>(), 0);
        let mut header = Header {
            magic: layout::MAGIC,
            format: layout::FORMAT.into(),
            sections: (self.sections.len() as u32).into(),
            length: ((body + self.body.len()) as u64).into(),
            body: (body as u64).into(),
            built: built.map_or(i64::MIN, jiff::Timestamp::as_second).into(),
            tables: *blake3::hash(&tables).as_bytes(),
            signer: signer.map_or([0; 32], Signer::public_key),
            signature: [0; 64],
            checksum: [0; 32],
            reserved: [0; 56],
        };
        if let Some(signer) = signer {
            header.signature = signer.sign(header.as_bytes());
        }
        header.checksum = *blake3::hash(header.as_bytes()).as_bytes();
        let mut out = Vec::with_capacity(body + self.body.len());
        out.extend_from_slice(header.as_bytes());
        out.extend_from_slice(&tables);
        out.extend_from_slice(&self.body);
        out
    }
}
