//! Topics: what they may be called, and what can be set for each.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::segment::{Limits, SEGMENT_BYTES_MAX};

/// The longest name, in characters.
pub const NAME_CHARS_MAX: usize = 249;
/// The most partitions of a topic.
pub const PARTITIONS_MAX: usize = 100_000;
/// The largest batch that can be allowed, in bytes.
pub const MESSAGE_BYTES_MAX: u64 = 64 << 20;
const DAY_MS: i64 = 86_400_000;

/// Why a topic cannot be as it was asked for.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum TopicError {
    /// The name.
    #[error(
        "a topic's name has 1 to {NAME_CHARS_MAX} of the characters a-z, A-Z, 0-9, '.', '_' and \
         '-', and is neither '.' nor '..'"
    )]
    Name,
    /// There is no such setting.
    #[error("there is no topic setting {0}")]
    UnknownSetting(String),
    /// The value of a setting.
    #[error("Invalid value {value} for configuration {name}: it has to be {what}")]
    Value {
        /// Of the setting.
        name: String,
        /// What was given.
        value: String,
        /// What it has to be.
        what: &'static str,
    },
}

/// Refuses what is no topic's name.
///
/// # Errors
/// [`TopicError::Name`].
pub fn check_name(name: &str) -> Result<(), TopicError> {
    let fits = |byte: u8| byte.is_ascii_alphanumeric() || b"._-".contains(&byte);
    let is_long = name.is_empty() || name.len() > NAME_CHARS_MAX;
    if is_long || name == "." || name == ".." || !name.bytes().all(fits) {
        return Err(TopicError::Name);
    }
    Ok(())
}

/// What a setting takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A whole number within bounds.
    Number(i64, i64),
    /// One of these words.
    Word(&'static [&'static str]),
    /// Any of these words, separated by commas.
    Words(&'static [&'static str]),
}

/// A setting of topics.
#[derive(Debug, Clone, Copy)]
pub struct Setting {
    /// As Kafka calls it.
    pub name: &'static str,
    /// What it takes.
    pub kind: Kind,
    /// What it is unless set.
    pub default: &'static str,
    /// What it does.
    pub what: &'static str,
}

const fn setting(
    name: &'static str,
    kind: Kind,
    default: &'static str,
    what: &'static str,
) -> Setting {
    Setting { name, kind, default, what }
}

const ANY: i64 = i64::MAX;

/// All settings, by name.
pub const SETTINGS: &[Setting] = &[
    setting(
        "cleanup.policy",
        Kind::Words(&["compact", "delete"]),
        "delete",
        "Whether old segments are deleted, or records whose key has a newer one",
    ),
    setting(
        "compression.type",
        Kind::Word(&["producer"]),
        "producer",
        "Batches stay as their producer sent them",
    ),
    setting(
        "delete.retention.ms",
        Kind::Number(0, ANY),
        "86400000",
        "How long a compacted topic keeps the record that deletes a key",
    ),
    setting(
        "max.message.bytes",
        Kind::Number(0, MESSAGE_BYTES_MAX as i64),
        "1048588",
        "The largest batch that is taken",
    ),
    setting(
        "message.timestamp.type",
        Kind::Word(&["CreateTime", "LogAppendTime"]),
        "CreateTime",
        "Whether a record bears its producer's time or the broker's",
    ),
    setting(
        "min.cleanable.dirty.ratio",
        Kind::Word(&["0.5"]),
        "0.5",
        "How much of a compacted partition is new before it is compacted",
    ),
    setting(
        "min.insync.replicas",
        Kind::Number(1, ANY),
        "1",
        "With fewer replicas in sync, what is to be acknowledged by all is refused",
    ),
    setting("retention.bytes", Kind::Number(-1, ANY), "-1", "The size of a partition; -1: any"),
    setting(
        "retention.ms",
        Kind::Number(-1, ANY),
        "1209600000",
        "How long records are kept; -1: for ever",
    ),
    setting(
        "segment.bytes",
        Kind::Number(14, SEGMENT_BYTES_MAX as i64 - 1),
        "1073741824",
        "The size of a segment, the unit of what is deleted",
    ),
    setting("segment.ms", Kind::Number(1, ANY), "604800000", "The age at which a segment is ended"),
];

/// The settings of one topic that differ from the defaults.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Config(BTreeMap<String, String>);

/// How a setting is changed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Alter {
    /// To a value.
    Set(String),
    /// To its default.
    Delete,
    /// By these words more.
    Append(String),
    /// By these words less.
    Subtract(String),
}

impl Config {
    /// Changes a setting.
    ///
    /// # Errors
    /// [`TopicError::UnknownSetting`], [`TopicError::Value`].
    pub fn alter(&mut self, name: &str, alter: &Alter) -> Result<(), TopicError> {
        let setting = named(name).ok_or_else(|| TopicError::UnknownSetting(name.to_owned()))?;
        let now = self.text(setting).to_owned();
        let words = |text: &str| -> Vec<String> {
            text.split(',').map(|word| word.trim().to_owned()).filter(|w| !w.is_empty()).collect()
        };
        let value = match alter {
            Alter::Set(value) => value.clone(),
            Alter::Delete => {
                self.0.remove(name);
                return Ok(());
            }
            Alter::Append(more) => {
                let mut all = words(&now);
                all.extend(words(more).into_iter().filter(|word| !words(&now).contains(word)));
                all.join(",")
            }
            Alter::Subtract(less) => {
                let less = words(less);
                let left = words(&now).into_iter().filter(|word| !less.contains(word));
                left.collect::<Vec<_>>().join(",")
            }
        };
        check(setting, &value)?;
        self.0.insert(name.to_owned(), value);
        Ok(())
    }

    /// What a setting is.
    pub fn text(&self, setting: &Setting) -> &str {
        self.0.get(setting.name).map_or(setting.default, String::as_str)
    }

    /// Whether it is set for this topic.
    pub fn is_set(&self, name: &str) -> bool {
        self.0.contains_key(name)
    }

    /// What is set.
    pub const fn set(&self) -> &BTreeMap<String, String> {
        &self.0
    }

    fn number(&self, name: &str) -> i64 {
        // Checked when it was set; the defaults are checked by a test.
        named(name).and_then(|setting| self.text(setting).parse().ok()).unwrap_or_default()
    }

    fn has_word(&self, name: &str, word: &str) -> bool {
        let text = named(name).map(|setting| self.text(setting)).unwrap_or_default();
        text.split(',').any(|found| found.trim() == word)
    }

    /// When a segment is full.
    pub fn limits(&self) -> Limits {
        let segment_bytes = self.number("segment.bytes") as u64;
        Limits { segment_bytes, segment_ms: self.number("segment.ms") }
    }

    /// How long records are kept, in ms; none: for ever.
    pub fn retention_ms(&self) -> Option<i64> {
        self.is_deleted().then(|| self.number("retention.ms")).filter(|&ms| ms >= 0)
    }

    /// The size of a partition, in bytes; none: any.
    pub fn retention_bytes(&self) -> Option<u64> {
        let bytes = self.is_deleted().then(|| self.number("retention.bytes"));
        bytes.and_then(|bytes| u64::try_from(bytes).ok())
    }

    /// Whether old segments are deleted.
    pub fn is_deleted(&self) -> bool {
        self.has_word("cleanup.policy", "delete")
    }

    /// Whether records are removed whose key has a newer one.
    pub fn is_compacted(&self) -> bool {
        self.has_word("cleanup.policy", "compact")
    }

    /// The largest batch that is taken, in bytes.
    pub fn message_bytes_max(&self) -> usize {
        self.number("max.message.bytes") as usize
    }

    /// Whether records bear the broker's time.
    pub fn is_stamped(&self) -> bool {
        self.has_word("message.timestamp.type", "LogAppendTime")
    }

    /// The replicas that have to be in sync for what is to be acknowledged by all.
    pub fn in_sync_min(&self) -> i64 {
        self.number("min.insync.replicas")
    }
}

/// The setting called `name`.
pub fn named(name: &str) -> Option<&'static Setting> {
    SETTINGS.iter().find(|setting| setting.name == name)
}

fn check(setting: &Setting, value: &str) -> Result<(), TopicError> {
    let is_number =
        |low, high| value.parse::<i64>().is_ok_and(|number| (low..=high).contains(&number));
    let (fits, what) = match setting.kind {
        Kind::Number(low, high) => (is_number(low, high), "a whole number within its bounds"),
        Kind::Word(words) => (words.contains(&value), "one of a few words"),
        Kind::Words(words) => {
            (value.split(',').all(|word| words.contains(&word.trim())), "some of a few words")
        }
    };
    if fits {
        return Ok(());
    }
    let (name, value) = (setting.name.to_owned(), value.to_owned());
    Err(TopicError::Value { name, value, what })
}

/// How long an idempotent producer is known without a word from it, in ms.
pub const PRODUCER_KNOWN_MS: i64 = DAY_MS;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_as_kafka_has_them() {
        let long = "x".repeat(NAME_CHARS_MAX);
        for good in ["a", "orders.v1", "Orders_2-x", "...", &long] {
            assert_eq!(check_name(good), Ok(()), "{good}");
        }
        let longer = "x".repeat(NAME_CHARS_MAX + 1);
        for bad in ["", ".", "..", "a b", "a/b", "ä", "a:b", &longer] {
            assert_eq!(check_name(bad), Err(TopicError::Name), "{bad}");
        }
    }

    #[test]
    fn every_default_fits_its_setting() {
        for setting in SETTINGS {
            assert_eq!(check(setting, setting.default), Ok(()), "{}", setting.name);
        }
        assert!(SETTINGS.is_sorted_by_key(|setting| setting.name));
        let config = Config::default();
        assert_eq!(config.retention_ms(), Some(14 * DAY_MS), "two weeks");
        assert_eq!(config.retention_bytes(), None);
        assert_eq!(config.limits(), Limits { segment_bytes: 1 << 30, segment_ms: 7 * DAY_MS });
    }

    #[test]
    fn settings_are_changed_and_checked() {
        let mut config = Config::default();
        let set = |value: &str| Alter::Set(value.to_owned());
        config.alter("retention.ms", &set("1000")).unwrap();
        assert_eq!(config.retention_ms(), Some(1_000));
        config.alter("cleanup.policy", &Alter::Append("compact".to_owned())).unwrap();
        assert!(config.is_compacted() && config.is_deleted());
        config.alter("cleanup.policy", &Alter::Subtract("delete".to_owned())).unwrap();
        assert_eq!((config.is_deleted(), config.retention_ms()), (false, None));
        config.alter("retention.ms", &Alter::Delete).unwrap();
        assert!(!config.is_set("retention.ms"));
        for (name, value) in
            [("retention.ms", "soon"), ("retention.ms", "-2"), ("cleanup.policy", "burn")]
        {
            let refusal = config.alter(name, &set(value)).unwrap_err();
            assert!(refusal.to_string().contains(value), "{refusal}");
        }
        let unknown = config.alter("colour", &set("red")).unwrap_err();
        assert_eq!(unknown, TopicError::UnknownSetting("colour".to_owned()));
    }
}
