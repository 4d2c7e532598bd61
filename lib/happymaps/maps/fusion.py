"""Small operations on images in one pass, compiled by XLA.

An operation on the values of an image reads and writes them all, and costs some
microseconds besides. XLA makes one loop of many. It takes part where it rounds alike
for any number of images: sums, products, quotients, roots and comparisons do, powers
and exponentials do not.
"""

from collections.abc import Callable

from happymaps.backend import tf


def fused(function: Callable, values: tuple, fixed: tuple = ()):
    """Return what a function returns, in one pass within a compiled loop.

    Outside of one it is called as it is: to compile it would take longer.

    Args:
        function: Of tensors.
        values: Arguments with a first axis of images.
        fixed: Further arguments, whose shapes do not hang on the number of images.
    """
    if tf.executing_eagerly():
        return function(*values, *fixed)
    # A concrete function, because TensorFlow takes those of several layers for one that
    # is traced again and again, and warns.
    specs = [tf.TensorSpec([None, *v.shape[1:]], v.dtype) for v in values]
    specs += [tf.TensorSpec(value.shape, value.dtype) for value in fixed]
    run = tf.function(function, jit_compile=True, autograph=False)
    # Named, so that a profile of the loop tells what it is.
    named = getattr(function, "func", function)
    with tf.name_scope(named.__name__.strip("_")):
        return run.get_concrete_function(*specs)(*values, *fixed)
