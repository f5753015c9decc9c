-- Clicks over many links are written as they are, in the order of their links, and added up later:
-- see click_runs.rs. A run is what one process wrote at once, cut into chunks of about a page.
CREATE TABLE click_run (
    run BIGINT PRIMARY KEY,
    clicks BIGINT NOT NULL
);

CREATE TABLE click_chunk (
    id BIGINT PRIMARY KEY,
    run BIGINT NOT NULL,
    first_link BIGINT NOT NULL,
    last_link BIGINT NOT NULL,
    -- See click_chunk.rs.
    clicks BLOB NOT NULL
);
CREATE INDEX click_chunk_by_link ON click_chunk (run, last_link);

-- One row while a pass adds runs up: those up to through_run, and of them links below next_link are
-- counted already.
CREATE TABLE click_pass (
    id BIGINT PRIMARY KEY,
    through_run BIGINT NOT NULL,
    next_link BIGINT NOT NULL
);
