"""Experiment 1-3: four poses, or left and not left."""

import numpy as np
import pytest

import happymaps as hm
from experiments.experiment1.measures.four_poses import answer_left, measure_poses

SMALL = {"image_size": "24x24", "num_steps": 3}


@pytest.fixture(scope="module")
def points():
    """Nothing here depends on what a network has learned."""

    def build(images, *, seed):
        classes = len(images.class_names)
        return hm.networks.build_cnn(images.images.shape[1:], classes, seed=seed)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("happymaps.networks.study.study_network", build)
        return {
            "pose": measure_poses(**SMALL, num_starts=2, seed=3),
            "facing_left": measure_poses(**SMALL, target="facing_left", seed=3),
        }


def test_left_is_answered_by_whether_it_is_the_most_probable_class():
    # Rows are the truth: of 10 "left" 6 found; of 30 others 3 called left.
    table = np.array([[8, 2, 0], [3, 6, 1], [4, 1, 15]])
    found = answer_left(table, 1)
    assert found["left_accuracy"] == pytest.approx(33 / 40)
    assert found["left_balanced_accuracy"] == pytest.approx((0.6 + 0.9) / 2)


def test_two_classes_are_asked_what_they_were_trained_for(points):
    two = points["facing_left"]
    assert two.left_accuracy == pytest.approx(float(two.accuracy))
    assert two.left_balanced_accuracy == pytest.approx(float(two.balanced_accuracy))
    assert "image" not in two


def test_both_networks_are_asked_about_the_same_people(points):
    counts = {name: point.confusion.sum("predicted_class") for name, point in
              points.items()}  # fmt: skip
    assert counts["pose"].sum() == counts["facing_left"].sum() == 128
    four, two = counts["pose"], counts["facing_left"]
    assert four.sel(true_class="left") == two.sel(true_class="left") == 32


def test_each_pose_has_its_maps(points):
    image = points["pose"].image
    assert image.output.values.tolist() == ["straight", "left", "right", "up"]
    assert image.shape == (4, 2, 24, 24, 1)


def test_the_confusion_adds_up_to_the_accuracy(points):
    table = points["pose"].confusion.values
    assert np.trace(table) / table.sum() == pytest.approx(points["pose"].accuracy)


def test_another_target_is_refused():
    with pytest.raises(ValueError, match="facing_left"):
        measure_poses(target="eyes")
