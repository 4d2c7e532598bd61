"""Intervals, claims, similarity, agreement, many networks compared: NumPy and SciPy."""
