"""Files of networks that unpack more than a network can be."""

import zipfile

import h5py
import numpy as np
import pytest

from happymaps.networks.models import build_cnn
from happymaps.networks.reading import load_model

MOST = 200_000_000


@pytest.fixture(scope="module")
def saved(tmp_path_factory):
    path = tmp_path_factory.mktemp("saved") / "net.keras"
    build_cnn((32, 32, 1), 2).save(path)
    return path


def packed_again(saved, path, members: dict[str, int]):
    """Write a network again, packed, with members of so many zeros."""
    with (
        zipfile.ZipFile(saved) as old,
        zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as new,
    ):
        for name in old.namelist():
            new.writestr(name, old.read(name))
        for name, size in members.items():
            with new.open(name, "w") as member:
                for start in range(0, size, 10**6):
                    member.write(bytes(min(10**6, size - start)))
    return path


@pytest.mark.parametrize(
    "members",
    [
        {"assets/0": MOST + 1},
        {f"assets/{i}": MOST // 8 for i in range(8)},
        {"other": MOST // 2, "assets/deep/er": MOST // 2},
    ],
)
def test_members_are_counted_together(saved, tmp_path, members):
    path = packed_again(saved, tmp_path / "bomb.keras", members)
    with pytest.raises(ValueError, match=r"was refused: its .* MB unpack 0\.2 GB"):
        load_model(path)


@pytest.mark.parametrize("ending", [".h5", ".keras"])
def test_arrays_are_counted_together(saved, tmp_path, ending):
    weights = tmp_path / "bomb.h5"
    with h5py.File(weights, "w") as file:
        for i in range(6):
            array = file.create_dataset(
                f"a/{i}", (5, 10**6), np.float64, compression="gzip", chunks=(1, 10**6)
            )
            array[:] = 0
    path = weights
    if ending == ".keras":
        path = tmp_path / "bomb.keras"
        with zipfile.ZipFile(path, "w") as archive:
            archive.write(weights, "model.weights.h5")
    assert path.stat().st_size < MOST // 100
    with pytest.raises(ValueError, match=r"was refused: its .* MB unpack 0\.2 GB"):
        load_model(path)


def test_a_network_that_somebody_packed_is_loaded(saved, tmp_path):
    path = packed_again(saved, tmp_path / "net.keras", {"notes.txt": 10**6})
    loaded, original = load_model(path), load_model(saved)
    for one, two in zip(loaded.get_weights(), original.get_weights(), strict=True):
        np.testing.assert_array_equal(one, two)
