-- given
CREATE TABLE events (id bigint NOT NULL, at date NOT NULL) PARTITION BY RANGE (at);
-- refused
-- greylag:transaction off
CREATE INDEX CONCURRENTLY events_id ON events (id);
