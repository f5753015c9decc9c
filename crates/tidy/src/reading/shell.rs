//! The commands of a block of shell, well enough for documentation: quotes, pipes, continued lines,
//! here-documents and comments; no expansion.

use super::markdown::{Block, Piece};

/// One command: its words, without the assignments before it, and the line it begins on.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Command {
    pub(crate) line: usize,
    pub(crate) words: Vec<String>,
}

/// The commands of a block. Where some lines have the prompt `$ `, all others are output.
pub(crate) fn commands(block: &Block<'_>) -> Vec<Command> {
    let prompted = block.lines.iter().any(|piece| piece.text.starts_with("$ "));
    let mut commands = Vec::new();
    let mut lines = block.lines.iter();
    while let Some(piece) = lines.next() {
        let mut text = match (prompted, piece.text.strip_prefix("$ ")) {
            (true, Some(command)) => command.to_owned(),
            (true, None) => continue,
            (false, _) => piece.text.to_owned(),
        };
        while is_continued(&text) {
            let Some(next) = lines.next() else { break };
            text = format!("{}\n{}", text.trim_end_matches('\\'), next.text);
        }
        if let Some(end) = end_of_here_document(&text) {
            lines.by_ref().take_while(|next: &&Piece<'_>| next.text.trim() != end).count();
        }
        commands.extend(split(&text).into_iter().filter_map(|words| command(piece.line, words)));
    }
    commands
}

/// The commands of one line, as in a span of code.
pub(crate) fn commands_of_line(piece: &Piece<'_>) -> Vec<Command> {
    split(piece.text).into_iter().filter_map(|words| command(piece.line, words)).collect()
}

fn command(line: usize, words: Vec<String>) -> Option<Command> {
    let words: Vec<String> = words.into_iter().skip_while(|word| is_assignment(word)).collect();
    (!words.is_empty()).then_some(Command { line, words })
}

fn is_assignment(word: &str) -> bool {
    word.split_once('=')
        .is_some_and(|(name, _)| !name.is_empty() && name.chars().all(super::words::is_name))
}

fn is_continued(text: &str) -> bool {
    let quotes = |quote| text.matches(quote).count() % 2 == 1;
    text.ends_with('\\') || quotes('\'') && !text.contains('"') || quotes('"')
}

fn end_of_here_document(text: &str) -> Option<String> {
    let after = text.split_once("<<")?.1.trim_start_matches(['-', ' ']);
    let end = after.split_whitespace().next()?.trim_matches(['\'', '"']);
    (!end.starts_with('<')).then(|| end.to_owned())
}

/// Splits at blanks into words, and at `|`, `;`, `&` and parentheses into commands.
fn split(text: &str) -> Vec<Vec<String>> {
    let mut commands = vec![Vec::new()];
    let mut word = String::new();
    let mut quote: Option<char> = None;
    for letter in text.chars() {
        match (quote, letter) {
            (Some(open), letter) if open == letter => quote = None,
            (None, '\'' | '"') => quote = Some(letter),
            (None, '#') if word.is_empty() => break,
            // An `&` beside `>` joins two streams.
            (None, '&') if word.ends_with('>') => word.push(letter),
            (None, ' ' | '\n' | '\t') => end_word(&mut commands, &mut word),
            (None, '|' | ';' | '&' | '(' | ')') => {
                end_word(&mut commands, &mut word);
                commands.push(Vec::new());
            }
            (_, letter) => word.push(letter),
        }
    }
    end_word(&mut commands, &mut word);
    commands.retain(|words| !words.is_empty());
    commands
}

fn end_word(commands: &mut [Vec<String>], word: &mut String) {
    if word.is_empty() {
        return;
    }
    if let Some(words) = commands.last_mut() {
        words.push(std::mem::take(word));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::reading::markdown::blocks;

    fn shown(text: &str) -> Vec<(usize, String)> {
        let page = format!("```sh\n{text}\n```\n");
        let commands = commands(&blocks(&page)[0]);
        commands.into_iter().map(|command| (command.line - 1, command.words.join(" "))).collect()
    }

    #[test]
    fn pipes_assignments_and_continued_lines() {
        let text = "A=1 curl -s x \\\n  -d 'a | b' | jq .a # why\n./run & sleep 1\n# nothing";
        let expected = [(1, "curl -s x -d a | b"), (1, "jq .a"), (3, "./run"), (3, "sleep 1")];
        assert_eq!(shown(text), expected.map(|(line, words)| (line, words.to_owned())));
    }

    #[test]
    fn output_below_a_prompt_is_no_command() {
        assert_eq!(shown("$ ./run\nready | in 12 ms"), [(1, "./run".to_owned())]);
    }

    #[test]
    fn the_body_of_a_here_document_is_no_command() {
        let text = "cat > a.toml <<'END'\nport = 1\nEND\n./run 2>&1";
        let expected = [(1, "cat > a.toml <<END"), (4, "./run 2>&1")];
        assert_eq!(shown(text), expected.map(|(line, words)| (line, words.to_owned())));
    }
}
