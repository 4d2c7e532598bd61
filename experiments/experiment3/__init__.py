"""Which columns of a table a network uses."""
