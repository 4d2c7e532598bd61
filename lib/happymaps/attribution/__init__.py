"""Which parts of an image speak for a score: one method a file, one form for all."""
