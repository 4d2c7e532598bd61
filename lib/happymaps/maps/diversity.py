"""How unlike each other the maps of one objective are, as a layer sees them."""

from happymaps.backend import tf

_LEAST_SQUARE = 1e-12


def dissimilarity(values, families):
    """Return minus the mean cosine between Gram matrices, shape (images,).

    The Gram matrix of an image is `sum over positions of z z^T`, channels by channels:
    which channels fire together, wherever that is. The mean is over the other images of
    the same family; an image without any gives 0.

    Source: Olah et al. 2017, doi:10.23915/distill.00007, and Lucid.

    Args:
        values: Of a layer, shape (images, ..., channels).
        families: Whole numbers, shape (images,), equal for images that are compared.
    """
    flat = tf.reshape(values, (tf.shape(values)[0], -1, values.shape[-1]))
    gram = tf.matmul(flat, flat, transpose_a=True)
    gram = tf.reshape(gram, (-1, values.shape[-1] ** 2))
    length = tf.sqrt(tf.reduce_sum(gram**2, axis=1, keepdims=True) + _LEAST_SQUARE)
    cosines = tf.matmul(gram / length, gram / length, transpose_b=True)
    alike = tf.cast(families[:, None] == families[None], tf.float32)
    alike = tf.linalg.set_diag(alike, tf.zeros_like(alike[0]))
    count = tf.maximum(tf.reduce_sum(alike, axis=1), 1)
    return -tf.reduce_sum(alike * cosines, axis=1) / count
