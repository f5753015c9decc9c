//! A file fits in the head and a function on a screen: at most 800 lines a file, 70 lines a
//! function, from `fn` to its closing brace, and 5 parameters, `self` among them. What is larger
//! and stays is named in `crates/tidy/ratchet.toml` with its reason; an entry that has become too
//! large or that no longer applies is a finding too, so the list can only shrink.
//!
//! Functions are measured in Rust only, tests included; files in every language.

use super::{Remark, is_code, is_data};
use crate::reading::ratchet::{self, Exception};
use crate::tree::{File, Tree};

const FILE_LINES_MAX: usize = 800;
const FUNCTION_LINES_MAX: usize = 70;
const PARAMETERS_MAX: usize = 5;

/// Something above its limit.
struct Excess {
    line: usize,
    item: String,
    limit: &'static str,
    measured: usize,
    advice: String,
}

pub(crate) fn check(file: &File, tree: &Tree) -> Vec<Remark> {
    let exceptions =
        tree.file(ratchet::PATH).map_or(Ok(Vec::new()), |file| ratchet::read(&file.text));
    match exceptions {
        Err(_) if file.path != ratchet::PATH => Vec::new(),
        Err(problem) => vec![Remark::new(1, problem)],
        Ok(exceptions) if file.path == ratchet::PATH => stale(&exceptions, tree),
        Ok(exceptions) => excesses(file)
            .into_iter()
            .filter(|excess| {
                !exceptions
                    .iter()
                    .any(|known| known.measured >= excess.measured && covers(known, file, excess))
            })
            .map(|excess| Remark::new(excess.line, excess.advice))
            .collect(),
    }
}

fn covers(known: &Exception, file: &File, excess: &Excess) -> bool {
    known.path == file.path && known.item == excess.item && known.limit == excess.limit
}

/// The exceptions that nothing needs any more, or that could be tighter.
fn stale(exceptions: &[Exception], tree: &Tree) -> Vec<Remark> {
    let mut remarks = Vec::new();
    for known in exceptions {
        let file = tree.file(&known.path);
        let measured = file.and_then(|file| {
            let mut covered =
                excesses(file).into_iter().filter(|excess| covers(known, file, excess));
            covered.next().map(|excess| excess.measured)
        });
        let (path, item) = (&known.path, &known.item);
        let advice = match measured {
            None => format!("delete the exception for {item} of {path}: it is no longer needed"),
            Some(now) if now < known.measured => {
                format!("lower `measured` for {item} of {path} from {} to {now}", known.measured)
            }
            Some(_) => continue,
        };
        remarks.push(Remark::new(known.line, advice));
    }
    remarks
}

fn excesses(file: &File) -> Vec<Excess> {
    if !is_code(file) || is_data(file) {
        return Vec::new();
    }
    let mut found = Vec::new();
    let lines = file.text.lines().count();
    if lines > FILE_LINES_MAX {
        found.push(Excess {
            line: 1,
            item: "file".to_owned(),
            limit: "file lines",
            measured: lines,
            advice: format!(
                "{lines} lines; cut the file along its nouns, {FILE_LINES_MAX} at most"
            ),
        });
    }
    for function in &file.source.functions {
        let (name, line) = (function.name.clone(), function.line);
        let mut push = |limit, measured, advice| {
            found.push(Excess { line, item: name.clone(), limit, measured, advice });
        };
        if function.lines > FUNCTION_LINES_MAX {
            let lines = function.lines;
            let advice = format!("`{name}` has {lines} lines; at most {FUNCTION_LINES_MAX}");
            push("function lines", lines, advice);
        }
        if function.parameters > PARAMETERS_MAX {
            let count = function.parameters;
            let advice =
                format!("`{name}` takes {count} parameters; past {PARAMETERS_MAX}, a struct");
            push("parameters", count, advice);
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use expect_test::expect;

    use super::ratchet;
    use crate::testing::remarks;

    fn long_function() -> String {
        format!(
            "fn long() {{\n{}}}\nfn wide(a: A, b: A, c: A, d: A, e: A, f: A) {{}}\n",
            "a;\n".repeat(70)
        )
    }

    fn exception(item: &str, limit: &str, measured: usize) -> String {
        format!(
            "[[exception]]\npath = \"a.rs\"\nitem = \"{item}\"\nlimit = \"{limit}\"\n\
             measured = {measured}\nreason = \"one table\"\n"
        )
    }

    #[test]
    fn what_is_too_large_is_found() {
        let lines = "a\n".repeat(801);
        expect![[r#"
            a.rs:1: `long` has 72 lines; at most 70
            a.rs:73: `wide` takes 6 parameters; past 5, a struct
            web/a.ts:1: 801 lines; cut the file along its nouns, 800 at most
        "#]]
        .assert_eq(&remarks(
            super::check,
            &[("a.rs", &long_function()), ("web/a.ts", &lines), ("Cargo.lock", &lines)],
        ));
    }

    #[test]
    fn a_known_exception_holds_until_it_grows_or_shrinks() {
        let function = long_function();
        let with =
            |ratchet: &str| remarks(super::check, &[("a.rs", &function), (ratchet::PATH, ratchet)]);
        let wide = exception("wide", "parameters", 6);
        expect![""].assert_eq(&with(&format!("{wide}{}", exception("long", "function lines", 72))));
        expect![[r#"
            a.rs:1: `long` has 72 lines; at most 70
        "#]]
        .assert_eq(&with(&format!("{wide}{}", exception("long", "function lines", 71))));
        expect![[r#"
            crates/tidy/ratchet.toml:7: lower `measured` for long of a.rs from 80 to 72
            crates/tidy/ratchet.toml:13: delete the exception for gone of a.rs: it is no longer needed
        "#]]
        .assert_eq(&with(&format!(
            "{wide}{}{}",
            exception("long", "function lines", 80),
            exception("gone", "function lines", 90)
        )));
    }
}
