//! `config::Layers`: a refusal is one line, and what is in force can be printed as TOML.
//!
//! The first line is a `--set`, the rest a file.

#![no_main]

use std::sync::LazyLock;

use kit::config::{ConfigError, Layers, Section as Text};
use libfuzzer_sys::fuzz_target;
use shortener::Section;

static DEFAULTS: LazyLock<Layers> = LazyLock::new(|| {
    let kit = "[kit]\nratio = 0.5\nlist = [\"a\"]\nnumbers = [1]\non = true\nfree = {}\n\
               since = 2026-01-01\napi_key = \"\"\n[kit.inner]\nname = \"\"\n";
    let sections = [
        Text { name: "shortener", text: shortener::settings::DEFAULT },
        Text { name: "kit", text: kit },
    ];
    Layers::new(&sections).unwrap_or_else(|error| panic!("{error}"))
});

fuzz_target!(|text: &str| {
    let (setting, file) = text.split_once('\n').unwrap_or((text, ""));
    let mut layers = DEFAULTS.clone();
    refused_in_a_line(layers.merge_text(file, "backplane.toml"));
    refused_in_a_line(layers.merge_setting(setting));
    let (name, value) = setting.split_once('=').unwrap_or((setting, ""));
    let variable = (format!("BACKPLANE_{name}"), value.to_owned());
    refused_in_a_line(layers.merge_environment([variable], &[]));
    let printed = layers.effective_text();
    assert!(printed.parse::<toml::Table>().is_ok(), "{printed}");
    match layers.section::<Section>("shortener") {
        Ok(section) => {
            if let Err(refusal) = section.check() {
                assert_eq!(refusal.lines().count(), 1, "{refusal}");
            }
        }
        refused => refused_in_a_line(refused.map(drop)),
    }
});

fn refused_in_a_line(outcome: Result<(), ConfigError>) {
    if let Err(error) = outcome {
        let text = error.to_string();
        assert_eq!(text.lines().count(), 1, "{text}");
    }
}
