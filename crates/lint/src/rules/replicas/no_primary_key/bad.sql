-- migration
CREATE TABLE events (at timestamp, what varchar(20));
