"""Images of a folder as they lie there: any depth, no classes."""

import numpy as np
import pytest
from PIL import Image

from happymaps.datasets.unlabeled import load_unlabeled


def write(path, value: int, mode: str = "L") -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new(mode, (6, 4), value if mode == "L" else (value,) * 3).save(path)


def test_files_of_any_depth_are_read_and_others_passed_over(tmp_path):
    write(tmp_path / "b.png", 255)
    write(tmp_path / "deep/er/a.jpg", 0)
    write(tmp_path / ".hidden/c.png", 0)
    (tmp_path / "notes.txt").write_text("no image")
    images, names = load_unlabeled(tmp_path, image_size=(2, 3))
    assert names == ["b.png", "deep/er/a.jpg"] and images.shape == (2, 2, 3, 1)
    np.testing.assert_allclose(images.mean(axis=(1, 2, 3)), [1, 0])
    write(tmp_path / "c.png", 0, "RGB")
    assert load_unlabeled(tmp_path, image_size=(2, 3))[0].shape[-1] == 3
    assert load_unlabeled(tmp_path, image_size=(2, 3), channels=1)[0].shape[-1] == 1


def test_folders_without_images_and_damaged_files_are_told(tmp_path):
    with pytest.raises(ValueError, match="Expected a folder with images"):
        load_unlabeled(tmp_path, image_size=(2, 3))
    (tmp_path / "a.png").write_bytes(b"none")
    with pytest.raises(ValueError, match="cannot be read as an image"):
        load_unlabeled(tmp_path, image_size=(2, 3))
    write(tmp_path / "b.png", 9)
    with pytest.warns(UserWarning, match="Left out 1 of 2"):
        found = load_unlabeled(tmp_path, image_size=(2, 3), skip_damaged=True)
    assert found[1] == ["b.png"]
