//! Commands on configuration and on data directories at rest.

use kit::clock::Clock;
use kit::files;
use kit::sql::{Db, Durability, Migration, OpenOptions, SqlError};

use super::{CommandError, runtime, say};
use crate::backup;
use crate::cli::{BackupArgs, ConfigArgs, DataArgs, RestoreArgs};
use crate::client;
use crate::data_dir::DataDir;
use crate::settings::{Sources, known, layered};
use crate::systems::{self, SYSTEMS};

/// The systems of this binary and their front doors.
pub fn systems() -> Result<(), CommandError> {
    let lines = SYSTEMS.iter().map(|entry| format!("{:<12}{}", entry.name, entry.what));
    say(&lines.collect::<Vec<_>>().join("\n"))
}

/// The configuration in force with the origin of each value, or the commented defaults.
pub fn config(args: &ConfigArgs) -> Result<(), CommandError> {
    if args.default {
        return say(known()?.default_text().trim_end());
    }
    let sources = Sources { file: args.config.as_deref(), ..Sources::default() };
    say(layered(&sources)?.effective_text().trim_end())
}

/// Opens and checks every database of a data directory that no process uses: the files, then what
/// should hold of the rows.
pub fn check(args: &DataArgs) -> Result<(), CommandError> {
    let dir = existing(&args.data)?;
    let mut faults = Vec::new();
    let mut checked = 0;
    let databases = files::walk(dir.path())?.into_iter();
    for file in databases.filter(|file| file.extension().is_some_and(|kind| kind == "db")) {
        let name = file.file_stem().map(|stem| stem.to_string_lossy().into_owned());
        let Some(migrations) = name.as_deref().and_then(schema_of) else { continue };
        let options = OpenOptions { path: file.clone(), migrations, durability: Durability::Flush };
        checked += 1;
        match found(&options) {
            Ok(violations) => faults.extend(
                violations.iter().map(|violation| format!("{}: {violation}", file.display())),
            ),
            Err(fault) => faults.push(fault.to_string()),
        }
    }
    if faults.is_empty() {
        return say(&format!("{checked} databases checked, all sound"));
    }
    Err(CommandError::Refused(faults.join("\nbackplane: ")))
}

/// What is wrong with the rows of a database whose file is sound.
fn found(options: &OpenOptions) -> Result<Vec<String>, SqlError> {
    let db = Db::open_sqlite(options)?;
    if let Some(sqlite) = db.embedded() {
        sqlite.check()?;
    }
    let name = options.path.file_stem().map(|name| name.to_string_lossy());
    let Some(entry) = name.and_then(|name| systems::named(&name)) else { return Ok(Vec::new()) };
    let runtime = runtime().map_err(|error| SqlError::Invalid(error.to_string()))?;
    runtime.block_on((entry.violations)(&db))
}

fn schema_of(name: &str) -> Option<&'static [Migration]> {
    match name {
        "auth" => Some(kit::auth::Auth::MIGRATIONS),
        name => systems::named(name).map(|entry| entry.migrations),
    }
}

/// Asks a running server for a backup, or copies a data directory at rest.
pub fn backup(args: BackupArgs) -> Result<(), CommandError> {
    let to = std::path::absolute(&args.to)?;
    let Some(data) = args.data else {
        let body = serde_json::json!({ "to": to });
        let path = "/platform/backup";
        let calling = client::call(&args.server, http::Method::POST, path, Some(body));
        let answer = runtime()?.block_on(calling)?;
        let (count, bytes) = (&answer["files"], &answer["bytes"]);
        return say(&format!("{}: {count} files, {bytes} bytes", to.display()));
    };
    let dir = existing(&data)?;
    let manifest = backup::make(&to, Clock::system().now().to_string(), |unfinished| {
        for part in ["namespaces", "control"] {
            let from = dir.path().join(part);
            if from.exists() {
                files::snapshot_closed(&from, &unfinished.join(part))
                    .map_err(|error| backup::BackupError::Io(from, error))?;
            }
        }
        Ok(())
    })?;
    say(&format!("{}: {} files", to.display(), manifest.files.len()))
}

/// Makes a data directory from a backup, checked on the way.
pub fn restore(args: &RestoreArgs) -> Result<(), CommandError> {
    let manifest = backup::restore(&args.from, &args.data)?;
    files::flush_snapshot(&args.data)?;
    let (files, taken_at) = (manifest.files.len(), manifest.taken_at);
    say(&format!("{}: {files} files as of {taken_at}", args.data.display()))
}

/// A data directory that is there already: a typing error must not make one.
fn existing(path: &std::path::Path) -> Result<DataDir, CommandError> {
    if !path.join("FORMAT").exists() {
        let text = format!("{} is no data directory (--data)", path.display());
        return Err(CommandError::Refused(text));
    }
    DataDir::take(path).map_err(|error| CommandError::Refused(error.to_string()))
}
