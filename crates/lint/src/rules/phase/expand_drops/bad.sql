-- given
CREATE TABLE orders (id bigint PRIMARY KEY, total bigint);
CREATE TABLE notes (id bigint PRIMARY KEY, note varchar(200));
-- migration
DROP TABLE orders;
-- migration
DROP TABLE notes;
CREATE TABLE notes (id bigint PRIMARY KEY, note varchar(500));
