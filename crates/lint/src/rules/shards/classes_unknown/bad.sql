-- fleet shards = 480
-- migration
CREATE TABLE orders (id bigint PRIMARY KEY, code varchar(20) UNIQUE);
