"""The report's plan, and the renewal of the committed notebooks."""
