"""What experiment 6 measures, one training at a time."""
