-- MySQL dump 10.13  Distrib 8.0.36, for Linux (x86_64)
/*!40101 SET NAMES utf8mb4 */;
DROP TABLE IF EXISTS `yourls_options`;
INSERT INTO `yourls_options` VALUES (1,'version; INSERT INTO `yourls_url` VALUES (','1.9.2'),(2,'next_id','7');
CREATE TABLE `yourls_url` (
  `keyword` varchar(100) NOT NULL DEFAULT '',
  `url` text NOT NULL,
  `title` text DEFAULT NULL,
  `timestamp` timestamp NOT NULL DEFAULT current_timestamp(),
  `ip` varchar(41) NOT NULL,
  `clicks` int(10) unsigned NOT NULL,
  PRIMARY KEY (`keyword`)
) ENGINE=InnoDB;
LOCK TABLES `yourls_url` WRITE;
/*!40000 ALTER TABLE `yourls_url` DISABLE KEYS */;
INSERT INTO `yourls_url` VALUES ('blog','https://blog.yourls.org/','YOURLS\' Blog','2024-02-29 13:37:00','203.0.113.5',3),('two','https://example.com/?q=(a),(b);c','It''s \"two\"','2024-03-01 00:00:00','203.0.113.5',0);
INSERT INTO `yourls_url` (`keyword`, `url`, `title`, `timestamp`, `ip`, `clicks`) VALUES
('wiki', 'https://www.wikipedia.org/', NULL, '0000-00-00 00:00:00', '203.0.113.5', '7'),
('hex', 0x68747470733A2F2F6578616D706C652E6F72672F, 'Ünï', '2024-03-20 14:05:00', '203.0.113.5', 1);
UNLOCK TABLES;
