"""What experiment 6 measures of a classifier of digits."""

import numpy as np
import pytest

from experiments.experiment6.measures import smooth_kernel_machine as measures


@pytest.fixture(scope="module")
def digits():
    return measures.load_digits("mnist_5k")


def test_digits_come_in_three_parts_that_share_none(digits):
    assert [len(part[1]) for part in digits] == [3600, 400, 1000]
    images = np.concatenate([part[0] for part in digits])
    assert images.shape == (5000, 28, 28, 1) and (images.min(), images.max()) == (0, 1)
    labels = np.concatenate([part[1] for part in digits])
    assert np.bincount(labels).tolist() == [500] * 10
    again = measures.load_digits("mnist_5k")
    np.testing.assert_array_equal(again.tested[0], digits.tested[0])


def test_a_short_training_names_most_digits_and_is_asked_about_unseen_ones():
    found = measures.measure_head(
        head="kernel_machine", num_learned=1280, epochs=8, without_unseen=True
    )
    assert float(found.error) < 0.4 and found.is_wrong.dtype == bool
    assert 0.5 < float(found.errors_told) <= 1
    assert 0 <= float(found.unseen_by_sum) <= 1
    assert float(found.ece_cooled) < 0.2


def test_mixtures_learn_and_support_vectors_do_as_well_after_softmax():
    options = {"num_learned": 1280, "epochs": 8}
    mixture = measures.measure_head(head="mixture", **options)
    assert float(mixture.error) < 0.4 and np.isnan(mixture.svm_error)
    softmax = measures.measure_head(head="softmax", without_unseen=True, **options)
    assert float(softmax.error) < 0.3 and float(softmax.svm_error) < 0.3
    assert float(softmax.unseen_told) > 0.5 and np.isnan(softmax.unseen_by_sum)


def test_two_features_are_given_with_the_supports():
    found = measures.measure_head(num_learned=640, epochs=2, num_features=2)
    assert found.feature.shape == (1000, 2) and found.support.shape == (100, 2)
    assert np.isfinite(found.feature).all()


def test_gap_of_scores_is_of_the_two_largest():
    scores = np.array([[3.0, 1.0, -2.0], [0.0, 5.0, 5.0]])
    np.testing.assert_array_equal(measures._gap(scores), [2, 0])


@pytest.mark.parametrize(
    ("options", "match"),
    [({"head": "svm"}, "head must be one of softmax"),
     ({"digits": "letters"}, "digits must be mnist_5k or mnist")],
)  # fmt: skip
def test_unknown_heads_and_digits_are_refused(options, match):
    with pytest.raises(ValueError, match=match):
        measures.measure_head(**options)
