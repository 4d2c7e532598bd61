"""Decorators for tests that run in several settings of Keras."""

import functools

from happymaps.backend import keras


def across_data_formats(func):
    """Return a function that runs `func` in both data formats, and restores the own."""

    @functools.wraps(func)
    def wrapped(*arguments, **options):
        before = keras.config.image_data_format()
        try:
            for data_format in ("channels_first", "channels_last"):
                keras.config.set_image_data_format(data_format)
                func(*arguments, **options)
        finally:
            keras.config.set_image_data_format(before)

    return wrapped


def skip_backends(backends):
    """Return a decorator: the function does nothing on the named backends of Keras.

    Args:
        backends: Names, such as `{"jax"}`.
    """

    def decorate(func):
        @functools.wraps(func)
        def wrapped(*arguments, **options):
            if keras.config.backend() not in backends:
                func(*arguments, **options)

        return wrapped

    return decorate
