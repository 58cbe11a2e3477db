-- What the clauses of mysql.toml and mariadb.toml are measured on.
CREATE TABLE ref (id BIGINT PRIMARY KEY) ENGINE=InnoDB;
CREATE TABLE t (
    id BIGINT PRIMARY KEY,
    a INT NULL,
    k BIGINT NOT NULL,
    v VARCHAR(50) NULL,
    l VARCHAR(100) NULL,
    e ENUM('a', 'b') NULL,
    g POINT NOT NULL,
    INDEX t_a (a),
    CONSTRAINT t_k_positive CHECK (k > 0)
    /*!80000 , CONSTRAINT t_k_lifted CHECK (k > -1) NOT ENFORCED */
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4;
INSERT INTO ref VALUES (1), (2), (3);
INSERT INTO t VALUES (1, 1, 1, 'one', 'one', 'a', POINT(1, 1)), (2, 2, 2, 'two', 'two', 'b', POINT(2, 2)), (3, 3, 3, 'three', 'three', 'a', POINT(3, 3));
CREATE TABLE bare (id BIGINT NOT NULL) ENGINE=InnoDB;
INSERT INTO bare VALUES (1), (2);
CREATE TABLE keyed (id BIGINT PRIMARY KEY) ENGINE=InnoDB;
CREATE TABLE counted (id BIGINT PRIMARY KEY AUTO_INCREMENT) ENGINE=InnoDB;
CREATE TABLE holder (id BIGINT PRIMARY KEY, ref_id BIGINT, CONSTRAINT holder_ref FOREIGN KEY (ref_id) REFERENCES ref (id)) ENGINE=InnoDB;
CREATE TABLE part (id INT NOT NULL) ENGINE=InnoDB PARTITION BY RANGE (id) (PARTITION p1 VALUES LESS THAN (100), PARTITION p2 VALUES LESS THAN (200));
CREATE TABLE doubly (id BIGINT PRIMARY KEY, k BIGINT NOT NULL, UNIQUE KEY doubly_k (k)) ENGINE=InnoDB;
CREATE TABLE spare (id BIGINT PRIMARY KEY, y VARCHAR(31) NULL) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4;
-- MySQL has no sequences: each reads its own half.
CREATE /*M! SEQUENCE s */ /*!80000 TABLE s (id BIGINT PRIMARY KEY) */;
