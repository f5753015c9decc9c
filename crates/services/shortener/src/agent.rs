//! What a `User-Agent` header says of the visitor: device class, browser, system, bot or person.
//!
//! Browsers are told by the `woothee` crate; link previews, monitors and programs by a table here,
//! first, since many of them pose as a browser. All answers come from fixed lists, so that a
//! statistic has few rows however odd the headers are.
//!
//! Limits: a bot that sends a browser's header is taken for a person, and an iPad that asks for
//! desktop pages (the default since iPadOS 13) for a desktop.

mod bots;

use woothee::parser::{Parser, WootheeResult};

/// Longest header looked at, in bytes; the rest is cut off.
pub const MAX_AGENT_LEN: usize = 512;

/// Kind of device.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Device {
    /// A desktop or laptop computer.
    Desktop,
    /// A telephone.
    Mobile,
    /// A tablet.
    Tablet,
    /// No person: a crawler, link preview, monitor, script or library.
    Bot,
    /// A console, a television, or unknown.
    Other,
}

impl Device {
    /// The word shown in statistics.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Desktop => "desktop",
            Self::Mobile => "mobile",
            Self::Tablet => "tablet",
            Self::Bot => "bot",
            Self::Other => "other",
        }
    }
}

/// What is known of a visitor's program.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Agent {
    /// Kind of device.
    pub device: Device,
    /// Family of browser, or the bot's name.
    pub browser: &'static str,
    /// Family of operating system.
    pub os: &'static str,
}

impl Agent {
    /// Reads a header. One that is absent or empty is a bot's: every browser sends one.
    ///
    /// Costs some microseconds of pattern matching; remember the answer where the same headers
    /// come again and again.
    #[must_use]
    pub fn parse(header: Option<&str>) -> Self {
        let text = cut(header.unwrap_or_default().trim());
        if let Some(name) = bots::name(text) {
            return Self::bot(name);
        }
        let Some(result) = Parser::new().parse(text) else { return Self::UNKNOWN };
        if result.category == "crawler" {
            return Self::bot("other bot");
        }
        Self {
            device: device(&result, text),
            browser: family(BROWSERS, result.name),
            os: family(SYSTEMS, result.os),
        }
    }

    /// Whether no person is behind it.
    #[must_use]
    pub fn is_bot(&self) -> bool {
        self.device == Device::Bot
    }

    const UNKNOWN: Self = Self { device: Device::Other, browser: OTHER, os: OTHER };

    const fn bot(name: &'static str) -> Self {
        Self { device: Device::Bot, browser: name, os: OTHER }
    }
}

/// At most [`MAX_AGENT_LEN`] bytes of `text`, whole characters.
#[must_use]
pub fn cut(text: &str) -> &str {
    &text[..text.floor_char_boundary(MAX_AGENT_LEN)]
}

const OTHER: &str = "other";

/// Beginnings of woothee's browser names, and the family shown.
const BROWSERS: &[(&str, &str)] = &[
    ("Chrome", "Chrome"),
    ("Edge", "Edge"),
    ("Firefox", "Firefox"),
    ("Google Search App", "Chrome"),
    ("Internet Explorer", "Internet Explorer"),
    ("Opera", "Opera"),
    ("Safari", "Safari"),
    ("SamsungBrowser", "Samsung Internet"),
    ("Sleipnir", "Sleipnir"),
    ("Vivaldi", "Vivaldi"),
    ("Webview", "in-app"),
    ("Yandex", "Yandex Browser"),
];

/// Beginnings of woothee's system names, and the family shown.
const SYSTEMS: &[(&str, &str)] = &[
    ("Windows Phone", "Windows Phone"),
    ("Windows", "Windows"),
    ("Mac OS", "macOS"),
    ("iPad", "iOS"),
    ("iPhone", "iOS"),
    ("iPod", "iOS"),
    ("iOS", "iOS"),
    ("Android", "Android"),
    ("ChromeOS", "ChromeOS"),
    ("Linux", "Linux"),
    ("BSD", "BSD"),
    ("BlackBerry", "BlackBerry"),
    ("PlayStation", "PlayStation"),
    ("Nintendo", "Nintendo"),
    ("Xbox", "Xbox"),
    ("Firefox OS", "KaiOS"),
];

fn family(families: &[(&'static str, &'static str)], name: &str) -> &'static str {
    families.iter().find(|(begins, _)| name.starts_with(begins)).map_or(OTHER, |(_, shown)| shown)
}

fn device(result: &WootheeResult<'_>, text: &str) -> Device {
    // Google's rule: an Android telephone says "Mobile", a tablet does not.
    let android_tablet = result.os == "Android" && !text.contains("Mobile");
    match result.category {
        "pc" => Device::Desktop,
        "smartphone" if result.os == "iPad" || android_tablet => Device::Tablet,
        "smartphone" | "mobilephone" => Device::Mobile,
        _ => Device::Other,
    }
}

#[cfg(test)]
mod tests;
