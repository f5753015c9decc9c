//! Clicks one by one, as they wait in the store to be added up.
//!
//! Clicks in the order of their links are cut into chunks, each of about a page of the store's, so
//! that those of one link are found by reading a page or two. Version 1 of a chunk, numbers
//! little-endian:
//!
//! - the version, one byte;
//! - how many texts follow, two bytes; of each its length, two bytes, and its bytes in UTF-8;
//! - the clicks, one or more of 32 bytes each: link (8), time (8), visitor (8), the places of
//!   referrer and agent among the texts (2, 2; from 1, 0 for none), country (2; zeros for unknown),
//!   whether a scan (2).
//!
//! Cost: 40 ns a click to write or read, 32 bytes and its share of the texts. Pure: no I/O.

use crate::click_batch::Click;
use crate::country::Country;

const VERSION: u8 = 1;
const CLICK_BYTES: usize = 32;
/// What fits beside a row's other columns into a page of 4,096 bytes.
const CHUNK_BYTES_MAX: usize = 3_900;

/// Some clicks, stored together.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Chunk {
    /// The lowest link.
    pub first_link: i64,
    /// The highest link; another chunk of the same run may begin with it.
    pub last_link: i64,
    /// The stored form.
    pub bytes: Vec<u8>,
}

/// Bytes that are no chunk.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ChunkError {
    /// Written by another version, or no chunk at all.
    #[error("a chunk of clicks has version {0}, this program reads version 1")]
    Version(u8),
    /// The length does not fit what is in it.
    #[error("a chunk of clicks is cut short or too long")]
    Length,
    /// A text is not UTF-8, or a click names one that is not there.
    #[error("a chunk of clicks has an impossible text")]
    Text,
}

/// Cuts clicks into chunks.
#[derive(Debug, Default)]
pub struct Chunker<'c> {
    texts: Vec<&'c str>,
    text_bytes: usize,
    clicks: Vec<u8>,
    links: Option<(i64, i64)>,
}

impl<'c> Chunker<'c> {
    /// Adds a click of the same link as the last one or a higher one. Gives the chunk before it
    /// when that is full.
    pub fn add(&mut self, click: &Click<'c>) -> Option<Chunk> {
        let full = if self.has_room_for(click) { None } else { self.finish() };
        let referrer = self.place_of(click.referrer);
        let agent = self.place_of(click.agent);
        for number in [click.link_id.cast_unsigned(), click.at_us.cast_unsigned(), click.visitor] {
            self.clicks.extend(number.to_le_bytes());
        }
        self.clicks.extend(referrer.to_le_bytes());
        self.clicks.extend(agent.to_le_bytes());
        self.clicks.extend(click.country.letters().unwrap_or_default());
        self.clicks.extend(u16::from(click.scan).to_le_bytes());
        let first = self.links.map_or(click.link_id, |(first, _)| first);
        debug_assert!(self.links.is_none_or(|(_, last)| last <= click.link_id));
        self.links = Some((first, click.link_id));
        full
    }

    /// What has been added since the last full chunk.
    pub fn finish(&mut self) -> Option<Chunk> {
        let (first_link, last_link) = self.links.take()?;
        let mut bytes = Vec::with_capacity(3 + self.text_bytes + self.clicks.len());
        bytes.push(VERSION);
        bytes.extend(length(self.texts.len()));
        for text in self.texts.drain(..) {
            bytes.extend(length(text.len()));
            bytes.extend(text.as_bytes());
        }
        bytes.append(&mut self.clicks);
        self.text_bytes = 0;
        Some(Chunk { first_link, last_link, bytes })
    }

    fn has_room_for(&self, click: &Click<'c>) -> bool {
        let texts = [click.referrer, click.agent].into_iter().flatten();
        let new = texts.filter(|text| !self.texts.contains(text));
        let new: usize = new.map(|text| 2 + text.len()).sum();
        3 + self.text_bytes + new + self.clicks.len() + CLICK_BYTES <= CHUNK_BYTES_MAX
    }

    /// Few different texts meet in one chunk, so a search in order is quick.
    fn place_of(&mut self, text: Option<&'c str>) -> u16 {
        let Some(text) = text else { return 0 };
        let known = self.texts.iter().position(|known| *known == text);
        let index = known.unwrap_or_else(|| {
            self.texts.push(text);
            self.text_bytes += 2 + text.len();
            self.texts.len() - 1
        });
        u16::try_from(index + 1).unwrap_or(0)
    }
}

/// A text has at most [`crate::agent::MAX_AGENT_LEN`] bytes, and a chunk fewer texts than bytes.
fn length(count: usize) -> [u8; 2] {
    u16::try_from(count).unwrap_or(u16::MAX).to_le_bytes()
}

/// The clicks of a chunk, in the order in which they were added.
///
/// # Errors
/// [`ChunkError`] for anything that [`Chunker`] does not write.
pub fn read(bytes: &[u8]) -> Result<Vec<Click<'_>>, ChunkError> {
    let (version, mut rest) = bytes.split_first().ok_or(ChunkError::Length)?;
    if *version != VERSION {
        return Err(ChunkError::Version(*version));
    }
    let mut texts = Vec::new();
    for _ in 0..take_u16(&mut rest)? {
        let length = take_u16(&mut rest)?.into();
        let text = rest.split_off(..length).ok_or(ChunkError::Length)?;
        texts.push(std::str::from_utf8(text).map_err(|_| ChunkError::Text)?);
    }
    let (clicks @ [_, ..], []) = rest.as_chunks::<CLICK_BYTES>() else {
        return Err(ChunkError::Length);
    };
    clicks.iter().map(|click| read_click(click, &texts)).collect()
}

fn read_click<'b>(bytes: &[u8; CLICK_BYTES], texts: &[&'b str]) -> Result<Click<'b>, ChunkError> {
    let mut rest = &bytes[..];
    let [link_id, at_us, visitor] = [take(&mut rest)?, take(&mut rest)?, take(&mut rest)?];
    let text = |place: u16| match place.checked_sub(1) {
        None => Ok(None),
        Some(index) => texts.get(usize::from(index)).copied().map(Some).ok_or(ChunkError::Text),
    };
    let (referrer, agent) = (text(take_u16(&mut rest)?)?, text(take_u16(&mut rest)?)?);
    let letters = take::<2>(&mut rest)?;
    Ok(Click {
        link_id: i64::from_le_bytes(link_id),
        at_us: i64::from_le_bytes(at_us),
        visitor: u64::from_le_bytes(visitor),
        referrer,
        agent,
        country: Country::from_header(std::str::from_utf8(&letters).ok()),
        scan: take_u16(&mut rest)? != 0,
    })
}

fn take<const N: usize>(rest: &mut &[u8]) -> Result<[u8; N], ChunkError> {
    let (taken, left) = rest.split_first_chunk::<N>().ok_or(ChunkError::Length)?;
    *rest = left;
    Ok(*taken)
}

fn take_u16(rest: &mut &[u8]) -> Result<u16, ChunkError> {
    take(rest).map(u16::from_le_bytes)
}

#[cfg(test)]
mod tests;
