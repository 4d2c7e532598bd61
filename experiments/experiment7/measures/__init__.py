"""Networks with a planted flaw, and what tools and repairs make of them."""
