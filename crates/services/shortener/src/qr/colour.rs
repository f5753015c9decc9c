//! Colours a camera can tell apart.

use super::QrError;

/// Least ratio of luminances between background and foreground.
///
/// Readers threshold on local brightness; below about 3:1 print and glare eat the difference.
pub const MIN_CONTRAST: f64 = 3.0;

/// An sRGB colour without transparency.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Colour {
    /// Red, green and blue.
    pub rgb: [u8; 3],
}

impl Colour {
    /// Black.
    pub const BLACK: Self = Self { rgb: [0; 3] };

    /// White.
    pub const WHITE: Self = Self { rgb: [0xff; 3] };

    /// Reads `#rrggbb` or `#rgb`; the `#` may be absent, since it is awkward in a query.
    ///
    /// # Errors
    /// [`QrError::Colour`].
    pub fn parse(text: &str) -> Result<Self, QrError> {
        let digits = text.strip_prefix('#').unwrap_or(text);
        let refused = || QrError::Colour(text.chars().take(20).collect());
        if !digits.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            return Err(refused());
        }
        let value = u32::from_str_radix(digits, 16).map_err(|_| refused())?;
        let [_, red, green, blue] = value.to_be_bytes();
        match digits.len() {
            6 => Ok(Self { rgb: [red, green, blue] }),
            // #abc is #aabbcc: each digit times 0x11.
            3 => Ok(Self { rgb: [green & 0xf, blue >> 4, blue & 0xf].map(|digit| digit * 0x11) }),
            _ => Err(refused()),
        }
    }

    /// As `#rrggbb`.
    #[must_use]
    pub fn to_hex(self) -> String {
        let [red, green, blue] = self.rgb;
        format!("#{red:02x}{green:02x}{blue:02x}")
    }

    /// Relative luminance, 0 to 1 (WCAG 2.2).
    fn luminance(self) -> f64 {
        let [red, green, blue] = self.rgb.map(|channel| {
            let share = f64::from(channel) / 255.0;
            if share <= 0.04045 { share / 12.92 } else { ((share + 0.055) / 1.055).powf(2.4) }
        });
        0.2126 * red + 0.7152 * green + 0.0722 * blue
    }
}

/// Refuses colours too near each other, and light codes on dark ground, which many readers do not
/// look for.
pub(crate) fn check_contrast(foreground: Colour, background: Colour) -> Result<(), QrError> {
    let ratio = (background.luminance() + 0.05) / (foreground.luminance() + 0.05);
    if ratio < MIN_CONTRAST { Err(QrError::Contrast(ratio)) } else { Ok(()) }
}
