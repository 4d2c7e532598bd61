"""What every part needs: messages, paths, processors, progress; no science."""
