"""Reads the tensors of an old PyTorch checkpoint without PyTorch, and without running what a pickle may ask to run.

The format (PyTorch before 1.6) is five pickles in a row: a magic number, a protocol version, facts about the machine
that wrote it, the object itself with its storages named by persistent ids, and the list of those names. Then come the
storages in that order, each a count of elements (int64) and the elements.
"""

from __future__ import annotations

import pickle
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

_MAGIC = 0x1950A86A20F9469CFC6C
_PROTOCOL = 1001


class CheckpointError(ValueError):
    """The file is not an old PyTorch checkpoint of float tensors and plain containers."""


@dataclass(slots=True)
class _Storage:
    elements: NDArray[np.float32] | None = None


@dataclass(slots=True)
class _Tensor:
    storage: _Storage
    offset: int
    shape: tuple[int, ...]
    strides: tuple[int, ...]

    def array(self) -> NDArray[np.float32]:
        """The tensor's elements, copied out of its storage; shared storages make views of one another otherwise."""
        elements = self.storage.elements
        reach = self.offset + sum((n - 1) * step for n, step in zip(self.shape, self.strides, strict=True)) + 1
        if elements is None or self.offset < 0 or min(self.strides, default=0) < 0 or reach > elements.size:
            raise CheckpointError("A tensor reaches beyond its storage.")
        strides = tuple(step * elements.itemsize for step in self.strides)
        return np.lib.stride_tricks.as_strided(elements[self.offset :], self.shape, strides).copy()


def _rebuild(storage: _Storage, offset: int, shape: tuple[int, ...], strides: tuple[int, ...], *_: object) -> _Tensor:
    return _Tensor(storage, offset, tuple(shape), tuple(strides))


class _FloatStorage:
    """Stands for torch.FloatStorage in a storage's persistent id; never called."""


_PERMITTED: dict[tuple[str, str], Callable[..., object]] = {
    ("collections", "OrderedDict"): OrderedDict,
    ("torch", "FloatStorage"): _FloatStorage,
    ("torch._utils", "_rebuild_tensor_v2"): _rebuild,
}


@dataclass(slots=True)
class _Storages:
    by_key: dict[str, _Storage] = field(default_factory=dict)

    def of(self, persistent_id: tuple[Any, ...]) -> _Storage:
        kind, storage_type, key = persistent_id[:3]
        if kind != "storage" or storage_type is not _FloatStorage:
            raise CheckpointError("The checkpoint holds something other than float tensors.")
        return self.by_key.setdefault(str(key), _Storage())


class TensorUnpickler(pickle.Unpickler):
    """An unpickler that knows tensors of floats and ordered dictionaries, and refuses every other name."""

    def __init__(self, file: IO[bytes], storages: _Storages | None = None) -> None:
        super().__init__(file)
        self._storages = storages or _Storages()

    def find_class(self, module: str, name: str) -> Any:
        """What a pickle may build; anything else raises CheckpointError before it is even imported."""
        try:
            return _PERMITTED[module, name]
        except KeyError:
            raise CheckpointError(f"The checkpoint asks for {module}.{name}, which is not a tensor.") from None

    def persistent_load(self, persistent_id: Any) -> _Storage:
        """The storage that a tensor names."""
        return self._storages.of(persistent_id)


def read_tensors(file: IO[bytes], entry: str) -> dict[str, NDArray[np.float32]]:
    """The named float32 arrays under the checkpoint's dictionary entry `entry`.

    Raises CheckpointError where the file is of another format or names anything but tensors and dictionaries.
    """
    if TensorUnpickler(file).load() != _MAGIC or TensorUnpickler(file).load() != _PROTOCOL:
        raise CheckpointError("This is not a checkpoint of the old format.")
    machine = TensorUnpickler(file).load()
    storages = _Storages()
    checkpoint = TensorUnpickler(file, storages).load()
    order = "<f4" if machine.get("little_endian", True) else ">f4"
    for key in TensorUnpickler(file).load():
        count = int.from_bytes(file.read(8), "little")
        # read-only buffers keep their memory alive as long as an array needs them
        elements = np.frombuffer(file.read(4 * count), dtype=order)
        if elements.size != count:
            raise CheckpointError("The checkpoint is cut short.")
        storages.by_key.setdefault(str(key), _Storage()).elements = elements
    return {name: tensor.array() for name, tensor in checkpoint[entry].items()}
