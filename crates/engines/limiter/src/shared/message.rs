//! The little of MessagePack that a call needs: short texts and whole numbers.

/// Appends a text of less than 32 bytes.
pub(crate) fn text(text: &str, message: &mut Vec<u8>) {
    debug_assert!(text.len() < 32, "a short text");
    message.push(0xa0 | text.len() as u8);
    message.extend_from_slice(text.as_bytes());
}

/// Appends a number.
pub(crate) fn number(number: u64, message: &mut Vec<u8>) {
    message.push(0xcf);
    message.extend_from_slice(&number.to_be_bytes());
}

/// Appends yes or no.
pub(crate) fn truth(value: bool, message: &mut Vec<u8>) {
    message.push(if value { 0xc3 } else { 0xc2 });
}

/// Appends what a map of `fields` begins with; at most 15.
pub(crate) fn map(fields: u8, message: &mut Vec<u8>) {
    debug_assert!(fields < 16, "a small map");
    message.push(0x80 | fields);
}

/// Appends what an array of `items` begins with.
pub(crate) fn array(items: u32, message: &mut Vec<u8>) {
    message.push(0xdd);
    message.extend_from_slice(&items.to_be_bytes());
}

/// The whole numbers in an array of MessagePack.
pub(crate) struct Numbers<'m>(&'m [u8]);

impl<'m> Numbers<'m> {
    /// Of what is no array, none.
    pub(crate) fn of(message: &'m [u8]) -> Self {
        Self(match message {
            [0x90..=0x9f, rest @ ..] => rest,
            [0xdc, _, _, rest @ ..] | [0xdd, _, _, _, _, rest @ ..] => rest,
            _ => &[],
        })
    }

    fn take<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (first, rest) = self.0.split_first_chunk::<N>()?;
        self.0 = rest;
        Some(*first)
    }

    /// The next one; none where there is no more, or something else.
    pub(crate) fn next(&mut self) -> Option<i64> {
        let [first] = self.take()?;
        match first {
            0x00..=0x7f => Some(first.into()),
            0xe0..=0xff => Some((first as i8).into()),
            0xcc => self.take().map(|bytes| u8::from_be_bytes(bytes).into()),
            0xcd => self.take().map(|bytes| u16::from_be_bytes(bytes).into()),
            0xce => self.take().map(|bytes| u32::from_be_bytes(bytes).into()),
            0xcf => self.take().and_then(|bytes| i64::try_from(u64::from_be_bytes(bytes)).ok()),
            0xd0 => self.take().map(|bytes| i8::from_be_bytes(bytes).into()),
            0xd1 => self.take().map(|bytes| i16::from_be_bytes(bytes).into()),
            0xd2 => self.take().map(|bytes| i32::from_be_bytes(bytes).into()),
            0xd3 => self.take().map(i64::from_be_bytes),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_of_every_width_are_read() {
        let message = b"\xdc\0\x09\x07\xff\xcc\xff\xcd\x01\0\xce\x01\0\0\0\xcf\0\0\0\x01\0\0\0\0\
            \xd0\x80\xd1\xff\0\xd3\xff\xff\xff\xff\xff\xff\xff\xfe";
        let mut numbers = Numbers::of(message);
        let read: Vec<i64> = std::iter::from_fn(|| numbers.next()).collect();
        assert_eq!(read, [7, -1, 255, 256, 1 << 24, 1 << 32, -128, -256, -2]);
    }

    #[test]
    fn what_is_no_array_of_whole_numbers_has_none() {
        for message in [&b""[..], b"\xc0", b"\x91\xa1a", b"\x91\xcd\x01", b"\xdc\0"] {
            assert_eq!(Numbers::of(message).next(), None, "{message:?}");
        }
    }
}
