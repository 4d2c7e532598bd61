import itertools

import numpy as np
import pytest

from happymaps.datasets.faces import EXPRESSIONS, EYES, POSES
from happymaps.datasets.synthetic_faces import generate_faces

REGIONS = {"face", "hair", "eyes", "mouth", "body", "background"}


@pytest.fixture(scope="module")
def faces():
    return generate_faces()


def centroid(masks):
    """Mean column and row of each mask, NaN where it is empty."""
    rows, columns = np.indices(masks.shape[1:])
    count = np.where(masks.any((1, 2)), masks.sum((1, 2)), np.nan)
    return (masks * columns).sum((1, 2)) / count, (masks * rows).sum((1, 2)) / count


def offset_from_head(masks, feature):
    """Columns and rows from the middle of the head to the middle of a feature."""
    head = masks["face"] | masks["hair"] | masks["eyes"] | masks["mouth"]
    (x, y), (head_x, head_y) = centroid(masks[feature]), centroid(head)
    return x - head_x, y - head_y


def test_default_is_640_gray_images_of_20_people(faces):
    images, metadata, masks = faces
    assert images.shape == (640, 60, 64, 1)
    assert images.dtype == np.float32
    assert images.min() >= 0
    assert images.max() <= 1
    assert list(metadata.columns) == ["person", "pose", "expression", "eyes", "file"]
    assert sorted(metadata["person"].unique()) == [f"person_{i:02d}" for i in range(20)]
    assert set(masks) == REGIONS


def test_default_holds_each_combination_of_each_person_once(faces):
    _, metadata, _ = faces
    rows = metadata[["person", "pose", "expression", "eyes"]].itertuples(index=False)
    people = [f"person_{i:02d}" for i in range(20)]
    expected = itertools.product(people, POSES, EXPRESSIONS, EYES)
    assert sorted(map(tuple, rows)) == sorted(expected)
    assert (metadata["pose"] == "left").mean() == 0.25


def test_file_spells_out_the_row_and_is_unique():
    _, metadata, _ = generate_faces(150, num_people=2, image_size=(16, 16))
    assert metadata["file"].is_unique
    for row in metadata.itertuples():
        stem = f"{row.person}_{row.pose}_{row.expression}_{row.eyes}_{row.Index // 64}"
        assert row.file == stem + ".png"


@pytest.mark.parametrize("num_people", [1, 3, 4, 20])
@pytest.mark.parametrize("num_images", [1, 7, 16, 50, 200])
def test_any_number_of_images_is_nearly_balanced(num_images, num_people):
    _, metadata, _ = generate_faces(
        num_images, num_people=num_people, image_size=(16, 16)
    )
    assert len(metadata) == num_images
    people = metadata["person"].value_counts()
    assert people.max() - people.min() <= 1
    for column, values in (("pose", POSES), ("eyes", EYES)):
        counts = metadata[column].value_counts().reindex(values, fill_value=0)
        assert counts.max() - counts.min() <= 4


def test_same_seed_gives_the_same_bytes_and_another_seed_other_images():
    first, again, other = (
        generate_faces(40, num_people=5, seed=seed)[0] for seed in (3, 3, 4)
    )
    assert first.tobytes() == again.tobytes()
    assert np.abs(first - other).mean() > 0.05


def test_image_depends_on_its_file_name_only(faces):
    images, metadata, masks = faces
    some, rows, some_masks = generate_faces(70, num_people=4, first_person=13)
    where = {name: index for index, name in enumerate(metadata["file"])}
    indices = [where[name] for name in rows["file"]]
    np.testing.assert_array_equal(some, images[indices])
    for region, mask in some_masks.items():
        np.testing.assert_array_equal(mask, masks[region][indices])


def test_repeats_show_the_same_person_under_new_circumstances():
    images, metadata, _ = generate_faces(64, num_people=1)
    first, second = metadata["file"].iloc[0], metadata["file"].iloc[32]
    assert first.replace("_0.png", "_1.png") == second
    assert np.abs(images[0] - images[32]).mean() > 0.01


def test_first_person_brings_new_people(faces):
    _, known, _ = faces
    images, metadata, _ = generate_faces(64, num_people=2, first_person=20)
    assert set(metadata["person"]) == {"person_20", "person_21"}
    assert set(metadata["person"]).isdisjoint(known["person"])
    assert not np.array_equal(images, generate_faces(64, num_people=2)[0])


@pytest.mark.parametrize("image_size", [(16, 16), (30, 32), (60, 64), (50, 90)])
def test_masks_share_out_every_pixel(image_size):
    images, _, masks = generate_faces(64, num_people=4, image_size=image_size)
    assert images.shape == (64, *image_size, 1)
    for mask in masks.values():
        assert mask.dtype == bool
        assert mask.shape == (64, *image_size)
    np.testing.assert_array_equal(sum(m.astype(int) for m in masks.values()), 1)


def test_every_region_is_seen_and_lies_where_it_should(faces):
    _, metadata, masks = faces
    for region in ("face", "hair", "eyes", "body", "background"):
        assert masks[region].any((1, 2)).all(), region
    assert masks["mouth"].any((1, 2)).mean() > 0.99
    straight = (metadata["pose"] == "straight").to_numpy()
    rows = {name: centroid(mask[straight])[1] for name, mask in masks.items()}
    assert (rows["eyes"] < rows["mouth"]).all()
    assert (rows["mouth"] < rows["body"]).all()
    top = {name: mask[straight].any(2).argmax(1) for name, mask in masks.items()}
    assert (top["hair"] < top["eyes"]).all()


@pytest.mark.parametrize("feature", ["eyes", "mouth"])
def test_left_is_the_subjects_left_and_the_viewers_right(faces, feature):
    _, metadata, masks = faces
    across, _ = offset_from_head(masks, feature)
    by_pose = {pose: across[metadata["pose"] == pose] for pose in POSES}
    assert np.nanmean(by_pose["left"] > 0) > 0.98
    assert np.nanmean(by_pose["right"] < 0) > 0.98
    assert abs(np.nanmean(by_pose["straight"])) < 1
    assert np.nanmean(by_pose["left"]) > 2
    assert np.nanmean(by_pose["right"]) < -2


@pytest.mark.parametrize("feature", ["eyes", "mouth"])
def test_up_lifts_the_features_within_the_head(faces, feature):
    _, metadata, masks = faces
    _, down = offset_from_head(masks, feature)
    up, straight = (down[metadata["pose"] == pose] for pose in ("up", "straight"))
    assert np.nanmean(up) < np.nanmean(straight) - 1


def test_sunglasses_darken_the_eyes_of_the_same_person(faces):
    images, metadata, masks = faces
    eyes = masks["eyes"]
    tone = (images[..., 0] * eyes).sum((1, 2)) / eyes.sum((1, 2))
    table = metadata.assign(tone=tone).groupby(["person", "eyes"])["tone"].mean()
    table = table.unstack()
    assert (table["sunglasses"] < 0.8 * table["open"]).all()
    worn = (metadata["eyes"] == "sunglasses").to_numpy()
    assert eyes[worn].sum() > 2 * eyes[~worn].sum()


def test_smile_widens_the_mouth_of_the_same_person(faces):
    _, metadata, masks = faces
    size = metadata.assign(size=masks["mouth"].sum((1, 2)))
    size = size.groupby(["person", "expression"])["size"].mean().unstack()
    assert (size["happy"] > size["neutral"]).all()


def test_photographs_of_one_person_are_more_alike_than_of_two(faces):
    images, metadata, _ = faces
    person = metadata["person"].to_numpy()
    flat = images.reshape(640, -1) - images.mean((1, 2))
    distance = np.square(flat[:, None, ::16] - flat[None, :, ::16]).mean(-1)
    same = person[:, None] == person
    other = distance[~same].mean()
    assert distance[same].mean() < 0.8 * other


def test_default_faces_are_those_that_results_were_made_with(faces):
    # Not their fingerprint: another processor's sine may differ in the last bit.
    images, _, masks = faces
    np.testing.assert_allclose(images.mean(dtype=float), 0.3560833, atol=1e-6)
    np.testing.assert_allclose(images.std(dtype=float), 0.1907216, atol=1e-6)
    pixels = [
        [0.456272, 0.382676, 0.393108, 0.203592],
        [0.291713, 0.331374, 0.536507, 0.534920],
        [0.315227, 0.467053, 0.263164, 0.604910],
    ]
    np.testing.assert_allclose(images[[0, 321, 639], 30, ::16, 0], pixels, atol=1e-5)
    assert masks["face"].sum() == pytest.approx(259974, abs=10)
    assert masks["mouth"].sum() == pytest.approx(7410, abs=10)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"num_images": 0}, "num_images must be .* at least 1. Received: 0"),
        ({"num_images": 2.5}, "num_images must be a whole number"),
        ({"num_people": 0}, "num_people must be .* Pass num_people=1 or more"),
        ({"seed": -1}, "seed must be .* at least 0"),
        ({"first_person": -3}, "first_person must be .* Received: -3"),
        ({"image_size": (15, 64)}, "height must be .* at least 16. Received: 15"),
        ({"image_size": (60, 8)}, "width must be .* at least 16. Received: 8"),
        ({"image_size": 60}, "image_size must be"),
        ({"image_size": (60, 64, 1)}, "image_size must be"),
    ],
)
def test_bad_argument_is_refused_with_a_remedy(options, message):
    with pytest.raises(ValueError, match=message):
        generate_faces(**options)
