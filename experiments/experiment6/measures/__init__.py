"""What the notebooks of experiment 6 measure."""
