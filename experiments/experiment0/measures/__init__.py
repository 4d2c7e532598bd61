"""What experiment 0 measures of one network."""
