-- engine postgres
-- given
CREATE ROLE greylag_lint_reader;
-- migration
ALTER ROLE greylag_lint_reader SET statement_timeout = '5s';
