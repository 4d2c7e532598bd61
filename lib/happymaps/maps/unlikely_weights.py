"""A weight for `Unlikely` that each map gets by rule, and not by taste."""

from collections.abc import Sequence

import numpy as np

from happymaps.backend import keras, tf
from happymaps.maps.objectives import Objective
from happymaps.maps.priors import Prior
from happymaps.maps.scoring import SIGNS, BatchedObjectives
from happymaps.maps.settings import AscentSettings

_NUM_DRAWS = 4  # images, the same for all objectives


def rule_weights(
    model: keras.Model,
    objectives: Sequence[Objective],
    signs: Sequence[str],
    prior: Prior,
    settings: AscentSettings,
) -> np.ndarray:
    """Return a weight per sign and objective under which a map is as likely as images.

    A score with the slope g along the q coordinates, the same everywhere, has its
    optimum under the charge `w |z|^2` at `z = g / 2w`. An image has `|z|^2 = q` on
    average; so has that optimum where `w = rms(g) / 2`, the root mean square taken over
    coordinates. The slope is measured at four draws of the prior, and averaged over
    them in the square.

    Args:
        model: The network.
        objectives: What is climbed.
        signs: `"happy"`, `"sad"`.
        prior: Whose coordinates are charged.
        settings: Of the loop.

    Returns:
        Shape (signs, objectives), in units of the scores.
    """
    count = len(prior.variances)
    draws = np.random.default_rng(0).standard_normal((_NUM_DRAWS, count))
    found = np.zeros((len(signs), len(objectives)))
    for column, objective in enumerate(objectives):
        batched = BatchedObjectives(model, [objective], settings.activation, plain=True)
        rows = batched.rows(np.zeros(_NUM_DRAWS, int))
        for row, sign in enumerate(signs):
            with tf.GradientTape(watch_accessed_variables=False) as tape:
                z = tf.constant(draws, tf.float32)
                tape.watch(z)
                images = prior.decode(z, *settings.input_range, settings.shape)
                score = batched.score(
                    images, rows, tf.fill([_NUM_DRAWS], np.float32(SIGNS[sign]))
                )
            slope = tape.gradient(score, z, unconnected_gradients="zero").numpy()
            found[row, column] = np.sqrt(np.mean(np.square(slope))) / 2
    return found
