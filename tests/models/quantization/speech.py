"""Speech of espeak-ng's voices in noise, found by silero VAD; the score is the share of decisions equal to float's."""

import ctypes
import functools
import platform
import tempfile
import zipfile
from collections.abc import Iterator, Sequence

import numpy as np
import pytest
from numpy.typing import NDArray

from tests.models.fetch import require_archive, require_model
from tests.models.quantization.task import Floats, Inputs, Points, Run, Task

RATE = 16000
CHUNK, CONTEXT = 512, 64
STATE_SHAPE = (2, 1, 128)
CALIBRATION_CLIPS, TEST_CLIPS = 12, 20
CALIBRATION_SEED, TEST_SEED, VOICE_SEED = 303, 404, 1
# Calibration and test share neither voices nor sentences.
CALIBRATION_SPEECH = (
    ("en-US", "The quick brown fox jumps over the lazy dog near the river bank."),
    ("en-US+f3", "Please remember to close the window before you leave the office."),
    ("de+m2", "Der Zug nach Hamburg hat heute leider zwanzig Minuten Verspätung."),
    ("es+f2", "Mañana por la mañana vamos a visitar el museo de la ciudad."),
    ("fr", "Le petit chat dort sur le canapé pendant que la pluie tombe."),
    ("it+f4", "Questa sera andiamo a cena in un piccolo ristorante vicino al mare."),
)
TEST_SPEECH = (
    ("en", "Seven large ships sailed slowly out of the harbour at sunrise."),
    ("en+f2", "Could you tell me how to get to the railway station from here?"),
    ("de+f1", "Im Garten blühen die ersten Rosen, und die Vögel singen am Morgen."),
    ("es", "El tren sale a las ocho y llega a la capital antes del mediodía."),
    ("fr+f5", "Nous avons acheté du pain, du fromage et trois bouteilles de vin."),
    ("it+m3", "Il professore ha spiegato la lezione con molta pazienza agli studenti."),
    ("nl", "Morgen fietsen we samen langs het kanaal naar het oude dorp."),
    ("pt+f2", "A biblioteca fica aberta até as nove horas da noite durante a semana."),
    ("sv+m4", "På vintern faller det mycket snö i de norra delarna av landet."),
    ("pl+f3", "Wczoraj wieczorem oglądaliśmy bardzo ciekawy film o podróżach."),
)
SIGNAL_TO_NOISE = (40.0, 20.0, 10.0, 5.0, 0.0)
"""Decibels, drawn for each clip."""


def make_task() -> Task:
    return Task(
        "voice activity",
        lambda: require_model("silero_vad"),
        {"input": f"f32[1, {CONTEXT + CHUNK}]", "state": "f32[2, 1, 128]", "sr": RATE},
        # Every fourth chunk: neighbours tell little more.
        lambda: iter([inputs for inputs, _ in float_steps(CALIBRATION_SEED)][::4]),
        lambda: (inputs for inputs, _ in float_steps(TEST_SEED)),
        grade,
        {"sr": np.array(RATE, np.int64)},
    )


def grade(run: Run) -> Iterator[Points]:
    """Per clip: the chunks where speech is found or not found as by the float model, and all chunks.

    The state goes from chunk to chunk, so that errors in it add up as in use.
    """
    expected = iter(float_steps(TEST_SEED))
    for clip in clips(TEST_SEED):
        found = [probability > 0.5 for _, probability in steps(run, clip)]
        equal = [answer == (next(expected)[1] > 0.5) for answer in found]
        yield sum(equal), len(equal)


@functools.cache
def float_steps(seed: int) -> tuple[tuple[Inputs, float], ...]:
    """What the float model was given at each chunk of all clips, with its probability of speech."""
    run = make_task().float_run()
    return tuple(step for clip in clips(seed) for step in steps(run, clip))


def steps(run: Run, clip: Floats) -> Iterator[tuple[Inputs, float]]:
    """The inputs and the probability of speech at each chunk of a clip, from a state and a context of zeros."""
    state = np.zeros(STATE_SHAPE, np.float32)
    padded = np.concatenate([np.zeros(CONTEXT, np.float32), clip])
    for start in range(0, len(clip) - CHUNK + 1, CHUNK):
        inputs: Inputs = {"input": padded[None, start : start + CONTEXT + CHUNK], "state": state}
        outputs = run(inputs)
        yield inputs, float(outputs["output"].item())
        state = np.asarray(outputs["stateN"], np.float32).reshape(STATE_SHAPE)


@functools.cache
def clips(seed: int) -> tuple[Floats, ...]:
    """Waveforms f32[samples] within -1..1: a sentence, a pause, the sentence of another voice; in noise."""
    rng = np.random.default_rng(seed)
    count, voices = (CALIBRATION_CLIPS, CALIBRATION_SPEECH) if seed == CALIBRATION_SEED else (TEST_CLIPS, TEST_SPEECH)
    spoken = synthesize(voices)
    return tuple(mix(rng, spoken[i % len(spoken)], spoken[int(rng.integers(len(spoken)))]) for i in range(count))


def mix(rng: np.random.Generator, first: Floats, second: Floats) -> Floats:
    pauses = [np.zeros(int(rng.uniform(0.3, 1.5) * RATE), np.float32) for _ in range(3)]
    speech = np.concatenate([pauses[0], first, pauses[1], second * rng.uniform(0.3, 1), pauses[2]])
    noise = make_noise(rng, len(speech))
    loudness = np.sqrt(np.mean(np.square(first)))
    clip = speech + noise * loudness * 10 ** (-float(rng.choice(SIGNAL_TO_NOISE)) / 20)
    return np.asarray(clip * rng.uniform(0.2, 0.9) / np.abs(clip).max(), np.float32)


def make_noise(rng: np.random.Generator, length: int) -> NDArray[np.float64]:
    """Noise of root mean square 1: white, pink, brown, or the hum of mains with clicks."""
    kind = int(rng.integers(4))
    if kind == 3:
        time = np.arange(length) / RATE
        noise = sum(np.sin(2 * np.pi * 50 * k * time + rng.uniform(0, 6)) / k for k in (1, 2, 3, 5, 7))
        noise = noise + 8 * (rng.random(length) < 2e-4) * rng.normal(size=length)
    else:
        spectrum = np.fft.rfft(rng.normal(size=length))
        spectrum /= np.maximum(np.arange(len(spectrum)), 20 * length / RATE) ** (kind / 2)
        noise = np.fft.irfft(spectrum, length)
    return np.asarray(noise / np.sqrt(np.mean(np.square(noise))), np.float64)


@functools.cache
def synthesize(speech: Sequence[tuple[str, str]]) -> tuple[Floats, ...]:
    """Each text spoken by its voice, f32[samples] at RATE within -1..1, by espeak-ng's library in this process."""
    if (platform.system(), platform.machine()) != ("Linux", "x86_64"):
        pytest.skip("the package of voices is for Linux on x86-64")
    with tempfile.TemporaryDirectory(prefix="glmc-voices-") as folder:
        with zipfile.ZipFile(require_archive("espeakng-loader==0.2.4")) as wheel:
            wheel.extractall(folder)
        return tuple(speak(f"{folder}/espeakng_loader", speech))


SYNCHRONOUS, CHARACTERS_UTF8 = 2, 1  # espeak-ng's speak_lib.h: AUDIO_OUTPUT_SYNCHRONOUS, espeakCHARS_UTF8
CALLBACK = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.POINTER(ctypes.c_short), ctypes.c_int, ctypes.c_void_p)


def speak(folder: str, speech: Sequence[tuple[str, str]]) -> Iterator[Floats]:
    library = ctypes.CDLL(f"{folder}/libespeak-ng.so")
    rate = library.espeak_Initialize(SYNCHRONOUS, 0, f"{folder}/espeak-ng-data".encode(), 0)
    heard: list[NDArray[np.int16]] = []

    def hear(samples: "ctypes._Pointer[ctypes.c_short]", count: int, events: object) -> int:
        if samples and count:
            heard.append(np.ctypeslib.as_array(samples, (count,)).copy())
        return 0

    callback = CALLBACK(hear)  # kept alive as long as the library may call it
    library.espeak_SetSynthCallback(callback)
    for voice, text in speech:
        heard.clear()
        if library.espeak_SetVoiceByName(voice.encode()) != 0:
            raise ValueError(f"espeak-ng has no voice {voice!r}")
        library.espeak_ng_SetRandSeed(ctypes.c_long(VOICE_SEED))  # it seeds its breath noise by the clock
        encoded = text.encode() + b"\0"
        library.espeak_Synth(encoded, ctypes.c_size_t(len(encoded)), 0, 0, 0, CHARACTERS_UTF8, None, None)
        yield resample(np.concatenate(heard).astype(np.float32) / np.float32(32768), rate)
    library.espeak_Terminate()


def resample(wave: Floats, rate: int) -> Floats:
    """A waveform brought from `rate` to RATE by cutting its spectrum."""
    length = len(wave) * RATE // rate
    spectrum = np.fft.rfft(wave)[: length // 2 + 1]
    return np.asarray(np.fft.irfft(spectrum, length) * (length / len(wave)), np.float32)
