"""Headless runs of notebooks: checked parameters, isolated kernels, honest records.

Nothing in this package imports keras or tensorflow; only the kernels it starts do.
"""
