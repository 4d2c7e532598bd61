"""Maps as they form, and the real images that excite the same units most."""

import dataclasses
import functools
import threading
from collections.abc import Callable

import numpy as np
import xarray as xr

from happymaps.backend import keras
from happymaps.base.progress import bars_hidden
from happymaps.explorer.settings import MapSettings, check_channels
from happymaps.explorer.worker import StopError
from happymaps.maps.maximization import maximize
from happymaps.maps.objectives import Objective, channel, unit
from happymaps.maps.prior_fitting import quick_prior
from happymaps.maps.priors import Prior
from happymaps.maps.regularizers import LpNorm, TotalVariation
from happymaps.maps.scoring import layer_objectives, score_images
from happymaps.networks.layers import image_shape, layer_path
from happymaps.networks.models import fingerprint

STEPS_BETWEEN_LOOKS = 5  # at the maps, and at whether they are still wanted
_IMAGES_AT_ONCE = 256  # between two looks
_MOST_KEPT = 64  # scores of all images for so many choices of units
_NUM_BEST = 2


@dataclasses.dataclass(frozen=True, eq=False)
class BestImages:
    """The real images that excite each unit most.

    Attributes:
        images: Shape `(channels, best, height, width, colors)`, best first.
        scores: Shape `(channels, best)`.
        positions: In the data set, shape `(channels, best)`.
    """

    images: np.ndarray
    scores: np.ndarray
    positions: np.ndarray


@dataclasses.dataclass(frozen=True, eq=False)
class Snapshot:
    """The maps of some settings at some time.

    Attributes:
        settings: What was asked for.
        kind: `"channel"` or `"unit"`.
        images: Raw maps, shape `(channels, seeds, height, width, colors)`; NaN where
            a map has not begun.
        scores: Shape `(channels, seeds)`.
        steps: Done, shape `(channels, seeds)`.
        best: Real images, or None without a data set.
        maps: The result of `maximize`; None before the end.
    """

    settings: MapSettings
    kind: str
    images: np.ndarray
    scores: np.ndarray
    steps: np.ndarray
    best: BestImages | None
    maps: xr.Dataset | None = None


class MapMaker:
    """Makes the maps of a network, and keeps how its units score the real images.

    Args:
        model: A network for pictures.
        images: Shape `(images, *input shape)`, or None.
        input_range: As in `maximize`.
    """

    def __init__(
        self, model: keras.Model, images: np.ndarray | None, input_range: tuple
    ) -> None:
        self._model = model
        self._images = images
        self._input_range = input_range
        self._shape = image_shape(model)
        self._scores: dict[tuple, list[np.ndarray]] = {}

    def make(
        self,
        settings: MapSettings,
        stop: threading.Event,
        show: Callable[[Snapshot], None],
        note: Callable[[str], None],
    ) -> Snapshot:
        """Return the finished maps.

        Args:
            settings: Which maps.
            stop: Set when they are no longer wanted.
            show: Called with the maps every 5 steps.
            note: Called with what is being done, in words.

        Raises:
            ValueError: As in `maximize`.
            StopError: `stop` was set.
        """
        with bars_hidden():  # the panel has a line of its own for that
            return self._make(settings, stop, show, note)

    def _make(self, settings: MapSettings, stop, show, note) -> Snapshot:
        check_channels(settings.channels)
        objectives = _objectives(self._model, settings)
        best = self._best(objectives, settings, stop, note)
        note("Preparing the network ...")
        table = (len(objectives), settings.num_seeds)
        snapshot = Snapshot(
            settings,
            objectives[0].terms[0][1].kind,
            np.full((*table, *self._shape), np.nan, np.float32),
            np.full(table, np.nan, np.float32),
            np.zeros(table, int),
            best,
        )
        rows = {objective.name: row for row, objective in enumerate(objectives)}

        def look(step, images, scores) -> None:
            if stop.is_set():
                raise StopError
            row = [rows[name] for name in images.objective.values]
            column = images.seed.values - settings.seed
            snapshot.images[row, column] = images.values
            snapshot.scores[row, column] = scores.values
            snapshot.steps[row, column] = step
            show(snapshot)

        maps = self._maximize(objectives, settings, look)
        if stop.is_set():
            raise StopError
        return dataclasses.replace(
            snapshot,
            images=maps.image.values,
            scores=maps.score_end.values,
            steps=np.full(table, settings.num_steps),
            maps=maps,
        )

    def _maximize(self, objectives, settings: MapSettings, look) -> xr.Dataset:
        chosen = {"look": settings.look}
        if settings.look == "study":
            weights = LpNorm(settings.lp_weight), TotalVariation(settings.tv_weight)
            chosen["regularizers"] = weights
        elif settings.look == "natural":
            chosen["prior"] = self._prior
        return maximize(
            self._model,
            objectives,
            **chosen,
            seeds=settings.seeds,
            sign=settings.sign,
            input_range=self._input_range,
            num_steps=settings.num_steps,
            callback=look,
            callback_every=STEPS_BETWEEN_LOOKS,
        )

    @functools.cached_property
    def _prior(self) -> Prior:
        if self._images is None:
            raise ValueError(
                "The look 'natural' needs images. Give them: hm.explore(model, dataset)"
                "; or choose another look."
            )
        return quick_prior(self._images)

    def _best(self, objectives, settings, stop, note) -> BestImages | None:
        if self._images is None:
            return None
        which = settings.layer, settings.channels, settings.sign
        key = (fingerprint(self._model), *which)  # it may be trained further meanwhile
        # What was scored before a stop is not scored again.
        parts = self._scores.setdefault(key, [])
        while len(self._scores) > _MOST_KEPT:
            del self._scores[next(iter(self._scores))]
        count = len(self._images)
        for start in range(len(parts) * _IMAGES_AT_ONCE, count, _IMAGES_AT_ONCE):
            if stop.is_set():
                raise StopError
            note(f"Scoring real images, {start} of {count} ...")
            part = self._images[start : start + _IMAGES_AT_ONCE]
            scores = score_images(self._model, objectives, part, sign=settings.sign)
            parts.append(scores.values)
        scores = np.concatenate(parts, axis=1)
        order = np.argsort(-scores, axis=1, kind="stable")[:, :_NUM_BEST]
        return BestImages(
            self._images[order], np.take_along_axis(scores, order, axis=1), order
        )


def layer_size(model: keras.Model, layer: str | int) -> int:
    """Return the number of channels or units of a layer.

    Raises:
        ValueError: As in `layer_objectives`.
    """
    return len(layer_objectives(model, layer))


def _objectives(model: keras.Model, settings: MapSettings) -> list[Objective]:
    (first,) = layer_objectives(model, settings.layer, count=1)
    single = unit if first.terms[0][1].kind == "unit" else channel
    path = layer_path(model, settings.layer)
    return [single(path, index) for index in settings.channels]
