"""One strict run of a notebook, in a process of its own."""
