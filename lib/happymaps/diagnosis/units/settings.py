"""What a diagnosis was asked for."""

import dataclasses

from happymaps.diagnosis.units.thresholds import Thresholds


@dataclasses.dataclass(frozen=True)
class Settings:
    """What `diagnose_units` was asked for, see there."""

    seeds: tuple[int, ...]
    thresholds: Thresholds
    num_units: int | None
    maps_per_layer: int | None
    num_steps: int
    tv_weight: float
    input_range: tuple[float, float]
    ablation: bool
