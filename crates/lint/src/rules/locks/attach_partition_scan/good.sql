-- given
CREATE TABLE events (id bigint NOT NULL, at date NOT NULL) PARTITION BY RANGE (at);
CREATE TABLE old_events (id bigint NOT NULL, at date NOT NULL, CONSTRAINT fits CHECK (at >= '2020-01-01' AND at < '2021-01-01'));
CREATE TABLE other_events PARTITION OF events DEFAULT;
ALTER TABLE other_events ADD CONSTRAINT elsewhere CHECK (NOT (at >= '2020-01-01' AND at < '2021-01-01'));
-- migration
ALTER TABLE events ATTACH PARTITION old_events FOR VALUES FROM ('2020-01-01') TO ('2021-01-01');
