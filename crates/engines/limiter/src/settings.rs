//! The `[limiter]` section of the configuration; `default.toml` says what each key means.

use std::path::PathBuf;
use std::time::Duration;

use serde::Deserialize;

use crate::descriptors::{Part, Recipe};
use crate::gate::Manners;
use crate::rules::Kind;
use crate::shared::LinkSettings;

/// The commented section with its defaults.
pub const DEFAULT: &str = include_str!("default.toml");

/// The section as it is written.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(missing_docs, reason = "default.toml documents each key")]
pub struct Section {
    pub rules: String,
    pub algorithm: String,
    pub memory_mib: u32,
    pub store: String,
    pub store_connections: u32,
    pub store_timeout_ms: u32,
    pub store_secret: String,
    pub store_instances: u32,
    pub recorded_decisions: u32,
    pub deferred_max: u32,
    pub anonymous: bool,
    pub grpc_listen: String,
    pub resp_listen: String,
    pub edge_domain: String,
    pub edge_descriptors: Vec<Vec<String>>,
    pub edge_draft_headers: bool,
    pub edge_wait_max_ms: u32,
    pub trusted_hops: u32,
    pub ipv6_prefix: u8,
}

/// The section, checked.
#[derive(Clone, Debug)]
pub struct Settings {
    /// See `rules`.
    pub rules: Option<PathBuf>,
    /// See `algorithm`.
    pub algorithm: Kind,
    /// See `memory_mib`, in bytes.
    pub memory_bytes: usize,
    /// See `store`.
    pub store: Option<LinkSettings>,
    /// See `store_secret`.
    pub store_secret: String,
    /// See `store_instances`.
    pub store_instances: u32,
    /// See `recorded_decisions`.
    pub recorded_decisions: usize,
    /// See `deferred_max`.
    pub deferred_max: u32,
    /// See `anonymous`.
    pub anonymous: bool,
    /// See `edge_domain` and the keys below it.
    pub edge: Recipe,
    /// See `edge_draft_headers` and `edge_wait_max_ms`.
    pub manners: Manners,
}

impl Section {
    /// Checks what the types cannot.
    ///
    /// # Errors
    /// One line that names the key, what it is, and what it may be.
    pub fn check(self) -> Result<Settings, String> {
        let kind = Kind::WORDS.iter().find(|(word, _)| *word == self.algorithm);
        let Some((_, algorithm)) = kind else {
            let words: Vec<_> = Kind::WORDS.iter().map(|(word, _)| *word).collect();
            let algorithm = &self.algorithm;
            return Err(format!("limiter.algorithm = {algorithm:?}: use {}", words.join(", ")));
        };
        for (key, value) in [
            ("memory_mib", self.memory_mib),
            ("store_connections", self.store_connections),
            ("store_timeout_ms", self.store_timeout_ms),
            ("store_instances", self.store_instances),
        ] {
            if value == 0 {
                return Err(format!("limiter.{key} = 0: use 1 or more"));
            }
        }
        if self.ipv6_prefix == 0 || self.ipv6_prefix > 128 {
            return Err(format!("limiter.ipv6_prefix = {}: use 1 to 128", self.ipv6_prefix));
        }
        let descriptors = self.edge_descriptors.iter().map(|parts| {
            let part = |text: &String| {
                Part::parse(text).ok_or_else(|| {
                    format!(
                        "limiter.edge_descriptors: {text:?} is none of remote_address, user, \
                             path, method, host, header:NAME and KEY=VALUE"
                    )
                })
            };
            parts.iter().map(part).collect::<Result<Vec<_>, _>>()
        });
        let edge = Recipe {
            domain: self.edge_domain,
            descriptors: descriptors.collect::<Result<_, _>>()?,
            trusted_hops: self.trusted_hops as usize,
            ipv6_prefix: self.ipv6_prefix,
        };
        let store = (!self.store.is_empty()).then(|| LinkSettings {
            url: self.store,
            connections: self.store_connections as usize,
            timeout: Duration::from_millis(self.store_timeout_ms.into()),
        });
        Ok(Settings {
            rules: (!self.rules.is_empty()).then(|| PathBuf::from(self.rules)),
            algorithm: *algorithm,
            memory_bytes: (self.memory_mib as usize) << 20,
            store,
            store_secret: self.store_secret,
            store_instances: self.store_instances,
            recorded_decisions: self.recorded_decisions as usize,
            deferred_max: self.deferred_max,
            anonymous: self.anonymous,
            edge,
            manners: Manners {
                draft_headers: self.edge_draft_headers,
                wait_max: Duration::from_millis(self.edge_wait_max_ms.into()),
            },
        })
    }
}
