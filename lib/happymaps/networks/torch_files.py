"""The numbers in a file that PyTorch wrote before its release 1.6, without PyTorch.

Such a file is a row of pickles, then the numbers. A pickle can name any function of
Python and have it called, so one is read here that knows three things alone:
dictionaries, kinds of numbers, and how a tensor lies among them.
"""

import collections
import pickle
from pathlib import Path
from typing import BinaryIO, NamedTuple

import numpy as np

_MAGIC = 0x1950A86A20F9469CFC6C
_KINDS = {
    "DoubleStorage": np.dtype("<f8"),
    "FloatStorage": np.dtype("<f4"),
    "IntStorage": np.dtype("<i4"),
    "LongStorage": np.dtype("<i8"),
}


class _Stored(NamedTuple):
    """Where the numbers of tensors are: a name in the file, their kind and count."""

    key: str
    kind: np.dtype
    count: int


class _Tensor(NamedTuple):
    """A tensor before its numbers are read."""

    stored: _Stored
    offset: int
    shape: tuple[int, ...]
    strides: tuple[int, ...]


class _Unpickler(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> object:
        if (module, name) == ("collections", "OrderedDict"):
            return collections.OrderedDict
        if module == "torch" and name in _KINDS:
            return _KINDS[name]  # a value: it cannot be called
        if (module, name) == ("torch._utils", "_rebuild_tensor_v2"):
            return lambda stored, offset, shape, strides, *rest: _Tensor(
                stored, offset, shape, strides
            )
        raise ValueError(
            "Expected a file of named tensors. It was refused, because it names "
            f"{module}.{name}: loading that could run code."
        )

    def persistent_load(self, saved: tuple) -> _Stored:
        _, kind, key, _, count = saved[:5]
        return _Stored(key, kind, count)


def read_tensors(path: str | Path) -> dict[str, np.ndarray]:
    """Return the tensors of a legacy PyTorch file by their names; no code can run.

    Args:
        path: Of a file written by `torch.save(network.state_dict())`, release < 1.6, or
            later with `_use_new_zipfile_serialization=False`.

    Raises:
        ValueError: Another kind of file, a damaged one, or one that names anything but
            dictionaries and tensors.
    """
    with Path(path).open("rb") as file:
        try:
            if _Unpickler(file).load() != _MAGIC:
                raise pickle.UnpicklingError("another magic number")
            _Unpickler(file).load()  # the version of the format
            _Unpickler(file).load()  # sizes of numbers, little end first
            tensors, keys = _Unpickler(file).load(), _Unpickler(file).load()
            kinds = {tensor.stored.key: tensor.stored for tensor in tensors.values()}
            numbers = {key: _read_numbers(file, kinds[key]) for key in keys}
            return {
                name: _form(tensor, numbers[tensor.stored.key])
                for name, tensor in tensors.items()
            }
        except (
            pickle.UnpicklingError, EOFError, AttributeError, IndexError, KeyError,
            TypeError, MemoryError, UnicodeDecodeError, OverflowError,
        ) as error:  # fmt: skip
            raise ValueError(
                "Expected a file of named tensors that PyTorch wrote before 1.6. "
                f"Received: {str(path)!r}, which is damaged or of another kind."
            ) from error


def _read_numbers(file: BinaryIO, stored: _Stored) -> np.ndarray:
    count = int.from_bytes(file.read(8), "little")
    content = file.read(count * stored.kind.itemsize)
    if count != stored.count or len(content) != count * stored.kind.itemsize:
        raise EOFError
    return np.frombuffer(content, stored.kind)


def _form(tensor: _Tensor, numbers: np.ndarray) -> np.ndarray:
    # Strides lead through memory, so that none may lead out of it.
    steps = [(n - 1) * s for n, s in zip(tensor.shape, tensor.strides, strict=True)]
    inside = 0 <= tensor.offset <= len(numbers) - 1 - sum(steps)
    if min(steps, default=0) < 0 or min(tensor.shape, default=1) < 1 or not inside:
        raise IndexError
    strides = [stride * numbers.itemsize for stride in tensor.strides]
    start = numbers[tensor.offset :]
    return np.lib.stride_tricks.as_strided(start, tensor.shape, strides).copy()
