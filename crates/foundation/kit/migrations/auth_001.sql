-- Named sets of scopes.
CREATE TABLE auth_role (
    name TEXT PRIMARY KEY,
    scopes TEXT NOT NULL
);
INSERT INTO auth_role (name, scopes) VALUES ('admin', '*');
INSERT INTO auth_role (name, scopes) VALUES ('editor', '*:read *:write');
INSERT INTO auth_role (name, scopes) VALUES ('reader', '*:read');

-- People. The password is an argon2id string of its own parameters and salt.
CREATE TABLE auth_user (
    id TEXT PRIMARY KEY,
    name TEXT NOT NULL UNIQUE,
    namespace TEXT NOT NULL,
    password TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    disabled_at BIGINT
);

CREATE TABLE auth_user_role (
    user_id TEXT NOT NULL,
    role TEXT NOT NULL,
    PRIMARY KEY (user_id, role)
);

-- Tokens of every purpose: api, session, bootstrap. Only the SHA-256 of a token is kept.
CREATE TABLE auth_token (
    id TEXT PRIMARY KEY,
    digest BLOB NOT NULL,
    purpose TEXT NOT NULL,
    name TEXT NOT NULL,
    namespace TEXT NOT NULL,
    scopes TEXT NOT NULL,
    created_by TEXT NOT NULL,
    user_id TEXT,
    created_at BIGINT NOT NULL,
    expires_at BIGINT,
    last_used_at BIGINT,
    revoked_at BIGINT
);
CREATE INDEX auth_token_created_at ON auth_token (namespace, created_at, id);
CREATE INDEX auth_token_user_id ON auth_token (user_id);
CREATE INDEX auth_token_expires_at ON auth_token (expires_at);

-- Who did what. Rows are only ever added.
CREATE TABLE auth_audit (
    id BIGINT PRIMARY KEY,
    at BIGINT NOT NULL,
    namespace TEXT NOT NULL,
    principal TEXT NOT NULL,
    principal_name TEXT NOT NULL,
    action TEXT NOT NULL,
    subject TEXT NOT NULL,
    detail TEXT NOT NULL
);
CREATE INDEX auth_audit_namespace ON auth_audit (namespace, id);
