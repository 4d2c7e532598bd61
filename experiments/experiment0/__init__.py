"""The study's data and network."""
