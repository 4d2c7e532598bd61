"""Write networks of Keras 2 into a folder: run with tf-keras, in a process of its own.

usage: python keras2_files.py FOLDER
"""

import sys
from pathlib import Path

import numpy as np

if __name__ == "__main__":  # the tests, which read the names, have Keras 3
    import tf_keras as keras

    L = keras.layers


def _image(*layers, shape=(12, 12, 3)):
    return keras.Sequential([L.InputLayer(shape), *layers])


def _sequence(layer):
    first = keras.Sequential([layer(input_shape=(9, 2))])
    first.add(L.Dense(2, activation="softmax"))
    return first


def _up_and_down():
    i = L.Input((16, 16, 1))
    down = L.Conv2D(4, 3, padding="same", activation="relu")(i)
    half = L.MaxPooling2D()(down)
    up = L.Conv2DTranspose(4, 3, strides=2, padding="same")(half)
    return keras.Model(i, L.Conv2D(2, 1)(L.Concatenate()([down, up])))


def _frozen_inside():
    base = keras.applications.MobileNetV2(
        (32, 32, 3), alpha=0.35, weights=None, include_top=False
    )
    base.trainable = False
    i = L.Input((32, 32, 3))
    pooled = L.GlobalAveragePooling2D()(base(L.RandomFlip()(i), training=False))
    return keras.Model(i, L.Dense(3)(L.Dropout(0.2)(pooled)))


def _partly_frozen():
    base = keras.applications.MobileNet(
        (32, 32, 3), alpha=0.25, weights=None, include_top=False
    )
    for layer in base.layers[::2]:
        layer.trainable = False
    return keras.Sequential([base, L.GlobalMaxPooling2D(), L.Dense(2)])


def _attention():
    i = L.Input((5, 4))
    heads = L.MultiHeadAttention(2, 3)(i, i)
    return keras.Model(i, L.Attention(use_scale=True)([heads, i]))


NETWORKS = {
    "up_and_down": _up_and_down,
    "frozen_inside": _frozen_inside,
    "partly_frozen": _partly_frozen,
    "attention": _attention,
    "separable": lambda: _image(
        L.SeparableConv2D(4, 3), L.SpatialDropout2D(0.1), L.LeakyReLU(0.2),
        L.BatchNormalization(), L.Flatten(), L.Dense(2)
    ),
    "augmented": lambda: _image(
        L.Rescaling(1 / 255), L.RandomRotation(0.1), L.RandomZoom(0.1),
        L.RandomContrast(0.1), L.DepthwiseConv2D(3, depth_multiplier=2),
        L.ReLU(6.0), L.PReLU(), L.GlobalAveragePooling2D()
    ),
    "transposed_1d": lambda: _sequence(
        lambda **o: L.Conv1DTranspose(3, 3, strides=2, **o)
    ),
    "lstm": lambda: _sequence(lambda **o: L.LSTM(4, implementation=1, **o)),
    "gru": lambda: _sequence(lambda **o: L.GRU(4, return_sequences=True, **o)),
    "both_ways": lambda: _sequence(lambda **o: L.Bidirectional(L.LSTM(3), **o)),
    "over_time": lambda: _image(
        L.TimeDistributed(L.DepthwiseConv2D(3)), L.ConvLSTM2D(2, 3), L.Flatten(),
        shape=(3, 8, 8, 1)
    ),
    "cells": lambda: _sequence(
        lambda **o: L.RNN([L.GRUCell(3), L.SimpleRNNCell(2)], **o)
    ),
}  # fmt: skip


def _write(folder: Path) -> None:
    rng = np.random.default_rng(0)
    for name, build in NETWORKS.items():
        keras.utils.set_random_seed(0)
        model = build()
        # Zeros and ones would hide weights in another's place.
        model.set_weights([rng.uniform(0.1, 0.5, w.shape) for w in model.get_weights()])
        model.compile("adam", "mse")
        inputs = rng.random((2, *model.input_shape[1:])).astype("float32")
        outputs = model.predict(inputs, verbose=0)
        np.savez(folder / f"{name}.npz", inputs=inputs, outputs=outputs)
        model.save(folder / f"{name}.h5")
    model = _image(L.Conv2D(2, 3), L.Flatten(), L.Dense(2))
    model.save(folder / "plain.h5")
    model.save(folder / "two.keras")
    model.save(folder / "folder")
    model.export(folder / "served")
    model.save_weights(folder / "weights.h5")
    model.save_weights(folder / "checkpoint")
    i = L.Input((4,))
    of_tensorflow = keras.Model(i, keras.backend.abs(L.Dense(2)(i)))
    of_tensorflow.save(folder / "function.h5")
    gone = keras.Model(i, L.Dense(2)(L.ThresholdedReLU(name="gone")(i)))
    gone.save(folder / "gone.h5")
    i = L.Input((3, 2), batch_size=4)
    backwards = L.LSTM(2, time_major=True, name="backwards")
    keras.Model(i, backwards(i)).save(folder / "time_major.h5")


if __name__ == "__main__":
    _write(Path(sys.argv[1]))
