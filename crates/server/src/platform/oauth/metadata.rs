//! What a client must know to begin with (RFC 8414).

use kit::auth::oauth::{GrantKind, pkce};
use kit::http::Json;
use serde::Serialize;
use utoipa::ToSchema;

use super::Issuer;

/// Where everything is, and what is supported.
#[derive(Serialize, ToSchema)]
pub(in super::super) struct MetadataAnswer {
    issuer: String,
    authorization_endpoint: String,
    token_endpoint: String,
    device_authorization_endpoint: String,
    revocation_endpoint: String,
    introspection_endpoint: String,
    response_types_supported: [&'static str; 1],
    response_modes_supported: [&'static str; 1],
    grant_types_supported: [&'static str; 4],
    token_endpoint_auth_methods_supported: [&'static str; 3],
    revocation_endpoint_auth_methods_supported: [&'static str; 3],
    introspection_endpoint_auth_methods_supported: [&'static str; 2],
    code_challenge_methods_supported: [&'static str; 1],
    /// Every answer in a redirect names its issuer (RFC 9207).
    authorization_response_iss_parameter_supported: bool,
}

/// Where the endpoints are, and what they support.
#[utoipa::path(get, path = "/.well-known/oauth-authorization-server", tag = "oauth",
    operation_id = "oauth_metadata",
    responses((status = 200, description = "RFC 8414", body = MetadataAnswer)))]
pub(in super::super) async fn metadata(Issuer(issuer): Issuer) -> Json<MetadataAnswer> {
    let at = |path: &str| format!("{issuer}/oauth/{path}");
    let methods = ["client_secret_basic", "client_secret_post", "none"];
    Json(MetadataAnswer {
        authorization_endpoint: at("authorize"),
        token_endpoint: at("token"),
        device_authorization_endpoint: at("device_authorization"),
        revocation_endpoint: at("revoke"),
        introspection_endpoint: at("introspect"),
        response_types_supported: ["code"],
        response_modes_supported: ["query"],
        grant_types_supported: GrantKind::ALL.map(GrantKind::name),
        token_endpoint_auth_methods_supported: methods,
        revocation_endpoint_auth_methods_supported: methods,
        introspection_endpoint_auth_methods_supported: [methods[0], methods[1]],
        code_challenge_methods_supported: [pkce::METHOD],
        authorization_response_iss_parameter_supported: true,
        issuer,
    })
}
