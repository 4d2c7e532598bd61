"""Making the networks that lie in the repository, from the table that lists them."""

import inspect
import time

import pandas as pd

from happymaps.datasets import Dataset, open_images, split_dataset
from happymaps.datasets.splitting import split_fold
from happymaps.networks.kept_networks import (
    describe_form,
    describe_images,
    digest_weights,
    kept_folder,
    read_table,
    write_network,
)
from happymaps.networks.models import build_cnn
from happymaps.networks.study import TRAINING
from happymaps.networks.training import evaluate, train

# What somebody writes into the table; all else follows.
RECIPE = ("dataset", "image_size", "target", "split", "num_folds", "fold")
RECIPE += ("filters", "dense_units", "final_activation", "seed", "bits")


def keep_networks() -> None:
    """Train every network of the table anew, and write the files and the table.

    A row's `split` is that of `split_fold`, with data seed 0. Where `num_folds` is
    empty it is the study's own, 80 % of the images, by the seed of the network. `bits`
    is how many significant bits the weights keep; 24 are all.
    """
    recipes = read_table()[list(RECIPE)]
    rows = []
    for recipe in recipes.to_dict("records"):
        started = time.monotonic()
        rows.append(_keep(recipe))
        print(f"{rows[-1]['file']}  {time.monotonic() - started:.1f} s", flush=True)
        # After each, so that what is done stands.
        rest = recipes.iloc[len(rows) :]
        table = pd.concat([pd.DataFrame(rows), rest]).fillna("")
        table.to_csv(kept_folder() / "networks.csv", index=False, lineterminator="\n")
    listed = {row["file"] for row in rows}
    for path in kept_folder().glob("*.keras"):
        if path.name not in listed:
            path.unlink()


def _keep(recipe: dict[str, str]) -> dict[str, str]:
    learned, held_out = _open_parts(recipe)
    form = _form(recipe)
    untrained = build_cnn(
        learned.images.shape[1:], len(learned.class_names),
        **{name: value for name, value in form.items() if name != "training"},
    )  # fmt: skip
    trained = train(untrained, learned, seed=form["seed"], **TRAINING).model
    name = _name_file(recipe)
    path = kept_folder() / name
    kept = write_network(trained, path, bits=int(recipe["bits"]))
    accuracy = evaluate(kept, held_out)["accuracy"]
    return {
        **recipe,
        **describe_form(form),
        **describe_images(learned),
        "accuracy": f"{accuracy:.3f}",
        "weights": digest_weights(kept),
        "file": name,
    }


def _open_parts(recipe: dict[str, str]) -> tuple[Dataset, Dataset]:
    seed = 0 if recipe["num_folds"] else int(recipe["seed"])
    images = open_images(
        recipe["dataset"], image_size=recipe["image_size"], target=recipe["target"],
        seed=seed,
    )  # fmt: skip
    if not recipe["num_folds"]:
        return split_dataset(images, by=recipe["split"], seed=seed)
    return split_fold(
        images, split=recipe["split"], num_folds=int(recipe["num_folds"]),
        fold=int(recipe["fold"]), seed=seed,
    )  # fmt: skip


def _form(recipe: dict[str, str]) -> dict[str, object]:
    layers = {
        name: tuple(map(int, filter(None, recipe[name].split("-"))))
        for name in ("filters", "dense_units")
    }
    return {
        **layers,
        "final_activation": recipe["final_activation"],
        "seed": int(recipe["seed"]),
        "training": TRAINING,
    }


def _name_file(recipe: dict[str, str]) -> str:
    usual = {
        name: parameter.default
        for name, parameter in inspect.signature(build_cnn).parameters.items()
    }
    form = [
        recipe[name]
        for name in ("filters", "dense_units")
        if recipe[name] != "-".join(map(str, usual[name]))
    ]
    if recipe["final_activation"] != usual["final_activation"]:
        form.append(recipe["final_activation"])
    fold = f"fold{recipe['fold']}" if recipe["num_folds"] else ""
    parts = [recipe["dataset"], recipe["image_size"], recipe["target"]]
    parts += [recipe["split"] + fold, *form, f"seed{recipe['seed']}"]
    return "-".join(parts) + ".keras"
