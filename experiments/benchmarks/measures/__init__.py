"""How fast this package is, and how true to keras-vis: measured beside the peers."""
