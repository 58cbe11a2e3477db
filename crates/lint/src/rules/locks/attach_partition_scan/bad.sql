-- given
CREATE TABLE events (id bigint NOT NULL, at date NOT NULL) PARTITION BY RANGE (at);
CREATE TABLE old_events (id bigint NOT NULL, at date NOT NULL, CONSTRAINT counted CHECK (id > 0));
CREATE TABLE other_events PARTITION OF events DEFAULT;
-- migration
ALTER TABLE events ATTACH PARTITION old_events FOR VALUES FROM ('2020-01-01') TO ('2021-01-01');
-- migration
CREATE TABLE events_2021 PARTITION OF events FOR VALUES FROM ('2021-01-01') TO ('2022-01-01');
