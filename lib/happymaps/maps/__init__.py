"""What excites a neuron: objectives, priors, `maximize`, `sweep`, labeled results."""
