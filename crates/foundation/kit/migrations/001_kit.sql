-- Facts for other systems, written in the transaction that made them true.
CREATE TABLE kit_outbox (
    id BIGINT PRIMARY KEY,
    topic TEXT NOT NULL,
    message_key TEXT NOT NULL,
    body BLOB NOT NULL,
    created_at BIGINT NOT NULL
);

-- The one sequence of the outbox: the next id.
CREATE TABLE kit_outbox_next (id BIGINT NOT NULL);
INSERT INTO kit_outbox_next (id) VALUES (1);

-- Answers to writes that carried an Idempotency-Key; status 0 while the first is under way.
CREATE TABLE kit_idempotency (
    principal TEXT NOT NULL,
    idempotency_key TEXT NOT NULL,
    fingerprint BLOB NOT NULL,
    status BIGINT NOT NULL,
    headers TEXT NOT NULL,
    body BLOB NOT NULL,
    created_at BIGINT NOT NULL,
    PRIMARY KEY (principal, idempotency_key)
);
CREATE INDEX kit_idempotency_created_at ON kit_idempotency (created_at);
