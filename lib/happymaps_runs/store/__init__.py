"""The run store: a folder per run, named by what its result depends on.

Nothing here imports keras or tensorflow; the functions that it calls may.
"""
