-- given
CREATE TABLE users (id INTEGER PRIMARY KEY);
-- migration
-- greylag:transaction off
VACUUM;
