"""The attribution methods, one a file, one form for all."""
