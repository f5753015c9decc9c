//! Commands that a running server carries out: tokens and namespaces.

use http::Method;
use serde_json::{Value, json};

use super::{CommandError, runtime, say};
use crate::cli::{NamespaceCommand, ServerArgs, TokenCommand};
use crate::client;

fn call(
    server: &ServerArgs,
    method: Method,
    path: &str,
    body: Option<Value>,
) -> Result<Value, CommandError> {
    Ok(runtime()?.block_on(client::call(server, method, path, body))?)
}

/// Make, list, revoke tokens.
pub fn token(command: TokenCommand) -> Result<(), CommandError> {
    match command {
        TokenCommand::New { name, scopes, namespace, expires_in, server } => {
            let body = json!({
                "name": name, "scopes": scopes, "namespace": namespace,
                "expiresInSeconds": expires_in,
            });
            let answer = call(&server, Method::POST, "/platform/tokens", Some(body))?;
            say(answer["secret"].as_str().unwrap_or_default())
        }
        TokenCommand::List { server } => {
            let answer = call(&server, Method::GET, "/platform/tokens?limit=500", None)?;
            for token in answer["items"].as_array().into_iter().flatten() {
                let state = if token["revokedAt"].is_null() { "live" } else { "revoked" };
                let scopes: Vec<&str> = token["scopes"]
                    .as_array()
                    .into_iter()
                    .flatten()
                    .filter_map(Value::as_str)
                    .collect();
                let [id, namespace, name] =
                    ["id", "namespace", "name"].map(|key| token[key].as_str().unwrap_or_default());
                say(&format!("{id}  {state:7}  {namespace}  {}  {name}", scopes.join(" ")))?;
            }
            Ok(())
        }
        TokenCommand::Revoke { id, server } => {
            call(&server, Method::DELETE, &format!("/platform/tokens/{id}"), None).map(drop)
        }
    }
}

/// Make, list, fork, reset, drop namespaces.
pub fn namespace(command: NamespaceCommand) -> Result<(), CommandError> {
    const PATH: &str = "/platform/namespaces";
    match command {
        NamespaceCommand::New { name, server } => {
            call(&server, Method::POST, PATH, Some(json!({ "name": name }))).map(drop)
        }
        NamespaceCommand::List { server } => {
            let answer = call(&server, Method::GET, PATH, None)?;
            for namespace in answer["items"].as_array().into_iter().flatten() {
                let name = namespace["name"].as_str().unwrap_or_default();
                let made = namespace["createdAt"].as_str().unwrap_or_default();
                say(&format!("{name:40}  {made}  {} bytes", namespace["bytes"]))?;
            }
            Ok(())
        }
        NamespaceCommand::Fork { from, to, server } => {
            let path = format!("{PATH}/{from}/fork");
            call(&server, Method::POST, &path, Some(json!({ "to": to }))).map(drop)
        }
        NamespaceCommand::Reset { name, server } => {
            call(&server, Method::POST, &format!("{PATH}/{name}/reset"), None).map(drop)
        }
        NamespaceCommand::Drop { name, server } => {
            call(&server, Method::DELETE, &format!("{PATH}/{name}"), None).map(drop)
        }
    }
}
