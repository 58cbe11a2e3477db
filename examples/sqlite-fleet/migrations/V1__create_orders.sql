CREATE TABLE orders (
    id      INTEGER PRIMARY KEY,
    number  TEXT NOT NULL,
    total   NUMERIC NOT NULL
);
