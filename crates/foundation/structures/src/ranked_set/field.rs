//! How members and scores are stored.

use std::sync::Arc;

use super::Score;

/// A member or a score that can be stored. Here numbers are little-endian in their own width, byte
/// strings and texts their length in four bytes and the bytes. What another implementation writes
/// it must be able to read for as long as something of it is stored.
pub trait Field: Sized {
    /// Fewest bytes of one: how many there can be is judged by it before they are read.
    const BYTES_MIN: usize;

    /// Appends the stored form.
    fn write(&self, bytes: &mut Vec<u8>);

    /// Takes a stored form off the front; none if there is none.
    fn read(bytes: &mut &[u8]) -> Option<Self>;
}

macro_rules! number_field {
    ($($number:ty),*) => {$(
        impl Field for $number {
            const BYTES_MIN: usize = size_of::<Self>();

            fn write(&self, bytes: &mut Vec<u8>) {
                bytes.extend(self.to_le_bytes());
            }

            fn read(bytes: &mut &[u8]) -> Option<Self> {
                let (number, rest) = bytes.split_first_chunk()?;
                *bytes = rest;
                Some(Self::from_le_bytes(*number))
            }
        }
    )*};
}

number_field!(u32, u64, i64);

impl Field for Score {
    const BYTES_MIN: usize = 8;

    fn write(&self, bytes: &mut Vec<u8>) {
        self.get().to_bits().write(bytes);
    }

    fn read(bytes: &mut &[u8]) -> Option<Self> {
        let bits = u64::read(bytes)?;
        // Neither NaN nor -0, which are never written.
        Self::new(f64::from_bits(bits)).filter(|score| score.get().to_bits() == bits)
    }
}

impl Field for Arc<[u8]> {
    const BYTES_MIN: usize = 4;

    fn write(&self, bytes: &mut Vec<u8>) {
        (self.len() as u32).write(bytes);
        bytes.extend(self.iter());
    }

    fn read(bytes: &mut &[u8]) -> Option<Self> {
        read_bytes(bytes).map(Self::from)
    }
}

impl Field for String {
    const BYTES_MIN: usize = 4;

    fn write(&self, bytes: &mut Vec<u8>) {
        (self.len() as u32).write(bytes);
        bytes.extend(self.as_bytes());
    }

    fn read(bytes: &mut &[u8]) -> Option<Self> {
        let text = std::str::from_utf8(read_bytes(bytes)?);
        text.ok().map(str::to_owned)
    }
}

fn read_bytes<'b>(bytes: &mut &'b [u8]) -> Option<&'b [u8]> {
    let length = u32::read(bytes)?;
    let (own, rest) = bytes.split_at_checked(length as usize)?;
    *bytes = rest;
    Some(own)
}
