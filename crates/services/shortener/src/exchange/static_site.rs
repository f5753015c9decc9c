//! Links as the configuration of a plain web server, so that they outlive this program.
//!
//! Only what cannot break out of its place is written: names of letters, digits, `-` and `_`, and
//! URLs of visible ASCII. Anything else is an error that names the link. In URLs, the characters
//! that mean something to one of the servers (quotes, backslash, `$`, braces) are percent-encoded,
//! which the target's server decodes; all else stays byte for byte.

use std::io::{self, Write};

/// A server whose configuration can be written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Server {
    /// nginx: a file to `include` in a `server` block.
    ///
    /// Exact locations rather than a `map`, which ignores case while codes do not.
    Nginx,
    /// Caddy 2: a file to `import` in a site block.
    Caddy,
}

/// The part of a link that a server needs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StaticLink<'a> {
    /// The code or alias.
    pub code: &'a str,
    /// Where it leads.
    pub long_url: &'a str,
}

/// Why a configuration is not complete.
#[derive(Debug, thiserror::Error)]
pub enum StaticError {
    /// The file could not be written.
    #[error("the configuration could not be written: {0}")]
    Io(#[from] io::Error),
    /// The code could end the place it stands in.
    #[error("code {0:?} has characters that a configuration cannot hold")]
    Code(String),
    /// The URL could end the place it stands in.
    #[error("the target of {0} has characters that a configuration cannot hold")]
    Target(String),
}

/// Writes the configuration, which answers each link with 302 and knows no other path.
///
/// # Errors
/// [`StaticError`]; what was written before is not to be used then.
pub fn write<'a>(
    server: Server,
    mut file: impl Write,
    links: impl IntoIterator<Item = StaticLink<'a>>,
) -> Result<(), StaticError> {
    file.write_all(head(server).as_bytes())?;
    for link in links {
        file.write_all(entry(server, link)?.as_bytes())?;
    }
    file.write_all(tail(server).as_bytes())?;
    file.flush()?;
    Ok(())
}

/// What stands before the links, for those who write them as they come.
#[must_use]
pub fn head(server: Server) -> &'static str {
    match server {
        Server::Nginx => "",
        Server::Caddy => "map {path} {short_link_target} {\n",
    }
}

/// What stands after the links.
#[must_use]
pub fn tail(server: Server) -> &'static str {
    match server {
        Server::Nginx => "",
        Server::Caddy => {
            "\tdefault \"\"\n}\n\
             @short_link expression `{short_link_target} != \"\"`\n\
             redir @short_link {short_link_target} 302\n"
        }
    }
}

/// One link, with its line break.
///
/// # Errors
/// [`StaticError::Code`], [`StaticError::Target`]: the link cannot be written.
pub fn entry(server: Server, link: StaticLink<'_>) -> Result<String, StaticError> {
    check(link)?;
    let StaticLink { code, long_url } = link;
    let target = encoded(long_url);
    Ok(match server {
        Server::Nginx => format!("location = /{code} {{ return 302 \"{target}\"; }}\n"),
        Server::Caddy => format!("\t/{code} \"{target}\"\n"),
    })
}

fn check(link: StaticLink<'_>) -> Result<(), StaticError> {
    let is_name_byte = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
    if link.code.is_empty() || !link.code.bytes().all(is_name_byte) {
        return Err(StaticError::Code(link.code.to_owned()));
    }
    let is_web = link.long_url.starts_with("http://") || link.long_url.starts_with("https://");
    if !is_web || !link.long_url.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Err(StaticError::Target(link.code.to_owned()));
    }
    Ok(())
}

/// A URL of visible ASCII as it can stand in double quotes in either configuration: nginx expands
/// `$`, Caddy `{`, both read quotes and backslashes.
fn encoded(url: &str) -> String {
    let mut text = String::with_capacity(url.len());
    for character in url.chars() {
        match character {
            '"' | '\'' | '\\' | '$' | '{' | '}' | '`' => {
                text.push_str(&format!("%{:02X}", u32::from(character)));
            }
            other => text.push(other),
        }
    }
    text
}
