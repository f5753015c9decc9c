//! The ready file: addresses and credentials, for the tests of users. Keys are only ever added.

use std::fs;
use std::io;
use std::path::Path;

use kit::auth::{DEV_ACCESS_KEY, DEV_SECRET_KEY, DEV_TOKEN};
use serde_json::{Value, json};

use crate::house::House;
use crate::systems::{self, DoorAddress};

/// What is written; credentials only in `dev`.
pub fn document(house: &House, is_dev: bool) -> Value {
    let scheme = if house.tls.is_some() { "https" } else { "http" };
    let edge = format!("{scheme}://{}", house.edge);
    let mut document = json!({ "edge": edge, "systems": {} });
    for name in &house.systems {
        document["systems"][name] = json!({ "http": format!("{edge}/{name}") });
        if let Some((key, _)) = systems::named(name).and_then(|entry| entry.at_root) {
            document["systems"][name][key] = json!(edge);
        }
    }
    for DoorAddress { system, key, is_http, address } in house.doors.iter() {
        let address = if *is_http { format!("{scheme}://{address}") } else { address.to_string() };
        document["systems"][system][key] = json!(address);
    }
    if is_dev {
        document["credentials"] = json!({
            "token": DEV_TOKEN,
            "s3": { "access_key": DEV_ACCESS_KEY, "secret_key": DEV_SECRET_KEY },
        });
    }
    document
}

/// Appears whole or not at all, so that whoever waits for it can read it at once.
pub fn write(path: &Path, document: &Value) -> io::Result<()> {
    let mut unfinished = path.as_os_str().to_owned();
    unfinished.push(".new");
    fs::write(&unfinished, document.to_string())?;
    fs::rename(unfinished, path)
}
