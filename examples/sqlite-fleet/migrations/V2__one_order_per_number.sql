-- greylag:verify SELECT count(*) = 1 FROM pragma_index_list('orders') WHERE name = 'orders_number'
CREATE UNIQUE INDEX orders_number ON orders (number);
