"""The one place that imports Keras and TensorFlow, quietly and on the right backend."""

import contextlib
import os
import sys
from collections.abc import Iterator

os.environ.setdefault("KERAS_BACKEND", "tensorflow")
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
# By itself TensorFlow has oneDNN on processors with AVX-512 alone; without it, dilated
# convolutions have no gradient, and others are slower.
os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "1")
# Sessions get threads of their own, see `happymaps.maps.engine.single_thread`.
os.environ.setdefault("TF_OVERRIDE_GLOBAL_THREADPOOL", "1")


@contextlib.contextmanager
def _native_stderr_silenced() -> Iterator[None]:
    # TensorFlow's C++ start-up lines bypass sys.stderr and carry timestamps, so they
    # would make every executed notebook differ from the last.
    sys.stderr.flush()
    with open(os.devnull, "w") as sink:  # noqa: PTH123 - a device, not a path of ours
        saved = os.dup(2)
        try:
            os.dup2(sink.fileno(), 2)
            yield
        finally:
            os.dup2(saved, 2)
            os.close(saved)


with _native_stderr_silenced():
    import keras
    import tensorflow as tf

    tf.zeros(()).numpy()  # device set-up logs at the first operation

if keras.backend.backend() != "tensorflow":
    raise ImportError(
        "HappyMaps needs Keras on TensorFlow. Received the backend "
        f"{keras.backend.backend()!r}. Set KERAS_BACKEND=tensorflow before Keras is "
        "imported."
    )


def has_gpu() -> bool:
    """Return whether TensorFlow sees a GPU, on which loops are compiled as a whole."""
    return bool(tf.config.list_physical_devices("GPU"))


__all__ = ["has_gpu", "keras", "tf"]
