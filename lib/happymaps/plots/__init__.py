"""Arrays in, figures and films out: NumPy and matplotlib."""
