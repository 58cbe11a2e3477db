-- migration
CREATE ROLE greylag_lint_reader;
