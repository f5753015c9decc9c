//! The functions of a Rust text: where each is, how long, with how many parameters.

use super::words;

/// A function as its size sees it.
#[derive(Debug, PartialEq)]
pub(crate) struct Function {
    /// Its name, without path.
    pub(crate) name: String,
    /// The line of the word `fn`, counted from 1.
    pub(crate) line: usize,
    /// From the word `fn` to the closing brace; 1 for a function that is only declared.
    pub(crate) lines: usize,
    /// Its parameters, `self` among them, as the compiler's lint counts.
    pub(crate) parameters: usize,
}

/// Finds every function with a name, nested ones too, in code whose comments are blanked.
pub(crate) fn find(code: &str) -> Vec<Function> {
    words::offsets_of(code, "fn").filter_map(|offset| function_at(code, offset)).collect()
}

fn function_at(code: &str, start: usize) -> Option<Function> {
    let after_fn = &code[start + 2..];
    let named = after_fn.trim_start();
    let name = words::leading_name(named);
    if name.is_empty() {
        return None;
    }
    let mut at = start + 2 + (after_fn.len() - named.len()) + name.len();
    if code[at..].starts_with('<') {
        at = words::after_closing(code, at)?;
    }
    if !code[at..].starts_with('(') {
        return None;
    }
    let end_of_parameters = words::after_closing(code, at)?;
    let parameters = count_parameters(&code[at + 1..end_of_parameters - 1]);
    let end = end_of_body(code, end_of_parameters);
    let line = words::line_at(code, start);
    let lines = words::line_at(code, end) - line + 1;
    Some(Function { name: name.to_owned(), line, lines, parameters })
}

/// The offset of the closing brace, or of the semicolon of a function without a body.
fn end_of_body(code: &str, from: usize) -> usize {
    let mut at = from;
    while let Some(step) = code[at..].find(['{', ';', '(', '[']) {
        let open = at + step;
        match (code.as_bytes()[open], words::after_closing(code, open)) {
            (b';', _) | (_, None) => return open,
            (b'{', Some(end)) => return end - 1,
            (_, Some(end)) => at = end,
        }
    }
    from
}

fn count_parameters(inside: &str) -> usize {
    let mut depth = 0_isize;
    let mut previous = ' ';
    let mut commas = 0;
    for letter in inside.chars() {
        match letter {
            '(' | '[' | '{' | '<' => depth += 1,
            ')' | ']' | '}' => depth -= 1,
            '>' if previous != '-' => depth -= 1,
            ',' if depth == 0 => commas += 1,
            _ => {}
        }
        previous = letter;
    }
    let inside = inside.trim_end();
    if inside.trim().is_empty() {
        return 0;
    }
    if inside.ends_with(',') { commas } else { commas + 1 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_and_parameters_are_counted_through_generics() {
        let code = "
impl A {
    fn go<F: Fn(u8, u8) -> u8>(&self, f: F, m: Map<K, V>,) -> [u8; 2]
    where F: Copy {
        f
    }
}
trait B { fn declared(); }
";
        let found: Vec<_> =
            find(code).into_iter().map(|f| (f.name, f.line, f.lines, f.parameters)).collect();
        assert_eq!(found, [("go".to_owned(), 3, 4, 3), ("declared".to_owned(), 8, 1, 0)]);
    }

    #[test]
    fn a_type_of_functions_is_no_function() {
        assert_eq!(find("type A = fn(u8) -> u8; macro_rules! x { () => { fn $name() {} } }"), []);
    }
}
