-- engine mysql
-- fleet shards = 2
-- fleet [differing_settings]
-- fleet sql_mode = ["", "STRICT_TRANS_TABLES"]
-- fleet collation_database = ["latin1_swedish_ci", "utf8mb4_general_ci"]
-- migration
CREATE TABLE tags (id bigint PRIMARY KEY, name varchar(20) NOT NULL);
INSERT INTO tags VALUES (1, 'new');
