"""The program that runs the real keras-vis 0.4.1; `OriginalKerasVis` talks to it.

keras-vis is of 2017. It needs graph mode and Keras 2, which are global, and imports
names that have since moved: hence a process of its own, on tf-keras, in which those
names are put back before `vis` is imported. Nothing of keras-vis itself is changed.
"""

import collections
import collections.abc
import contextlib
import importlib
import os
import sys
import time
import traceback
import types
from collections.abc import Iterator

import numpy as np
import tensorflow as tf
from PIL import Image

from experiments.benchmarks.measures.frames import read_frame, write_frame


def _resize(image, size, interp, mode):
    """Resize as `scipy.misc.imresize` did, for the one way keras-vis calls it."""
    if (interp, mode) != ("bicubic", "F"):
        raise ValueError(f"Expected bicubic, mode F. Received: {interp}, {mode}.")
    height, width = size
    picture = Image.fromarray(np.asarray(image, np.float32))
    return np.asarray(picture.resize((width, height), Image.Resampling.BICUBIC))


def _fetchable(function):
    """Let `K.function` return what it is fed, which today's sessions refuse."""

    def wrapped(inputs, outputs, **options):
        fed = {id(tensor) for tensor in inputs}
        outputs = [tf.identity(t) if id(t) in fed else t for t in outputs]
        return function(inputs, outputs, **options)

    return wrapped


def _import_keras_vis() -> types.SimpleNamespace:
    """Import `vis` on today's packages, which have moved what it imports."""
    tf.compat.v1.disable_eager_execution()
    collections.Iterable = collections.abc.Iterable
    tf.get_default_graph = tf.compat.v1.get_default_graph
    tf.set_random_seed = tf.compat.v1.set_random_seed
    for name in ("", ".backend", ".models", ".layers", ".activations"):
        sys.modules[f"keras{name}"] = importlib.import_module(f"tf_keras{name}")
    backend = sys.modules["keras.backend"]
    backend.function = _fetchable(backend.function)
    internal = "tf_keras.src.layers"
    base = importlib.import_module(f"{internal}.convolutional.base_conv")
    _stand_in("keras.layers.convolutional", _Conv=base.Conv)
    pooling = {
        f"_Pooling{n}D": getattr(
            importlib.import_module(f"{internal}.pooling.base_pooling{n}d"),
            f"Pooling{n}D",
        )
        for n in (1, 2, 3)
    }
    _stand_in("keras.layers.pooling", **pooling)
    _stand_in("scipy.misc", imresize=_resize)
    names = ("visualization", "losses", "optimizer", "regularizers", "utils.utils")
    return types.SimpleNamespace(
        keras=sys.modules["keras"],
        **{n.rpartition(".")[2]: importlib.import_module(f"vis.{n}") for n in names},
    )


def _stand_in(name: str, **members: object) -> None:
    module = types.ModuleType(name)
    vars(module).update(members)
    sys.modules[name] = module


@contextlib.contextmanager
def _recorded(module, name: str) -> Iterator[list[tuple]]:
    """Note the first argument and the result of each call of a function of keras-vis.

    keras-vis keeps to itself what it has before it rescales and colors.
    """
    original, calls = getattr(module, name), []

    def recording(array, *arguments, **options):
        result = original(array, *arguments, **options)
        calls.append((np.array(array), np.array(result)))
        return result

    setattr(module, name, recording)
    try:
        yield calls
    finally:
        setattr(module, name, original)


class _History:
    """A callback of keras-vis: losses of each iteration, and the image they are of."""

    def __init__(self) -> None:
        self.named, self.overall, self.last = [], [], None

    def callback(self, i, named_losses, overall_loss, grads, wrt_value):
        """Note what the optimizer shows."""
        self.named.append(dict(named_losses))
        self.overall.append(float(overall_loss))
        # A copy: what a session returns of what it was fed can be the same memory, in
        # which the optimizer takes its next step.
        self.last = np.array(wrt_value)

    def on_end(self):
        """Do nothing; keras-vis calls it."""


class _Gradients:
    """A gradient modifier of keras-vis that notes what it is given."""

    def __init__(self, modifier) -> None:
        self._modifier = modifier
        self.raw = None

    def __call__(self, gradients):
        self.raw = np.array(gradients)
        return self._modifier(gradients)


class Program:
    """What can be asked for; each method answers one request."""

    def __init__(self) -> None:
        self._vis = _import_keras_vis()
        self._model = None

    def load(self, fields: dict, arrays: dict) -> tuple[dict, dict]:
        """Build the network from its layers and set its weights."""
        self._vis.keras.backend.clear_session()
        layers = self._vis.keras.layers
        first, *others = fields["layers"]
        inputs = values = layers.Input(tuple(first["shape"]), name=first["name"])
        for options in others:
            kind = getattr(layers, options.pop("kind"))
            values = kind(**options)(values)
        self._model = self._vis.keras.models.Model(inputs, values)
        self._model.set_weights([arrays[f"w{i}"] for i in range(len(arrays))])
        return {}, {}

    def predict(self, fields: dict, arrays: dict) -> tuple[dict, dict]:
        """Return the network's outputs."""
        return {}, {"outputs": self._model.predict(arrays["images"], verbose=0)}

    def activation(self, fields: dict, arrays: dict) -> tuple[dict, dict]:
        """Run visualize_activation."""
        history = _History()
        options = dict(fields["options"], input_range=tuple(fields["input_range"]))
        with _recorded(self._vis.utils, "deprocess_input") as deprocessed:
            started = time.perf_counter()
            image = self._vis.visualization.visualize_activation(
                self._model,
                self._layer(fields),
                filter_indices=fields["filter"],
                seed_input=arrays.get("seed_input"),
                callbacks=[history],
                **options,
            )
            seconds = time.perf_counter() - started
        losses = {
            f"loss {n}": [row[n] for row in history.named] for n in history.named[0]
        }
        return {"seconds": seconds}, {
            "image": image,
            "optimum": deprocessed[-1][0],
            "last": history.last[0],
            "overall": np.array(history.overall),
            **losses,
        }

    def saliency(self, fields: dict, arrays: dict) -> tuple[dict, dict]:
        """Run visualize_saliency."""
        return self._attribution(
            self._vis.visualization.visualize_saliency, np.abs, fields, arrays
        )

    def cam(self, fields: dict, arrays: dict) -> tuple[dict, dict]:
        """Run visualize_cam."""
        return self._attribution(
            self._vis.visualization.visualize_cam, lambda g: g, fields, arrays
        )

    def _attribution(self, function, modifier, fields, arrays) -> tuple[dict, dict]:
        gradients = _Gradients(modifier)
        with _recorded(self._vis.utils, "normalize") as normalized:
            started = time.perf_counter()
            image = function(
                self._model,
                self._layer(fields),
                filter_indices=fields["filter"],
                seed_input=arrays["seed_input"],
                grad_modifier=gradients,
                **fields["options"],
            )
            seconds = time.perf_counter() - started
        heatmap = normalized[-1][1]
        heatmap = heatmap[0] if heatmap.ndim == 3 else heatmap
        found = {"image": image, "heatmap": heatmap, "gradients": gradients.raw[0]}
        return {"seconds": seconds}, found

    def penalties(self, fields: dict, arrays: dict) -> tuple[dict, dict]:
        """Return TotalVariation and LPNorm of each image by itself."""
        images = arrays["images"]
        # A graph of its own: that of the network must not grow by it.
        with tf.Graph().as_default(), tf.compat.v1.Session() as session:
            image = tf.compat.v1.placeholder(tf.float32, (1, *images.shape[1:]))
            losses = {
                "tv": self._vis.regularizers.TotalVariation(image).build_loss(),
                "lp": self._vis.regularizers.LPNorm(image).build_loss(),
            }
            values = [session.run(losses, {image: one[None]}) for one in images]
        return {}, {name: np.array([v[name] for v in values]) for name in losses}

    def _layer(self, fields: dict) -> int:
        return self._vis.utils.find_layer_idx(self._model, fields["layer"])


def main() -> None:
    """Answer requests until the input ends."""
    # What libraries print must not get between the messages.
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    program = Program()
    while (request := read_frame(sys.stdin.buffer)) is not None:
        fields, arrays = request
        try:
            reply = getattr(program, fields["request"])(fields, arrays)
        except Exception:
            reply = {"error": traceback.format_exc()}, {}
        write_frame(answers, *reply)
    # TensorFlow takes seconds to take itself down, which nobody needs.
    os._exit(0)


if __name__ == "__main__":
    main()
