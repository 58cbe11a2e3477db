-- given
CREATE DATABASE IF NOT EXISTS greylag_lint_shop;
CREATE TABLE IF NOT EXISTS greylag_lint_shop.orders (id bigint PRIMARY KEY);
DROP TABLE greylag_lint_shop.orders;
CREATE TABLE greylag_lint_shop.orders (id bigint PRIMARY KEY);
-- migration
ALTER TABLE greylag_lint_shop.orders ADD COLUMN total bigint;
