//! The peer of redirects: Debian's nginx with a fixed 301, in a temporary directory, on a loopback
//! port of its own. It looks nothing up and counts nothing, so it is the floor of the socket path.

use std::fs;
use std::net::TcpStream;
use std::process::Command;
use std::time::Duration;

use tempfile::TempDir;

use crate::error::BenchError;
use crate::process::{Running, free_port};
use crate::target::Target;

const PROGRAM: &str = "nginx";
const START_TIMEOUT: Duration = Duration::from_secs(10);

/// A running nginx; ended when dropped, by its own master's process id.
#[derive(Debug)]
pub(crate) struct Nginx {
    running: Option<Running>,
    port: u16,
    /// Removed after the process ended, because fields drop in order.
    _directory: TempDir,
}

impl Nginx {
    /// Starts it and waits until it accepts connections.
    ///
    /// # Errors
    /// `BenchError::Program` when it is not installed or does not start.
    pub(crate) fn start() -> Result<Self, BenchError> {
        let directory =
            tempfile::tempdir().map_err(BenchError::system("making a temporary directory"))?;
        let port = free_port()?;
        let config = directory.path().join("nginx.conf");
        let prefix = directory.path().display().to_string();
        fs::write(&config, configuration(port, &prefix))
            .map_err(BenchError::system("writing nginx's configuration"))?;
        let mut command = Command::new(PROGRAM);
        command.arg("-p").arg(directory.path()).arg("-c").arg(&config);
        command.arg("-e").arg(directory.path().join("error.log"));
        let running = Running::start(command, &directory.path().join("output.log"));
        let mut running = running.map_err(BenchError::missing(PROGRAM, PROGRAM))?;
        let ready =
            running.wait_until(START_TIMEOUT, || TcpStream::connect(("127.0.0.1", port)).ok());
        // Made before an error returns, so that its end is orderly in that case too.
        let nginx = Self { running: Some(running), port, _directory: directory };
        ready.map(|_| nginx)
    }

    /// Where it listens.
    pub(crate) fn target(&self) -> Target {
        Target::on_port(self.port)
    }
}

impl Drop for Nginx {
    fn drop(&mut self) {
        // SIGTERM to the master, which ends its workers; SIGKILL would leave them behind.
        if let Some(running) = self.running.take() {
            let _ = running.stop();
        }
    }
}

fn configuration(port: u16, prefix: &str) -> String {
    format!(
        "daemon off;
worker_processes auto;
pid {prefix}/nginx.pid;
error_log {prefix}/error.log crit;
events {{ worker_connections 8192; }}
http {{
  access_log off;
  keepalive_requests 1000000000;
  keepalive_timeout 600s;
  client_body_temp_path {prefix}/body;
  proxy_temp_path {prefix}/proxy;
  fastcgi_temp_path {prefix}/fastcgi;
  uwsgi_temp_path {prefix}/uwsgi;
  scgi_temp_path {prefix}/scgi;
  server {{
    listen 127.0.0.1:{port} backlog=4096;
    location / {{ return 301 https://example.com/; }}
  }}
}}
"
    )
}
