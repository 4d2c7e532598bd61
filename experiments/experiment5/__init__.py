"""Features of a network for photographs, for tasks that it never saw."""
