"""The compiled gradient ascent: many maps side by side in one loop."""
