\restrict abc
SET standard_conforming_strings = off;
COPY t (a, b) FROM STDIN; -- data follows
1	it's; here
2	\N
\.
INSERT INTO t VALUES (E'a\';b', U&'\0041', 'x''y'
  'z', $1);
\unrestrict abc
