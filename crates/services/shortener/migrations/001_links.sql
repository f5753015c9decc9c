CREATE TABLE link (
    id BIGINT PRIMARY KEY,
    -- Empty for the service's own domain.
    domain TEXT NOT NULL,
    code TEXT NOT NULL,
    long_url TEXT NOT NULL,
    -- Of the normalised target while the link is in the shared pool: one row a target.
    digest BLOB,
    title TEXT,
    redirect BIGINT NOT NULL,
    forward_query BOOLEAN NOT NULL,
    -- The creator's principal; empty when nobody gave a credential.
    created_by TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL,
    valid_from BIGINT,
    -- Null: six months after the last use.
    expires_at BIGINT,
    last_used_at BIGINT NOT NULL,
    max_visits BIGINT,
    visits_left BIGINT,
    password_hash TEXT,
    -- 0 active, 1 deleted, 2 blocked.
    state BIGINT NOT NULL,
    clicks BIGINT NOT NULL
);
CREATE UNIQUE INDEX link_by_code ON link (domain, code);
CREATE UNIQUE INDEX link_by_digest ON link (digest);
CREATE INDEX link_by_creator ON link (created_by, id);

-- Who else was given a code of the shared pool. With a holder, its creator alone cannot change it.
CREATE TABLE link_holder (
    link_id BIGINT NOT NULL,
    principal TEXT NOT NULL,
    PRIMARY KEY (link_id, principal)
);
CREATE INDEX link_holder_by_principal ON link_holder (principal, link_id);

CREATE TABLE link_tag (
    link_id BIGINT NOT NULL,
    tag TEXT NOT NULL,
    PRIMARY KEY (link_id, tag)
);
CREATE INDEX link_tag_by_tag ON link_tag (tag, link_id);

-- Counter ranges: see ranges.rs.
CREATE TABLE code_range (
    number BIGINT PRIMARY KEY,
    first_number BIGINT NOT NULL,
    end_number BIGINT NOT NULL,
    owner TEXT,
    epoch BIGINT NOT NULL,
    resume_at BIGINT NOT NULL
);

-- The key of the code permutation, and the salt of the day for visitor counts.
CREATE TABLE setting (
    name TEXT PRIMARY KEY,
    value BLOB NOT NULL
);

CREATE TABLE branded_domain (
    host TEXT PRIMARY KEY,
    created_by TEXT NOT NULL,
    created_at BIGINT NOT NULL
);

CREATE TABLE blocked_host (
    host TEXT PRIMARY KEY,
    created_by TEXT NOT NULL,
    created_at BIGINT NOT NULL
);

-- Hours and days are counted since 1970.
CREATE TABLE click_hour (
    link_id BIGINT NOT NULL,
    hour BIGINT NOT NULL,
    people BIGINT NOT NULL,
    bots BIGINT NOT NULL,
    scans BIGINT NOT NULL,
    PRIMARY KEY (link_id, hour)
);

CREATE TABLE click_facet (
    link_id BIGINT NOT NULL,
    day BIGINT NOT NULL,
    facet TEXT NOT NULL,
    value TEXT NOT NULL,
    people BIGINT NOT NULL,
    bots BIGINT NOT NULL,
    scans BIGINT NOT NULL,
    PRIMARY KEY (link_id, day, facet, value)
);

-- HyperLogLog of the visitors of a day.
CREATE TABLE click_visitors (
    link_id BIGINT NOT NULL,
    day BIGINT NOT NULL,
    sketch BLOB NOT NULL,
    PRIMARY KEY (link_id, day)
);

-- The latest clicks one by one, a bounded number a link.
CREATE TABLE click_recent (
    link_id BIGINT NOT NULL,
    sequence BIGINT NOT NULL,
    at BIGINT NOT NULL,
    referrer TEXT NOT NULL,
    user_agent TEXT NOT NULL,
    country TEXT NOT NULL,
    device TEXT NOT NULL,
    browser TEXT NOT NULL,
    system TEXT NOT NULL,
    bot BOOLEAN NOT NULL,
    scan BOOLEAN NOT NULL,
    PRIMARY KEY (link_id, sequence)
);
