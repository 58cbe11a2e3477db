-- given
CREATE TABLE events (id bigint NOT NULL, at date NOT NULL) PARTITION BY RANGE (at);
CREATE TABLE events_2025 PARTITION OF events FOR VALUES FROM ('2025-01-01') TO ('2026-01-01');
-- migration
CREATE INDEX events_id ON ONLY events (id);
-- migration
-- greylag:transaction off
CREATE INDEX CONCURRENTLY events_2025_id ON events_2025 (id);
-- migration
ALTER INDEX events_id ATTACH PARTITION events_2025_id;
