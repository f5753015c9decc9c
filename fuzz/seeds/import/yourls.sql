INSERT INTO `yourls_url` (`keyword`, `url`, `title`, `timestamp`, `ip`, `clicks`) VALUES
('abc','https://example.com/?a=\\'b','T','2024-02-29 13:37:00','127.0.0.1',5),
('d','https://example.org','','2024-02-29 13:37:00','',0);
