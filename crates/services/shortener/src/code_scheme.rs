//! Which number a code stands for, so that generated codes need no index of their own.
//!
//! A generated code is a number, hidden and in base 62; the number is the key of its row. So the
//! row is found by inverting the code (M11: "invert it on lookup only if the numeric ID is the
//! storage key"), and creating a link touches one randomly ordered index (the targets') instead of
//! two. Aliases, imported codes and codes from hashes stand for no number: those rows are not
//! `numbered` and have an index by code.
//!
//! Whether a code stands for a number depends on settings: alphabet, width, obfuscation. They are
//! kept in the store with the rows. Opened under other settings, the rows made before are indexed
//! by their codes once ([`CodeScheme::adopt`]) and stay found; a process that still runs under the
//! old settings makes no more numbered rows ([`crate::store::insert`]).

use kit::sql::{SqlError, Tx};

use crate::base62::Base62;
use crate::permutation::CodePermutation;
use crate::store;

/// The name under which the store keeps [`CodeScheme::name`].
const SETTING: &str = "code-scheme";

/// How numbers become codes and back.
#[derive(Clone)]
pub struct CodeScheme {
    base62: Base62,
    permutation: Option<CodePermutation>,
    name: String,
}

impl CodeScheme {
    /// Through the permutation that `key` selects when codes are to be unguessable.
    pub fn new(base62: Base62, obfuscate: bool, key: [u8; 16]) -> Self {
        let permutation = obfuscate.then(|| CodePermutation::new(key));
        let name = format!("{:?} {:?} obfuscate={obfuscate}", base62.alphabet, base62.width);
        Self { base62, permutation, name }
    }

    /// What tells it from the schemes of other settings. The key never changes in a store.
    pub fn name(&self) -> &[u8] {
        self.name.as_bytes()
    }

    /// The code of `number`; none when it needs more than eight characters.
    pub fn code_of(&self, number: u64) -> Option<crate::code::Code> {
        let hidden = match &self.permutation {
            Some(permutation) => permutation.apply(number)?,
            None => number,
        };
        self.base62.encode(hidden).ok()
    }

    /// The number whose code is `code`; none when no number has it.
    pub fn number_of(&self, code: &str) -> Option<i64> {
        let hidden = self.base62.decode(code).ok()?;
        let number = match &self.permutation {
            Some(permutation) => permutation.invert(hidden)?,
            None => hidden,
        };
        i64::try_from(number).ok()
    }

    /// Makes this the scheme of the store. Rows numbered under another one go to the index.
    ///
    /// Cost: one look-up; after a change of settings one pass over the links, some 5 us each.
    ///
    /// # Errors
    /// See [`SqlError`].
    pub fn adopt(&self, tx: &mut Tx<'_>) -> Result<(), SqlError> {
        let name = self.name();
        if store::setting(tx, SETTING, || name.to_vec())? == name {
            return Ok(());
        }
        tx.execute("UPDATE link SET numbered = FALSE WHERE numbered", &[])?;
        let sql = "UPDATE setting SET value = ?2 WHERE name = ?1";
        tx.execute(sql, &[SETTING.into(), name.into()]).map(drop)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::base62::{Alphabet, SPACE_OF_EIGHT, Width};

    fn schemes() -> Vec<CodeScheme> {
        let mut schemes = Vec::new();
        for alphabet in [Alphabet::DigitsFirst, Alphabet::LettersFirst] {
            for width in [Width::Growing, Width::Seven] {
                for obfuscate in [false, true] {
                    let base62 = Base62 { alphabet, width };
                    schemes.push(CodeScheme::new(base62, obfuscate, [7; 16]));
                }
            }
        }
        schemes
    }

    #[test]
    fn each_way_of_writing_has_a_name_of_its_own() {
        let names: std::collections::HashSet<_> =
            schemes().iter().map(|scheme| scheme.name().to_vec()).collect();
        assert_eq!(names.len(), 8);
    }

    #[test]
    fn the_worked_example_is_found_by_its_number() {
        let base62 = Base62 { alphabet: Alphabet::DigitsFirst, width: Width::Growing };
        let plain = CodeScheme::new(base62, false, [7; 16]);
        assert_eq!(plain.number_of("zn9edcu"), Some(2_009_215_674_938));
        assert_eq!(plain.number_of("summer-sale"), None);
        assert_eq!(plain.code_of(SPACE_OF_EIGHT), None);
    }

    proptest! {
        #[test]
        fn a_code_stands_for_the_number_it_was_made_of(number in 0..SPACE_OF_EIGHT) {
            for scheme in schemes() {
                let code = scheme.code_of(number).unwrap();
                prop_assert_eq!(scheme.number_of(code.as_str()), i64::try_from(number).ok());
            }
        }

        #[test]
        fn a_text_stands_for_a_number_only_if_it_is_its_code(text in "[0-9a-zA-Z_-]{1,10}") {
            for scheme in schemes() {
                if let Some(number) = scheme.number_of(&text) {
                    let code = scheme.code_of(number.unsigned_abs()).unwrap();
                    prop_assert_eq!(code.as_str(), &text);
                }
            }
        }
    }
}
