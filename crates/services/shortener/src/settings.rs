//! The `[shortener]` section of the configuration; `default.toml` says what each key means.

use std::time::Duration;

use serde::Deserialize;

use crate::base62::{Alphabet, Base62, Width};
use crate::hash_code::HashMethod;
use crate::issuer::IssuerSettings;
use crate::model::Redirect;
use crate::ranges::RangePlan;

/// The commented section with its defaults.
pub const DEFAULT: &str = include_str!("default.toml");

/// The section as it is written.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(missing_docs, reason = "default.toml documents each key")]
pub struct Section {
    pub listen: String,
    pub base_url: String,
    pub alphabet: AlphabetName,
    pub width: WidthName,
    pub codes: CodesName,
    pub obfuscate: bool,
    pub range_size: u32,
    pub first_number: u64,
    pub checkpoint_every: u32,
    pub server: String,
    pub redirect: u16,
    pub cache_permanent_redirects: bool,
    pub idle_expiry_days: u32,
    pub immutable: bool,
    pub anonymous_create: bool,
    pub anonymous_creates_per_minute: u32,
    pub creates_per_minute: u32,
    pub long_url_bytes_max: usize,
    pub allow_private_targets: bool,
    pub trust_proxy_headers: bool,
    pub cache_mib: u32,
}

/// See [`Alphabet`].
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum AlphabetName {
    /// A of the requirement.
    DigitsFirst,
    /// B of the requirement.
    LettersFirst,
}

/// See [`Width`].
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum WidthName {
    /// As short as possible.
    Growing,
    /// Padded to seven characters.
    Fixed,
}

/// See [`HashMethod`].
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum CodesName {
    /// No hash: numbers.
    Counter,
    /// [`HashMethod::Md5Base62`].
    Md5,
    /// [`HashMethod::Md5Hex`].
    Md5Hex,
    /// [`HashMethod::Sha1Hex`].
    Sha1Hex,
    /// [`HashMethod::Crc32Hex`].
    Crc32Hex,
}

impl CodesName {
    fn method(self, alphabet: Alphabet) -> Option<HashMethod> {
        match self {
            Self::Counter => None,
            Self::Md5 => Some(HashMethod::Md5Base62(alphabet)),
            Self::Md5Hex => Some(HashMethod::Md5Hex),
            Self::Sha1Hex => Some(HashMethod::Sha1Hex),
            Self::Crc32Hex => Some(HashMethod::Crc32Hex),
        }
    }
}

/// The section as the service uses it.
#[derive(Clone, Debug)]
pub struct Settings {
    /// See `base_url`; none: the address the caller used.
    pub base_url: Option<String>,
    /// How numbers become text.
    pub base62: Base62,
    /// Whether successive codes are made unguessable (M11).
    pub obfuscate: bool,
    /// Where numbers come from.
    pub issuer: IssuerSettings,
    /// How codes are made from hashes; none: from numbers.
    pub hash: Option<HashMethod>,
    /// How browsers are sent on unless the link says otherwise.
    pub redirect: Redirect,
    /// See `cache_permanent_redirects`.
    pub cache_permanent_redirects: bool,
    /// See `idle_expiry_days`.
    pub idle_expiry: Duration,
    /// See `immutable`.
    pub immutable: bool,
    /// See `anonymous_create`.
    pub anonymous_create: bool,
    /// See `anonymous_creates_per_minute`.
    pub anonymous_creates_per_minute: u32,
    /// See `creates_per_minute`.
    pub creates_per_minute: u32,
    /// See `long_url_bytes_max`.
    pub long_url_bytes_max: usize,
    /// See `allow_private_targets`.
    pub allow_private_targets: bool,
    /// See `trust_proxy_headers`.
    pub trust_proxy_headers: bool,
    /// See `cache_mib`, in bytes.
    pub cache_bytes: u64,
}

impl Section {
    /// Checks what the types cannot.
    ///
    /// # Errors
    /// One line that names the key, what it is, and what it may be.
    pub fn check(self) -> Result<Settings, String> {
        let redirect = Redirect::from_status(self.redirect).ok_or_else(|| {
            format!("shortener.redirect = {}: use 301, 302, 307 or 308", self.redirect)
        })?;
        for (key, value) in [
            ("range_size", self.range_size),
            ("checkpoint_every", self.checkpoint_every),
            ("idle_expiry_days", self.idle_expiry_days),
            ("cache_mib", self.cache_mib),
        ] {
            if value == 0 {
                return Err(format!("shortener.{key} = 0: use 1 or more"));
            }
        }
        if self.server.is_empty() || self.server.len() > 64 {
            return Err("shortener.server: use 1 to 64 bytes".to_owned());
        }
        let base_url = self.base_url.trim_end_matches('/').to_owned();
        if !base_url.is_empty() && url::Url::parse(&base_url).is_err() {
            return Err(format!("shortener.base_url = {base_url:?}: not a URL"));
        }
        let base62 = Base62 {
            alphabet: match self.alphabet {
                AlphabetName::DigitsFirst => Alphabet::DigitsFirst,
                AlphabetName::LettersFirst => Alphabet::LettersFirst,
            },
            width: match self.width {
                WidthName::Growing => Width::Growing,
                WidthName::Fixed => Width::Seven,
            },
        };
        Ok(Settings {
            base_url: (!base_url.is_empty()).then_some(base_url),
            base62,
            obfuscate: self.obfuscate,
            issuer: IssuerSettings {
                plan: RangePlan {
                    range_size: self.range_size.into(),
                    first_number: self.first_number,
                },
                checkpoint_every: self.checkpoint_every.into(),
                owner: self.server,
            },
            hash: self.codes.method(base62.alphabet),
            redirect,
            cache_permanent_redirects: self.cache_permanent_redirects,
            idle_expiry: Duration::from_secs(u64::from(self.idle_expiry_days) * 86_400),
            immutable: self.immutable,
            anonymous_create: self.anonymous_create,
            anonymous_creates_per_minute: self.anonymous_creates_per_minute,
            creates_per_minute: self.creates_per_minute,
            long_url_bytes_max: self.long_url_bytes_max,
            allow_private_targets: self.allow_private_targets,
            trust_proxy_headers: self.trust_proxy_headers,
            cache_bytes: u64::from(self.cache_mib) << 20,
        })
    }
}
