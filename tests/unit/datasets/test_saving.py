import numpy as np
import pandas as pd
import pytest
from PIL import Image

from happymaps.datasets import Dataset, load_dataset, save_dataset, split_dataset


def make_dataset(*, channels: int = 1, class_names=("not left", "left"), **columns):
    rng = np.random.default_rng(0)
    images = rng.random((6, 5, 4, channels)).astype(np.float32)
    labels = np.array([0, 1, 0, 1, 0, 0])
    return Dataset("toy", images, labels, class_names, pd.DataFrame(columns))


PEOPLE = {
    "person": ["01", "02", "03", "01", "02", "03"],
    "pose": ["up", "left", "up", "left", "right", "up"],
    "file": [f"face{index}.pgm" for index in range(6)],
}


def list_files(folder) -> list[str]:
    files = [path for path in folder.rglob("*") if path.is_file()]
    return sorted(path.relative_to(folder).as_posix() for path in files)


@pytest.mark.parametrize("channels", [1, 3])
def test_saved_dataset_loads_again_within_half_a_gray_level(tmp_path, channels):
    dataset = make_dataset(channels=channels, **PEOPLE)
    folder = save_dataset(dataset, tmp_path / "new" / "faces")
    loaded = load_dataset(f"folder:{folder}", image_size=None)
    # Loaded in the order of class and file.
    expected = dataset.take(np.array([0, 2, 4, 5, 1, 3]))
    assert loaded.class_names == ("not left", "left")
    np.testing.assert_array_equal(loaded.labels, expected.labels)
    np.testing.assert_allclose(loaded.images, expected.images, atol=0.501 / 255)
    assert loaded.metadata["person"].tolist() == ["01", "03", "02", "03", "02", "01"]
    assert loaded.metadata["pose"].tolist() == expected.metadata["pose"].tolist()
    train, test = split_dataset(loaded, by="person", test_fraction=1 / 3)
    assert set(train.metadata["person"]).isdisjoint(test.metadata["person"])
    assert test.metadata["person"].nunique() == 1


def test_saved_dataset_has_a_table_of_files_labels_and_metadata(tmp_path):
    folder = save_dataset(make_dataset(**PEOPLE), tmp_path / "faces")
    lines = (folder / "ground_truth.csv").read_text().splitlines()
    assert lines[:3] == [
        "file,label,person,pose",
        "not left/face0.png,0,01,up",
        "left/face1.png,1,02,left",
    ]
    assert [path.name for path in tmp_path.iterdir()] == ["faces"]


@pytest.mark.parametrize("files", [None, ["a.png"] * 6, [".a", *"bcdef"], [*"aBAbcd"]])
def test_saved_files_are_numbered_where_names_are_missing_or_clash(tmp_path, files):
    columns = {} if files is None else {"file": files}
    folder = save_dataset(make_dataset(**columns), tmp_path / "faces")
    expected = [f"not left/0000{index}.png" for index in (0, 2, 4, 5)]
    assert [name for name in list_files(folder) if "not left" in name] == expected


def test_save_replaces_what_it_wrote_before(tmp_path):
    (tmp_path / "faces").mkdir()
    folder = save_dataset(make_dataset(**PEOPLE), tmp_path / "faces")
    (folder / ".DS_Store").write_bytes(b"")
    smaller = make_dataset(**PEOPLE).take(np.array([0, 1]))
    save_dataset(smaller, str(folder))
    assert list_files(tmp_path) == [
        "faces/.written-by-happymaps",
        "faces/ground_truth.csv",
        "faces/left/face1.png",
        "faces/not left/face0.png",
    ]


def test_save_refuses_a_folder_that_it_did_not_write(tmp_path):
    dataset = make_dataset(**PEOPLE)
    (tmp_path / "precious.txt").write_text("mine")
    with pytest.raises(ValueError, match=r"Choose another folder, or move that away"):
        save_dataset(dataset, tmp_path)
    with pytest.raises(ValueError, match=r"precious.txt holds what save_dataset did n"):
        save_dataset(dataset, tmp_path / "precious.txt")
    folder = save_dataset(dataset, tmp_path / "faces")
    Image.new("L", (4, 5)).save(folder / "left" / "mine.png")
    with pytest.raises(ValueError, match=r"holds left/mine.png, which save_dataset"):
        save_dataset(dataset, folder)
    assert (folder / "left" / "mine.png").is_file()


@pytest.mark.parametrize("name", ["a/b", "..", "", ".hidden", "a\\b", "a:b"])
def test_save_refuses_a_class_name_that_no_folder_can_have(tmp_path, name):
    with pytest.raises(ValueError, match=r"A class name must be able to name a folder"):
        save_dataset(make_dataset(class_names=("left", name)), tmp_path / "faces")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("kind", [KeyboardInterrupt, OSError])
def test_save_leaves_the_older_copy_when_interrupted(tmp_path, monkeypatch, kind):
    dataset = make_dataset(**PEOPLE)
    folder = save_dataset(dataset, tmp_path / "faces")
    before = list_files(tmp_path)

    def interrupt(*_, **__):
        raise kind("No space left on device")

    smaller = dataset.take(np.array([0, 1]))
    with monkeypatch.context() as patch:
        patch.setattr(pd.DataFrame, "to_csv", interrupt)
        with pytest.raises(kind):
            save_dataset(smaller, folder)
        with pytest.raises(kind):
            save_dataset(smaller, tmp_path / "other")
    assert list_files(tmp_path) == before
    with monkeypatch.context() as patch:
        rename = type(folder).rename
        patch.setattr(
            type(folder),
            "rename",
            lambda self, new: interrupt() if self.name == "new" else rename(self, new),
        )
        with pytest.raises(kind):
            save_dataset(smaller, folder)
    assert list_files(tmp_path) == before
