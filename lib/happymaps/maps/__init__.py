"""What excites a neuron: objectives, priors, `maximize` and `sweep`, labeled results."""
