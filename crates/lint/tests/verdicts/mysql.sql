-- ALTERs as strangers write them. On a copy of what is given, each is tried with ALGORITHM=INSTANT and INPLACE, LOCK=NONE: how
-- the server carries it out is what the lint says.
-- given
CREATE TABLE ref (id BIGINT PRIMARY KEY) ENGINE=InnoDB;
CREATE TABLE t (
    id BIGINT PRIMARY KEY,
    a INT NULL,
    b INT NOT NULL DEFAULT 1,
    v VARCHAR(50) NULL,
    w VARCHAR(100) NOT NULL,
    e ENUM('a', 'b') NULL,
    s SET('x', 'y') NULL,
    d DATETIME NULL,
    n DECIMAL(10, 2) NULL,
    x TEXT NULL,
    INDEX t_a (a),
    UNIQUE KEY t_b (b)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4;
CREATE TABLE numbered (id BIGINT NOT NULL AUTO_INCREMENT PRIMARY KEY) ENGINE=InnoDB;
CREATE TABLE worked (id INT PRIMARY KEY, a INT NULL, s INT AS (id + 1) STORED, v INT AS (id + 1) VIRTUAL) ENGINE=InnoDB;
CREATE TABLE keyless (id BIGINT NOT NULL, n INT NULL) ENGINE=InnoDB;
CREATE TABLE latin (id BIGINT PRIMARY KEY, v VARCHAR(50) NULL, w VARCHAR(100) NULL, x TEXT NULL, u VARCHAR(50) CHARACTER SET utf8mb4 NULL,
    o VARCHAR(50) CHARACTER SET utf8mb3 NULL, p VARCHAR(127) NULL, q VARCHAR(128) NULL) ENGINE=InnoDB DEFAULT CHARSET=latin1 COLLATE=latin1_bin;
INSERT INTO t (id, a, b, w) VALUES (1, 1, 1, 'one'), (2, 2, 2, 'two');
-- case backticks
ALTER TABLE `t` ADD COLUMN `select` INT NULL;
-- case comments
ALTER/* one */TABLE t # two
ADD -- three
COLUMN c INT NULL;
-- case several columns in parentheses
ALTER TABLE t ADD COLUMN (c INT NULL, f INT NULL);
-- case add and drop at once
ALTER TABLE t ADD COLUMN c INT NULL, DROP COLUMN x;
-- case a column with its own check
ALTER TABLE t ADD COLUMN c INT NULL CHECK (c > 0);
-- case a unique column
ALTER TABLE t ADD COLUMN c INT NULL UNIQUE;
-- case a column with a comment and a default
ALTER TABLE t ADD COLUMN c VARCHAR(20) CHARACTER SET latin1 COLLATE latin1_bin NOT NULL DEFAULT 'x, y' COMMENT 'drop, add';
-- case a column with an expression as default
ALTER TABLE t ADD COLUMN c CHAR(36) NOT NULL DEFAULT (UUID());
-- case a timestamp that keeps itself
ALTER TABLE t ADD COLUMN c TIMESTAMP NOT NULL DEFAULT CURRENT_TIMESTAMP ON UPDATE CURRENT_TIMESTAMP;
-- case json
ALTER TABLE t ADD COLUMN c JSON NULL;
-- case a virtual column
ALTER TABLE t ADD COLUMN c INT AS (a + 1);
-- case a longer varchar
ALTER TABLE t MODIFY v VARCHAR(60) NULL;
-- case a varchar past the length byte
ALTER TABLE t MODIFY v VARCHAR(200) NULL;
-- case a shorter varchar
ALTER TABLE t MODIFY w VARCHAR(90) NOT NULL;
-- case the same column again
ALTER TABLE t MODIFY a INT NULL;
-- case another default by modify
ALTER TABLE t MODIFY a INT NULL DEFAULT 7;
-- case int to bigint
ALTER TABLE t MODIFY COLUMN a BIGINT NULL;
-- case int with a display width
ALTER TABLE t MODIFY COLUMN a INT(5) NULL;
-- case unsigned
ALTER TABLE t MODIFY COLUMN a INT UNSIGNED NULL;
-- case not null
ALTER TABLE t MODIFY COLUMN b INT NULL;
-- case change the name alone
ALTER TABLE t CHANGE COLUMN a aa INT NULL;
-- case change name and type
ALTER TABLE t CHANGE a aa BIGINT NULL;
-- case a label at the end
ALTER TABLE t MODIFY e ENUM('a', 'b', 'c') NULL;
-- case a label in the middle
ALTER TABLE t MODIFY e ENUM('a', 'c', 'b') NULL;
-- case a member of a set
ALTER TABLE t MODIFY s SET('x', 'y', 'z') NULL;
-- case a date with fractions
ALTER TABLE t MODIFY d DATETIME(6) NULL;
-- case more digits
ALTER TABLE t MODIFY n DECIMAL(12, 2) NULL;
-- case text to mediumtext
ALTER TABLE t MODIFY x MEDIUMTEXT NULL;
-- case another place
ALTER TABLE t MODIFY a INT NULL AFTER b;
-- case drop a default
ALTER TABLE t ALTER COLUMN b DROP DEFAULT;
-- case a fulltext index
ALTER TABLE t ADD FULLTEXT INDEX t_x (x);
-- case an index by a prefix
ALTER TABLE t ADD KEY t_v (v(10) DESC);
-- case drop an index and another
ALTER TABLE t DROP INDEX t_a, DROP KEY t_b;
-- case swap an index
ALTER TABLE t DROP INDEX t_a, ADD INDEX t_a (a, b);
-- case a unique constraint by name
ALTER TABLE t ADD CONSTRAINT t_u UNIQUE (a, b);
-- case a check
ALTER TABLE t ADD CONSTRAINT t_c CHECK (a > 0);
-- case a foreign key
ALTER TABLE t ADD COLUMN r BIGINT NULL, ADD CONSTRAINT t_r FOREIGN KEY (r) REFERENCES ref (id);
-- case the table's comment
ALTER TABLE t COMMENT = 'with, a comma';
-- case the same engine
ALTER TABLE t ENGINE = InnoDB;
-- case force
ALTER TABLE t FORCE;
-- case the row format
ALTER TABLE t ROW_FORMAT = COMPRESSED;
-- case the default character set
ALTER TABLE t DEFAULT CHARACTER SET latin1;
-- case convert
ALTER TABLE t CONVERT TO CHARACTER SET latin1;
-- case the next number
ALTER TABLE t AUTO_INCREMENT = 100;
-- case rename
ALTER TABLE t RENAME TO u;
-- case rename as
ALTER TABLE t RENAME AS u;
-- case rename an index
ALTER TABLE t RENAME INDEX t_a TO t_aa;
-- case drop the primary key
ALTER TABLE t DROP PRIMARY KEY;
-- case another primary key
ALTER TABLE t DROP PRIMARY KEY, ADD PRIMARY KEY (id, b);
-- case statistics
ALTER TABLE t STATS_PERSISTENT = 1;
-- case disable keys
ALTER TABLE t DISABLE KEYS;
-- case order
ALTER TABLE t ORDER BY b;
-- case a default that is worked out
ALTER TABLE t ADD COLUMN c INT NOT NULL DEFAULT (1 + 2);
-- case a default that is today
ALTER TABLE t ADD COLUMN c DATE NOT NULL DEFAULT (CURRENT_DATE);
-- case a default by chance
ALTER TABLE t ADD COLUMN c DOUBLE NOT NULL DEFAULT (RAND());
-- case a default that reads a column
ALTER TABLE t ADD COLUMN c BIGINT DEFAULT (a + 1);
-- case a default that is a column
ALTER TABLE t ADD COLUMN c BIGINT NOT NULL DEFAULT (`b`);
-- case a default that reads a column within a call
ALTER TABLE t ADD COLUMN c VARCHAR(60) DEFAULT (CONCAT(w, '-', id));
-- case a default that reads a column that is added beside it
ALTER TABLE t ADD COLUMN c INT NOT NULL DEFAULT 5, ADD COLUMN f INT NOT NULL DEFAULT (c + 1);
-- case a default that reckons with time
ALTER TABLE t ADD COLUMN c DATE NOT NULL DEFAULT (CURRENT_DATE + INTERVAL 1 DAY);
-- case a default that is cast
ALTER TABLE t ADD COLUMN c VARCHAR(20) NOT NULL DEFAULT (CAST(12 AS CHAR));
-- case a default that chooses
ALTER TABLE t ADD COLUMN c INT NOT NULL DEFAULT (CASE WHEN 1 = 1 THEN 2 ELSE 3 END);
-- case a default of random bytes
ALTER TABLE t ADD COLUMN c VARBINARY(8) DEFAULT (RANDOM_BYTES(8));
-- case a default that is who asks
ALTER TABLE t ADD COLUMN c VARCHAR(90) DEFAULT (USER());
-- case a default that is the account
ALTER TABLE t ADD COLUMN c VARCHAR(90) DEFAULT (CURRENT_USER);
-- case a column with a check beside an index
ALTER TABLE t ADD COLUMN c INT NULL CHECK (c > 0), ADD INDEX t_c (c);
-- case a number that is no longer given
ALTER TABLE numbered MODIFY id BIGINT NOT NULL;
-- case a number that stays
ALTER TABLE numbered MODIFY id BIGINT NOT NULL AUTO_INCREMENT;
-- case a number that is given from now on
ALTER TABLE t MODIFY id BIGINT NOT NULL AUTO_INCREMENT;
-- case a column with a reference of its own
ALTER TABLE t ADD COLUMN r BIGINT NULL REFERENCES ref (id);
-- case another character set of a column
ALTER TABLE t MODIFY v VARCHAR(50) CHARACTER SET latin1 NULL;
-- case another collation of a column
ALTER TABLE t MODIFY v VARCHAR(50) COLLATE utf8mb4_bin NULL;
-- case a stored column that is worked out no more
ALTER TABLE worked MODIFY s INT NULL;
-- case a column that is worked out from now on
ALTER TABLE worked MODIFY a INT AS (id + 1) STORED;
-- case a stored column that is worked out in another way
ALTER TABLE worked MODIFY s INT AS (id + 2) STORED;
-- case a unique key by the name of a constraint
ALTER TABLE t DROP CONSTRAINT t_b;
-- case a column in the primary key that doesn't say that it is not null
ALTER TABLE t MODIFY id BIGINT;
-- case a primary key by the name of a constraint
ALTER TABLE worked DROP CONSTRAINT `PRIMARY`;
-- case a unique key within the column
ALTER TABLE t MODIFY a INT NULL UNIQUE;
-- case a unique key within a column of another name
ALTER TABLE t CHANGE w ww VARCHAR(100) NOT NULL UNIQUE KEY;
-- case a unique key within a column that is not null from now on
ALTER TABLE t MODIFY a INT NOT NULL UNIQUE;
-- case a unique key within a longer varchar
ALTER TABLE t MODIFY v VARCHAR(55) NULL UNIQUE;
-- case a unique key within a column of another type
ALTER TABLE t MODIFY a BIGINT NULL UNIQUE;
-- case a primary key within the column
ALTER TABLE keyless MODIFY id BIGINT NOT NULL PRIMARY KEY;
-- case a primary key within a column that was nullable
ALTER TABLE keyless MODIFY n INT PRIMARY KEY;
-- case a primary key within another column
ALTER TABLE t DROP PRIMARY KEY, MODIFY b INT NOT NULL PRIMARY KEY;
-- case a check within the column
ALTER TABLE t MODIFY a INT NULL CHECK (a > 0);
-- case a check within a column that is not null from now on
ALTER TABLE t MODIFY a INT NOT NULL CHECK (a > 0);
-- case a longer varchar whose length has two bytes
ALTER TABLE t MODIFY w VARCHAR(200) NOT NULL;
-- case a longer varchar of the table's own character set
ALTER TABLE t MODIFY v VARCHAR(60) CHARACTER SET utf8mb4 NULL;
-- case a varchar of the table's own character set
ALTER TABLE t MODIFY v VARCHAR(50) CHARACTER SET utf8mb4 NULL;
-- case a longer varchar of the table's own collation
ALTER TABLE latin MODIFY v VARCHAR(60) COLLATE latin1_bin NULL;
-- case a longer varchar of a character set with one byte
ALTER TABLE latin MODIFY w VARCHAR(250) NULL;
-- case a varchar that gets a second length byte
ALTER TABLE latin MODIFY q VARCHAR(256) NULL;
-- case a short varchar that gets a second length byte
ALTER TABLE latin MODIFY p VARCHAR(256) NULL;
-- case a varchar that has the collation of the table, and says so by its character set
ALTER TABLE latin MODIFY v VARCHAR(50) CHARACTER SET latin1 COLLATE latin1_bin NULL;
-- case a text of another character set than the table's
ALTER TABLE latin MODIFY x TEXT CHARACTER SET utf8mb4 NULL;
-- case a column that keeps its own character set
ALTER TABLE latin MODIFY u VARCHAR(60) CHARACTER SET utf8mb4 NULL;
-- case a column that gets the table's character set
ALTER TABLE latin MODIFY u VARCHAR(50) NULL;
-- case the old name of a character set
ALTER TABLE latin MODIFY o VARCHAR(60) CHARACTER SET utf8 NULL;
-- case a default that is another number for each row
ALTER TABLE t ADD COLUMN c BIGINT UNSIGNED NOT NULL DEFAULT (UUID_SHORT());
-- case a default that is the moment of each row
ALTER TABLE t ADD COLUMN c DATETIME DEFAULT (SYSDATE());
