-- Written only where several processes share the database: see invalidation.rs.
CREATE TABLE link_change (
    -- The database's own number of the transaction that made the change.
    transaction_id BIGINT NOT NULL,
    domain TEXT NOT NULL,
    -- Empty: everything, because a list of hosts changed.
    code TEXT NOT NULL,
    changed_at BIGINT NOT NULL,
    PRIMARY KEY (transaction_id, domain, code)
);
