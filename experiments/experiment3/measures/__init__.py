"""What experiment 3 measures, one table at a time."""
