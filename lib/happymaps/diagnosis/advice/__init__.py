"""Findings in words, and what to do about them."""
