"""Open, inspect, build and train a Keras network; a network with its images."""
