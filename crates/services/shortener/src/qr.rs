//! QR codes of short URLs as SVG and PNG.
//!
//! ISO/IEC 18004 by the `qrcode` crate; drawn here, since an image has to be exactly as large as
//! asked, its modules whole pixels, and its colours such that a camera can tell them apart.

mod colour;
mod draw;

use qrcode::{EcLevel, QrCode};

pub use colour::{Colour, MIN_CONTRAST};

/// Smallest image, in pixels a side.
pub const MIN_SIZE_PX: u32 = 64;

/// Largest image, in pixels a side.
pub const MAX_SIZE_PX: u32 = 2048;

/// Widest margin, in modules a side.
pub const MAX_MARGIN: u32 = 32;

/// Longest text, in bytes: a short URL with room to spare.
pub const MAX_TEXT_BYTES: usize = 512;

/// How much of a code may be damaged or covered and still be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum ErrorCorrection {
    /// 7 %.
    Low,
    /// 15 %.
    #[default]
    Medium,
    /// 25 %.
    Quartile,
    /// 30 %: enough for a logo in the middle.
    High,
}

impl ErrorCorrection {
    /// The level named by its letter, `L`, `M`, `Q` or `H`, in either case.
    #[must_use]
    pub fn from_letter(letter: &str) -> Option<Self> {
        match letter {
            "L" | "l" => Some(Self::Low),
            "M" | "m" => Some(Self::Medium),
            "Q" | "q" => Some(Self::Quartile),
            "H" | "h" => Some(Self::High),
            _ => None,
        }
    }
}

/// How the image is to look.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Style {
    /// Pixels a side, [`MIN_SIZE_PX`]..=[`MAX_SIZE_PX`], margin included.
    pub size_px: u32,
    /// Blank modules on each side, at most [`MAX_MARGIN`]. The standard wants 4.
    pub margin: u32,
    /// What it is to withstand.
    pub correction: ErrorCorrection,
    /// Colour of the dark modules.
    pub foreground: Colour,
    /// Colour of the light modules and the margin.
    pub background: Colour,
}

impl Default for Style {
    fn default() -> Self {
        Self {
            size_px: 300,
            margin: 4,
            correction: ErrorCorrection::default(),
            foreground: Colour::BLACK,
            background: Colour::WHITE,
        }
    }
}

/// Why there is no image.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum QrError {
    /// Outside the bounds.
    #[error("an image of {0} pixels cannot be made: ask for 64 to 2048")]
    Size(u32),
    /// Wider than [`MAX_MARGIN`].
    #[error("a margin of {0} modules is too wide: ask for 0 to 32")]
    Margin(u32),
    /// Not a colour.
    #[error("{0:?} is not a colour: write it as #rrggbb or #rgb")]
    Colour(String),
    /// A camera could not tell the colours apart.
    #[error("the foreground must be darker than the background by 3:1, it is {0:.1}:1")]
    Contrast(f64),
    /// More pixels are needed for modules of a pixel.
    #[error("the code needs at least {0} pixels: ask for more, a smaller margin or level L")]
    TooSmall(u32),
    /// Longer than [`MAX_TEXT_BYTES`], or too long for a code.
    #[error("a text of {0} bytes does not fit: at most 512 do")]
    TooLong(usize),
    /// The image could not be written.
    #[error("the image could not be encoded: {0}")]
    Encode(String),
}

/// A code, ready to be drawn.
#[derive(Debug, Clone)]
pub struct Qr {
    /// Dark or light, row by row.
    modules: Vec<bool>,
    /// Modules a side, margin not included.
    width: u32,
    style: Style,
}

impl Qr {
    /// The code of `text` in a style.
    ///
    /// # Errors
    /// [`QrError`] when the style is out of bounds or the text too long.
    pub fn new(text: &str, style: Style) -> Result<Self, QrError> {
        if !(MIN_SIZE_PX..=MAX_SIZE_PX).contains(&style.size_px) {
            return Err(QrError::Size(style.size_px));
        }
        if style.margin > MAX_MARGIN {
            return Err(QrError::Margin(style.margin));
        }
        colour::check_contrast(style.foreground, style.background)?;
        if text.len() > MAX_TEXT_BYTES {
            return Err(QrError::TooLong(text.len()));
        }
        let level = match style.correction {
            ErrorCorrection::Low => EcLevel::L,
            ErrorCorrection::Medium => EcLevel::M,
            ErrorCorrection::Quartile => EcLevel::Q,
            ErrorCorrection::High => EcLevel::H,
        };
        let code = QrCode::with_error_correction_level(text, level)
            .map_err(|_too_long| QrError::TooLong(text.len()))?;
        // At most 177 modules a side.
        let width = code.width() as u32;
        let modules = code.into_colors().into_iter().map(|c| c == qrcode::Color::Dark).collect();
        let qr = Self { modules, width, style };
        if qr.width_with_margin() > style.size_px {
            return Err(QrError::TooSmall(qr.width_with_margin()));
        }
        Ok(qr)
    }

    /// Modules a side, margin not included: 21 to 177.
    #[must_use]
    pub fn width(&self) -> u32 {
        self.width
    }

    fn width_with_margin(&self) -> u32 {
        self.width + 2 * self.style.margin
    }

    /// Whether the module is dark. Outside the code all is light.
    fn is_dark(&self, column: u32, row: u32) -> bool {
        column < self.width
            && row < self.width
            && self.modules[row as usize * self.width as usize + column as usize]
    }
}

#[cfg(test)]
mod tests;
