"""Two networks or two runs side by side: where their maps come from."""

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from happymaps.base.network_files import ENDINGS
from happymaps_runs.folders import slug
from happymaps_runs.inputs import resolve_inputs, resolve_model
from happymaps_runs.store.functions import RESULT, coerce_arguments
from happymaps_runs.store.recalling import load_or_run_in, read_result
from happymaps_runs.store.run_store import RunStore

if TYPE_CHECKING:
    import xarray as xr

MAPS_FUNCTION = "happymaps.maps.layer_maps:layer_maps"
_FILES = (RESULT, "maps.nc")


def open_maps(
    named: str, store: RunStore, given: Mapping[str, object]
) -> tuple[str, "xr.Dataset"]:
    """Return a title and the maps that are meant.

    Args:
        named: A network's file, whose maps are made unless the store has them; a run in
            the store by the start of its key; a run's folder; or a `.nc` file.
        store: Where made maps are kept.
        given: Parameters of `happymaps.maps.layer_maps:layer_maps` for a network.

    Raises:
        ValueError: Neither of these, it holds no maps, or they could not be made.
    """
    path = Path(named)
    if path.suffix in ENDINGS:
        return path.stem, _maps_of_network(resolve_model(path), store, given)
    if path.suffix == ".nc" and path.is_file():
        return path.stem, _read(path)
    if path.is_dir():
        found = [path / name for name in _FILES if (path / name).is_file()]
        if found:
            return path.name, _read(found[0])
    keys = {key for key, _ in store.records() if key.startswith(named)}
    if len(keys) == 1:
        (key,) = keys
        if (store.folder(key) / RESULT).is_file():
            return _title(store, key), _with_maps(read_result(store, key), named)
    raise ValueError(
        "To compare, name a network's file, a folder or file of maps, or the start of "
        f"one run's key. Received: {named!r}, which is none of these. See `happymaps "
        "runs list`."
    )


def comparison_name(left: str, right: str) -> str:
    """Return a folder name for what is compared."""
    digest = hashlib.sha256(f"{left}\0{right}".encode()).hexdigest()[:6]
    return slug(f"{Path(left).stem[:20]}-{Path(right).stem[:20]}-{digest}")


def _maps_of_network(model: str, store: RunStore, given: Mapping) -> "xr.Dataset":
    parameters = resolve_inputs(dict(given)) | {"model": model}
    arguments = coerce_arguments(MAPS_FUNCTION, parameters)
    try:
        return load_or_run_in(store, MAPS_FUNCTION, arguments)
    except RuntimeError as error:
        raise ValueError(str(error)) from None


def _title(store: RunStore, key: str) -> str:
    parameters = store.find(key)["parameters"]
    shown = [f"seed {parameters['seed']}"] if "seed" in parameters else []
    return ", ".join([str(parameters.get("layer", "run")), *shown, key[:6]])


def _read(path: Path) -> "xr.Dataset":
    import xarray as xr

    with xr.open_dataset(path, engine="h5netcdf") as dataset:
        return _with_maps(dataset.load(), str(path))


def _with_maps(dataset: "xr.Dataset", named: str) -> "xr.Dataset":
    if "image" not in dataset:
        raise ValueError(
            f"{named} must hold maps, a variable `image`. Received: "
            f"{', '.join(map(str, dataset.data_vars)) or 'nothing'}."
        )
    return dataset
