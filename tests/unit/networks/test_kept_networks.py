"""Networks that lie in the repository: found by what they were made from."""

import dataclasses
import io
import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import h5py
import numpy as np
import pandas as pd
import pytest
from typer.testing import CliRunner

from happymaps.datasets import load_dataset
from happymaps.networks import keeping, kept_networks, study
from happymaps.networks.models import build_cnn
from happymaps.networks.reading import load_model
from happymaps.networks.study import open_images, study_network
from happymaps_cli.main import app

TINY = {
    "dataset": "synthetic_faces", "image_size": "16x16", "target": "facing_left",
    "split": "person", "num_folds": "4", "fold": "1", "filters": "2",
    "dense_units": "3", "final_activation": "softmax", "seed": "7", "bits": "8",
}  # fmt: skip
FORM = {"filters": (2,), "dense_units": (3,), "seed": 7}


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A folder of one small network, made from a table that names it."""
    folder = tmp_path_factory.mktemp("networks")
    (folder / "left_over.keras").touch()
    pd.DataFrame([TINY]).to_csv(folder / "networks.csv", index=False)
    with pytest.MonkeyPatch.context() as patch:
        for module in (kept_networks, keeping):
            patch.setattr(module, "kept_folder", lambda: folder)
        for module in (study, keeping):
            patch.setattr(module, "TRAINING", {"epochs": 1, "patience": 1})
        keeping.keep_networks()
    return folder


@pytest.fixture
def kept(made, tmp_path, monkeypatch):
    """A copy of that folder, which is the repository's; what is trained fails."""
    folder = shutil.copytree(made, tmp_path / "networks")
    monkeypatch.setattr(kept_networks, "kept_folder", lambda: folder)
    monkeypatch.setattr(study, "TRAINING", {"epochs": 1, "patience": 1})
    monkeypatch.setattr(study, "data_root", lambda: tmp_path / "data")
    monkeypatch.setattr(study, "train", lambda *a, **o: pytest.fail("trained"))
    return folder


@pytest.fixture(scope="module")
def learned():
    from experiments.experiment0.measures.train_one_network import split_fold

    images = open_images("synthetic_faces", image_size="16x16")
    return split_fold(images, split="person", num_folds=4, fold=1, seed=0)[0]


def test_network_of_the_table_is_found_and_not_trained(kept, learned):
    (row,) = kept_networks.read_table().to_dict("records")
    found = study_network(learned, **FORM)
    assert kept_networks.digest_weights(found) == row["weights"]
    assert row["fingerprint"] == learned.fingerprint()
    assert sorted(path.name for path in kept.iterdir()) == sorted(
        ["networks.csv", row["file"]]
    )


@pytest.mark.parametrize(
    "change", [{"seed": 8}, {"filters": (3,)}, {"final_activation": "linear"}]
)
def test_network_of_another_form_or_seed_is_trained(kept, learned, change):
    with pytest.raises(pytest.fail.Exception, match="trained"):
        study_network(learned, **(FORM | change))


def test_network_of_another_training_is_trained(kept, learned, monkeypatch):
    monkeypatch.setattr(study, "TRAINING", {"epochs": 2, "patience": 1})
    with pytest.raises(pytest.fail.Exception, match="trained"):
        study_network(learned, **FORM)


def test_network_of_images_that_rounding_has_moved_is_found(kept, learned):
    sign = np.where(np.random.default_rng(0).random(learned.images.shape) < 0.5, 1, -1)
    moved = (learned.images + 3e-7 * sign).astype(np.float32)
    elsewhere = dataclasses.replace(learned, images=moved)
    assert elsewhere.fingerprint() != learned.fingerprint()
    study_network(elsewhere, **FORM)


def test_outside_a_checkout_no_network_is_kept(kept, learned, monkeypatch):
    monkeypatch.setattr(kept_networks, "kept_folder", lambda: kept / "none")
    with pytest.raises(pytest.fail.Exception, match="trained"):
        study_network(learned, **FORM)


@pytest.mark.parametrize("what", ["one image", "one label", "another seed"])
def test_network_of_other_data_is_trained(kept, learned, what):
    images, labels = learned.images.copy(), learned.labels.copy()
    if what == "one image":
        images[5] = images[6]
    elif what == "one label":
        labels[5] = 1 - labels[5]
    else:
        other = load_dataset("synthetic_faces", image_size=(16, 16), seed=1)
        images = other.images[: len(images)]
    other = dataclasses.replace(learned, images=images, labels=labels)
    with pytest.raises(pytest.fail.Exception, match="trained"):
        study_network(other, **FORM)


def test_file_with_other_weights_is_refused(kept, learned):
    (path,) = kept.glob("*.keras")
    kept_networks.write_network(build_cnn((16, 16, 1), 2, **FORM), path)
    with pytest.raises(ValueError, match=r"Expected weights \w{16}.* Received: \w{16}"):
        study_network(learned, **FORM)


def test_file_that_is_missing_is_told(kept, learned):
    (path,) = kept.glob("*.keras")
    path.unlink()
    with pytest.raises(ValueError, match=r"no such file\. Restore it from git"):
        study_network(learned, **FORM)


def test_weights_are_rounded_to_eight_significant_bits():
    # 1 + 2^-7 has eight bits; a bit more at 2^-9 is lost, at 2^-8 it is a half.
    given = np.array([1 + 2**-7, 1 + 2**-9, 1 + 2**-8, -(1 + 3 * 2**-9), 0], np.float32)
    rounded = kept_networks.round_weights(given, 8)
    assert np.array_equal(kept_networks.round_weights(given, 24), given)
    assert rounded.tolist() == [1 + 2**-7, 1.0, 1 + 2**-7, -(1 + 2**-7), 0.0]


def test_the_same_network_is_the_same_file(tmp_path):
    model = build_cnn((16, 16, 1), 2, **FORM)
    for name in ("one", "two"):
        kept_networks.write_network(model, tmp_path / f"{name}.keras")
    one, two = ((tmp_path / f"{n}.keras").read_bytes() for n in ("one", "two"))
    assert one == two


# -------------------------------------------------------------- those of the repository


def test_kept_networks_are_small_and_as_the_table_says():
    table, folder = kept_networks.read_table(), kept_networks.kept_folder()
    assert sorted(table["file"]) == sorted(path.name for path in folder.glob("*.keras"))
    sizes = [(folder / name).stat().st_size for name in table["file"]]
    assert max(sizes) < 300_000 and sum(sizes) < 4_000_000
    for row in table.itertuples():
        model = load_model(folder / row.file)
        assert kept_networks.digest_weights(model) == row.weights, row.file
        # Nothing is stored but the weights: no moments of the training.
        with zipfile.ZipFile(folder / row.file) as archive:
            content = io.BytesIO(archive.read("model.weights.h5"))
        with h5py.File(content) as file:
            assert count_numbers(file) == model.count_params(), row.file


def count_numbers(group: h5py.Group) -> int:
    """Return how many numbers a file or group of HDF5 holds."""
    return sum(
        count_numbers(item) if isinstance(item, h5py.Group) else item.size
        for item in group.values()
    )


def test_the_study_of_the_quick_notebooks_is_kept(monkeypatch):
    monkeypatch.setattr(study, "train", lambda *a, **o: pytest.fail("trained"))
    found = study.open_study("synthetic_faces")
    assert found.accuracies()["accuracy"].min() > 0.9
    assert Path(kept_networks.kept_folder()).parts[-2:] == ("experiments", "networks")


# ------------------------------------------------------------- those a machine has kept


def test_instructions_are_those_that_the_environment_leaves():
    code = "from happymaps.base import processors as p; print(p.instruction_set())"
    limits = [
        {},
        {"NPY_DISABLE_CPU_FEATURES": "X86_V3 X86_V4 AVX512_ICL AVX512_SPR"},
        {"ONEDNN_MAX_CPU_ISA": "avx2"},
    ]
    own, numpy_held, onednn_held = (
        subprocess.run(
            [sys.executable, "-c", code], env=os.environ | limit,
            capture_output=True, text=True, check=True,
        ).stdout.strip()
        for limit in limits
    )  # fmt: skip
    assert onednn_held == own + "-AVX2"
    if "X86_V3" in own or "X86_V4" in own or "AVX512" in own:
        assert numpy_held.endswith("X86_V2")


def test_refresh_of_networks_takes_no_notebooks():
    result = CliRunner().invoke(app, ["refresh", "--networks", "a.ipynb"])
    assert result.exit_code != 0
    assert "takes no notebooks. Received: a.ipynb" in result.output
