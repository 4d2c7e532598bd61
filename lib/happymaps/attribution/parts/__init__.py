"""What the attribution methods share."""
