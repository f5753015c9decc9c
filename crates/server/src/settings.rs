//! The configuration of the whole house: one section a part, each documented by its TOML text.

use std::collections::HashMap;
use std::num::NonZeroU32;
use std::path::{Path, PathBuf};

use kit::auth::jwt::JwtSection;
use kit::auth::oauth::OAuthSection;
use kit::config::{ConfigError, Layers, Section};
use kit::door::Hosts;
use kit::net::{AddressLimits, Bind};
use kit::sql::Durability;
use kit::telemetry::TelemetrySettings;
use serde::Deserialize;
use thiserror::Error;

/// Variables that are no settings: names of tests and tools.
const OTHER_VARIABLES: &[&str] = &[
    "BACKPLANE_BIN",
    "BACKPLANE_CACHE",
    "BACKPLANE_KAFKA",
    "BACKPLANE_TEST_KAFKA",
    "BACKPLANE_TEST_LONG",
    "BACKPLANE_TEST_POSTGRES",
    "BACKPLANE_TEST_REDIS",
    "BACKPLANE_TARGET",
    "BACKPLANE_URL",
    "BACKPLANE_TOKEN",
];

/// The section `edge`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EdgeSettings {
    pub listen: String,
    pub connections_max: usize,
    pub address_connections_max: u32,
    pub address_connections_a_minute: u32,
    pub header_timeout_ms: u64,
    pub idle_timeout_ms: u64,
    pub body_bytes_max: usize,
    pub handler_timeout_ms: u64,
    pub cors_origins: Vec<String>,
    pub hosts: HashMap<String, String>,
    pub drain_timeout_ms: u64,
}

impl EdgeSettings {
    /// A listener with the limits of the edge.
    pub fn bind(&self, door: &'static str, setting: &'static str, address: &str) -> Bind {
        Bind {
            door,
            setting,
            address: address.to_owned(),
            connections_max: self.connections_max,
            by_address: AddressLimits {
                connections_max: NonZeroU32::new(self.address_connections_max),
                connections_a_minute: NonZeroU32::new(self.address_connections_a_minute),
            },
            header_timeout_ms: self.header_timeout_ms,
            idle_timeout_ms: self.idle_timeout_ms,
        }
    }
}

/// The section `data`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DataSettings {
    pub dir: PathBuf,
    pub durability: DurabilityName,
    pub sql: String,
}

/// When a commit counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum DurabilityName {
    Flush,
    Buffered,
}

impl From<DurabilityName> for Durability {
    fn from(name: DurabilityName) -> Self {
        match name {
            DurabilityName::Flush => Self::Flush,
            DurabilityName::Buffered => Self::Buffered,
        }
    }
}

/// The section `tls`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TlsSettings {
    pub cert_path: PathBuf,
    pub key_path: PathBuf,
}

/// The section `auth`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CredentialSettings {
    pub jwt: JwtSection,
    pub oauth: OAuthSection,
}

/// All sections, checked.
#[derive(Clone, Debug)]
pub struct Settings {
    pub edge: EdgeSettings,
    pub data: DataSettings,
    pub tls: TlsSettings,
    pub auth: CredentialSettings,
    pub telemetry: TelemetrySettings,
    pub shortener: shortener::Section,
    pub ids: ids::Section,
    pub limiter: limiter::Section,
    pub queue: queue::settings::Section,
    /// The systems that are switched on; all when empty.
    pub only: Vec<String>,
}

/// A setting that cannot be used: one line that says which and what to do.
#[derive(Debug, Error)]
pub enum SettingsError {
    #[error(transparent)]
    Config(#[from] ConfigError),
    #[error("{0}")]
    Unusable(String),
}

/// What the command line adds to the files.
#[derive(Clone, Debug, Default)]
pub struct Sources<'a> {
    pub file: Option<&'a Path>,
    /// `section.key=value`, applied before the file.
    pub defaults: Vec<String>,
    /// `section.key=value`, applied after everything else.
    pub flags: Vec<String>,
}

/// The commented defaults.
pub fn known() -> Result<Layers, ConfigError> {
    Layers::new(&[
        Section { name: "edge", text: include_str!("default.toml") },
        Section { name: "data", text: include_str!("data.toml") },
        Section { name: "tls", text: include_str!("tls.toml") },
        Section { name: "auth", text: kit::auth::DEFAULT_SETTINGS },
        Section { name: "telemetry", text: kit::telemetry::DEFAULT_SETTINGS },
        Section { name: "shortener", text: shortener::settings::DEFAULT },
        Section { name: "ids", text: ids::settings::DEFAULT },
        Section { name: "limiter", text: limiter::settings::DEFAULT },
        Section { name: "queue", text: queue::settings::DEFAULT },
    ])
}

/// Defaults, then file, then environment, then flags.
pub fn layered(sources: &Sources<'_>) -> Result<Layers, ConfigError> {
    let mut layers = known()?;
    for default in &sources.defaults {
        layers.merge_setting(default)?;
    }
    if let Some(file) = sources.file {
        layers.merge_file(file)?;
    }
    layers.merge_environment(std::env::vars(), OTHER_VARIABLES)?;
    for flag in &sources.flags {
        layers.merge_setting(flag)?;
    }
    Ok(layers)
}

impl Settings {
    pub fn read(layers: &Layers) -> Result<Self, SettingsError> {
        Ok(Self {
            edge: layers.section("edge")?,
            data: layers.section("data")?,
            tls: layers.section("tls")?,
            auth: layers.section("auth")?,
            telemetry: layers.section("telemetry")?,
            shortener: layers.section("shortener")?,
            ids: layers.section("ids")?,
            limiter: layers.section("limiter")?,
            queue: layers.section("queue")?,
            only: Vec::new(),
        })
    }

    /// Whether the system called `name` is switched on.
    pub fn is_on(&self, name: &str) -> bool {
        self.only.is_empty() || self.only.iter().any(|only| only == name)
    }

    /// Whether any system serves callers without a credential.
    pub fn anonymous(&self) -> bool {
        self.shortener.anonymous_create
            || self.ids.anonymous
            || self.limiter.anonymous
            || self.queue.anonymous
    }

    /// Hosts of namespaces; in `dev` every `NAME.localhost` too.
    pub fn hosts(&self, is_dev: bool) -> Result<Hosts, SettingsError> {
        let named = self.edge.hosts.iter().map(|(host, namespace)| {
            let namespace = namespace.parse().map_err(|error| {
                SettingsError::Unusable(format!("edge.hosts.\"{host}\": {error}"))
            })?;
            Ok((host.to_ascii_lowercase(), namespace))
        });
        let namespaces = named.collect::<Result<_, SettingsError>>()?;
        Ok(Hosts { namespaces, localhost: is_dev })
    }
}
