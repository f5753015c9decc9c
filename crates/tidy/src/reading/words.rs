//! Finding whole words and matching brackets in text.

/// Whether a character can be part of a name.
pub(crate) fn is_name(letter: char) -> bool {
    letter.is_alphanumeric() || letter == '_'
}

/// The offsets at which `word` stands in `text` with no name running into it on either side. A side
/// of `word` that is punctuation matches whatever is beside it.
pub(crate) fn offsets_of<'t>(text: &'t str, word: &'t str) -> impl Iterator<Item = usize> + 't {
    text.match_indices(word).map(|(offset, _)| offset).filter(move |&offset| {
        let before = text[..offset].chars().next_back().is_some_and(is_name);
        let after = text[offset + word.len()..].chars().next().is_some_and(is_name);
        !(before && word.starts_with(is_name) || after && word.ends_with(is_name))
    })
}

/// Whether `word` stands in `text`, as [`offsets_of`] understands it.
pub(crate) fn has(text: &str, word: &str) -> bool {
    offsets_of(text, word).next().is_some()
}

/// The name that `text` begins with, empty if it begins with none.
pub(crate) fn leading_name(text: &str) -> &str {
    let end = text.find(|letter| !is_name(letter)).unwrap_or(text.len());
    &text[..end]
}

/// The line, counted from 1, that an offset is in.
pub(crate) fn line_at(text: &str, offset: usize) -> usize {
    1 + text.as_bytes()[..offset].iter().filter(|&&byte| byte == b'\n').count()
}

/// The offset just past the bracket that closes the one at `open`. Comments and strings must be
/// blanked before. Angle brackets count only where `open` is one, and the arrow `->` never closes.
pub(crate) fn after_closing(code: &str, open: usize) -> Option<usize> {
    let angles = code.as_bytes().get(open) == Some(&b'<');
    let mut depth = 0_usize;
    let mut previous = b' ';
    for (offset, &byte) in code.as_bytes().iter().enumerate().skip(open) {
        match byte {
            b'(' | b'[' | b'{' => depth += 1,
            b')' | b']' | b'}' => depth = depth.checked_sub(1)?,
            b'<' if angles => depth += 1,
            b'>' if angles && previous != b'-' => depth = depth.checked_sub(1)?,
            _ => {}
        }
        if depth == 0 {
            return Some(offset + 1);
        }
        previous = byte;
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_word_is_found_only_whole() {
        assert_eq!(offsets_of("rand::x strand::y rand", "rand::").collect::<Vec<_>>(), [0]);
        assert!(!has("XXXX", "XXX"));
        assert!(has("a.unwrap()?", ".unwrap()"));
    }

    #[test]
    fn brackets_match_across_nesting_and_arrows() {
        assert_eq!(after_closing("(a, [b; 2]) c", 0), Some(11));
        assert_eq!(after_closing("<F: Fn(A) -> B> x", 0), Some(15));
        assert_eq!(after_closing("{ a", 0), None);
    }
}
