"""Options of Keras 2's layers that Keras 3 no longer takes, and that changed nothing.

Keras 2 wrote every option of a base class into a `.h5` file, such as `groups` for a
depthwise convolution, where it always is 1. Keras 3 refuses the file for it. An option
with a value that did change something stays, and is refused.
"""

import contextlib
import json
import re
import tempfile
from collections.abc import Collection, Iterator
from pathlib import Path

import h5py

_RECURRENT = r"RNN|SimpleRNN|LSTM|GRU|ConvLSTM\dD"
# Option, the layers that had it, and the values without effect; None for any value.
_OBSOLETE = (
    ("groups", r"DepthwiseConv\dD|SeparableConv\dD|Conv\dDTranspose", (1,)),
    ("kernel_initializer", r"SeparableConv\dD", None),
    ("kernel_regularizer", r"SeparableConv\dD", None),
    ("kernel_constraint", r"SeparableConv\dD", None),
    ("time_major", _RECURRENT, (False,)),
    ("implementation", _RECURRENT, None),
    ("query_shape", "MultiHeadAttention", None),
    ("key_shape", "MultiHeadAttention", None),
    ("value_shape", "MultiHeadAttention", None),
    ("softmax_robust_masking", "MultiHeadAttention", (False,)),
    ("score_mode", "Attention", ("dot",)),  # read as the function keras.layers.dot
    ("noise_shape", r"SpatialDropout\dD", (None,)),
    ("trainable", r"SpatialDropout\dD|Discretization", None),  # they have no weights
    ("rng_type", r"Random\w+", None),
)


@contextlib.contextmanager
def without_obsolete_options(path: Path, own: Collection[str] = ()) -> Iterator[Path]:
    """Give the path of a file like `path` that Keras 3 can read, while it is needed.

    Args:
        path: Of a `.h5` file; that of Keras 3, or without such options, as it is.
        own: Classes that are the user's, whatever their names.
    """
    with h5py.File(path, "r") as file:
        config = json.loads(file.attrs["model_config"])
        version = file.attrs.get("keras_version", "")
    if str(version).startswith("3") or not drop_obsolete_options(config, own):
        yield path
        return
    with tempfile.TemporaryDirectory(prefix="happymaps-") as folder:
        copy = Path(folder) / "network.h5"
        with h5py.File(path, "r") as file, h5py.File(copy, "w") as target:
            file.copy("model_weights", target)  # the optimizer's are not needed
            target.attrs["model_config"] = json.dumps(config)
        yield copy


def drop_obsolete_options(config: object, own: Collection[str] = ()) -> bool:
    """Take obsolete options out of a network's config; return whether there were any.

    Args:
        config: As in the file; changed in place.
        own: Classes that are the user's, whatever their names.
    """
    if isinstance(config, list):
        return any([drop_obsolete_options(each, own) for each in config])
    if not isinstance(config, dict):
        return False
    found = [drop_obsolete_options(each, own) for each in config.values()]
    name, options = config.get("class_name"), config.get("config")
    if isinstance(name, str) and isinstance(options, dict) and name not in own:
        for option, layers, values in _OBSOLETE:
            is_listed = option in options and re.fullmatch(layers, name)
            if is_listed and (values is None or options[option] in values):
                del options[option]
                found.append(True)
    return any(found)
