"""The command `happymaps`: a thin skin over the packages beside it."""
