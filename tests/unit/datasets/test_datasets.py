import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from happymaps.base import paths
from happymaps.datasets import Dataset, load_dataset, person_folds, split_dataset


def make_dataset(labels, people=None) -> Dataset:
    labels = np.array(labels)
    # Every image carries its own index, so that one can see where it went.
    images = np.arange(len(labels), dtype=np.float32).reshape(-1, 1, 1, 1)
    metadata = pd.DataFrame({"file": [f"{index}.png" for index in range(len(labels))]})
    if people is not None:
        metadata["person"] = people
    names = tuple(f"class {label}" for label in range(labels.max() + 1))
    masks = {"head": images[..., 0] > 0}
    return Dataset("toy", images, labels, names, metadata, masks)


def indices(dataset: Dataset) -> list[int]:
    return dataset.images.ravel().astype(int).tolist()


def test_split_by_image_divides_every_class_alike():
    dataset = make_dataset([0] * 30 + [1] * 10)
    train, test = split_dataset(dataset)
    assert train.class_counts().tolist() == [24, 8]
    assert test.class_counts().tolist() == [6, 2]
    assert sorted(indices(train) + indices(test)) == list(range(40))
    assert indices(train) == sorted(indices(train))
    assert test.metadata["file"].tolist() == [f"{i}.png" for i in indices(test)]
    np.testing.assert_array_equal(test.masks["head"][:, 0, 0], test.images.ravel() > 0)


def test_split_depends_on_the_seed_alone():
    dataset = make_dataset([0, 1] * 20, [f"p{index % 10}" for index in range(40)])
    for by in ("image", "person"):
        tests = [indices(split_dataset(dataset, by=by, seed=s)[1]) for s in (0, 0, 1)]
        assert tests[0] == tests[1] != tests[2]


@pytest.mark.parametrize(
    ("labels", "test_fraction", "num_test"),
    [
        ([0] * 9 + [1], 0.2, 2),  # a class of one image
        ([0, 0, 1, 1, 2, 2], 0.2, 1),  # fewer test images than classes
        ([0, 0, 1, 1, 2, 2], 0.9, 5),  # fewer training images than classes
        ([0, 1], 0.5, 1),
        ([0, 1, 0], 0.01, 1),
        ([0, 1, 0], 0.99, 2),
    ],
)
def test_split_of_tiny_classes_shuffles_all_images(labels, test_fraction, num_test):
    train, test = split_dataset(make_dataset(labels), test_fraction=test_fraction)
    assert len(test) == num_test
    assert sorted(indices(train) + indices(test)) == list(range(len(labels)))


def test_split_by_person_holds_out_a_fifth_of_the_people():
    people = np.repeat([f"p{index:02d}" for index in range(20)], 3)
    dataset = make_dataset(np.tile([0, 1, 1], 20), people)
    train, test = split_dataset(dataset, by="person")
    assert test.metadata["person"].nunique() == 4 and len(test) == 12
    assert train.metadata["person"].nunique() == 16 and len(train) == 48


@given(
    st.lists(st.tuples(st.integers(0, 2), st.sampled_from("abcdef")), min_size=2),
    st.floats(0.01, 0.99),
    st.integers(0, 9),
)
def test_split_by_person_never_shares_a_person(rows, test_fraction, seed):
    labels, people = zip(*rows, strict=True)
    dataset = make_dataset(labels, people)
    shared = any(len({p for k, p in rows if k == label}) > 1 for label in labels)
    if len(set(people)) < 2 or not shared:
        with pytest.raises(ValueError, match="split"):
            split_dataset(dataset, by="person")
        return
    options = {"test_fraction": test_fraction, "seed": seed}
    train, test = split_dataset(dataset, by="person", **options)
    assert set(train.metadata["person"]).isdisjoint(test.metadata["person"])
    assert sorted(indices(train) + indices(test)) == list(range(len(labels)))
    assert len(train) and len(test)


@pytest.mark.parametrize(
    ("dataset", "options", "message"),
    [
        (make_dataset([0, 1]), {"by": "persons"}, "'persons'. Did you mean 'person'"),
        (make_dataset([0, 1]), {"test_fraction": 0}, "between 0 and 1. Received: 0"),
        (make_dataset([0, 1]), {"test_fraction": 20}, "Received: 20. Give e.g. 0.2"),
        (make_dataset([0]), {}, "at least 2 images. Received: 1"),
        (
            make_dataset([0, 1]),
            {"by": "person"},
            "'source'.. Received columns: file. Split by='image', or name",
        ),
        (
            make_dataset([0, 1, 0], ["a", "a", "a"]),
            {"by": "person"},
            "at least 2 people. Received: 1",
        ),
        (
            make_dataset([0, 1, 0], ["a", "b", "a"]),
            {"by": "person"},
            "classes that people share.*by='image', or choose another target",
        ),
    ],
)
def test_split_says_what_is_wrong(dataset, options, message):
    with pytest.raises(ValueError, match=message):
        split_dataset(dataset, **options)


def test_load_dataset_draws_synthetic_faces():
    options = {"num_images": 32, "num_people": 2, "image_size": (30, 32)}
    dataset = load_dataset("synthetic_faces", **options)
    assert repr(dataset) == (
        "Dataset('synthetic_faces': 32 images of 30x32x1, 2 classes)"
    )
    # Each of the 4 poses equally often.
    assert dataset.class_counts().to_dict() == {"not left": 24, "left": 8}
    assert dataset.metadata["person"].nunique() == 2
    assert all(mask.shape == (32, 30, 32) for mask in dataset.masks.values())
    again = load_dataset("synthetic_faces", **options)
    other = load_dataset("synthetic_faces", seed=1, **options)
    assert dataset.fingerprint() == again.fingerprint() != other.fingerprint()


def test_load_dataset_draws_new_people_from_first_person_on():
    options = {"num_images": 8, "num_people": 2, "image_size": (30, 32)}
    first = load_dataset("synthetic_faces", **options)
    others = load_dataset("synthetic_faces", first_person=2, **options)
    people = [set(dataset.metadata["person"]) for dataset in (first, others)]
    assert len(people[0] | people[1]) == 4


def test_load_dataset_of_none_size_keeps_the_native_one_of_synthetic_faces():
    dataset = load_dataset("synthetic_faces", image_size=None, num_images=2)
    assert dataset.images.shape == (2, 60, 64, 1)


def test_load_dataset_repeats_gray_in_color():
    options = {"num_images": 4, "image_size": (30, 32)}
    gray = load_dataset("synthetic_faces", **options)
    color = load_dataset("synthetic_faces", channels=3, **options)
    np.testing.assert_array_equal(color.images, np.repeat(gray.images, 3, axis=-1))


@pytest.mark.parametrize(
    ("name", "options", "message"),
    [
        ("cmu_face", {}, "Unknown data set 'cmu_face'. Did you mean 'cmu_faces'?"),
        (None, {}, "Unknown data set None.*cmu_faces, folder:PATH"),
        ("folder:", {}, "must name a folder.*Received: ''.*Correct the path"),
        ("folder:no/such", {}, "Received: 'no/such', which is no folder in"),
        ("cmu_faces", {"target": "pos"}, "target 'pos'. Did you mean 'pose'"),
        ("cmu_faces", {"num_images": 9}, "num_images can be chosen for synthetic_face"),
        ("folder:x", {"first_person": 9}, "first_person can be chosen for synthetic"),
        ("cmu_faces", {"channels": 2}, "channels must be 1"),
        ("cmu_faces", {"image_size": (60,)}, r"image_size .* \(height, width\)"),
    ],
)
def test_load_dataset_says_what_is_wrong(name, options, message):
    with pytest.raises(ValueError, match=message):
        load_dataset(name, **options)


def test_load_dataset_finds_a_relative_folder_from_here_or_from_the_repository(
    tmp_path, monkeypatch
):
    for name in ("here/data/a/x.png", "here/data/b/x.png", "root/data/a/x.png"):
        (tmp_path / name).parent.mkdir(parents=True)
        Image.new("L", (4, 4)).save(tmp_path / name)
    (tmp_path / "root" / "data" / "c").mkdir()
    Image.new("L", (4, 4)).save(tmp_path / "root" / "data" / "c" / "x.png")
    monkeypatch.setattr(paths, "repository_root", lambda: tmp_path / "root")
    monkeypatch.chdir(tmp_path / "here")
    assert load_dataset("folder:data").class_names == ("a", "b")
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    assert load_dataset("folder:data").class_names == ("a", "c")


def test_load_dataset_of_a_bare_path_says_to_write_folder_first(tmp_path):
    with pytest.raises(ValueError, match=f"give 'folder:{tmp_path}'"):
        load_dataset(str(tmp_path))


def test_folds_by_person_test_everyone_once_and_share_nobody():
    dataset = make_dataset(
        [0, 1] * 20, people=[f"p{index // 4}" for index in range(40)]
    )
    folds = person_folds(dataset, num_folds=5)
    tested = [set(test.metadata["person"]) for _, test in folds]
    assert [len(people) for people in tested] == [2] * 5
    assert set.union(*tested) == set(dataset.metadata["person"])
    for train, test in folds:
        assert not set(train.metadata["person"]) & set(test.metadata["person"])
        assert sorted(indices(train) + indices(test)) == list(range(40))
    again = person_folds(dataset, num_folds=5)
    assert [indices(test) for _, test in folds] == [indices(test) for _, test in again]


@pytest.mark.parametrize("num_folds", [1, 11])
def test_folds_are_at_least_two_and_at_most_the_people(num_folds):
    dataset = make_dataset(
        [0, 1] * 20, people=[f"p{index // 4}" for index in range(40)]
    )
    with pytest.raises(
        ValueError, match=f"number of people, 10. Received: {num_folds}"
    ):
        person_folds(dataset, num_folds=num_folds)
