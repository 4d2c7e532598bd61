"""Bars of techno, drawn: kick, hats, claps and bass on a grid of sixteenths."""

import numpy as np
from scipy import signal

from happymaps.datasets.sounds import BAR_SAMPLES, RATE

_STEPS = 16
_STEP = BAR_SAMPLES / _STEPS
# Sixteenths that have a kick drum: mostly four on the floor.
_KICKS = (
    (0, 4, 8, 12), (0, 4, 8, 12), (0, 4, 8, 12), (0, 4, 8, 11, 14), (0, 6, 8, 14),
)  # fmt: skip
_SCALE = (0, 0, 0, 3, 5, 7, 10, 12)  # semitones above the root


def draw_loops(num_loops: int, *, aligned: bool = True, seed: int = 0) -> np.ndarray:
    """Return drawn bars of techno at 128 beats a minute, 8,820 samples a second.

    A kick drum (a tone that falls from 120-260 to 45-62 Hz) in one of a few patterns,
    hats and claps of noise, and a bass in sixteenths; each with its own tone, lengths
    and loudness.

    Args:
        num_loops: How many, >= 1.
        aligned: Whether all begin on the first beat; else each is turned around by a
            random number of samples.
        seed: Of all that is drawn.

    Returns:
        float32, shape `(num_loops, 16538)`; the largest sample of each is 1 or -1.
    """
    rng = np.random.default_rng(seed)
    loops = []
    for _ in range(num_loops):
        loop = np.zeros(BAR_SAMPLES)
        for add in (_add_kicks, _add_hats, _add_claps, _add_bass):
            add(loop, rng)
        loop /= np.abs(loop).max()
        loops.append(loop if aligned else np.roll(loop, rng.integers(BAR_SAMPLES)))
    return np.array(loops, np.float32)


def _place(loop: np.ndarray, sound: np.ndarray, step: int) -> None:
    """Add a sound at a sixteenth; what goes beyond the end sounds at the beginning."""
    places = (round(step * _STEP) + np.arange(len(sound))) % BAR_SAMPLES
    np.add.at(loop, places, sound)


def _seconds(length: float) -> np.ndarray:
    return np.arange(round(length * RATE)) / RATE


def _add_kicks(loop: np.ndarray, rng: np.random.Generator) -> None:
    low, high = rng.uniform(45, 62), rng.uniform(120, 260)  # hertz
    fall, decay = rng.uniform(0.02, 0.05), rng.uniform(0.08, 0.2)  # seconds
    gain, t = rng.uniform(0.7, 1), _seconds(0.35)
    turns = low * t + (high - low) * fall * (1 - np.exp(-t / fall))
    kick = gain * np.sin(2 * np.pi * turns) * np.exp(-t / decay)
    for step in _KICKS[rng.integers(len(_KICKS))]:
        _place(loop, kick, step)


def _add_hats(loop: np.ndarray, rng: np.random.Generator) -> None:
    b, a = signal.butter(2, rng.uniform(0.5, 0.8), "high")
    t = _seconds(0.1)
    for step in range(_STEPS):
        is_off_beat = step % 4 == 2 and rng.random() < 0.9
        if is_off_beat or rng.random() < 0.25:
            noise = signal.lfilter(b, a, rng.standard_normal(len(t)))
            decay = np.exp(-t / rng.uniform(0.01, 0.04))
            _place(loop, rng.uniform(0.05, 0.2) * noise * decay, step)


def _add_claps(loop: np.ndarray, rng: np.random.Generator) -> None:
    if rng.random() < 0.7:
        t = _seconds(0.15)
        for step in (4, 12):
            decay = np.exp(-t / rng.uniform(0.02, 0.06))
            noise = rng.standard_normal(len(t)) * decay
            _place(loop, rng.uniform(0.1, 0.3) * noise, step)


def _add_bass(loop: np.ndarray, rng: np.random.Generator) -> None:
    root, gain = 55 * 2 ** (rng.integers(12) / 12), rng.uniform(0.1, 0.4)
    notes = rng.choice(_SCALE, _STEPS)
    is_on = rng.random(_STEPS) < rng.uniform(0.3, 0.8)
    t = _seconds(0.9 * _STEP / RATE)
    shape = np.exp(-t / 0.15) * np.minimum(1, t * 220)
    for step in np.flatnonzero(is_on):
        tone = np.sin(2 * np.pi * root * 2 ** (notes[step] / 12) * t)
        _place(loop, gain * tone * shape, step)
