//! Pages by opaque cursor: where the last page ended, not how many rows to skip, so a row that
//! comes or goes between two pages neither repeats nor hides another.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::Problem;

const VERSION: u8 = 1;
const CHECKSUM_BYTES: usize = 4;
/// Longer than any position we make; a bound on what a caller can have us decode.
const CURSOR_CHARS_MAX: usize = 2048;

/// Items in a page when the caller names no number.
pub const PAGE_LIMIT_DEFAULT: u32 = 50;
/// Items in a page at most; a caller that asks for more gets this many.
pub const PAGE_LIMIT_MAX: u32 = 500;

/// Turns a position into an opaque cursor and back.
///
/// base64url of: one byte of version, the position as JSON, its CRC-32. The checksum tells a
/// mangled cursor from a real one; it is no secret, so a position must hold nothing private and
/// what it names must be authorised again.
pub struct Cursor;

impl Cursor {
    /// The cursor of a position.
    ///
    /// # Errors
    /// 500 when the position is not representable in JSON: a fault of the caller's type.
    pub fn encode(position: &impl Serialize) -> Result<String, Problem> {
        let mut bytes = vec![VERSION];
        serde_json::to_writer(&mut bytes, position)
            .map_err(|error| Problem::internal(format!("a cursor is not JSON: {error}")))?;
        bytes.extend_from_slice(&crc32fast::hash(&bytes).to_be_bytes());
        Ok(URL_SAFE_NO_PAD.encode(bytes))
    }

    /// The position in a cursor.
    ///
    /// # Errors
    /// 400 for anything that [`Cursor::encode`] did not make for this type.
    pub fn decode<T: DeserializeOwned>(cursor: &str) -> Result<T, Problem> {
        decoded(cursor).ok_or_else(|| {
            let detail = "The cursor is not one of this list; start again without it.";
            Problem::bad_request(detail).with("field", "cursor")
        })
    }
}

/// One page of a list.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Page<T> {
    /// The items, in the list's order.
    pub items: Vec<T>,
    /// Send it back as `cursor` for the next page; absent after the last one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next_cursor: Option<String>,
}

impl<T> Page<T> {
    /// Makes a page from up to `limit + 1` items: the one too many only says that there are more,
    /// and the cursor is the `position` of the last item that stays.
    ///
    /// # Errors
    /// As [`Cursor::encode`].
    pub fn cut<P: Serialize>(
        mut items: Vec<T>,
        limit: u32,
        position: impl Fn(&T) -> P,
    ) -> Result<Self, Problem> {
        let has_more = items.len() > limit as usize;
        items.truncate(limit as usize);
        let last = items.last().filter(|_| has_more);
        let next_cursor = last.map(|item| Cursor::encode(&position(item))).transpose()?;
        Ok(Self { items, next_cursor })
    }
}

/// The query of every list: where to go on, and how many at most.
#[derive(Clone, Debug, Default, Deserialize, IntoParams, ToSchema)]
#[into_params(parameter_in = Query)]
pub struct PageQuery {
    /// The `nextCursor` of the page before; without it the list starts.
    pub cursor: Option<String>,
    /// How many items at most: 50 unless told, 1 at least and 500 at most.
    pub limit: Option<u32>,
}

impl PageQuery {
    /// How many items the page may have: 1 to [`PAGE_LIMIT_MAX`].
    #[must_use]
    pub fn limit(&self) -> u32 {
        self.limit.unwrap_or(PAGE_LIMIT_DEFAULT).clamp(1, PAGE_LIMIT_MAX)
    }

    /// The position to go on from, if the caller sent one.
    ///
    /// # Errors
    /// As [`Cursor::decode`].
    pub fn position<T: DeserializeOwned>(&self) -> Result<Option<T>, Problem> {
        self.cursor.as_deref().map(Cursor::decode).transpose()
    }
}

fn decoded<T: DeserializeOwned>(cursor: &str) -> Option<T> {
    if cursor.len() > CURSOR_CHARS_MAX {
        return None;
    }
    let bytes = URL_SAFE_NO_PAD.decode(cursor).ok()?;
    let (content, checksum) = bytes.split_last_chunk::<CHECKSUM_BYTES>()?;
    let (version, json) = content.split_first()?;
    if *version != VERSION || crc32fast::hash(content) != u32::from_be_bytes(*checksum) {
        return None;
    }
    serde_json::from_slice(json).ok()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_page_says_whether_there_is_another() {
        let page = Page::cut(vec![1, 2, 3], 2, |item| *item).unwrap();
        assert_eq!(page.items, [1, 2]);
        assert_eq!(Cursor::decode::<i32>(&page.next_cursor.unwrap()).unwrap(), 2);
        assert_eq!(Page::cut(vec![1, 2], 2, |item| *item).unwrap().next_cursor, None);
    }

    #[test]
    fn limits_are_clamped() {
        let limit = |limit| PageQuery { cursor: None, limit }.limit();
        assert_eq!(limit(None), 50);
        assert_eq!(limit(Some(0)), 1);
        assert_eq!(limit(Some(9999)), 500);
    }

    #[test]
    fn a_cursor_of_another_list_is_refused() {
        let cursor = Cursor::encode(&("2026-01-01", 7)).unwrap();
        assert_eq!(Cursor::decode::<u64>(&cursor).unwrap_err().status.as_u16(), 400);
    }

    proptest! {
        #[test]
        fn a_position_comes_back(at in any::<i64>(), key in any::<String>()) {
            let cursor = Cursor::encode(&(at, &key)).unwrap();
            let reserved = |byte: u8| !byte.is_ascii_alphanumeric() && byte != b'-' && byte != b'_';
            prop_assert!(!cursor.bytes().any(reserved));
            if cursor.len() <= CURSOR_CHARS_MAX {
                prop_assert_eq!(Cursor::decode::<(i64, String)>(&cursor).unwrap(), (at, key));
            }
        }

        #[test]
        fn one_changed_character_is_refused(
            at in any::<i64>(),
            place in any::<prop::sample::Index>(),
        ) {
            let mut cursor = Cursor::encode(&at).unwrap().into_bytes();
            let index = place.index(cursor.len());
            cursor[index] = if cursor[index] == b'A' { b'B' } else { b'A' };
            let tampered = String::from_utf8(cursor).unwrap();
            prop_assert!(Cursor::decode::<i64>(&tampered).is_err());
        }
    }
}
