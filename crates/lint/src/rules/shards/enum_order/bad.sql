-- lint default-class = "sharded"
-- engine mysql mariadb
-- given
CREATE TABLE orders (id bigint PRIMARY KEY, status enum('new', 'paid', 'sent'));
-- migration
ALTER TABLE orders MODIFY status enum('new', 'packed', 'paid', 'sent');
