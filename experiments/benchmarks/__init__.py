"""How fast the maps are made, and how true to keras-vis."""
