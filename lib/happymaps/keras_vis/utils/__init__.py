"""Helpers of keras-vis: arrays, pictures, and those for tests."""
