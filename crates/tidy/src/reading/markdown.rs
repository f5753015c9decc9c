//! What a page of documentation names: spans of code, links, and blocks of commands.

/// A piece of a page and the line it is on, counted from 1.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Piece<'t> {
    pub(crate) line: usize,
    pub(crate) text: &'t str,
}

/// A fenced block: the language after its fence, and its lines.
#[derive(Debug)]
pub(crate) struct Block<'t> {
    pub(crate) language: &'t str,
    pub(crate) lines: Vec<Piece<'t>>,
}

/// The fenced blocks of a page.
pub(crate) fn blocks(page: &str) -> Vec<Block<'_>> {
    let mut blocks = Vec::new();
    let mut open: Option<Block<'_>> = None;
    for (index, text) in page.lines().enumerate() {
        let fence = text.trim_start().strip_prefix("```");
        match (fence, open.take()) {
            (Some(language), None) => {
                open = Some(Block { language: language.trim(), lines: Vec::new() });
            }
            (Some(_), Some(block)) => blocks.push(block),
            (None, Some(mut block)) => {
                block.lines.push(Piece { line: index + 1, text });
                open = Some(block);
            }
            (None, None) => {}
        }
    }
    blocks.extend(open);
    blocks
}

/// The spans between single backticks outside fenced blocks.
pub(crate) fn code_spans(page: &str) -> Vec<Piece<'_>> {
    prose(page)
        .flat_map(|piece| {
            let spans = piece.text.split('`').skip(1).step_by(2);
            spans.map(move |text| Piece { line: piece.line, text })
        })
        .collect()
}

/// The targets of `[text](target)` outside fenced blocks.
pub(crate) fn link_targets(page: &str) -> Vec<Piece<'_>> {
    prose(page)
        .flat_map(|piece| {
            let targets = piece.text.split("](").skip(1);
            let targets = targets.filter_map(|rest| rest.split([')', ' ']).next());
            targets.map(move |text| Piece { line: piece.line, text })
        })
        .collect()
}

fn prose(page: &str) -> impl Iterator<Item = Piece<'_>> {
    let mut fenced = false;
    page.lines().enumerate().filter_map(move |(index, text)| {
        if text.trim_start().starts_with("```") {
            fenced = !fenced;
            return None;
        }
        (!fenced).then_some(Piece { line: index + 1, text })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_links_and_blocks_are_told_apart() {
        let page = "See `a/b` and [c](d.md#e).\n```sh\n$ `run`\n```\n`end`\n";
        assert_eq!(
            code_spans(page),
            [Piece { line: 1, text: "a/b" }, Piece { line: 5, text: "end" }]
        );
        assert_eq!(link_targets(page), [Piece { line: 1, text: "d.md#e" }]);
        let blocks = blocks(page);
        assert_eq!(blocks.len(), 1);
        assert_eq!(blocks[0].language, "sh");
        assert_eq!(blocks[0].lines, [Piece { line: 3, text: "$ `run`" }]);
    }
}
