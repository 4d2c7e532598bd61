"""Experiment 6: two inventions, put to the test."""
