SELECT 1;
﻿-- xstill
SELECT "a""b" || [c] || `d`;;
