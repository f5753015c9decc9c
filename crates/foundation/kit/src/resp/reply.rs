//! What commands answer, gathered for one write.

/// Replies in the order of their commands.
///
/// Each method adds one value. An array or map takes the values that are added after it as its own,
/// so exactly as many have to follow.
#[derive(Clone, Debug)]
pub struct Reply {
    bytes: Vec<u8>,
    /// Where the latest command's value begins.
    begun_at: usize,
    version: Version,
}

/// Which RESP a client speaks, as `HELLO` says.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Version {
    /// What every client speaks.
    #[default]
    Two,
    /// With maps and a null of its own.
    Three,
}

impl Reply {
    /// No value yet.
    pub fn new(version: Version) -> Self {
        Self { bytes: Vec::new(), begun_at: 0, version }
    }

    /// Which version the values are written in.
    pub fn version(&self) -> Version {
        self.version
    }

    pub(super) fn set_version(&mut self, version: Version) {
        self.version = version;
    }

    /// The values as they go over the wire.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    pub(super) fn clear(&mut self) {
        self.bytes.clear();
        self.begun_at = 0;
    }

    /// The value of a command follows.
    pub(super) fn begin(&mut self) {
        self.begun_at = self.bytes.len();
    }

    /// Whether the latest command's value is an error.
    pub(super) fn is_error(&self) -> bool {
        self.bytes.get(self.begun_at) == Some(&b'-')
    }

    pub(super) fn append(&mut self, other: &Self) {
        self.bytes.extend_from_slice(&other.bytes);
    }

    /// A short text without a line break, such as `OK`.
    pub fn simple(&mut self, text: &str) {
        self.bytes.push(b'+');
        self.line(text.as_bytes());
    }

    /// An error: a code in capitals, then what was wrong. Line breaks become spaces.
    pub fn error(&mut self, text: &str) {
        self.bytes.push(b'-');
        let flat = text.bytes().map(|byte| if matches!(byte, b'\r' | b'\n') { b' ' } else { byte });
        self.bytes.extend(flat);
        self.bytes.extend_from_slice(b"\r\n");
    }

    /// A number.
    pub fn integer(&mut self, number: i64) {
        self.headed(b':', number);
    }

    /// Bytes.
    pub fn bulk(&mut self, bytes: &[u8]) {
        self.headed(b'$', bytes.len());
        self.line(bytes);
    }

    /// What is not there.
    pub fn null(&mut self) {
        let null: &[u8] = match self.version {
            Version::Two => b"$-1\r\n",
            Version::Three => b"_\r\n",
        };
        self.bytes.extend_from_slice(null);
    }

    /// The next `length` values.
    pub fn array(&mut self, length: usize) {
        self.headed(b'*', length);
    }

    /// The next `pairs` pairs of a key and a value; RESP2 has them as one flat array.
    pub fn map(&mut self, pairs: usize) {
        match self.version {
            Version::Two => self.headed(b'*', pairs * 2),
            Version::Three => self.headed(b'%', pairs),
        }
    }

    fn line(&mut self, text: &[u8]) {
        self.bytes.extend_from_slice(text);
        self.bytes.extend_from_slice(b"\r\n");
    }

    fn headed(&mut self, kind: u8, number: impl itoa::Integer) {
        self.bytes.push(kind);
        self.line(itoa::Buffer::new().format(number).as_bytes());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(version: Version, write: impl FnOnce(&mut Reply)) -> String {
        let mut reply = Reply::new(version);
        write(&mut reply);
        String::from_utf8(reply.bytes).unwrap()
    }

    #[test]
    fn each_kind_of_value_has_its_form() {
        let all = |reply: &mut Reply| {
            reply.map(1);
            reply.bulk(b"a\r\n");
            reply.array(2);
            reply.integer(-7);
            reply.null();
            reply.simple("OK");
            reply.error("ERR two\r\nlines");
        };
        assert_eq!(
            written(Version::Two, all),
            "*2\r\n$3\r\na\r\n\r\n*2\r\n:-7\r\n$-1\r\n+OK\r\n-ERR two  lines\r\n"
        );
        assert_eq!(
            written(Version::Three, all),
            "%1\r\n$3\r\na\r\n\r\n*2\r\n:-7\r\n_\r\n+OK\r\n-ERR two  lines\r\n"
        );
    }
}
