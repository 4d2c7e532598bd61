"""Whether tools that look into a network find what is wrong with it."""
