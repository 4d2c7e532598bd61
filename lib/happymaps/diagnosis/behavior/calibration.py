"""Whether a classifier's confidence is what it should be."""

import numpy as np
from scipy import optimize, special

NUM_BINS = 10
_NUM_DRAWS = 400
_LEAST_PROBABILITY = 1e-12


def measure_calibration(
    probabilities: np.ndarray, labels: np.ndarray, *, seed: int = 0
) -> dict:
    """Return how far confidence and accuracy lie apart, beside what chance makes.

    Confidence is the probability of the class named. The expected calibration error is
    `sum over bins of (images in it / images) |accuracy - mean confidence|`, in ten bins
    of equal width. A perfect network has an error above 0 as well, since each bin
    holds few images: `chance` and `chance_high` are the mean and the 95th percentile
    of that error where an image is right with just the probability that was named.

    A temperature T divides the logits; the one with the lowest cross-entropy on half of
    the images is fitted, and the error after it measured on the others.

    Source: Guo et al. 2017, arXiv:1706.04599.

    Args:
        probabilities: Shape `(images, classes)`, rows sum to 1.
        labels: Class index of each image, shape `(images,)`.
        seed: Of the draws behind `chance`, and of the halves.

    Returns:
        `ece`, `chance`, `chance_high`, `mean_confidence`, `gap` (mean confidence less
        accuracy: above 0 is overconfident), `cross_entropy` in nat, `temperature`,
        `ece_before` and `ece_after` (on the other half), and `bins` with `low`,
        `high`, `images`, `confidence` and `accuracy`; all but the last four in [0, 1].
    """
    confidence = probabilities.max(axis=1)
    right = probabilities.argmax(axis=1) == labels
    rng = np.random.default_rng(seed)
    draws = rng.random((_NUM_DRAWS, len(labels))) < confidence
    chance = np.array([expected_error(confidence, draw) for draw in draws])
    fitted, measured = np.array_split(rng.permutation(len(labels)), 2)
    temperature = fit_temperature(probabilities[fitted], labels[fitted])
    cooled = apply_temperature(probabilities, temperature)[measured].max(axis=1)
    named = probabilities[np.arange(len(labels)), labels]
    return {
        "ece": expected_error(confidence, right),
        "chance": float(chance.mean()),
        "chance_high": float(np.quantile(chance, 0.95)),
        "mean_confidence": float(confidence.mean()),
        "gap": float(confidence.mean() - right.mean()),
        "cross_entropy": float(-np.log(np.maximum(named, _LEAST_PROBABILITY)).mean()),
        "temperature": temperature,
        "ece_before": expected_error(confidence[measured], right[measured]),
        "ece_after": expected_error(cooled, right[measured]),
        "bins": _describe_bins(confidence, right),
    }


def expected_error(confidence: np.ndarray, right: np.ndarray) -> float:
    """Return the expected calibration error, in [0, 1].

    Args:
        confidence: In [0, 1], shape `(images,)`.
        right: Whether the image was named right, shape `(images,)`.
    """
    if len(confidence) == 0:
        return 0.0
    place = _bin_of(confidence)
    gaps = np.bincount(place, weights=right - confidence, minlength=NUM_BINS)
    return float(np.abs(gaps).sum() / len(confidence))


def fit_temperature(probabilities: np.ndarray, labels: np.ndarray) -> float:
    """Return the temperature in [0.05, 20] with the lowest cross-entropy."""

    def cross_entropy(log_temperature: float) -> float:
        found = apply_temperature(probabilities, np.exp(log_temperature))
        named = found[np.arange(len(labels)), labels]
        return float(-np.log(np.maximum(named, _LEAST_PROBABILITY)).mean())

    found = optimize.minimize_scalar(
        cross_entropy, bounds=(np.log(0.05), np.log(20)), method="bounded"
    )
    return float(np.exp(found.x))


def apply_temperature(probabilities: np.ndarray, temperature: float) -> np.ndarray:
    """Return the probabilities with their logits divided by a temperature."""
    logits = np.log(np.maximum(probabilities, _LEAST_PROBABILITY))
    return special.softmax(logits / temperature, axis=1)


def _bin_of(confidence: np.ndarray) -> np.ndarray:
    return np.clip((confidence * NUM_BINS).astype(int), 0, NUM_BINS - 1)


def _describe_bins(confidence: np.ndarray, right: np.ndarray) -> list[dict]:
    place = _bin_of(confidence)
    return [
        {
            "low": k / NUM_BINS,
            "high": (k + 1) / NUM_BINS,
            "images": int(np.sum(place == k)),
            "confidence": float(confidence[place == k].mean()),
            "accuracy": float(right[place == k].mean()),
        }
        for k in np.unique(place).tolist()
    ]
