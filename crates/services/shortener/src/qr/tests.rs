use super::*;

const URL: &str = "https://go.example/zn9edcu";

/// Decodes a PNG to rows of dark or not, which also proves that it is one.
fn decode(png: &[u8]) -> (u32, Vec<bool>) {
    let reader = png::Decoder::new(std::io::Cursor::new(png)).read_info();
    let mut reader = reader.unwrap();
    let mut bytes = vec![0; reader.output_buffer_size().unwrap()];
    let info = reader.next_frame(&mut bytes).unwrap();
    assert_eq!(info.width, info.height);
    let pixels = bytes
        .chunks_exact(info.line_size)
        .flat_map(|line| (0..info.width).map(|x| line[(x / 8) as usize] >> (7 - x % 8) & 1 == 1))
        .collect();
    (info.width, pixels)
}

#[test]
fn the_png_has_the_asked_size_and_the_finder_patterns_in_three_corners() {
    for size_px in [64, 300, 2048] {
        let style = Style { size_px, ..Style::default() };
        let qr = Qr::new(URL, style).unwrap();
        let (width, pixels) = decode(&qr.to_png().unwrap());
        assert_eq!(width, size_px);
        let scale = size_px / (qr.width() + 8);
        let offset = (size_px - qr.width() * scale) / 2;
        let module = |column: u32, row: u32| {
            let (x, y) = (offset + column * scale + scale / 2, offset + row * scale + scale / 2);
            pixels[(y * size_px + x) as usize]
        };
        // Rows of a finder pattern, ISO/IEC 18004 section 6.3.3: ring, gap, core.
        let far = qr.width() - 7;
        for (left, top) in [(0, 0), (far, 0), (0, far)] {
            let line: Vec<bool> = (0..7).map(|i| module(left + i, top + 3)).collect();
            assert_eq!(line, [true, false, true, true, true, false, true]);
            assert!((0..7).all(|i| module(left + i, top) && module(left, top + i)));
        }
        assert!(!module(far + 3, far + 3) || !module(far, far + 1), "no fourth pattern");
        // The margin is light.
        assert!(pixels[..(size_px * offset) as usize].iter().all(|dark| !dark));
    }
}

#[test]
fn png_and_svg_show_the_same_modules() {
    let qr = Qr::new(URL, Style::default()).unwrap();
    let svg = qr.to_svg();
    let path = svg.split("d=\"").nth(1).unwrap().split('"').next().unwrap();
    let mut dark = 0u32;
    for run in path.split('M').skip(1) {
        let (_, length) = run.split_once('h').unwrap();
        dark += length.split('v').next().unwrap().parse::<u32>().unwrap();
    }
    assert_eq!(dark as usize, qr.modules.iter().filter(|dark| **dark).count());
    assert!(svg.starts_with("<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"300\""));
    assert!(svg.contains(&format!("viewBox=\"0 0 {0} {0}\"", qr.width() + 8)));
}

#[test]
fn more_correction_takes_more_modules() {
    let width = |letter: &str| {
        let correction = ErrorCorrection::from_letter(letter).unwrap();
        Qr::new(URL, Style { correction, ..Style::default() }).unwrap().width()
    };
    assert!(width("L") <= width("m") && width("M") <= width("Q") && width("Q") <= width("H"));
    assert!(width("L") < width("H"));
    assert_eq!(ErrorCorrection::from_letter("X"), None);
}

#[test]
fn styles_are_bounded() {
    let refused = |style: Style| Qr::new(URL, style).unwrap_err();
    let style = Style::default();
    assert_eq!(refused(Style { size_px: 63, ..style }), QrError::Size(63));
    assert_eq!(refused(Style { size_px: 2049, ..style }), QrError::Size(2049));
    assert_eq!(refused(Style { margin: 33, ..style }), QrError::Margin(33));
    let needed = Qr::new(URL, style).unwrap().width() + 64;
    let tight = Style { size_px: 64, margin: 32, ..style };
    assert_eq!(refused(tight), QrError::TooSmall(needed));
    let long = "a".repeat(513);
    assert_eq!(Qr::new(&long, style).unwrap_err(), QrError::TooLong(513));
    assert!(Qr::new(&long[1..], Style { correction: ErrorCorrection::High, ..style }).is_ok());
}

#[test]
fn colours_are_read_and_must_contrast() {
    let colour = |text: &str| Colour::parse(text).unwrap();
    assert_eq!(colour("#1a2B3c").rgb, [0x1a, 0x2b, 0x3c]);
    assert_eq!(colour("f0a").rgb, [0xff, 0x00, 0xaa]);
    assert_eq!(colour("#f0a").to_hex(), "#ff00aa");
    for bad in ["", "#", "red", "#12345", "#12345678", "+12345", "\"/><script>", "\u{e4}bc"] {
        assert!(matches!(Colour::parse(bad), Err(QrError::Colour(_))), "{bad}");
    }
    let with = |foreground: &str, background: &str| {
        let (foreground, background) = (colour(foreground), colour(background));
        Qr::new(URL, Style { foreground, background, ..Style::default() })
    };
    assert!(with("#003366", "#ffffff").unwrap().to_svg().contains("#003366"));
    assert!(matches!(with("#ffff00", "#ffffff"), Err(QrError::Contrast(_))));
    assert!(matches!(with("#ffffff", "#000000"), Err(QrError::Contrast(_))));
    assert!(matches!(with("#777777", "#777777"), Err(QrError::Contrast(_))));
}
