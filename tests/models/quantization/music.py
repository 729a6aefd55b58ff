"""Notes, chords and noise made of sines, transcribed by basic-pitch; the score is the mean cosine of its outputs."""

import functools
from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from tests.models.fetch import require_model
from tests.models.quantization.task import Array, Inputs, Points, Run, Task, cosine

RATE, SAMPLES = 22050, 43844
INPUT = "serving_default_input_2:0"
CALIBRATION_WINDOWS, TEST_WINDOWS = 24, 24
CALIBRATION_SEED, TEST_SEED = 707, 808


def make_task() -> Task:
    return Task(
        "music transcription",
        lambda: require_model("basic_pitch"),
        {INPUT: f"f32[1, {SAMPLES}, 1]"},
        lambda: iter(windows(CALIBRATION_SEED, CALIBRATION_WINDOWS)),
        lambda: iter(windows(TEST_SEED, TEST_WINDOWS)),
        grade,
    )


def grade(run: Run) -> Iterator[Points]:
    """Per window: the mean cosine over the outputs (contours, notes, onsets)."""
    for inputs, reference in zip(windows(TEST_SEED, TEST_WINDOWS), references(), strict=True):
        outputs = run(inputs)
        yield sum(cosine(outputs[name], array) for name, array in reference.items()) / len(reference), 1.0


@functools.cache
def references() -> tuple[dict[str, Array], ...]:
    run = make_task().float_run()
    return tuple(dict(run(inputs)) for inputs in windows(TEST_SEED, TEST_WINDOWS))


@functools.cache
def windows(seed: int, count: int) -> tuple[Inputs, ...]:
    """Music of two seconds each, f32[1, 43844, 1] within -1..1."""
    rng = np.random.default_rng(seed)
    return tuple({INPUT: make_music(rng).astype(np.float32)[None, :, None]} for _ in range(count))


def make_music(rng: np.random.Generator) -> NDArray[np.float64]:
    """Chords of one to four notes one after the other, a bass note under some, and a little noise."""
    wave = rng.normal(0, rng.uniform(1e-4, 0.02), SAMPLES)
    start = 0.0
    while start < 1.8:
        length = rng.uniform(0.15, 0.8)
        root = int(rng.integers(40, 80))
        for interval in [0, *rng.choice([3, 4, 7, 12], size=int(rng.integers(4)), replace=False)]:
            add_note(rng, wave, root + int(interval), start, length)
        if rng.random() < 0.3:
            add_note(rng, wave, int(rng.integers(28, 45)), start, length * 1.5)
        start += length * rng.uniform(0.6, 1.1)
    return np.asarray(wave * rng.uniform(0.2, 0.9) / np.abs(wave).max())


def add_note(rng: np.random.Generator, wave: NDArray[np.float64], pitch: int, start: float, length: float) -> None:
    """Add one note (a MIDI number) with decaying harmonics, some vibrato, attack and release; times in seconds."""
    first, last = int(start * RATE), min(int((start + length) * RATE), SAMPLES)
    if first >= last:
        return
    time = np.arange(last - first) / RATE
    frequency = 440 * 2 ** ((pitch - 69) / 12)
    vibrato = rng.uniform(0, 0.004) * np.sin(2 * np.pi * rng.uniform(4, 7) * time)
    phase = 2 * np.pi * frequency * (time + vibrato / (2 * np.pi * 5))
    brightness, decay = rng.uniform(0.8, 2), rng.uniform(0.5, 4)
    harmonics = [k for k in range(1, 12) if k * frequency < RATE / 2]
    fading = [k**-brightness * np.exp(-decay * k * time / 4) for k in harmonics]
    tone = sum(fade * np.sin(k * phase + rng.uniform(0, 6)) for k, fade in zip(harmonics, fading, strict=True))
    envelope = np.minimum(1, time / rng.uniform(0.003, 0.05)) * np.minimum(1, (time[-1] - time) / 0.02)
    wave[first:last] += rng.uniform(0.3, 1) * envelope * tone
