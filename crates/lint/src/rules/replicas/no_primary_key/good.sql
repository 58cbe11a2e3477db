-- migration
CREATE TABLE events (id bigint PRIMARY KEY, at timestamp, what varchar(20));
