"""Helpers for tests: the pytest plugin that compares notebook outputs."""
