//! What cannot be started says so in one line that names the setting or the file, and what to do.

use std::fs;
use std::net::TcpListener;
use std::path::Path;
use std::process::Command;

use serde_json::json;

use crate::support::{Launch, Server, backplane, refusal};

#[track_caller]
fn says(line: &str, parts: &[&str]) {
    for part in parts {
        assert!(line.contains(part), "no {part:?} in: {line}");
    }
}

/// A data directory with a few links in it, at rest.
fn used(data: &Path) {
    let server = Launch::dev().data(data).start();
    for number in 0..50 {
        server.client("dev").shorten(&json!({ "longUrl": format!("https://e.com/{number}") }));
    }
    server.stop();
}

fn database(data: &Path) -> std::path::PathBuf {
    data.join("namespaces/default/shortener/shortener.db")
}

#[test]
fn settings_that_cannot_be_used_are_named() {
    let dir = tempfile::tempdir().unwrap();
    let dev = |setting: &str| Launch::dev().set(setting).refused();
    says(&dev("edge.listn=127.0.0.1:0"), &["edge.listn", "edge.listen"]);
    says(&dev("edge=1"), &["edge"]);
    says(&dev("shortener.range_size=many"), &["shortener.range_size"]);
    says(&dev("shortener.range_size=0"), &["shortener.range_size"]);
    says(&dev("shortener.redirect=303"), &["shortener.redirect", "301"]);
    says(&dev("shortener.base_url=sho.rt"), &["shortener.base_url"]);
    says(&dev("edge.listen=0.0.0.0:0"), &["edge.listen", "loopback", "serve"]);
    says(&dev("shortener.listen=0.0.0.0:0"), &["shortener.listen", "loopback", "serve"]);
    says(&dev("edge.listen=nonsense"), &["edge.listen"]);
    says(&dev("tls.cert_path=/nowhere.pem"), &["tls.cert_path", "tls.key_path"]);
    says(&dev("data.sql=postgres://nobody@127.0.0.1:1/none"), &["data.sql"]);
    says(&dev("edge.hosts={\"sho.rt\"=\"Not A Name\"}"), &["edge.hosts"]);
    let serve = |setting: &str| Launch::serve(&dir.path().join("data")).set(setting).refused();
    says(&serve("data.durability=buffered"), &["data.durability", "flush"]);
    let from_variable = Launch::dev().env("BACKPLANE_EDGE__LISTN", "127.0.0.1:0").refused();
    says(&from_variable, &["BACKPLANE_EDGE__LISTN"]);
    says(&Launch::dev().arg("--only").arg("shortner").refused(), &["--only", "shortener"]);
}

#[test]
fn a_configuration_file_that_cannot_be_used_is_named() {
    let dir = tempfile::tempdir().unwrap();
    let config = dir.path().join("my.toml");
    let serve = |text: &str| {
        fs::write(&config, text).unwrap();
        let output = backplane().arg("serve").arg("--config").arg(&config).output().unwrap();
        refusal(&output)
    };
    says(&serve("[shortener]\nredirekt = 301\n"), &["my.toml", "redirekt", "redirect"]);
    says(&serve("[shortener]\nredirect = \"no\"\n"), &["my.toml", "shortener.redirect"]);
    says(&serve("[shortener\n"), &["my.toml", "my.toml:1: not TOML"]);
    let mut command = backplane();
    let output = command.args(["serve", "--config", "/nowhere/my.toml"]).output().unwrap();
    says(&refusal(&output), &["/nowhere/my.toml"]);
}

#[test]
fn a_taken_port_is_named_with_its_setting() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap();
    let line = Launch::dev().set(&format!("edge.listen={address}")).refused();
    says(&line, &["edge.listen", &address.to_string()]);
    let line = Launch::dev().set(&format!("shortener.listen={address}")).refused();
    says(&line, &["shortener.listen", &address.to_string()]);
}

#[test]
fn a_data_directory_of_others_is_left_alone() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().to_str().unwrap();
    fs::write(dir.path().join("thesis.txt"), "all of it").unwrap();
    says(&Launch::dev().data(dir.path()).refused(), &[path, "no data directory", "data.dir"]);
    assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1, "something was put there");
    fs::write(dir.path().join("FORMAT"), "backplane 2\n").unwrap();
    says(&Launch::dev().data(dir.path()).refused(), &[path, "format 2", "newer"]);
    says(&Launch::serve(dir.path()).refused(), &[path, "format 2", "newer"]);
    for command in ["check-data", "backup"] {
        let mut line = backplane();
        line.arg(command).arg("--data").arg(dir.path());
        if command == "backup" {
            line.arg(dir.path().join("copy"));
        }
        says(&refusal(&line.output().unwrap()), &[path, "format 2", "newer"]);
    }
}

#[test]
fn a_data_directory_in_use_is_left_alone() {
    let data = tempfile::tempdir().unwrap();
    let (path, running) = (data.path().to_str().unwrap(), Launch::dev().data(data.path()).start());
    says(&Launch::dev().data(data.path()).refused(), &[path, "in use", "data.dir"]);
    let check = backplane().args(["check-data", "--data", path]).output().unwrap();
    says(&refusal(&check), &[path, "in use"]);
    assert_eq!(running.visitor().get("/healthz").status, 200);
    running.stop();
}

#[test]
fn a_read_only_data_directory_is_refused_at_the_start() {
    let data = tempfile::tempdir().unwrap();
    used(data.path());
    let mount = |options: &[&str]| {
        let mut command = Command::new("mount");
        command.args(options).arg(data.path()).output().unwrap().status.success()
    };
    let path = data.path().to_str().unwrap();
    // Root may write whatever the mode says, and only root may mount.
    let mounted = mount(&["--bind", path]) && mount(&["-o", "remount,ro,bind"]);
    if !mounted {
        let mut mode = fs::metadata(data.path()).unwrap().permissions();
        mode.set_readonly(true);
        fs::set_permissions(data.path(), mode).unwrap();
        fs::remove_file(data.path().join("LOCK")).unwrap_err();
    }
    let lines = [Launch::dev().data(data.path()).refused(), Launch::serve(data.path()).refused()];
    if mounted {
        assert!(Command::new("umount").arg(data.path()).status().unwrap().success());
    }
    for line in lines {
        says(&line, &[path, "data.dir", "writable"]);
    }
}

#[test]
fn a_damaged_database_is_refused_at_the_start_and_named() {
    for (what, damage) in [
        ("scribbled header", (|bytes| scribble(bytes)) as fn(&mut Vec<u8>)),
        ("cut off", |bytes| bytes.truncate(bytes.len() / 2)),
        ("empty", Vec::clear),
    ] {
        let data = tempfile::tempdir().unwrap();
        used(data.path());
        let file = database(data.path());
        let mut bytes = fs::read(&file).unwrap();
        damage(&mut bytes);
        fs::write(&file, &bytes).unwrap();
        for launch in [Launch::dev().data(data.path()), Launch::serve(data.path())] {
            let line = launch.refused();
            says(&line, &["shortener", file.to_str().unwrap(), "damaged", "backup"]);
        }
        assert_eq!(fs::read(&file).unwrap(), bytes, "{what}: the evidence was changed");
    }
}

fn scribble(bytes: &mut [u8]) {
    bytes[..64].fill(0xA5);
}

#[test]
fn a_flipped_page_is_found_by_check_data() {
    let data = tempfile::tempdir().unwrap();
    used(data.path());
    let check = || backplane().arg("check-data").arg("--data").arg(data.path()).output().unwrap();
    let sound = check();
    assert!(sound.status.success(), "{sound:?}");
    let file = database(data.path());
    let mut bytes = fs::read(&file).unwrap();
    // The page after the schema's, in its header: kind of page, free blocks, number of cells.
    bytes[4096..4104].iter_mut().for_each(|byte| *byte = !*byte);
    fs::write(&file, &bytes).unwrap();
    let line = refusal(&check());
    says(&line, &[file.to_str().unwrap(), "damaged", "backup"]);
}

#[test]
fn administration_that_cannot_be_done_is_one_line() {
    let server = Launch::dev().start();
    let line = |arguments: &[&str], token: &str| refusal(&server.try_command(arguments, token));
    says(&line(&["namespace", "drop", "default"], "dev"), &["default", "reset"]);
    says(&line(&["namespace", "fork", "none", "copy"], "dev"), &["none", "namespace new"]);
    says(&line(&["namespace", "new", "Not-A-Name"], "dev"), &["Not-A-Name"]);
    says(&line(&["token", "revoke", "nobody"], "dev"), &["404"]);
    says(&line(&["namespace", "list"], "wrong"), &["401"]);
    nobody_listens(&server);
}

fn nobody_listens(server: &Server) {
    let mut command = backplane();
    let gone = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let url = format!("http://{gone}");
    let output = command.args(["namespace", "list", "--url", &url]).output().unwrap();
    says(&refusal(&output), &[&url, "--url"]);
    let mut command = backplane();
    let https = format!("https://{}", server.edge);
    let output = command.args(["namespace", "list", "--url", &https]).output().unwrap();
    says(&refusal(&output), &[&https]);
}
