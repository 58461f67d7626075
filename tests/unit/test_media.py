"""From whatever a person names to a recording: files, bytes, file objects."""

from __future__ import annotations

import io
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any, BinaryIO, cast

import av
import pytest

from aijupyter.errors import MediaError, MediaNotFoundError, MediaUnreadableError
from aijupyter.media import HEAD_BYTES, is_url, open_local, sniff

RATE = 48_000
FORMATS = [
    ("call.wav", "wav", "pcm_s16le", "Wav", "audio/wav"),
    ("call.mp3", "mp3", "libmp3lame", "Mpeg", "audio/mpeg"),
    ("bare.mp3", "mp3", "libmp3lame", "Mpeg", "audio/mpeg"),
    ("call.mp4", "mp4", "aac", "Mp4", "video/mp4"),
    ("call.mov", "mov", "aac", "Mp4", "video/mp4"),
    ("call.m4a", "ipod", "aac", "Mp4", "audio/mp4"),
    ("call.ogg", "ogg", "libopus", "Ogg", "audio/ogg"),
    ("call.webm", "webm", "libopus", "Webm", "video/webm"),
    ("call.avi", "avi", "pcm_s16le", "Avi", "video/x-msvideo"),
    ("call.aac", "adts", "aac", "Aac", "audio/aac"),
]


def make_audio(path: Path, container: str, codec: str) -> Path:
    """A tenth of a second of silence as a real file; `bare` ones begin with the audio itself."""
    options = {"id3v2_version": "0", "write_xing": "0"} if path.name.startswith("bare") else {}
    with av.open(str(path), "w", format=container, options=options) as file:
        stream: Any = file.add_stream(codec, rate=RATE)
        layout = stream.layout.name if stream.layout.nb_channels else "mono"
        for start in range(5):
            frame = av.AudioFrame(format=stream.format.name, layout=layout, samples=960)
            frame.sample_rate, frame.pts = RATE, start * 960
            for plane in frame.planes:
                plane.update(bytes(plane.buffer_size))
            file.mux(stream.encode(frame))
        file.mux(stream.encode(None))
    return path


@pytest.fixture
def spool(tmp_path: Path) -> Path:
    """Where copies go."""
    folder = tmp_path / "spool"
    folder.mkdir()
    return folder


@pytest.fixture
def wav(tmp_path: Path) -> Path:
    """A real recording."""
    return make_audio(tmp_path / "call.wav", "wav", "pcm_s16le")


@pytest.mark.parametrize(("name", "container", "codec", "encoding", "content_type"), FORMATS, ids=lambda text: text)
def test_formats(
    tmp_path: Path, spool: Path, name: str, container: str, codec: str, encoding: str, content_type: str
) -> None:
    """Each format is known by its own bytes, whatever its name says."""
    path = make_audio(tmp_path / name, container, codec).rename(tmp_path / "nameless")
    recording = open_local(path, spool=spool)
    assert (recording.encoding, recording.content_type) == (encoding, content_type)
    assert recording.path == path
    assert recording.name == "nameless"
    assert not recording.temporary
    assert recording.url is None


@pytest.mark.parametrize(
    "head",
    [
        b"\x89PNG\r\n\x1a\n",
        b"%PDF-1.7",
        b"PK\x03\x04",
        b"\xff\xd8\xff\xe0JFIF",
        b"RIFF\x00\x00\x00\x00WEBP",
        b"\x1aE\xdf\xa3matroska",
        b"fLaC",
        "Guten Tag, grüß Gott.".encode(),
        "Guten Tag.".encode("utf-16"),
        "Guten Tag.".encode("utf-16-be"),
        b"\xef\xbb\xbftext",
        b"R",
        b"\x00" * 100,
    ],
)
def test_what_is_no_recording(tmp_path: Path, spool: Path, head: bytes) -> None:
    """Texts, pictures and unknown formats are refused, and the mend names the formats that would do."""
    assert sniff(head) is None
    path = tmp_path / "call.wav"
    path.write_bytes(head)
    with pytest.raises(MediaError, match=r"call\.wav is no recording of a known format") as caught:
        open_local(path, spool=spool)
    assert "MP3" in caught.value.mend
    assert caught.value.source == "call.wav"


def test_a_path_as_text_or_object(wav: Path, spool: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Paths may be texts or objects, absolute, relative or below the home folder; no copy is made."""
    monkeypatch.chdir(wav.parent)
    monkeypatch.setenv("HOME", str(wav.parent))
    for given in (wav, str(wav), "call.wav", Path("call.wav"), "~/call.wav"):
        recording = open_local(given, spool=spool)
        assert recording.path == wav
        assert recording.name == "call.wav"
    assert list(spool.iterdir()) == []


@pytest.mark.parametrize("kind", [bytes, bytearray, memoryview], ids=lambda kind: kind.__name__)
def test_bytes(wav: Path, spool: Path, kind: Callable[[bytes], bytes]) -> None:
    """Bytes are kept in a private file that is ours to delete."""
    recording = open_local(kind(wav.read_bytes()), spool=spool)
    assert recording.path is not None
    assert recording.path.parent == spool
    assert recording.path.read_bytes() == wav.read_bytes()
    assert recording.temporary
    assert (recording.encoding, recording.name) == ("Wav", "bytes")
    if os.name == "posix":
        assert recording.path.stat().st_mode & 0o777 == 0o600


def test_file_objects(wav: Path, spool: Path) -> None:
    """A file object is read from where it stands, named after its file."""
    big = wav.read_bytes() + bytes(3 * 1024 * 1024)
    recording = open_local(io.BytesIO(big), spool=spool)
    assert recording.path is not None
    assert recording.path.read_bytes() == big
    assert recording.name == "BytesIO"
    with wav.open("rb") as file:
        recording = open_local(file, spool=spool)
        assert (recording.name, recording.temporary) == ("call.wav", True)
        with pytest.raises(MediaError, match=r"call\.wav is empty"):
            open_local(file, spool=spool)


def test_a_closed_file_object(wav: Path, spool: Path) -> None:
    """A file that was closed before says so, and leaves no copy behind."""
    with wav.open("rb") as file:
        pass
    with pytest.raises(MediaError, match="closed file") as caught:
        open_local(file, spool=spool)
    assert caught.value.mend == "Open it anew."
    assert list(spool.iterdir()) == []


@pytest.mark.parametrize("content", [b"RIFF....WAVE", b"RIFF\xf0\x9f\x01\x00WAVE"], ids=["readable", "undecodable"])
def test_a_file_opened_as_text(tmp_path: Path, spool: Path, content: bytes) -> None:
    """open(path) without "rb" is the usual slip: the mend says how to open it."""
    path = tmp_path / "call.wav"
    path.write_bytes(content)
    with path.open(encoding="utf-8") as file, pytest.raises(MediaError, match="gives text") as caught:
        open_local(cast("BinaryIO", file), spool=spool)
    assert "'rb'" in caught.value.mend
    assert list(spool.iterdir()) == []


@pytest.mark.parametrize("empty", [b"", io.BytesIO()], ids=["bytes", "BytesIO"])
def test_nothing_at_all(spool: Path, empty: bytes | BinaryIO) -> None:
    """An empty recording is refused, and no copy of it stays."""
    with pytest.raises(MediaError, match="is empty"):
        open_local(empty, spool=spool)
    assert list(spool.iterdir()) == []


def test_an_empty_file(tmp_path: Path, spool: Path) -> None:
    """A file without a byte is refused."""
    (tmp_path / "call.wav").touch()
    with pytest.raises(MediaError, match=r"call\.wav is empty"):
        open_local(tmp_path / "call.wav", spool=spool)


def test_a_folder(tmp_path: Path, spool: Path) -> None:
    """A folder is no recording; the mend shows how to take all of its files."""
    with pytest.raises(MediaError, match="is a folder") as caught:
        open_local(tmp_path, spool=spool)
    assert "glob" in caught.value.mend


@pytest.mark.parametrize("name", ["missing.wav", "no/such/folder/call.wav", "~nobody-of-this-name/call.wav"])
def test_a_missing_file(spool: Path, name: str) -> None:
    """What is not there is a FileNotFoundError too, and says which folder was looked in."""
    with pytest.raises(FileNotFoundError) as caught:
        open_local(name, spool=spool)
    assert isinstance(caught.value, MediaNotFoundError)
    assert name in caught.value.problem
    assert str(Path.cwd()) in caught.value.mend


@pytest.mark.parametrize("name", ["call\0.wav", "x" * 5000], ids=["NUL", "long"])
def test_a_name_that_cannot_be(spool: Path, name: str) -> None:
    """A name that no file can have is a MediaError as well."""
    with pytest.raises(MediaError):
        open_local(name, spool=spool)


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may read every file")
def test_an_unreadable_file(wav: Path, spool: Path) -> None:
    """A file that may not be read is a PermissionError too."""
    wav.chmod(0)
    with pytest.raises(PermissionError) as caught:
        open_local(wav, spool=spool)
    assert isinstance(caught.value, MediaUnreadableError)


@pytest.mark.skipif(os.name != "posix", reason="only there are file names bytes")
def test_a_name_that_is_no_text(wav: Path, spool: Path) -> None:
    """A file name in another encoding is shown as far as it can be, and the file is still found."""
    strange = Path(os.fsdecode(os.fsencode(wav.parent) + b"/gespr\xe4ch.wav"))
    try:
        wav.rename(strange)
    except OSError:
        pytest.skip("this file system takes no such names")
    recording = open_local(strange, spool=spool)
    assert recording.name.encode() == b"gespr?ch.wav"
    assert recording.path == strange


@pytest.mark.parametrize("thing", [None, 7, ["call.wav"], object()], ids=lambda thing: type(thing).__name__)
def test_other_things(spool: Path, thing: Any) -> None:
    """Anything else is refused by its type, with what can be given."""
    with pytest.raises(MediaError, match=f"A {type(thing).__name__} is no recording") as caught:
        open_local(thing, spool=spool)
    assert "path" in caught.value.mend


def test_the_encoding_can_be_named(tmp_path: Path, spool: Path) -> None:
    """A named encoding sends the file as it is, even one of an unknown format."""
    (tmp_path / "call.raw").write_bytes(b"unknown" * HEAD_BYTES)
    recording = open_local(tmp_path / "call.raw", spool=spool, encoding="Wav")
    assert (recording.encoding, recording.content_type) == ("Wav", "application/octet-stream")


@pytest.mark.parametrize(
    ("media", "answer"),
    [
        ("https://host/call.wav", True),
        ("HTTP://host/", True),
        ("call.wav", False),
        ("ftp://host/call.wav", False),
        (b"http://host/", False),
        (Path("http://host"), False),
    ],
)
def test_is_url(media: object, answer: bool) -> None:
    """Only texts that begin as web addresses are URLs."""
    assert is_url(media) is answer
