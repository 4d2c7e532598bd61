"""What every part needs: messages, paths, processors, progress. No Keras, no science."""
