-- No schema here: each tenant's connection has its own on the search path.
CREATE TABLE contacts (
    id    bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    email text NOT NULL
);
