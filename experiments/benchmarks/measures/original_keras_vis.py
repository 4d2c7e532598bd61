"""The real keras-vis 0.4.1, in a process of its own: for truth and for time."""

import dataclasses
import os
from collections.abc import Mapping, Sequence
from typing import Self

import numpy as np

from experiments.benchmarks.measures.chain import describe_chain
from experiments.benchmarks.measures.child_process import ChildProcess
from happymaps.base.messages import unknown_name

_PROGRAM = "experiments.benchmarks.measures.keras_vis_program"
_LOSS = "loss "  # before the name that keras-vis gives a loss


@dataclasses.dataclass(frozen=True)
class ActivationResult:
    """What `visualize_activation` made, and what it keeps to itself.

    With x_i the image at the beginning of iteration i (x_0 the seed), keras-vis scores
    x_i, steps to x_{i+1}, and where the score was the best so far keeps x_{i+1}: its
    optimum is one step past the image that scored best.

    Attributes:
        image: As returned: recentered, rescaled and clipped; `uint8` where both ends of
            the range are `int`.
        optimum: x_{b+1} with b the first iteration of the lowest overall loss: what
            keras-vis rescales into `image`. Not confined to the range. Shape
            `(height, width, channels)`.
        last: x_{max_iter - 1}, the last image that was scored.
        losses: keras-vis's name of a loss to its weighted values, shape `(max_iter,)`,
            at x_0, x_1, ...
        overall: Their sum, shape `(max_iter,)`.
        seconds: Time of the call of `visualize_activation`, which builds its graph.
    """

    image: np.ndarray
    optimum: np.ndarray
    last: np.ndarray
    losses: Mapping[str, np.ndarray]
    overall: np.ndarray
    seconds: float


@dataclasses.dataclass(frozen=True)
class AttributionResult:
    """What `visualize_saliency` or `visualize_cam` made.

    Attributes:
        image: As returned: `heatmap` in the colors of jet, uint8, shape
            `(height, width, 3)`.
        heatmap: In [0, 1], shape `(height, width)`.
        gradients: Of the mean activation, before any modification: for saliency with
            respect to the image, `(height, width, channels)`; for CAM with respect to
            the output of the penultimate layer.
        seconds: Time of the call.
    """

    image: np.ndarray
    heatmap: np.ndarray
    gradients: np.ndarray
    seconds: float


class OriginalKerasVis:
    """keras-vis 0.4.1 on tf-keras, for as long as a `with` block.

        with OriginalKerasVis() as original:
            original.load(model)
            result = original.activation("conv2d_1", 0, seed)

    This process's TensorFlow, random numbers and settings are left alone. The child
    takes over the environment: with nothing set, all cores and oneDNN.

    Args:
        environment: Variables for the child on top, None to take one away.
        timeout: Seconds that any answer may take.

    Raises:
        RuntimeError: From any method: keras-vis failed; its last lines say why.
        TimeoutError: From any method: no answer in time; the child is ended.
    """

    def __init__(
        self,
        *,
        environment: Mapping[str, str | None] | None = None,
        timeout: float = 300.0,
    ) -> None:
        needed = {
            "TF_USE_LEGACY_KERAS": "1",
            "KERAS_BACKEND": None,
            "MPLBACKEND": "Agg",  # a notebook's own would not be found there
            "TF_CPP_MIN_LOG_LEVEL": os.environ.get("TF_CPP_MIN_LOG_LEVEL", "3"),
        }
        self._child = ChildProcess(
            _PROGRAM, environment=needed | dict(environment or {}), timeout=timeout
        )
        self._layers: list[str] = []

    def __enter__(self) -> Self:
        self._child.__enter__()
        return self

    def __exit__(self, *error: object) -> None:
        self._child.__exit__(*error)

    def load(self, architecture, weights: Sequence[np.ndarray] | None = None) -> None:
        """Take over a network; it replaces the one before, and its graph.

        Args:
            architecture: A Keras network that is a chain, see
                `experiments.benchmarks.measures.chain.describe_chain`.
            weights: As `get_weights()` orders them; None for those of `architecture`.

        Raises:
            ValueError: A layer or an option that is not supported.
        """
        layers = describe_chain(architecture)
        values = architecture.get_weights() if weights is None else weights
        arrays = {f"w{i}": np.asarray(value) for i, value in enumerate(values)}
        self._child.ask({"request": "load", "layers": layers}, arrays)
        self._layers = [layer["name"] for layer in layers]
        # Indices mean what they mean in the given network: a Sequential counts from
        # the first layer after its input.
        self._indexed = [layer.name for layer in architecture.layers]

    def predict(self, images: np.ndarray) -> np.ndarray:
        """Return the network's outputs for images `(images, height, width, c)`."""
        _, arrays = self._child.ask({"request": "predict"}, {"images": images})
        return arrays["outputs"]

    def activation(
        self,
        layer: str | int,
        filter_index: int | None,
        seed_input: np.ndarray | None,
        *,
        max_iter: int = 200,
        tv_weight: float = 10.0,
        lp_weight: float = 10.0,
        act_max_weight: float = 1.0,
        input_range: tuple[float, float] = (0, 255),
    ) -> ActivationResult:
        """Return what `visualize_activation` makes of a seed.

        Args:
            layer: Name, or index into `model.layers`.
            filter_index: Channel or unit; None is keras-vis's mean of the whole layer.
            seed_input: `(height, width, channels)`; None for keras-vis's own noise.
            max_iter: Number of iterations, >= 1.
            tv_weight: Of its TotalVariation, with beta = 2.
            lp_weight: Of its LPNorm, with p = 6.
            act_max_weight: Of the activation; below zero it is minimized.
            input_range: What the returned image is rescaled to.

        Raises:
            ValueError: No such layer, or no iteration.
        """
        if max_iter < 1:
            raise ValueError(
                f"max_iter must be >= 1. Received: {max_iter}. keras-vis has no image "
                "to return without an iteration."
            )
        options = {
            "max_iter": max_iter,
            "tv_weight": tv_weight,
            "lp_norm_weight": lp_weight,
            "act_max_weight": act_max_weight,
        }
        request = self._request("activation", layer, filter_index, options)
        seed = {} if seed_input is None else {"seed_input": np.asarray(seed_input)}
        fields, arrays = self._child.ask(
            request | {"input_range": list(input_range)}, seed
        )
        names = [name for name in arrays if name.startswith(_LOSS)]
        return ActivationResult(
            image=arrays["image"],
            optimum=arrays["optimum"],
            last=arrays["last"],
            losses={name.removeprefix(_LOSS): arrays[name] for name in names},
            overall=arrays["overall"],
            seconds=fields["seconds"],
        )

    def saliency(
        self,
        layer: str | int,
        filter_index: int | None,
        seed_input: np.ndarray,
        *,
        guided: bool = False,
    ) -> AttributionResult:
        """Return what `visualize_saliency` makes of an image.

        Args:
            layer: As in `activation`.
            filter_index: As in `activation`.
            seed_input: The image, `(height, width, channels)`.
            guided: Whether gradients pass ReLUs as in guided backpropagation.

        Raises:
            ValueError: No such layer.
        """
        options = {"backprop_modifier": "guided" if guided else None}
        return self._attribution("saliency", layer, filter_index, seed_input, options)

    def cam(
        self,
        layer: str | int,
        filter_index: int | None,
        seed_input: np.ndarray,
        *,
        penultimate_layer: str | int | None = None,
    ) -> AttributionResult:
        """Return what `visualize_cam` (Grad-CAM) makes of an image.

        Args:
            layer: As in `activation`.
            filter_index: As in `activation`.
            seed_input: The image, `(height, width, channels)`.
            penultimate_layer: Whose output is weighted; None for keras-vis's choice.

        Raises:
            ValueError: No such layer.
        """
        chosen = penultimate_layer
        index = None if chosen is None else self._layers.index(self._name(chosen))
        options = {"penultimate_layer_idx": index}
        return self._attribution("cam", layer, filter_index, seed_input, options)

    def penalties(self, images: np.ndarray) -> dict[str, np.ndarray]:
        """Return keras-vis's unweighted penalties of images, each image by itself.

        Args:
            images: Shape `(images, height, width, channels)`.

        Returns:
            `"tv"` (TotalVariation) and `"lp"` (LPNorm), each of shape `(images,)`.
        """
        return self._child.ask({"request": "penalties"}, {"images": images})[1]

    def _attribution(self, kind, layer, filter_index, seed_input, options):
        request = self._request(kind, layer, filter_index, options)
        seed = np.asarray(seed_input)
        fields, arrays = self._child.ask(request, {"seed_input": seed})
        return AttributionResult(**arrays, seconds=fields["seconds"])

    def _request(self, kind: str, layer, filter_index, options: dict) -> dict:
        return {
            "request": kind,
            "layer": self._name(layer),
            "filter": None if filter_index is None else int(filter_index),
            "options": options,
        }

    def _name(self, layer: str | int) -> str:
        if not self._layers:
            raise ValueError("Expected a network. Received: none. Call load() first.")
        known = self._layers if isinstance(layer, str) else range(len(self._indexed))
        if isinstance(layer, str) and layer in known:
            return layer
        if not isinstance(layer, str) and -len(known) <= layer < len(known):
            return self._indexed[layer]
        raise ValueError(unknown_name("layer", layer, known))
