"""What the notebooks of experiment 4 measure."""
