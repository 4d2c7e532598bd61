"""Sound and video through the ffmpeg that imageio-ffmpeg ships."""

import re
import subprocess
from pathlib import Path

_STREAM = re.compile(r"^ *Stream #0:\d+.*?: (Audio|Video): .*$", re.MULTILINE)
_COVER = "(attached pic)"
# A playlist must not lead to an address.
_INPUT = ("-protocol_whitelist", "file,crypto,data", "-i")


def read_streams(file: Path, kind: str) -> list[str]:
    """Return what ffmpeg tells of the streams of one kind in a file, a line each.

    Args:
        file: Of sound or video.
        kind: `"Audio"` or `"Video"`; the cover of a piece of music is no video.

    Raises:
        ValueError: No such file, a folder, or nothing that ffmpeg can read.
    """
    if not file.is_file():
        is_folder = file.is_dir()
        raise ValueError(
            f"Expected a file of sound or video. Received: {file}, which is "
            f"{'a folder' if is_folder else 'no file'}. "
            + (f"Give the files in it: {file}/*" if is_folder else "Correct the path.")
        )
    stderr = _run(*_INPUT, str(file.absolute())).stderr
    told = stderr.decode(errors="replace")
    if "Input #0" not in told:
        reason = _reason(stderr)
        raise ValueError(
            f"{file} cannot be read as sound or video ({reason}). "
            "Export it again, or leave it out."
        )
    lines = [match for match in _STREAM.finditer(told) if match[1] == kind]
    return [match[0].strip() for match in lines if _COVER not in match[0]]


def convert(file: Path, *arguments: str) -> bytes:
    """Return what ffmpeg writes to its output, having read a file.

    Args:
        file: Of sound or video.
        arguments: How to convert it, and where to: `"-"` is what is returned.

    Raises:
        ValueError: ffmpeg could not.
    """
    done = _run("-loglevel", "error", *_INPUT, str(file.absolute()), *arguments)
    if done.returncode:
        raise ValueError(f"{file} cannot be converted ({_reason(done.stderr)}).")
    return done.stdout


def _run(*arguments: str) -> subprocess.CompletedProcess:
    import imageio_ffmpeg  # takes a while, and few need it

    program = imageio_ffmpeg.get_ffmpeg_exe()
    command = [program, "-hide_banner", "-nostdin", *arguments]
    return subprocess.run(command, capture_output=True, check=False)


def _reason(stderr: bytes) -> str:
    """Return the last thing that ffmpeg says, without what it says it of."""
    told = stderr.decode(errors="replace")
    lines = [line for line in told.splitlines() if "Error opening input files:" in line]
    lines = lines or told.splitlines() or ["no reason given"]
    return lines[-1].split("] ")[-1].split("input files: ")[-1].strip()
