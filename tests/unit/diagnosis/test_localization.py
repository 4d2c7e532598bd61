"""Covered windows, light, and shares of relevance, in images made for it."""

import numpy as np
import pytest

from happymaps.diagnosis.advice.criteria import rests_on_whole
from happymaps.diagnosis.advice.thresholds import THRESHOLDS
from happymaps.diagnosis.behavior.brightness import CHANGES, measure_brightness
from happymaps.diagnosis.behavior.leveling import measure_leveling
from happymaps.diagnosis.behavior.localization import describe_places
from happymaps.diagnosis.behavior.occlusion import make_windows, measure_covering


@pytest.fixture
def labels():
    return np.arange(40) % 2


@pytest.fixture
def images(labels):
    """Return noise whose lower right 4x4 corner is black for 0, white for 1."""
    rng = np.random.default_rng(0)
    images = rng.uniform(0.3, 0.7, (40, 20, 20, 1)).astype(np.float32)
    images[:, 16:, 16:] = labels[:, None, None, None]
    order = rng.permutation(40)  # covering takes every other image
    return images[order]


@pytest.fixture
def truth(images):
    return images[:, 18, 18, 0].astype(int)


def by_corner(images):
    return (images[:, 16:, 16:].mean(axis=(1, 2, 3)) > 0.5001).astype(int)


def test_windows_are_a_fifth_of_each_side_and_reach_all_corners():
    windows = make_windows(20, 30)
    assert len(windows) == 81
    assert {each[2:] for each in windows} == {(4, 6)}
    assert windows[0][:2] == (0, 0) and windows[-1] == (16, 24, 4, 6)
    assert windows[1] == (0, 3, 4, 6)
    assert len(make_windows(200, 200)) == 25


def test_windows_of_a_size_that_cannot_be_divided_cover_all_pixels():
    seen = np.zeros((17, 13), int)
    for top, left, height, width in make_windows(17, 13):
        seen[top : top + height, left : left + width] += 1
    assert seen.min() == 1


def test_the_corner_that_decides_is_found_and_measured(images, truth):
    found = measure_covering(by_corner, images, truth)
    assert found["window"] == [16, 16, 4, 4]
    assert found["corner"] == "bottom right" and found["touches_edge"]
    assert found["area"] == pytest.approx(0.04)
    # Covered with the mean, 0.5, all images are named 0: those of class 1 change.
    share = truth[1::2].mean()
    assert found["changed"] == pytest.approx(share)
    assert found["accuracy"] == 1
    assert found["accuracy_covered"] == pytest.approx(1 - share)
    assert found["balanced_alone"] == 1 and found["chance"] == 0.5
    assert found["median_changed"] == 0
    assert found["num_images"] == 20 and found["num_windows"] == 81


def test_a_network_that_names_all_alike_changes_nowhere(images, truth):
    found = measure_covering(lambda given: np.zeros(len(given), int), images, truth)
    assert found["changed"] == 0 and max(found["changes"]) == 0
    assert found["balanced_alone"] == found["chance"] == 0.5


def test_covering_leaves_the_images_as_they_were(images, truth):
    before = images.copy()
    measure_covering(by_corner, images, truth)
    assert np.array_equal(images, before)


def named_by_light(images):
    return (images.mean(axis=(1, 2, 3)) > 0.5).astype(int)


def test_light_changes_what_is_named_by_light_and_noise_does_not():
    levels = np.repeat([0.45, 0.55], 10)
    images = np.broadcast_to(levels[:, None, None, None], (20, 30, 30, 1))
    labels = (levels > 0.5).astype(int)
    found = measure_brightness(
        named_by_light, images.astype(np.float32), labels, ("dark", "bright")
    )
    assert [each["change"] for each in found] == list(CHANGES)
    up = found[CHANGES.index(0.1)]
    assert (up["changed"], up["accuracy"], up["toward"]) == (0.5, 0.5, "bright")
    assert (up["share_before"], up["share_after"]) == (0.5, 1.0)
    assert up["changed_by_noise"] == 0
    assert found[CHANGES.index(-0.1)]["toward"] == "dark"


def test_light_moves_by_parts_of_the_range_and_stays_inside():
    images = np.full((2, 4, 4, 1), 250, np.float32)
    seen = []

    def look(given):
        seen.append((given.min(), given.max()))
        return np.zeros(len(given), int)

    measure_brightness(look, images, np.zeros(2, int), ("a", "b"), pixel_range=(0, 255))
    assert seen[1] == pytest.approx((250 - 0.3 * 255,) * 2, rel=1e-6)
    assert max(high for _, high in seen) == 255


def colored_images(seed):
    """Return 60 images in [0, 255] of two classes, alike in all but chance."""
    rng = np.random.default_rng(seed)
    return rng.uniform(90, 160, (60, 8, 8, 3)).astype(np.float32), np.arange(60) % 2


@pytest.mark.parametrize(
    ("name", "make", "read"),
    [
        ("brightness", lambda x, k: x + 40 * k - 20,
         lambda x: x.mean(axis=(1, 2, 3)) > 125),
        ("contrast", lambda x, k: 125 + (x - 125) * (0.5 + k),
         lambda x: x.std(axis=(1, 2, 3)) > 20),
        ("color", lambda x, k: x + np.float32([20, 0, -20]) * (2 * k - 1),
         lambda x: x[..., 0].mean(axis=(1, 2)) > x[..., 2].mean(axis=(1, 2))),
    ],
)  # fmt: skip
def test_a_network_that_goes_by_one_property_changes_with_it_alone(name, make, read):
    images, labels = colored_images(0)
    images = make(images, labels[:, None, None, None]).astype(np.float32)
    before = images.copy()

    def predict(given):
        assert given.dtype == np.float32 and 0 <= given.min() <= given.max() <= 255
        return read(given).astype(int)

    found, pictures = measure_leveling(
        predict, images, labels, ("no", "yes"), pixel_range=(0, 255)
    )
    rows = {each["property"]: each for each in found}
    assert list(rows) == ["brightness", "contrast", "color"]
    own = rows.pop(name)
    assert own["accuracy"] == 1 and own["accuracy_leveled"] <= 0.7
    # Within its class it keeps what tells it.
    assert own["accuracy_in_class"] == 1
    assert own["probability"] < 1e-3 and own["differs"] < 1e-3
    findings = {"leveling": [own, *rows.values()]}
    assert rests_on_whole(findings, THRESHOLDS)["property"] == name
    assert own["changed"] == pytest.approx(0.5, abs=0.25)
    low, high = own["interval"]
    assert low < own["changed"] < high and own["num_images"] == 60
    assert all(each["changed"] == 0 for each in rows.values())
    np.testing.assert_array_equal(images, before)
    assert set(own["shown"].values()) == {"no", "yes"}
    ((picture, (as_it_is, leveled)),) = pictures.items()
    assert picture == f"leveled_{name}"
    assert any(np.allclose(as_it_is * 255, image, atol=1e-3) for image in images)
    assert not np.allclose(as_it_is, leveled, atol=0.01)


def test_leveling_says_nothing_of_few_images_and_of_no_color():
    images, labels = colored_images(1)

    def predict(given):
        return np.zeros(len(given), int)

    few = images[:15], labels[:15], ("no", "yes")
    assert measure_leveling(predict, *few) == ([], {})
    found, pictures = measure_leveling(
        predict, images[..., :1], labels, ("no", "yes"), pixel_range=(0.0, 255.0)
    )
    assert [each["property"] for each in found] == ["brightness", "contrast"]
    assert all(each["changed"] == 0 and each["probability"] == 1 for each in found)
    assert pictures == {} and all(each["shown"] is None for each in found)
    assert rests_on_whole({"leveling": found}, THRESHOLDS) is None


@pytest.mark.parametrize("num_classes", [3, 10])
def test_light_that_tells_many_classes_is_told_and_light_that_tells_none_is_not(
    num_classes,
):
    rng = np.random.default_rng(0)
    labels = np.arange(200) % num_classes
    light = 60 + 130 * labels / num_classes
    images = rng.uniform(-20, 20, (200, 8, 8, 1)) + light[:, None, None, None]
    limits = light[:num_classes] + 65 / num_classes

    def by_light(given):
        return np.digitize(given.mean(axis=(1, 2, 3)), limits[:-1])

    options = {"class_names": "abcdefghij", "pixel_range": (0.0, 255.0)}
    found, _ = measure_leveling(by_light, images, labels, **options)
    assert rests_on_whole({"leveling": found}, THRESHOLDS)["property"] == "brightness"
    mixed = rng.permutation(labels)  # the network goes by light, the classes do not
    found, _ = measure_leveling(by_light, images, mixed, **options)
    assert found[0]["changed"] > 0.5
    assert rests_on_whole({"leveling": found}, THRESHOLDS) is None


def test_shares_of_relevance_are_sums_over_places():
    heat = np.zeros((2, 10, 10))
    heat[0, 0, 0] = 1  # in the frame and the window
    heat[1, 5, 5] = 1  # in the mask
    masks = {"eye": np.zeros((2, 10, 10), bool)}
    masks["eye"][:, 5, 5] = True
    shuffled = np.full((10, 10), 0.01)
    found = describe_places(heat, shuffled, masks, (0, 0, 2, 2))
    rows = {each["kind"]: each for each in found["places"]}
    assert (rows["region"]["name"], rows["region"]["share"]) == ("eye", 0.5)
    assert rows["region"]["area"] == pytest.approx(0.01)
    assert rows["region"]["shuffled"] == pytest.approx(0.01)
    assert rows["frame"]["share"] == 0.5
    assert rows["frame"]["area"] == pytest.approx(0.36)
    assert rows["window"]["share"] == 0.5
    assert rows["window"]["shuffled"] == pytest.approx(0.04)
    assert found["num_images"] == 2 and found["num_blank"] == 0


def test_without_a_window_there_is_no_share_of_it():
    found = describe_places(np.ones((1, 5, 5)), np.ones((5, 5)), {}, None)
    assert [each["kind"] for each in found["places"]] == ["frame"]


def test_images_without_relevance_are_counted_and_left_out():
    heat = np.zeros((2, 10, 10))
    heat[1, 0, 0] = 1
    found = describe_places(heat, np.zeros((10, 10)), {}, (0, 0, 2, 2))
    assert found["num_blank"] == 1
    assert [each["share"] for each in found["places"]] == [1, 1]
    assert [each["shuffled"] for each in found["places"]] == [None, None]
