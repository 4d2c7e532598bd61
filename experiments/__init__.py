"""The experiments: question, prediction, measurement, notebook, answer."""
