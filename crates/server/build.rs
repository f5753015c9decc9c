//! Turns the web build into a table of embedded files. Without one, the page says how to make it.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::{env, fs, io};

const MISSING: &str = "<!doctype html><title>Backplane</title><p>This build has no console: run \
    <code>npm ci && npm run build</code> in <code>web/</code> and build again. The APIs work.</p>";

fn main() -> io::Result<()> {
    let out = PathBuf::from(env::var_os("OUT_DIR").ok_or_else(|| io::Error::other("no OUT_DIR"))?);
    let here = env::var_os("CARGO_MANIFEST_DIR").ok_or_else(|| io::Error::other("no manifest"))?;
    let dist = PathBuf::from(here).join("../../web/dist");
    println!("cargo::rerun-if-changed={}", dist.display());
    let mut table = "static ASSETS: &[Asset] = &[\n".to_owned();
    if dist.is_dir() {
        let mut files = Vec::new();
        collect(&dist, &mut files)?;
        files.sort();
        for file in files {
            let relative = file.strip_prefix(&dist).unwrap_or(&file).display().to_string();
            let absolute = fs::canonicalize(&file)?;
            entry(&mut table, &relative, &format!("include_bytes!({absolute:?})"));
        }
    } else {
        entry(&mut table, "index.html", &format!("{MISSING:?}.as_bytes()"));
    }
    table.push_str("];\n");
    fs::write(out.join("console_assets.rs"), table)
}

fn entry(table: &mut String, path: &str, bytes: &str) {
    let media_type = media_type(Path::new(path));
    // Writing to a string does not fail.
    let _ = writeln!(
        table,
        "    Asset {{ path: {path:?}, media_type: {media_type:?}, bytes: {bytes} }},"
    );
}

fn collect(folder: &Path, files: &mut Vec<PathBuf>) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            collect(&path, files)?;
        } else {
            files.push(path);
        }
    }
    Ok(())
}

fn media_type(path: &Path) -> &'static str {
    match path.extension().and_then(|extension| extension.to_str()) {
        Some("html") => "text/html; charset=utf-8",
        Some("js") => "text/javascript; charset=utf-8",
        Some("css") => "text/css; charset=utf-8",
        Some("svg") => "image/svg+xml",
        Some("png") => "image/png",
        Some("json" | "webmanifest") => "application/json",
        _ => "application/octet-stream",
    }
}
