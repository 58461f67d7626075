"""Makes the project's own recordings, and the truth about them, with espeak-ng's voices.

    python tests/recordings/make.py

writes the calls of `aijupyter/samples/` (between half a minute and one and a half) and
`tests/recordings/one-sentence.wav`, each with a `.json` of the same name: {duration, sampleRate, turns: [{start, end,
speaker, text}]}, times in seconds. The text is what was spoken (it is in `scripts.py`), and the times are those of the
sound itself, so error rates can be measured against them. Needs espeak-ng on the PATH (`apt install espeak-ng`, `brew
install espeak-ng`) and the `local` extra. The same versions of espeak-ng and FFmpeg make the same bytes.
"""

from __future__ import annotations

import io
import json
import subprocess
import wave
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import av
import numpy as np
from numpy.typing import NDArray
from scripts import ONE_SENTENCE, SAMPLE_CALLS

HERE = Path(__file__).resolve().parent
SAMPLES = HERE.parents[1] / "aijupyter" / "samples"
RATE = 16_000
EDGE_SECONDS = 0.4
PAUSES = (0.45, 0.35, 0.6, 0.4, 0.5, 0.3, 0.55)
"""Seconds of silence between turns, taken in rotation."""
AUDIBLE = 0.01
"""Amplitude; what is quieter at either end of a turn is not part of it."""
PEAK = 0.6


@dataclass(frozen=True)
class Voice:
    """A voice of espeak-ng at a speed in words per minute and a pitch of 0 to 99."""

    name: str
    speed: int
    pitch: int


# Two voices that the smallest speech model hears almost word for word. Not en-gb+f2: espeak-ng 1.51
# leaves out the variant of that one, and speaks with a man's voice.
VOICES = {"agent": Voice("en-us+m3", 145, 50), "customer": Voice("en-gb-x-rp+f2", 140, 50)}


def spoken(text: str, voice: Voice) -> NDArray[np.float32]:
    """The text in the voice, shape (samples,), without silence at the ends, at a peak of PEAK."""
    command = ["espeak-ng", "-v", voice.name, "-s", str(voice.speed), "-p", str(voice.pitch), "--stdout", text]
    sound = subprocess.run(command, check=True, capture_output=True).stdout
    resampler = av.AudioResampler(format="flt", layout="mono", rate=RATE)
    with av.open(io.BytesIO(sound)) as container:
        frames = [part for frame in container.decode(audio=0) for part in resampler.resample(frame)]
    samples = np.concatenate([f.to_ndarray()[0] for f in [*frames, *resampler.resample(None)]])
    samples *= PEAK / np.abs(samples).max()
    audible = np.flatnonzero(np.abs(samples) > AUDIBLE)
    return samples[audible[0] : audible[-1] + 1]


def conversation(
    turns: Sequence[tuple[str, str]], voices: Mapping[str, Voice] = VOICES
) -> tuple[NDArray[np.float32], dict[str, Any]]:
    """The turns one after another with natural pauses, and the truth about them."""
    parts = [np.zeros(int(EDGE_SECONDS * RATE), dtype=np.float32)]
    truth = []
    now = len(parts[0])
    for number, (speaker, text) in enumerate(turns):
        sound = spoken(text, voices[speaker])
        pause = PAUSES[number % len(PAUSES)] if number < len(turns) - 1 else EDGE_SECONDS
        truth.append(
            {
                "start": round(now / RATE, 3),
                "end": round((now + len(sound)) / RATE, 3),
                "speaker": speaker,
                "text": text,
            }
        )
        parts += [sound, np.zeros(int(pause * RATE), dtype=np.float32)]
        now += len(sound) + len(parts[-1])
    return np.concatenate(parts), {"duration": round(now / RATE, 3), "sampleRate": RATE, "turns": truth}


def with_noise(samples: NDArray[np.float32], decibels: float, seed: int = 1) -> NDArray[np.float32]:
    """Speech with noise that has `decibels` less power than the speech has where it sounds.

    The noise is pink: its power falls with the frequency, as that of rooms and streets does.
    """
    spectrum = np.fft.rfft(np.random.default_rng(seed).normal(size=samples.size))
    noise = np.fft.irfft(spectrum / np.sqrt(np.maximum(np.arange(spectrum.size), 1.0)), samples.size)
    speech = np.mean(np.square(samples[np.abs(samples) > AUDIBLE]))
    noise *= np.sqrt(speech / 10 ** (decibels / 10) / np.mean(np.square(noise)))
    mixed = samples + noise
    return np.asarray(mixed / max(1.0, float(np.abs(mixed).max())), dtype=np.float32)


def resampled(samples: NDArray[np.float32], rate: int) -> NDArray[np.float32]:
    """Samples at RATE as samples at another rate, such as telephony's 8,000."""
    resampler = av.AudioResampler(format="flt", layout="mono", rate=rate)
    frame = av.AudioFrame.from_ndarray(samples[None], format="flt", layout="mono")
    frame.sample_rate = RATE
    parts = [*resampler.resample(frame), *resampler.resample(None)]
    return np.concatenate([part.to_ndarray()[0] for part in parts])


def as_pcm(samples: NDArray[np.float32]) -> NDArray[np.int16]:
    """Samples in -1..1 as 16-bit ones."""
    return np.round(samples * 32767).astype(np.int16)


def write_mp3(path: Path, samples: NDArray[np.float32]) -> None:
    """A constant 32 kbit/s, mono."""
    with av.open(str(path), "w", format="mp3") as container:
        stream = container.add_stream("libmp3lame", rate=RATE, layout="mono", bit_rate=32_000)
        frame = av.AudioFrame.from_ndarray(as_pcm(samples)[None], format="s16", layout="mono")
        frame.sample_rate = RATE
        for packet in [*stream.encode(frame), *stream.encode(None)]:
            container.mux(packet)


def write_wav(path: Path, samples: NDArray[np.float32], rate: int = RATE) -> None:
    """16 bits, mono."""
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(rate)
        file.writeframes(as_pcm(samples).astype("<i2").tobytes())


def main() -> None:
    """Make all recordings anew."""
    SAMPLES.mkdir(exist_ok=True)
    calls = {SAMPLES / f"{name}.mp3": turns for name, turns in SAMPLE_CALLS.items()}
    for path, turns in {**calls, HERE / "one-sentence.wav": ONE_SENTENCE}.items():
        samples, truth = conversation(turns)
        (write_mp3 if path.suffix == ".mp3" else write_wav)(path, samples)
        path.with_suffix(".json").write_text(json.dumps(truth, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
