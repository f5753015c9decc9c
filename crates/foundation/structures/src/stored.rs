//! Reading stored forms. The bytes may come from anybody: every length is checked against what is
//! there before anything is allocated, and every value against what a writer can have put there.
//!
//! A stored form begins with a version byte. Numbers are little-endian; texts are their length in
//! two bytes and UTF-8.

/// Why bytes are not what they should be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ReadError {
    /// Written by another version, or something else altogether.
    #[error("stored form has version {found}, this program reads version {known}")]
    Version {
        /// The first byte.
        found: u8,
        /// The newest version that is read.
        known: u8,
    },
    /// Fewer or more bytes than the header says.
    #[error("stored form is cut short or too long: restore it from another copy")]
    Length,
    /// A value that no writer puts there.
    #[error("stored form is damaged: {0}; restore it from another copy")]
    Impossible(&'static str),
    /// Made with another hash function or another secret.
    #[error("stored form was made with another hash function or secret; open it with that one")]
    OtherHash,
}

/// What is left of the bytes.
pub(crate) struct Reader<'b> {
    rest: &'b [u8],
}

impl<'b> Reader<'b> {
    /// Checks the version and stands behind it.
    pub(crate) fn new(bytes: &'b [u8], known: u8) -> Result<Self, ReadError> {
        let (&found, rest) = bytes.split_first().ok_or(ReadError::Length)?;
        if found == known { Ok(Self { rest }) } else { Err(ReadError::Version { found, known }) }
    }

    pub(crate) fn array<const N: usize>(&mut self) -> Result<[u8; N], ReadError> {
        let (array, rest) = self.rest.split_first_chunk().ok_or(ReadError::Length)?;
        self.rest = rest;
        Ok(*array)
    }

    pub(crate) fn u8(&mut self) -> Result<u8, ReadError> {
        self.array().map(u8::from_le_bytes)
    }

    pub(crate) fn u16(&mut self) -> Result<u16, ReadError> {
        self.array().map(u16::from_le_bytes)
    }

    pub(crate) fn u32(&mut self) -> Result<u32, ReadError> {
        self.array().map(u32::from_le_bytes)
    }

    pub(crate) fn u64(&mut self) -> Result<u64, ReadError> {
        self.array().map(u64::from_le_bytes)
    }

    pub(crate) fn bytes(&mut self, count: usize) -> Result<&'b [u8], ReadError> {
        let (bytes, rest) = self.rest.split_at_checked(count).ok_or(ReadError::Length)?;
        self.rest = rest;
        Ok(bytes)
    }

    pub(crate) fn text(&mut self) -> Result<&'b str, ReadError> {
        let count = usize::from(self.u16()?);
        let bytes = self.bytes(count)?;
        std::str::from_utf8(bytes).map_err(|_| ReadError::Impossible("a text is no UTF-8"))
    }

    /// How many things follow, each of `least` bytes at the least: never more than there is room.
    pub(crate) fn count(&mut self, least: usize) -> Result<usize, ReadError> {
        let count = self.u32()? as usize;
        if count > self.rest.len() / least { Err(ReadError::Length) } else { Ok(count) }
    }

    /// The bytes that are left.
    pub(crate) fn rest(&self) -> &'b [u8] {
        self.rest
    }

    /// Nothing may follow.
    pub(crate) fn finish(&self) -> Result<(), ReadError> {
        if self.rest.is_empty() { Ok(()) } else { Err(ReadError::Length) }
    }
}

/// Writes a text of at most 65,535 bytes; the owner has bounded it.
pub(crate) fn write_text(bytes: &mut Vec<u8>, text: &str) {
    debug_assert!(text.len() <= usize::from(u16::MAX), "{} bytes", text.len());
    bytes.extend((text.len() as u16).to_le_bytes());
    bytes.extend(text.as_bytes());
}
