"""Claims about training, each beside the control that could refute it."""
