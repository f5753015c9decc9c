//! Ids as text: decimal, hexadecimal, Crockford's base 32, base 58 and base 62; and with a type in
//! front and a check character behind, such as `ord_0h4kfz8b5c0t7*`.
//!
//! All but decimal have a fixed length, so that text sorts as the ids do.
//!
//! Source: D. Crockford: Base 32 (crockford.com/base32.html), with its check symbol modulo 37.

use crate::digits::{BASE32, BASE58, BASE62, Digits};
use crate::model::IdError;

/// Crockford's check symbols beyond the digits.
const CHECKS: &[u8] = b"0123456789abcdefghjkmnpqrstvwxyz*~$=u";
/// Digits of a typed id; 13 of 5 bits hold 64.
const TYPED_DIGITS: usize = 13;
/// The longest type.
const TYPE_BYTES_MAX: usize = 16;

/// A way to write an id.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// As `1874244142495068202`.
    Decimal,
    /// As `1a02a3...`, 16 digits.
    Hex,
    /// Crockford's, 13 digits.
    Base32,
    /// Bitcoin's, 11 digits.
    Base58,
    /// Digits, capitals, small letters; 11 digits.
    Base62,
}

impl Form {
    /// The form of a name such as `base32`.
    pub fn named(name: &str) -> Option<Self> {
        Some(match name {
            "decimal" => Self::Decimal,
            "hex" => Self::Hex,
            "base32" => Self::Base32,
            "base58" => Self::Base58,
            "base62" => Self::Base62,
            _ => return None,
        })
    }

    /// `id` in this form.
    pub fn write(self, id: u64) -> String {
        match self {
            Self::Decimal => id.to_string(),
            Self::Hex => format!("{id:016x}"),
            Self::Base32 => write_in(BASE32, TYPED_DIGITS, id),
            Self::Base58 => write_in(BASE58, 11, id),
            Self::Base62 => write_in(BASE62, 11, id),
        }
    }

    /// The id that `text` is in this form; none when it is not one, or beyond 64 bits.
    pub fn read(self, text: &str) -> Option<u64> {
        match self {
            Self::Decimal if text.bytes().all(|byte| byte.is_ascii_digit()) => text.parse().ok(),
            Self::Decimal => None,
            Self::Hex if text.len() == 16 && !text.starts_with('+') => {
                u64::from_str_radix(text, 16).ok()
            }
            Self::Hex => None,
            Self::Base32 => read_base32(text),
            Self::Base58 => read_in(BASE58, 11, text),
            Self::Base62 => read_in(BASE62, 11, text),
        }
    }
}

fn write_in(digits: Digits, length: usize, mut number: u64) -> String {
    let mut text = vec![0; length];
    for place in text.iter_mut().rev() {
        *place = digits.character(number);
        number /= digits.base();
    }
    text.into_iter().map(char::from).collect()
}

fn read_in(digits: Digits, length: usize, text: &str) -> Option<u64> {
    if text.len() != length {
        return None;
    }
    text.bytes().try_fold(0_u64, |number, byte| {
        number.checked_mul(digits.base())?.checked_add(digits.value(byte)?)
    })
}

/// Either case; `i` and `l` are read as 1, `o` as 0.
fn read_base32(text: &str) -> Option<u64> {
    let plain: String = text.chars().map(|symbol| normal(symbol.to_ascii_lowercase())).collect();
    read_in(BASE32, TYPED_DIGITS, &plain)
}

fn normal(symbol: char) -> char {
    match symbol {
        'i' | 'l' => '1',
        'o' => '0',
        other => other,
    }
}

/// `id` with a type in front and a check character behind.
///
/// # Errors
/// [`IdError::Name`] when the type is not 1 to 16 small letters and digits.
pub fn write_typed(kind: &str, id: u64) -> Result<String, IdError> {
    if !is_type(kind) {
        return Err(IdError::Name(format!(
            "type = {kind:?}: use 1 to {TYPE_BYTES_MAX} small letters and digits, a letter first"
        )));
    }
    let check = char::from(CHECKS[(id % 37) as usize]);
    Ok(format!("{kind}_{}{check}", Form::Base32.write(id)))
}

fn is_type(kind: &str) -> bool {
    let first = kind.bytes().next().is_some_and(|byte| byte.is_ascii_lowercase());
    let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    first && kind.len() <= TYPE_BYTES_MAX && kind.bytes().all(plain)
}

/// The type and id of a typed id; none when it is not one.
///
/// # Errors
/// [`IdError::NoId`] when it looks like one and its check character is another's: a typing error.
pub fn read_typed(text: &str) -> Result<Option<(&str, u64)>, IdError> {
    let Some((kind, rest)) = text.split_once('_') else { return Ok(None) };
    let Some((digits, check)) = rest.split_at_checked(TYPED_DIGITS) else { return Ok(None) };
    let (true, Some(id)) = (is_type(kind) && check.len() == 1, Form::Base32.read(digits)) else {
        return Ok(None);
    };
    if check.to_ascii_lowercase().as_bytes() != &CHECKS[(id % 37) as usize..][..1] {
        let what = format!("{text}: the check character is wrong; a character was mistyped");
        return Err(IdError::NoId(what));
    }
    Ok(Some((kind, id)))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const ALL: [Form; 5] = [Form::Decimal, Form::Hex, Form::Base32, Form::Base58, Form::Base62];

    #[test]
    fn an_id_in_each_form() {
        let id = 1_874_244_142_495_068_202;
        for (form, text) in [
            (Form::Decimal, "1874244142495068202"),
            (Form::Hex, "1a02a71e0fc6702a"),
            (Form::Base32, "1m0n73r7wcw1a"),
        ] {
            assert_eq!(form.write(id), text);
        }
        assert_eq!(Form::Base62.write(u64::MAX), "LygHa16AHYF");
        assert_eq!(Form::Base58.write(u64::MAX), "jpXCZedGfVQ");
        assert_eq!(Form::Base62.read("LygHa16AHYG"), None, "beyond 64 bits");
        assert_eq!(Form::Base32.read("1MON73R7WCWIA"), Some(id));
        assert_eq!(Form::Decimal.read("+1"), None);
    }

    #[test]
    fn a_typing_error_is_noticed() {
        let text = write_typed("ord", 1_874_244_142_495_068_202).unwrap();
        assert_eq!(read_typed(&text).unwrap(), Some(("ord", 1_874_244_142_495_068_202)));
        let swapped = text.replacen("73", "37", 1);
        assert!(matches!(read_typed(&swapped), Err(IdError::NoId(_))));
        for odd in ["ord", "ord_", "Ord_1m0n73r7wcw1aw", "ord_1m0n73r7wcw1", "_1m0n73r7wcw1aw"] {
            assert_eq!(read_typed(odd).unwrap(), None, "{odd}");
        }
        assert!(matches!(write_typed("1d", 1), Err(IdError::Name(_))));
    }

    proptest! {
        #[test]
        fn reading_undoes_writing_and_order_is_kept(one in any::<u64>(), other in any::<u64>()) {
            for form in ALL {
                prop_assert_eq!(form.read(&form.write(one)), Some(one));
                if form != Form::Decimal {
                    prop_assert_eq!(form.write(one).cmp(&form.write(other)), one.cmp(&other));
                }
            }
            let typed = write_typed("t", one).unwrap();
            prop_assert_eq!(read_typed(&typed).unwrap(), Some(("t", one)));
        }

        #[test]
        fn hostile_text_is_read_or_refused(text in "\\PC{0,40}") {
            for form in ALL {
                let _ = form.read(&text);
            }
            let _ = read_typed(&text);
        }
    }
}
