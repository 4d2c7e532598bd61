"""Which columns of a table a network uses: the attribution of a whole set of rows."""
