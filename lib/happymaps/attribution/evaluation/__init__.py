"""How good an attribution is: what it finds, what it depends on, how stable it is.

`perturbation` removes what a heat map ranks first and watches the score; `masks` holds
a heat map against regions that are known; `map_comparison` and `randomization` ask
whether it depends on what was learned; `stability` whether it depends on noise;
`retraining` trains anew without the pixels; `controls` are heat maps that know nothing
of the network.
"""
