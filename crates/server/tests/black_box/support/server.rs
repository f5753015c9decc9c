//! The real binary, started as its users start it and ended by its process id.

use std::ffi::OsStr;
use std::fs::{self, File};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Output, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;
use tempfile::TempDir;

use super::{Client, PATIENCE, eventually};

/// The binary with an environment that no variable of the caller can change.
pub(crate) fn backplane() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_backplane"));
    for (name, _) in std::env::vars() {
        if name.starts_with("BACKPLANE_") {
            command.env_remove(name);
        }
    }
    command
}

/// How a server is started.
pub(crate) struct Launch {
    command: Command,
    /// Ready file, output, configuration.
    home: TempDir,
}

impl Launch {
    /// `dev` on free ports.
    pub(crate) fn dev() -> Self {
        let mut launch = Self { command: backplane(), home: tempfile::tempdir().unwrap() };
        launch.command.args(["dev", "--ports", "auto"]);
        launch
    }

    /// `serve` on a free port, with an empty configuration file.
    pub(crate) fn serve(data: &Path) -> Self {
        let mut launch = Self { command: backplane(), home: tempfile::tempdir().unwrap() };
        let config = launch.home.path().join("backplane.toml");
        fs::write(&config, "").unwrap();
        launch.command.arg("serve").arg("--config").arg(config);
        launch.set("edge.listen=127.0.0.1:0").set(&format!("data.dir={}", data.display()))
    }

    pub(crate) fn data(self, data: &Path) -> Self {
        self.arg("--data").arg(data)
    }

    pub(crate) fn set(self, setting: &str) -> Self {
        self.arg("--set").arg(setting)
    }

    pub(crate) fn arg(mut self, argument: impl AsRef<OsStr>) -> Self {
        self.command.arg(argument);
        self
    }

    pub(crate) fn env(mut self, name: &str, value: impl AsRef<OsStr>) -> Self {
        self.command.env(name, value);
        self
    }

    /// Starts it and waits until it is ready.
    pub(crate) fn start(mut self) -> Server {
        let file = |name| File::create(self.home.path().join(name)).unwrap();
        let ready_file = self.home.path().join("ready.json");
        let (stdout, stderr) = (file("stdout"), file("stderr"));
        self.command.arg("--ready-file").arg(&ready_file).stdout(stdout).stderr(stderr);
        let mut server = Server {
            child: self.command.spawn().unwrap(),
            home: self.home,
            edge: SocketAddr::from(([127, 0, 0, 1], 0)),
            ready: Value::Null,
        };
        let text = eventually("the server is ready", || {
            let ended = server.child.try_wait().unwrap();
            assert!(ended.is_none(), "{ended:?}: {}", server.stderr());
            fs::read(&ready_file).ok()
        });
        server.ready = serde_json::from_slice(&text).unwrap();
        let edge = server.ready["edge"].as_str().unwrap();
        server.edge = edge.split_once("://").unwrap().1.parse().unwrap();
        server
    }

    /// Starts it, which it must refuse with exit code 1 and one line; returns the line.
    #[track_caller]
    pub(crate) fn refused(mut self) -> String {
        let mut child = self.command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let began = Instant::now();
        while child.try_wait().unwrap().is_none() {
            if began.elapsed() > PATIENCE {
                child.kill().unwrap();
            }
            std::thread::sleep(Duration::from_millis(5));
        }
        refusal(&child.wait_with_output().unwrap())
    }
}

/// The one line of a command that was refused.
#[track_caller]
pub(crate) fn refusal(output: &Output) -> String {
    let stderr = String::from_utf8(output.stderr.clone()).unwrap();
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    assert!(output.stdout.is_empty(), "{output:?}");
    let line = stderr.strip_suffix('\n').unwrap_or(&stderr);
    assert!(line.starts_with("backplane: ") && !line.contains('\n'), "not one line: {stderr}");
    line.to_owned()
}

/// A running server; ended with the test that started it.
pub(crate) struct Server {
    child: Child,
    home: TempDir,
    pub(crate) edge: SocketAddr,
    pub(crate) ready: Value,
}

impl Server {
    /// A caller without a credential.
    pub(crate) fn visitor(&self) -> Client {
        Client::new(self.edge)
    }

    pub(crate) fn client(&self, token: &str) -> Client {
        self.visitor().token(token)
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.edge)
    }

    /// The token that the first start of `serve` prints, and only that.
    pub(crate) fn first_token(&self) -> Option<String> {
        let text = eventually("the server has said where it is", || {
            let text = fs::read_to_string(self.home.path().join("stdout")).unwrap();
            text.contains("serves at").then_some(text)
        });
        let mark = "shown once: ";
        text.split_once(mark).map(|(_, rest)| rest.lines().next().unwrap().to_owned())
    }

    /// Waits for the token that the first start prints.
    pub(crate) fn operator_token(&self) -> String {
        eventually("the first operator's token is shown", || self.first_token())
    }

    pub(crate) fn stderr(&self) -> String {
        fs::read_to_string(self.home.path().join("stderr")).unwrap()
    }

    /// A path beside the ready file, removed with the server.
    pub(crate) fn beside(&self, name: &str) -> PathBuf {
        self.home.path().join(name)
    }

    /// `kill -9`, and no trace of the process when this returns.
    pub(crate) fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    pub(crate) fn signal(&self, name: &str) {
        let id = self.child.id().to_string();
        assert!(Command::new("kill").args(["-s", name, &id]).status().unwrap().success());
    }

    /// Waits for a process that was told to stop.
    pub(crate) fn wait(&mut self) -> ExitStatus {
        eventually("the server has stopped", || self.child.try_wait().unwrap())
    }

    /// SIGTERM, and an orderly end.
    pub(crate) fn stop(mut self) {
        self.signal("TERM");
        let status = self.wait();
        assert!(status.success(), "{status}: {}", self.stderr());
    }

    /// A command of the command line against this server, which must succeed.
    pub(crate) fn command(&self, arguments: &[&str], token: &str) -> String {
        let output = self.try_command(arguments, token);
        assert!(output.status.success(), "{arguments:?}: {output:?}");
        String::from_utf8(output.stdout).unwrap()
    }

    pub(crate) fn try_command(&self, arguments: &[&str], token: &str) -> Output {
        let mut command = backplane();
        command.args(arguments).args(["--url", &self.url(), "--token", token]);
        command.output().unwrap()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // Both fail when it has ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
