"""A fast pass through a network to the neurons that are asked for."""
