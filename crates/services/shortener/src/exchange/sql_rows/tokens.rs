//! SQL cut into tokens, as far as a dump needs it.
//!
//! Texts by the rules of MySQL 8.0, section 11.1.1: either quote, doubled or after a backslash to
//! stand for itself; hexadecimal literals are texts too.

use std::io::{BufRead, BufReader, Read};

use super::super::{MAX_ROW_BYTES, RowProblem};

#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Token {
    /// A keyword, name (quoted or not) or number.
    Word(String),
    /// A text literal.
    Text(String),
    /// Any other character.
    Symbol(u8),
}

impl Token {
    pub(crate) fn is_word(&self, word: &str) -> bool {
        matches!(self, Self::Word(own) if own.eq_ignore_ascii_case(word))
    }
}

pub(crate) struct Tokens<R> {
    file: BufReader<R>,
    line: u64,
    depth: u32,
}

impl<R: Read> Tokens<R> {
    pub(crate) fn new(file: BufReader<R>) -> Self {
        Self { file, line: 1, depth: 0 }
    }

    /// The current line, from 1.
    pub(crate) fn line(&self) -> u64 {
        self.line
    }

    /// Whether a round bracket is open.
    pub(crate) fn in_brackets(&self) -> bool {
        self.depth > 0
    }

    pub(crate) fn next(&mut self) -> Result<Option<Token>, RowProblem> {
        while let Some(byte) = self.take()? {
            match byte {
                b'\'' | b'"' => return self.quoted(byte).map(|text| Some(Token::Text(text))),
                b'`' => return self.quoted(byte).map(|name| Some(Token::Word(name))),
                b'#' => self.skip_line()?,
                b'-' if self.peek()? == Some(b'-') => self.skip_line()?,
                b'/' if self.peek()? == Some(b'*') => self.skip_comment()?,
                byte if is_word_byte(byte) => return self.word(byte).map(Some),
                byte if byte.is_ascii_whitespace() => {}
                symbol => {
                    match symbol {
                        b'(' => self.depth += 1,
                        b')' => self.depth = self.depth.saturating_sub(1),
                        b';' => self.depth = 0,
                        _ => {}
                    }
                    return Ok(Some(Token::Symbol(symbol)));
                }
            }
        }
        Ok(None)
    }

    fn word(&mut self, first: u8) -> Result<Token, RowProblem> {
        let mut word = vec![first];
        while let Some(byte) = self.peek()?.filter(|byte| is_word_byte(*byte)) {
            push(&mut word, byte)?;
            self.take()?;
        }
        let hex = word.strip_prefix(b"0x").filter(|digits| !digits.is_empty());
        match hex.and_then(from_hex) {
            Some(bytes) => Ok(Token::Text(String::from_utf8_lossy(&bytes).into_owned())),
            None => Ok(Token::Word(String::from_utf8_lossy(&word).into_owned())),
        }
    }

    fn quoted(&mut self, quote: u8) -> Result<String, RowProblem> {
        let mut text = Vec::new();
        loop {
            let Some(byte) = self.take()? else {
                return Err(RowProblem::Malformed("the dump ends within a text".to_owned()));
            };
            match byte {
                b'\\' if quote != b'`' => {
                    let escaped = self.take()?.map_or(b'\\', unescaped);
                    push(&mut text, escaped)?;
                }
                byte if byte == quote && self.peek()? == Some(quote) => {
                    self.take()?;
                    push(&mut text, quote)?;
                }
                byte if byte == quote => {
                    return Ok(String::from_utf8_lossy(&text).into_owned());
                }
                byte => push(&mut text, byte)?,
            }
        }
    }

    fn skip_line(&mut self) -> Result<(), RowProblem> {
        while self.take()?.is_some_and(|byte| byte != b'\n') {}
        Ok(())
    }

    fn skip_comment(&mut self) -> Result<(), RowProblem> {
        let mut last = 0;
        // The star that opens the comment does not close it.
        self.take()?;
        while let Some(byte) = self.take()? {
            if last == b'*' && byte == b'/' {
                break;
            }
            last = byte;
        }
        Ok(())
    }

    fn peek(&mut self) -> Result<Option<u8>, RowProblem> {
        let buffer = self.file.fill_buf().map_err(|error| RowProblem::Io(error.to_string()))?;
        Ok(buffer.first().copied())
    }

    fn take(&mut self) -> Result<Option<u8>, RowProblem> {
        let byte = self.peek()?;
        if let Some(byte) = byte {
            self.file.consume(1);
            self.line += u64::from(byte == b'\n');
        }
        Ok(byte)
    }
}

fn push(text: &mut Vec<u8>, byte: u8) -> Result<(), RowProblem> {
    if text.len() >= MAX_ROW_BYTES {
        return Err(RowProblem::TooLarge);
    }
    text.push(byte);
    Ok(())
}

fn is_word_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'$' | b'.' | b'@') || byte >= 0x80
}

fn unescaped(byte: u8) -> u8 {
    match byte {
        b'n' => b'\n',
        b'r' => b'\r',
        b't' => b'\t',
        b'0' => 0,
        b'b' => 8,
        b'Z' => 26,
        other => other,
    }
}

fn from_hex(digits: &[u8]) -> Option<Vec<u8>> {
    let text = std::str::from_utf8(digits).ok()?;
    let pairs = (0..text.len()).step_by(2);
    pairs.map(|at| u8::from_str_radix(text.get(at..at + 2)?, 16).ok()).collect()
}
