-- A generated code is found by the number it stands for, which is the row's key: it needs no index.
-- Only the codes that no number stands for here have one. See code_scheme.rs.
ALTER TABLE link ADD COLUMN numbered BOOLEAN NOT NULL DEFAULT FALSE;
DROP INDEX link_by_code;
CREATE UNIQUE INDEX link_by_alias ON link (domain, code) WHERE NOT numbered;
