-- One ALTER a file: MySQL commits each by itself.
ALTER TABLE orders ADD COLUMN note varchar(200), ALGORITHM=INSTANT;
