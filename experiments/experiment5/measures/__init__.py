"""What experiment 2 measures, one network at a time."""
