CREATE TABLE invoices (
    id    bigint NOT NULL AUTO_INCREMENT PRIMARY KEY,
    total decimal(12, 2) NOT NULL
);
