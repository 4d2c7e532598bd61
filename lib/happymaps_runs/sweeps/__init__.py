"""Sweeps: many runs with other parameters, on this machine's cores or a cluster.

Scheduling is Dask's. Nothing here imports keras or tensorflow; the workers do.
"""
