/*!40101 SET NAMES utf8mb4 */;
/*!50003 CREATE*/ /*!50020 DEFINER=`root`@`%`*/ /*!50003 TRIGGER t BEFORE INSERT ON a FOR EACH ROW SET NEW.x = 1 */;
/*M!100000 ALTER TABLE t ADD c int */; # a comment; here
INSERT INTO t VALUES ('it\'s; \\', "a""b;", 5--1, 0x41, _utf8'x'); -- gone
LOCK TABLES t WRITE; UNLOCK TABLES; SELECT RELEASE_ALL_LOCKS();
