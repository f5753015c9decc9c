-- Who generates: a row a worker that ever did. The row's owner alone may issue in the milliseconds
-- up to issued_until_ms, and whoever comes after begins behind them.
CREATE TABLE worker (
    datacenter BIGINT NOT NULL,
    machine BIGINT NOT NULL,
    owner TEXT NOT NULL,
    issued_until_ms BIGINT NOT NULL,
    leased_until BIGINT NOT NULL,
    claims BIGINT NOT NULL,
    PRIMARY KEY (datacenter, machine)
);
-- One row: what ids of this store are made of, and the key that hides them.
CREATE TABLE id_layout (
    id BIGINT PRIMARY KEY,
    epoch_ms BIGINT NOT NULL,
    timestamp_bits BIGINT NOT NULL,
    datacenter_bits BIGINT NOT NULL,
    machine_bits BIGINT NOT NULL,
    sequence_bits BIGINT NOT NULL,
    facade_key BLOB NOT NULL
);
-- Numbers that go up by a step: ticket servers and the multi-master scheme.
CREATE TABLE ticket (
    name TEXT PRIMARY KEY,
    next BIGINT NOT NULL,
    step BIGINT NOT NULL,
    block BIGINT NOT NULL
);
