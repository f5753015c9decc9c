-- The processes that have this namespace open, where several share the database: see
-- invalidation.rs.
CREATE TABLE peer (
    -- Drawn when the process opens the namespace.
    id TEXT PRIMARY KEY,
    -- The schema that it has open: a copy of the schema is another's.
    home TEXT NOT NULL,
    -- What it could see when it last forgot what had changed, as txid_current_snapshot has it. Null
    -- while it joins.
    seen TEXT,
    -- By the database's clock.
    lease_until BIGINT NOT NULL
);
