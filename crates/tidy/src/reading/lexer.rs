//! Parts Rust text into code and comments, each with the other blanked.
//!
//! Both come back with the length and the lines of the original, so an offset or a line number
//! means the same in all three. Strings keep their quotes and lose their contents.

/// A Rust text seen twice.
#[derive(Debug, Default)]
pub(crate) struct Parted {
    /// The text without comments and without what is inside strings and character literals.
    pub(crate) code: String,
    /// The text of comments alone, with their slashes.
    pub(crate) comments: String,
}

#[derive(Clone, Copy, PartialEq)]
enum Part {
    Code,
    Comment,
    /// Inside a string or character literal.
    Text,
}

/// Parts a text. A text that is no valid Rust is parted as far as it can be.
pub(crate) fn part(text: &str) -> Parted {
    let mut parted = Parted::default();
    let mut rest = text;
    while !rest.is_empty() {
        let (part, length) = next_piece(rest, text.len() - rest.len(), text);
        let (piece, after) = rest.split_at(length);
        match part {
            Part::Code => {
                parted.code.push_str(piece);
                push_blank(&mut parted.comments, piece);
            }
            Part::Comment => {
                push_blank(&mut parted.code, piece);
                parted.comments.push_str(piece);
            }
            Part::Text => {
                push_literal(&mut parted.code, piece);
                push_blank(&mut parted.comments, piece);
            }
        }
        rest = after;
    }
    parted
}

/// The kind and the length in bytes of the piece that `rest`, found at `offset` of `text`, starts.
fn next_piece(rest: &str, offset: usize, text: &str) -> (Part, usize) {
    if rest.starts_with("//") {
        return (Part::Comment, rest.find('\n').unwrap_or(rest.len()));
    }
    if rest.starts_with("/*") {
        return (Part::Comment, block_comment_length(rest));
    }
    let after_name = text[..offset].chars().next_back().is_some_and(super::words::is_name);
    if !after_name && let Some(length) = raw_string_length(rest) {
        return (Part::Text, length);
    }
    if rest.starts_with('"') {
        return (Part::Text, quoted_length(rest, '"'));
    }
    if rest.starts_with('\'') && is_character(rest) {
        return (Part::Text, quoted_length(rest, '\''));
    }
    (Part::Code, rest.chars().next().map_or(0, char::len_utf8))
}

fn block_comment_length(rest: &str) -> usize {
    let mut depth = 0_usize;
    let mut at = 0;
    while at < rest.len() {
        if rest[at..].starts_with("/*") {
            depth += 1;
            at += 2;
        } else if rest[at..].starts_with("*/") {
            depth -= 1;
            at += 2;
        } else {
            at += rest[at..].chars().next().map_or(1, char::len_utf8);
        }
        if depth == 0 {
            return at;
        }
    }
    rest.len()
}

/// The length of `r"..."`, `r#"..."#`, `br"..."` and their kin, if `rest` starts with one.
fn raw_string_length(rest: &str) -> Option<usize> {
    let prefix = ["br", "cr", "r"].into_iter().find(|prefix| rest.starts_with(prefix))?;
    let body = &rest[prefix.len()..];
    let hashes = body.len() - body.trim_start_matches('#').len();
    if !body[hashes..].starts_with('"') {
        return None;
    }
    let close = format!("\"{}", "#".repeat(hashes));
    let content = prefix.len() + hashes + 1;
    let end = rest[content..].find(&close).map_or(rest.len(), |at| content + at + close.len());
    Some(end)
}

fn quoted_length(rest: &str, quote: char) -> usize {
    let mut escaped = false;
    for (offset, letter) in rest.char_indices().skip(1) {
        match letter {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            letter if letter == quote => return offset + 1,
            _ => {}
        }
    }
    rest.len()
}

/// Tells `'a'` and `'\n'` from the lifetime `'a`.
fn is_character(rest: &str) -> bool {
    let mut letters = rest.chars().skip(1);
    match letters.next() {
        Some('\\') => true,
        Some(_) => letters.next() == Some('\''),
        None => false,
    }
}

fn push_blank(out: &mut String, piece: &str) {
    out.extend(piece.bytes().map(|byte| if byte == b'\n' { '\n' } else { ' ' }));
}

/// Keeps the quotes, so that a reader still sees that something was there.
fn push_literal(out: &mut String, piece: &str) {
    let is_quote = |byte: u8| byte == b'"' || byte == b'\'';
    let first = piece.bytes().position(is_quote);
    let last = piece.bytes().rposition(is_quote);
    out.extend(piece.bytes().enumerate().map(|(offset, byte)| match byte {
        b'\n' => '\n',
        quote if is_quote(quote) && (Some(offset) == first || Some(offset) == last) => quote.into(),
        _ => ' ',
    }));
}

#[cfg(test)]
mod tests {
    use expect_test::expect;

    use super::part;

    #[test]
    fn code_comments_and_strings_part_in_place() {
        let text = "let a = \"x // y\"; // why\nlet b = '\"'; /* one /* two */ */ c::<'a>();\n";
        let parted = part(text);
        expect![[r#"
            let a = "      ";       
            let b = ' ';                     c::<'a>();
        "#]]
        .assert_eq(&parted.code);
        assert_eq!(parted.comments.trim(), "// why\n             /* one /* two */ */");
        assert_eq!(parted.code.len(), text.len());
    }

    #[test]
    fn raw_strings_end_at_their_own_hashes() {
        let parted = part("r#\"a \"b\" // c\"# + r\"\\\" + br#x");
        assert_eq!(parted.code, "  \"          \"  +  \" \" + br#x");
    }

    #[test]
    fn letters_beyond_ascii_keep_their_length() {
        let text = "let é = \"ü\"; // ö\n";
        let parted = part(text);
        assert_eq!(parted.code.len(), text.len());
        assert_eq!(parted.comments.len(), text.len());
    }
}
