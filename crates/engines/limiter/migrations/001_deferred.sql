-- Requests over a limit that are kept for later, see deferred.rs.
CREATE TABLE deferred (
    -- In the order of arrival, never given twice.
    id BIGINT PRIMARY KEY,
    -- The rule that kept it.
    place TEXT NOT NULL,
    -- The request as JSON, to be ruled on again.
    request TEXT NOT NULL,
    -- What is to be processed, as its sender gave it.
    payload BLOB NOT NULL,
    deferred_at BIGINT NOT NULL,
    -- Until when whoever took it has to say that it is done; 0: nobody took it.
    taken_until BIGINT NOT NULL
);
CREATE INDEX deferred_place ON deferred (place, id);
-- The next id.
CREATE TABLE deferred_next (
    one BIGINT PRIMARY KEY,
    id BIGINT NOT NULL
);
INSERT INTO deferred_next VALUES (1, 1);
