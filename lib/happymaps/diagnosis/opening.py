"""The network and the images that somebody brings, checked before anything runs."""

from collections.abc import Sequence

from happymaps.backend import keras
from happymaps.base.sweepable import parse_image_size
from happymaps.datasets import Dataset
from happymaps.diagnosis.units.layer_choice import is_gate
from happymaps.networks.chosen_outputs import choose_outputs, numbers_of
from happymaps.networks.inspection import convolution_layers, dense_layers
from happymaps.networks.layers import find_layer, image_shape, layer_path, layer_paths
from happymaps.networks.reading import load_model
from happymaps.networks.study import open_study
from happymaps.networks.training import has_class_outputs


def open_classifier(
    model: str,
    dataset: str,
    *,
    image_size: str = "",
    pixel_range: tuple[float, float] = (0.0, 1.0),
    target: str = "facing_left",
    layers: Sequence[str] | None = None,
) -> tuple[keras.Model, Dataset]:
    """Return a network and images that fit it.

    Args:
        model: Path of a `.keras` file, or a name as in `load_model`.
        dataset: As in `load_dataset`. A folder with some of the network's classes has
            subfolders whose names begin with the numbers of their outputs; the network
            is then cut to these, see `choose_outputs`.
        image_size: `"HEIGHTxWIDTH"`; empty for what the network takes, to which the
            images of a folder are resized too.
        pixel_range: What black and white are for the network.
        target: What faces are labeled for.
        layers: Layers that will be looked into; None for any.

    Raises:
        ValueError: A file that is no network, a data set that cannot be read, images
            or a number of classes that do not fit, or no such layer.
    """
    network = load_model(model, image_size=parse_image_size(image_size))
    shape = image_shape(network)
    study = open_study(
        dataset,
        model=network,
        image_size=image_size or f"{shape[0]}x{shape[1]}",
        pixel_range=pixel_range,
        target=target,
    )
    images, network = study.dataset, _choose_classes(study.model, study.dataset)
    if not has_class_outputs(network, images):
        names = ", ".join(images.class_names[:8])
        raise ValueError(
            f"The network's output must have a number for each class. Received: output "
            f"shape {study.model.output_shape}, and {len(images.class_names)} classes "
            f"({names}{', ...' if len(images.class_names) > 8 else ''}). Bring images "
            "of the classes that it was trained for, one subfolder each; for some of "
            "many classes let each subfolder's name begin with the number of its "
            "output, as in '285 Egyptian cat'; for faces, choose another target."
        )
    _check_layers(network, layers)
    return network, images


def _choose_classes(model: keras.Model, images: Dataset) -> keras.Model:
    """Return the network, of its classes those whose numbers the folders begin with."""
    numbers, shape = numbers_of(images.class_names), model.output_shape
    if numbers is None or has_class_outputs(model, images):
        return model
    if not isinstance(shape, tuple) or len(shape) != 2 or max(numbers) >= shape[-1]:
        return model
    return choose_outputs(model, numbers)


def _check_layers(model: keras.Model, layers: Sequence[str] | None) -> None:
    known = {*convolution_layers(model), *dense_layers(model)}
    known |= {path for path in layer_paths(model) if is_gate(find_layer(model, path))}
    for layer in layers or ():
        if layer_path(model, layer) not in known:
            raise ValueError(
                f"Units can be diagnosed in convolution, dense and activation layers: "
                f"{', '.join(sorted(known))}. Received: {layer!r}."
            )
