"""What experiment 1 and its follow-ups measure, one network at a time."""
