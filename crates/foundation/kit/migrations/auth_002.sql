-- Programs that get tokens by OAuth 2.0. Only the SHA-256 of a secret is kept; public ones have
-- none. Redirect URIs and grants are words with a space between them.
CREATE TABLE auth_client (
    id TEXT PRIMARY KEY,
    name TEXT NOT NULL,
    namespace TEXT NOT NULL,
    secret BLOB,
    redirect_uris TEXT NOT NULL,
    grants TEXT NOT NULL,
    scopes TEXT NOT NULL,
    created_by TEXT NOT NULL,
    created_at BIGINT NOT NULL
);

-- What a user has allowed a client: the family of its code, refresh tokens and access tokens.
CREATE TABLE auth_grant (
    id TEXT PRIMARY KEY,
    client_id TEXT NOT NULL,
    user_id TEXT NOT NULL,
    scopes TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    ended_at BIGINT
);
CREATE INDEX auth_grant_client_id ON auth_grant (client_id);
CREATE INDEX auth_grant_user_id ON auth_grant (user_id);

-- Codes and refresh tokens stay once used, so that a second use is noticed.
CREATE TABLE auth_code (
    digest BLOB PRIMARY KEY,
    grant_id TEXT NOT NULL,
    redirect_uri TEXT NOT NULL,
    challenge TEXT NOT NULL,
    expires_at BIGINT NOT NULL,
    used_at BIGINT
);
CREATE INDEX auth_code_grant_id ON auth_code (grant_id);

CREATE TABLE auth_refresh (
    digest BLOB PRIMARY KEY,
    grant_id TEXT NOT NULL,
    expires_at BIGINT NOT NULL,
    used_at BIGINT
);
CREATE INDEX auth_refresh_grant_id ON auth_refresh (grant_id);

-- Devices that wait for a person: granted once there is a grant.
CREATE TABLE auth_device (
    digest BLOB PRIMARY KEY,
    user_code BLOB NOT NULL UNIQUE,
    client_id TEXT NOT NULL,
    scopes TEXT NOT NULL,
    grant_id TEXT,
    is_denied BOOLEAN NOT NULL,
    interval_seconds BIGINT NOT NULL,
    polled_at BIGINT,
    expires_at BIGINT NOT NULL
);

ALTER TABLE auth_token ADD COLUMN client_id TEXT;
ALTER TABLE auth_token ADD COLUMN grant_id TEXT;
CREATE INDEX auth_token_client_id ON auth_token (client_id);
CREATE INDEX auth_token_grant_id ON auth_token (grant_id);
