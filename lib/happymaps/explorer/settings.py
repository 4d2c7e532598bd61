"""What the panel computes, and how its fields are read and written."""

import dataclasses
import re

MOST_CHANNELS = 12  # at once: more of them do not fit beside each other
_PART = re.compile(r"(\d+)(?:\s*[-–]\s*(\d+))?", re.ASCII)


@dataclasses.dataclass(frozen=True)
class MapSettings:
    """All that decides which maps are made.

    Attributes:
        layer: Path of a convolution or dense layer.
        channels: Channels or units of it, from 0, at most 12.
        sign: `"happy"` or `"sad"`.
        tv_weight: Weight of `TotalVariation`, >= 0.
        lp_weight: Weight of `LpNorm`, >= 0.
        num_seeds: Random starts of each channel, >= 1.
        num_steps: Steps of the optimization, >= 1.
        seed: The first start; the others follow it.
        look: One of `hm.priors.LOOKS`; only `"study"` heeds the weights.
    """

    layer: str
    channels: tuple[int, ...]
    sign: str = "happy"
    tv_weight: float = 0.01
    lp_weight: float = 10.0
    num_seeds: int = 2
    num_steps: int = 100
    seed: int = 0
    look: str = "study"

    @property
    def seeds(self) -> list[int]:
        """The random starts."""
        return list(range(self.seed, self.seed + self.num_seeds))


def parse_channels(text: str) -> tuple[int, ...]:
    """Return the channels that `"0-3, 7"` names, in this order, each once.

    Raises:
        ValueError: The text has another form, or names more than 12.
    """
    spans = []
    for part in text.split(","):
        match = _PART.fullmatch(part.strip())
        first, last = (int(match[1]), int(match[2] or match[1])) if match else (1, 0)
        if first > last:
            raise ValueError(
                "Channels are numbers from 0 and ranges of them, such as 0-3, 7. "
                f"Received: {text!r}."
            )
        spans.append(range(first, last + 1))
    # Counted before it is spelled out: 0-999999999 is a slip, not a list.
    if sum(map(len, spans)) > MOST_CHANNELS:
        raise ValueError(
            f"At most {MOST_CHANNELS} channels are shown beside each other. Received: "
            f"{text!r}. Name fewer, and browse."
        )
    return tuple(dict.fromkeys(number for span in spans for number in span))


def check_channels(channels: tuple[int, ...]) -> tuple[int, ...]:
    """Return the channels.

    Raises:
        ValueError: There is none, or more than 12, or one twice.
    """
    if not 1 <= len(channels) <= MOST_CHANNELS or len(set(channels)) < len(channels):
        raise ValueError(
            f"Expected 1 to {MOST_CHANNELS} channels, each once. Received: "
            f"{len(channels)}, {format_channels(channels)!r}."
        )
    return channels


def first_channels(size: int) -> tuple[int, ...]:
    """Return what is shown of a layer of so many channels before anyone chose."""
    return tuple(range(min(4, size)))


def format_channels(channels: tuple[int, ...]) -> str:
    """Return channels as text, runs of three and more as a range."""
    runs: list[list[int]] = []
    for number in channels:
        if runs and number == runs[-1][-1] + 1:
            runs[-1].append(number)
        else:
            runs.append([number])
    parts = [
        f"{run[0]}-{run[-1]}" if len(run) > 2 else ", ".join(map(str, run))
        for run in runs
    ]
    return ", ".join(parts)


def weight_choices(*chosen: float) -> list[tuple[str, float]]:
    """Return labels and values of a logarithmic slider: 0, then 1, 2, 5 a decade.

    Args:
        *chosen: Values that have to be among them.
    """
    steps = {0.0} | {float(f"{d}e{e}") for e in range(-4, 4) for d in (1, 2, 5)}
    values = sorted(steps | {1e4} | {float(value) for value in chosen})
    return [("0 (off)" if value == 0 else f"{value:.10g}", value) for value in values]
