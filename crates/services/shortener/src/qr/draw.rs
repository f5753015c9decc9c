//! The two image formats.

use std::fmt::Write;

use super::{Qr, QrError};

impl Qr {
    /// An SVG document: one rectangle and one path, a unit a module.
    #[must_use]
    pub fn to_svg(&self) -> String {
        let (size, units) = (self.style.size_px, self.width_with_margin());
        let (dark, light) = (self.style.foreground.to_hex(), self.style.background.to_hex());
        let path = self.path();
        format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{size}\" height=\"{size}\" \
             viewBox=\"0 0 {units} {units}\" shape-rendering=\"crispEdges\">\
             <rect width=\"{units}\" height=\"{units}\" fill=\"{light}\"/>\
             <path fill=\"{dark}\" d=\"{path}\"/></svg>\n"
        )
    }

    /// A PNG image of one bit a pixel with a palette.
    ///
    /// Modules are whole pixels; what is left over widens the margin.
    ///
    /// # Errors
    /// [`QrError::Encode`], which writing to memory does not cause.
    pub fn to_png(&self) -> Result<Vec<u8>, QrError> {
        let size = self.style.size_px;
        let mut image = Vec::new();
        let mut encoder = png::Encoder::new(&mut image, size, size);
        encoder.set_color(png::ColorType::Indexed);
        encoder.set_depth(png::BitDepth::One);
        let palette = [self.style.background.rgb, self.style.foreground.rgb].concat();
        encoder.set_palette(palette);
        encoder
            .write_header()
            .and_then(|mut writer| {
                writer.write_image_data(&self.pixels())?;
                writer.finish()
            })
            .map_err(|error| QrError::Encode(error.to_string()))?;
        Ok(image)
    }

    /// Each run of dark modules in a row as a rectangle.
    fn path(&self) -> String {
        let margin = self.style.margin;
        let mut path = String::new();
        for row in 0..self.width {
            let mut column = 0;
            while column < self.width {
                let run = (column..self.width).take_while(|c| self.is_dark(*c, row)).count();
                if run > 0 {
                    let (x, y) = (column + margin, row + margin);
                    // Writing to a string cannot fail.
                    let _ = write!(path, "M{x} {y}h{run}v1h-{run}z");
                }
                column += run as u32 + 1;
            }
        }
        path
    }

    /// Rows of pixels, eight a byte, the first in the highest bit, each row in whole bytes.
    fn pixels(&self) -> Vec<u8> {
        let size = self.style.size_px;
        // At least 1: the code was checked to fit.
        let scale = size / self.width_with_margin();
        let offset = (size - self.width * scale) / 2;
        let module = |pixel: u32| pixel.checked_sub(offset).map(|inside| inside / scale);
        let row_bytes = size.div_ceil(8) as usize;
        let mut pixels = vec![0u8; row_bytes * size as usize];
        for (y, line) in (0..size).zip(pixels.chunks_exact_mut(row_bytes)) {
            let Some(row) = module(y) else { continue };
            for x in 0..size {
                if module(x).is_some_and(|column| self.is_dark(column, row)) {
                    line[(x / 8) as usize] |= 0x80 >> (x % 8);
                }
            }
        }
        pixels
    }
}
