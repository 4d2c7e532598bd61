"""Music as strangers bring it, cut into bars; drawn loops; a theorem."""

import subprocess
from pathlib import Path

import imageio_ffmpeg
import numpy as np
import pytest
from PIL import Image
from scipy.io import wavfile

import happymaps as hm
from happymaps.datasets.sounds import BAR_SAMPLES, RATE


def ffmpeg(*arguments: object) -> None:
    command = [imageio_ffmpeg.get_ffmpeg_exe(), "-y", *map(str, arguments)]
    subprocess.run(command, check=True, capture_output=True)


def make_clicks(path: Path, *, bpm: float, beats: int, rate: int = 44_100) -> Path:
    """Write a WAV file with a short tone on each beat, in two channels."""
    wave = np.zeros(round(beats * 60 / bpm * rate))
    tone = 0.8 * np.sin(2 * np.pi * 440 * np.arange(round(0.05 * rate)) / rate)
    for beat in range(beats):
        start = round(beat * 60 / bpm * rate)
        wave[start : start + len(tone)] = tone
    stereo = np.stack([wave, wave], axis=1)
    wavfile.write(path, rate, np.int16(32767 * stereo))
    return path


def beat_energies(bar: np.ndarray) -> np.ndarray:
    """Return the share of a bar's energy in each sixteenth."""
    edges = np.linspace(0, len(bar), 17).astype(int)
    energy = np.add.reduceat(bar.astype(float) ** 2, edges[:-1])
    return energy / energy.sum()


def test_a_bar_is_four_beats_at_128():
    assert 60 * 4 / 128 * RATE == 16_537.5
    assert BAR_SAMPLES == 16_538


@pytest.mark.parametrize("bpm", [100, 128, 174])
def test_bars_of_any_tempo_have_one_length_and_their_beats_in_place(tmp_path, bpm):
    file = make_clicks(tmp_path / "clicks.wav", bpm=bpm, beats=16)
    loops = hm.read_loops([file], bpm)
    assert loops.dtype == np.float32 and loops.shape == (4, 16_538)
    for bar in loops:
        shares = beat_energies(bar)
        around = shares + np.roll(shares, -1) + np.roll(shares, 1)
        assert around[[0, 4, 8, 12]].sum() > 0.95


def test_mp3_with_a_cover_ogg_and_a_film_are_taken(tmp_path):
    wave = make_clicks(tmp_path / "clicks.wav", bpm=128, beats=9)
    Image.new("RGB", (16, 16), "red").save(tmp_path / "cover.png")
    ffmpeg("-i", wave, "-i", tmp_path / "cover.png", "-map", "0", "-map", "1",
           "-disposition:v", "attached_pic", tmp_path / "a.mp3")  # fmt: skip
    ffmpeg("-i", wave, tmp_path / "b.ogg")
    ffmpeg("-f", "lavfi", "-i", "color=red:size=16x16:duration=4", "-i", wave,
           "-shortest", tmp_path / "c.mov")  # fmt: skip
    files = [tmp_path / name for name in ("clicks.wav", "a.mp3", "b.ogg", "c.mov")]
    loops = hm.read_loops(files, [128, 128, 128, 128])
    assert loops.shape == (8, 16_538)
    plain = beat_energies(loops[0])
    for bar in loops:
        assert np.corrcoef(beat_energies(bar), plain)[0, 1] > 0.9


def test_bars_do_not_drift(tmp_path):
    wave = np.arange(12 * 16_537.5) % 1000 / 1000
    wavfile.write(tmp_path / "long.wav", RATE, wave.astype(np.float32))
    loops = hm.read_loops([tmp_path / "long.wav"], 128)
    assert len(loops) == 12
    starts = (np.arange(12) * 16_537.5).astype(int)
    np.testing.assert_allclose(loops[:, 100], (starts + 100) % 1000 / 1000, atol=0.02)


def test_what_is_no_music_is_refused(tmp_path):
    good = make_clicks(tmp_path / "good.wav", bpm=128, beats=4)
    (tmp_path / "text.mp3").write_text("no music")
    Image.new("RGB", (16, 16)).save(tmp_path / "cover.png")
    short = make_clicks(tmp_path / "short.wav", bpm=128, beats=3)
    for files, bpm, match in (
        ([good, tmp_path / "text.mp3"], 128, "text.mp3 cannot be read as sound"),
        ([good, tmp_path / "cover.png"], 128, "with sound. Received: .*cover.png"),
        ([tmp_path], 128, "which is a folder"),
        ([tmp_path / "none.ogg"], 128, "which is no file"),
        ([short], 128, "a bar of music or more, 1.875 seconds.*gave 1.41"),
        ([], 128, "0 files and 0 tempi"),
        ([good], [128, 120], "1 files and 2 tempi"),
        ([good], 12, "between 64 and 256 .*Received: 12 for good.wav"),
        ([good], float("nan"), "between 64 and 256"),
    ):
        with pytest.raises(ValueError, match=match):
            hm.read_loops(files, bpm)


def test_drawn_loops_keep_the_beat_unless_they_are_turned():
    loops, turned = (hm.datasets.draw_loops(20, aligned=each) for each in (True, False))
    for found in (loops, turned):
        assert found.shape == (20, 16_538) and found.dtype == np.float32
        np.testing.assert_allclose(np.abs(found).max(axis=1), 1, rtol=1e-6)
    np.testing.assert_array_equal(loops[:5], hm.datasets.draw_loops(5))
    firsts = [np.mean([beat_energies(each)[0] for each in found])
              for found in (loops, turned)]  # fmt: skip
    assert firsts[0] > 0.1 > firsts[1]


def test_loops_closed_under_shifts_have_variances_in_exact_pairs():
    """Their covariance is circulant: components are waves, variances the spectrum."""
    from sklearn.decomposition import PCA

    base = np.random.default_rng(3).standard_normal((3, 64))
    loops = np.array([np.roll(one, shift) for one in base for shift in range(64)])
    centered = base - base.mean()
    power = (np.abs(np.fft.fft(centered, axis=1)) ** 2).mean(axis=0) / 64
    found = PCA().fit(loops).explained_variance_ * (len(loops) - 1) / len(loops)
    np.testing.assert_allclose(found, np.sort(power)[::-1], atol=1e-8)
    np.testing.assert_allclose(found[0:8:2], found[1:8:2], atol=1e-8)
    np.testing.assert_allclose(found[:4], [2.8366, 2.8366, 2.2463, 2.2463], atol=1e-4)
