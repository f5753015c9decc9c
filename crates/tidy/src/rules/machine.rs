//! The tree works wherever it is checked out: no path of the machine it was written on.

use super::Remark;
use crate::tree::{File, Tree};

const PLACES: &[&str] = &[
    concat!("/ro", "ot/"),
    concat!("/wo", "rk/"),
    concat!("/ho", "me/"),
    concat!(".cargo/regi", "stry"),
];

pub(crate) fn check(file: &File, _tree: &Tree) -> Vec<Remark> {
    let mut remarks = Vec::new();
    for (index, text) in file.text.lines().enumerate() {
        if let Some(place) = PLACES.iter().find(|place| names(text, place)) {
            let advice = format!("`{place}` is a place of one machine; name it from the root");
            remarks.push(Remark::new(index + 1, advice));
        }
    }
    remarks
}

/// Whether an absolute path starts here, as opposed to a part of a longer path or an address.
fn names(text: &str, place: &str) -> bool {
    let starts = |at: usize| {
        let before = text[..at].chars().next_back();
        !before.is_some_and(|letter| letter.is_alphanumeric() || matches!(letter, '.' | '}' | '-'))
    };
    !place.starts_with('/') && text.contains(place)
        || text.match_indices(place).any(|(at, _)| starts(at))
}

#[cfg(test)]
mod tests {
    use crate::testing::remarks;

    #[test]
    fn absolute_places_are_found_and_addresses_are_not() {
        let text = concat!(
            "cd /ro",
            "ot/a\n",
            "https://example.org/wo",
            "rk/a\n",
            "see `/wo",
            "rk/a`\n",
            "./ho",
            "me/a\n",
            "~/.cargo/regi",
            "stry/a\n",
        );
        let expected = concat!(
            "a.md:1: `/ro",
            "ot/` is a place of one machine; name it from the root\n",
            "a.md:3: `/wo",
            "rk/` is a place of one machine; name it from the root\n",
            "a.md:5: `.cargo/regi",
            "stry` is a place of one machine; name it from the root\n",
        );
        assert_eq!(remarks(super::check, &[("a.md", text)]), expected);
    }
}
