-- given
CREATE TABLE events (id bigint NOT NULL, at date NOT NULL, note text DEFAULT 'x' CHECK (note <> ''), year int GENERATED ALWAYS AS (id * 2) STORED)
    PARTITION BY RANGE (at);
ALTER TABLE events ALTER COLUMN note SET STORAGE EXTERNAL;
-- migration
CREATE TABLE events_2027 PARTITION OF events FOR VALUES FROM ('2027-01-01') TO ('2028-01-01');
