"""The real keras-vis 0.4.1, run as a program of its own: penalties of given images.

keras-vis needs graph mode and Keras 2, which are global, so it cannot live in the
process of the tests. Called with the path of an .npz that holds `images` of shape
(n, h, w, c); prints JSON: for each image, its TotalVariation and LPNorm.
"""

import collections
import collections.abc
import importlib
import json
import os
import sys

os.environ["TF_USE_LEGACY_KERAS"] = "1"
os.environ.pop("KERAS_BACKEND", None)

import numpy as np
import tensorflow as tf


def import_keras_vis():
    """Import vis.regularizers on today's packages, which have moved what it imports."""
    tf.compat.v1.disable_eager_execution()
    collections.Iterable = collections.abc.Iterable
    tf.get_default_graph = tf.compat.v1.get_default_graph
    tf.set_random_seed = tf.compat.v1.set_random_seed
    names = ["", ".backend", ".models", ".layers", ".activations"]
    for name in names:
        sys.modules[f"keras{name}"] = importlib.import_module(f"tf_keras{name}")
    return importlib.import_module("vis.regularizers")


def main() -> None:
    regularizers = import_keras_vis()
    images = np.load(sys.argv[1])["images"]
    image = tf.compat.v1.placeholder(tf.float32, (1, *images.shape[1:]))
    losses = {
        "tv": regularizers.TotalVariation(image).build_loss(),
        "lp": regularizers.LPNorm(image).build_loss(),
    }
    with tf.compat.v1.Session() as session:
        values = [session.run(losses, {image: one[None]}) for one in images]
    print(json.dumps({k: [float(v[k]) for v in values] for k in losses}))


if __name__ == "__main__":
    main()
