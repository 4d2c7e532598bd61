"""What a page says, as plain data."""
