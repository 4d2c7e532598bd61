"""Findings: each appears where its number calls for it, and nowhere else."""

import copy
import dataclasses
import re

import numpy as np
import pandas as pd
import pytest
from diagnosis_cases import MARK, TRIED, make_findings

from happymaps.datasets import Dataset
from happymaps.diagnosis.advice.criteria import is_near_chance, is_suspicious
from happymaps.diagnosis.advice.findings import HEADLINES, conclude, list_findings
from happymaps.diagnosis.advice.limitations import list_unknown
from happymaps.diagnosis.advice.thresholds import THRESHOLDS
from happymaps.diagnosis.advice.wording import (
    count,
    listing,
    number,
    percent,
    percent_range,
)
from happymaps.diagnosis.description import describe_dataset

WEAK = {"recall": 0.5, "interval": [0.4, 0.6], "images": 90}
MORE = "Give the class more to learn from"


@pytest.fixture(scope="module")
def corner():
    """Return findings of a network that names images by a corner."""
    return make_findings()


@pytest.fixture
def findings(corner):
    """Return the same with nothing to find, after marks were looked for."""
    calm = copy.deepcopy(corner) | {"marks": [], "marks_tried": TRIED}
    calm["performance"] |= {"accuracy": 0.99, "balanced_interval": [0.9, 1.0]}
    for each in calm["performance"]["classes"]:
        each |= {"recall": 0.95, "interval": [0.9, 0.99]}
    calm["covering"] |= {"changed": 0.02, "interval": [0.0, 0.05]}
    calm["calibration"] |= {"ece": 0.01, "chance_high": 0.02}
    calm["mistakes"]["groups"] = []
    calm["labels"] |= {"suspected": [], "wrong_interval": [0.0, 0.01]}
    calm["removal"] = {"accuracy": 0.99, "together": None, "layers": []}
    for layer in calm["units"]["layers"]:
        layer["kinds"] = {"edge": 7}
    return calm


def found(findings):
    return list_findings(findings, THRESHOLDS)


def kinds(findings):
    return [each["kind"] for each in found(findings)]


def doubt_labels(findings, by_class=None):
    suspected = [{"index": i, "given": "yes", "proposed": "no"} for i in range(40)]
    findings["labels"] |= {
        "suspected": suspected, "wrong_share": 0.05, "wrong_interval": [0.03, 0.07],
        "by_class": by_class or {"yes": 40}, "by_chance": 1e-6,
    }  # fmt: skip


def asked(findings):
    return {each["question"] for each in list_unknown(findings, THRESHOLDS)}


def test_nothing_is_found_where_no_number_calls_for_it(findings):
    told = conclude(findings, THRESHOLDS)
    assert told["findings"] == []
    assert told["headline"] == (
        "It names 99 % right, and nothing measured here calls for a change."
    )
    assert "No class is clearly weaker than the others." in told["checked"]
    assert (
        "None of 900 marks pasted at 225 places stands out from the others or from "
        "what it does in networks trained on these images." in (told["checked"])
    )


@pytest.mark.parametrize("kind", HEADLINES)
def test_a_headline_is_one_short_sentence_with_one_number(kind):
    text = HEADLINES[kind].format(right="99.9 %")
    assert len(text.replace(" %", "%").split()) <= 15
    assert len(re.findall(r"\d[\d.]*", text)) <= 1
    assert re.fullmatch(r"[A-Z][^.]*?(\d\.\d)?[^.]*\.", text)


def test_a_place_comes_first_with_window_share_and_interval(corner):
    first = found(corner)[0]
    assert (first["kind"], first["weight"]) == ("place", "first")
    assert "rows 0 to 1, columns 0 to 2" in first["advice"]
    covering = corner["covering"]
    share = percent(covering["changed"])
    assert first["sentence"] == (
        f"Covering the top left corner changes {share} of its answers."
    )
    interval = [covering["changed"], *covering["interval"]]
    assert first["numbers"]["answers that change"] == interval
    assert corner["headline"].endswith("much of that rests on one place.")


def test_a_window_that_others_equal_is_not_suspicious(corner, findings):
    assert is_suspicious(corner, THRESHOLDS)
    assert not is_suspicious(findings, THRESHOLDS)
    equal = copy.deepcopy(corner)
    equal["covering"]["median_changed"] = corner["covering"]["changed"] / 2
    assert not is_suspicious(equal, THRESHOLDS)
    assert not is_suspicious({**corner, "covering": None}, THRESHOLDS)


def test_where_it_is_fed_wrongly_nothing_else_is_told(findings):
    findings["performance"]["balanced_interval"] = [0.45, 0.6]
    findings["covering"] |= {"changed": 0.5, "interval": [0.4, 0.6]}
    assert is_near_chance(findings) and kinds(findings) == ["guessing"]
    wrong = [each["index"] for each in findings["mistakes"]["shown"]]
    assert wrong and found(findings)[0]["images"] == wrong
    better = {"name": "0 to 255", "balanced_accuracy": 0.95, "accuracy": 0.95}
    better |= {"gain": 0.45, "probability": 1e-9, "options": "--preprocessing raw"}
    findings["readings"]["readings"] = [better]
    (reading,) = found(findings)
    assert reading["images"] == wrong
    assert reading["sentence"] == (
        "Feed its pixels as 0 to 255: it was most likely trained so."
    )
    command = "happymaps diagnose net.keras folder:mine --preprocessing raw"
    assert reading["command"] == command
    told = conclude(findings, THRESHOLDS)
    assert told["headline"].startswith("Its images are fed wrongly")
    assert told["checked"] == []
    better["options"] = ""
    assert "no option" in found(findings)[0]["advice"]
    assert found(findings)[0]["command"] == ""
    better["probability"] = 0.2  # as much may come by chance
    assert kinds(findings) == ["guessing"]


def test_of_pixels_and_the_order_of_classes_that_is_told_which_explains_more(findings):
    findings["performance"] |= {"balanced_interval": [0.1, 0.2]}
    exchanged = {
        **{"name": "1 to 0 (black and white exchanged)", "options": "--mean 1"},
        **dict.fromkeys(("balanced_accuracy", "accuracy"), 0.6),
        **{"gain": 0.4, "probability": 1e-9},
    }
    findings["readings"]["readings"] = [exchanged]
    findings["class_order"] = {
        **{"order": [1, 0], "is_given": False, "accuracy": 0.1},
        **{"accuracy_reordered": 0.9, "probability": 1e-9},
    }
    assert kinds(findings) == ["class order"]
    exchanged |= dict.fromkeys(("balanced_accuracy", "accuracy"), 0.95)
    assert kinds(findings) == ["preprocessing"]


def test_of_readings_that_do_as_well_the_usual_one_is_advised(findings):
    def read(name, balanced):
        scores = dict.fromkeys(("balanced_accuracy", "accuracy"), balanced)
        gain = {"gain": balanced - 0.37, "probability": 1e-4}
        return {"name": name, **scores, **gain, "options": ""}

    exchanged = read("255 to 0 (black and white exchanged)", 0.68)
    findings["readings"]["readings"] = [exchanged, read("0 to 255", 0.66)]
    (reading,) = found(findings)
    assert reading["sentence"] == "Feed its pixels as 0 to 255: it does better."
    assert f"As {exchanged['name']} it does about as well" in reading["advice"]
    findings["readings"]["readings"] = [exchanged, read("0 to 255", 0.6)]
    assert found(findings)[0]["sentence"].startswith("Feed its pixels as 255 to 0")


def test_classes_in_another_order_are_named(findings):
    findings["class_order"] = {
        "order": [1, 0], "is_given": False, "accuracy": 0.1,
        "accuracy_reordered": 0.9, "probability": 1e-6,
    }  # fmt: skip
    (order,) = found(findings)
    assert order["kind"] == "class order" and order["images"]
    assert "output 0 means ‘yes’, not ‘no’" in order["advice"]


def test_marks_come_before_all_else_and_explain_their_class(findings):
    findings["performance"]["classes"][1] |= WEAK
    findings["covering"] |= {"changed": 0.5, "interval": [0.4, 0.6]}
    (marks,) = found(findings | {"marks": [MARK]})  # it covers the place
    findings["marks"] = [{**MARK, "row": 5}, {**MARK, "row": 8, "share": 0.2}]
    elsewhere, place = found(findings)
    assert elsewhere["sentence"] == marks["sentence"]
    assert (marks["weight"], marks["picture"]) == ("first", "mark_0")
    assert marks["sentence"] == "A small mark turns 35 % of other images into ‘yes’."
    assert "a bright mark of 2 x 3 pixels at row 0, column 1" in marks["advice"]
    assert marks["numbers"]["images of the class named right"] == 0.5
    assert place["kind"] == "place"
    assert "Whether it answers to a mark that is on none of these images" not in (
        asked(findings)
    )


def test_a_weak_class_needs_an_interval_below_the_others_and_images(findings):
    weak = findings["performance"]["classes"][1]
    weak |= WEAK
    (told,) = found(findings)
    assert told["sentence"] == "‘yes’ is often taken for ‘no’."
    assert MORE in told["advice"]
    weak["interval"] = [0.2, 0.99]
    assert kinds(findings) == []
    weak |= {"interval": [0.4, 0.6], "images": 9}
    assert kinds(findings) == []
    assert "How well ‘yes’ is recognized" in asked(findings)


def test_more_images_are_advised_only_after_all_other_causes(findings):
    findings["performance"]["classes"][1] |= WEAK
    # Nobody looked for marks.
    findings["marks_tried"] = None
    (told,) = found(findings)
    assert "Marks were not looked for" in told["advice"] and MORE not in told["advice"]
    findings["marks_tried"] = TRIED
    # A few people have all the mistakes.
    group = {"column": "person", "value": "ann", "images": 9, "mistakes": 3,
             "rate": 1 / 3, "rate_elsewhere": 0, "probability": 0.004}  # fmt: skip
    findings["mistakes"]["groups"] = [group]
    ann, told = found(findings)
    assert ann["sentence"] == "Its mistakes gather in person ann."
    assert MORE not in told["advice"]
    findings["mistakes"]["groups"] = []
    # The labels are wrong: 40 of its 45 mistakes.
    doubt_labels(findings)
    assert kinds(findings) == ["labels"]
    fine = "No class is clearly weaker than the others."
    assert fine not in conclude(findings, THRESHOLDS)["checked"]
    doubt_labels(findings, {"no": 40})
    assert kinds(findings) == ["labels", "class"]


def test_wrong_labels_are_told_with_their_share_and_not_as_too_sure(findings):
    findings["calibration"] |= {"ece": 0.2, "gap": 0.2}
    assert kinds(findings) == ["confidence"]
    doubt_labels(findings)
    (labels,) = found(findings)
    assert labels["sentence"] == "About 12 labels of these images may be wrong."
    assert labels["numbers"]["labels that look wrong"] == [0.05, 0.03, 0.07]
    assert labels["images"][:3] == [0, 1, 2]
    sentence = "It is right about as often as it says."
    assert sentence not in conclude(findings, THRESHOLDS)["checked"]
    few = {"wrong_share": 0.04}
    findings["labels"] |= few
    assert kinds(findings) == ["labels"]
    findings["labels"]["by_chance"] = 0.2  # as many may come by chance
    assert kinds(findings) == ["confidence"]
    doubt_labels(findings)
    findings["labels"] |= few | {"wrong_interval": [0.0, 0.07]}  # may be none
    assert kinds(findings) == ["confidence"]
    findings["labels"]["wrong_share"] = 0.05  # so many are told all the same
    assert kinds(findings) == ["labels"]
    findings["labels"]["suspected"] = []
    assert kinds(findings) == ["confidence"]


def test_what_was_learned_by_heart_is_told_where_training_images_are_at_hand(findings):
    new = "Whether all this holds for new images"
    assert new in asked(findings)
    findings["learned"] = copy.deepcopy(findings["performance"])
    sentence = "It does not do clearly better on its training images."
    assert sentence in conclude(findings, THRESHOLDS)["checked"]
    assert new not in asked(findings)
    findings["learned"] |= {
        "balanced_accuracy": 0.99, "balanced_interval": [0.98, 1.0]
    }  # fmt: skip
    assert kinds(findings) == []  # intervals overlap
    findings["performance"] |= {
        "balanced_accuracy": 0.8, "balanced_interval": [0.75, 0.85]
    }  # fmt: skip
    (told,) = found(findings)
    assert told["kind"] == "learned"
    assert told["numbers"]["on these"] == [0.8, 0.75, 0.85]


def test_images_of_a_video_that_was_learned_from_are_told_of(findings):
    question = "Whether it knows the class, or the video"
    (new,) = (
        e for e in list_unknown(findings, THRESHOLDS) if "new images" in e["question"]
    )
    assert "videos" not in new["why"]
    clips = pd.DataFrame({"source": ["a", "a", "b", "c"]})
    tested = Dataset(
        "these", np.zeros((4, 2, 2, 1)), np.array([0, 1, 0, 1]), "xy", clips
    )
    for others, shared in ((tested.take([0, 3]), 2), (None, None)):
        told = describe_dataset(tested, others)["sources"]
        assert told == {"column": "source", "number": 3, "num_learned": shared}
        findings["dataset"]["sources"] = told
        assert (question in asked(findings)) == (shared == 2)
    (new,) = (
        e for e in list_unknown(findings, THRESHOLDS) if "new images" in e["question"]
    )
    assert "whole people, or videos" in new["why"]
    apart = describe_dataset(tested.take([0, 1]), tested.take([2, 3]))["sources"]
    findings["dataset"]["sources"] = apart
    assert apart["num_learned"] == 0 and question not in asked(findings)
    bare = dataclasses.replace(tested, metadata=pd.DataFrame({"file": list("abcd")}))
    assert describe_dataset(bare)["sources"] is None


def test_light_is_told_from_noise(findings):
    for each in findings["brightness"]:
        each |= {"changed": 0.3 * (each["change"] == 0.1), "changed_by_noise": 0.01}
    (light,) = found(findings)
    assert (light["kind"], light["picture"]) == ("light", "brightness")
    assert light["sentence"].startswith("Brighter images change their name")
    assert light["numbers"]["answers that change"] == 0.3
    for each in findings["brightness"]:
        each |= {"changed": 0.17, "changed_by_noise": 0.44}
    (noise,) = found(findings)
    assert (noise["kind"], noise["weight"]) == ("noise", "note")
    assert noise["numbers"]["with noise of that size"] == 0.44
    fine = "Somewhat brighter or darker, nearly all images keep their names."
    assert fine not in conclude(findings, THRESHOLDS)["checked"]


def test_what_rests_on_the_light_of_whole_images_is_told(findings):
    fine = "Of the same brightness or contrast, nearly all keep their names."
    change = {
        **{"property": "contrast", "changed": 0.4, "interval": [0.3, 0.5]},
        **{"accuracy": 0.9, "accuracy_leveled": 0.6, "accuracy_in_class": 0.8},
        **{"probability": 1e-6, "differs": 1e-4, "num_images": 100},
    }
    still = change | {"property": "brightness", "changed": 0.0, "interval": [0.0, 0.1]}
    findings["leveling"] = [still, change]
    for each in findings["brightness"]:  # what light does is then no news
        each |= {"changed": 0.3, "changed_by_noise": 0.01}
    (cue,) = found(findings)
    checked = conclude(findings, THRESHOLDS)["checked"]
    assert cue["kind"] == "cue" and fine not in checked
    assert not any("brighter or darker" in sentence for sentence in checked)
    assert cue["sentence"] == (
        "Brought to the same contrast, 40 % of the images get another name."
    )
    assert cue["numbers"]["with the same contrast"] == 0.6
    for each in findings["brightness"]:
        each |= {"changed": 0.0, "changed_by_noise": 0.0}
    for harmless in (
        {"interval": [0.09, 0.5]}, {"accuracy_in_class": 0.63}, {"differs": 0.03},
        {"accuracy_leveled": 0.88}, {"probability": 0.03},
    ):  # fmt: skip
        findings["leveling"] = [still, change | harmless]
        assert found(findings) == []
        assert fine not in conclude(findings, THRESHOLDS)["checked"]
    for measured in ([still], []):
        findings["leveling"] = measured
        assert (fine in conclude(findings, THRESHOLDS)["checked"]) == bool(measured)


def test_confidence_is_named_by_its_direction(findings):
    findings["calibration"] |= {"ece": 0.2, "gap": -0.2, "ece_after": 0.1}
    findings["calibration"] |= {"ece_before": 0.2, "temperature": 0.5}
    (told,) = found(findings)
    assert told["sentence"] == "It is less sure of its answers than it should be."
    assert "Divide its logits by 0.5" in told["advice"]
    findings["calibration"]["ece_after"] = 0.3
    assert (
        "One temperature for all logits does not mend it"
        in (found(findings)[0]["advice"])
    )


def test_removal_is_claimed_only_as_it_was_measured(corner, findings):
    findings["removal"] = copy.deepcopy(corner["removal"])
    (layer,) = findings["removal"]["layers"]
    (told,) = found(findings)
    assert told["sentence"] == "2 units of 7 in conv2d_1 could go."
    assert told["weight"] == "note"  # it is so of sound networks, too
    assert told["numbers"]["without as many others of a layer, at worst"] == 0.5
    layer["accuracy_after"] = 0.7
    (told,) = found(findings)
    assert told["sentence"] == "Leave the units of conv2d_1 as they are."
    assert told["numbers"]["without those of conv2d_1"] == 0.7


def test_many_layers_share_a_sentence_and_one_measure_of_all_together(corner, findings):
    (layer,) = corner["removal"]["layers"]
    layers = [{**layer, "layer": name} for name in ("one", "two", "three")]
    together = {"num_units": 6, "accuracy_after": 0.5, "changed": 0.4}
    findings["removal"] = {"accuracy": 0.875, "together": together, "layers": layers}
    (told,) = found(findings)
    assert told["sentence"] == "6 units of 21 in 3 layers could go."
    assert told["numbers"]["without any of them"] == 0.5
    assert "one layer at a time" in told["advice"]


def test_noise_is_a_note_that_does_not_call_units_useless(findings):
    findings["units"]["layers"][0]["kinds"] = {"noise": 4, "edge": 3}
    (told,) = found(findings)
    assert (told["kind"], told["weight"]) == ("maps", "note")
    assert told["sentence"] == "Do not read the maps of conv2d_1."
    assert conclude(findings, THRESHOLDS)["headline"].endswith("calls for a change.")


def test_one_unit_for_brightness_makes_no_layer_of_them(findings):
    layer = findings["units"]["layers"][0]
    layer |= {"kinds": {"brightness": 1, "edge": 3}, "num_mapped": 4}
    assert kinds(findings) == []
    layer["kinds"] = {"brightness": 2, "edge": 2}
    assert found(findings)[0]["sentence"] == (
        "Many units of conv2d_1 look at brightness."
    )


@pytest.mark.parametrize(
    ("changed", "interval", "median", "end"),
    [
        (0.0, [0.0, 0.32], 0.0, "by these it may be 0 to 32 %."),
        (0.0, [0.0, 0.06], 0.0, "or be as large as the image."),
        (0.094, [0.044, 0.19], 0.0, "by these it may be 4.4 to 19 %."),
        (0.17, [0.1, 0.28], 0.12, "changes nearly as many answers."),
    ],
)
def test_no_place_decides_is_said_only_where_images_suffice(
    findings, changed, interval, median, end
):
    findings["covering"] |= {
        "changed": changed, "interval": interval, "median_changed": median
    }  # fmt: skip
    why = {e["question"]: e["why"] for e in list_unknown(findings, THRESHOLDS)}
    assert why["Whether the network has learned a shortcut at one place"].endswith(end)


def test_what_cannot_be_told_is_told(corner, findings):
    assert "Whether all this holds for new images" in asked(corner)
    assert "What 25 units of these layers respond to" in asked(corner)
    mark = "Whether it answers to a mark that is on none of these images"
    assert mark in asked({**corner, "marks_tried": None}) and mark not in asked(corner)
    alone = {"num": 0, "accuracy": 0.31, "guess": 0.3}
    tried = {**corner["marks_tried"], "references": alone}
    why = [e["why"] for e in list_unknown({**corner, "marks_tried": tried}, THRESHOLDS)]
    assert any(e.endswith("apart (31 % right, 30 % by guessing).") for e in why)
    few = [e["why"] for e in list_unknown({**corner, "covering": None}, THRESHOLDS)]
    assert "There are too few images to cover parts of." in few


def test_few_mistakes_show_no_pattern_unless_a_group_holds_them(findings):
    findings["performance"] |= {"num_images": 100, "num_right": 97}
    question = "What the mistakes have in common"
    assert question in asked(findings)
    findings["mistakes"]["groups"] = [
        {"column": "person", "value": "ann", "images": 9, "mistakes": 3,
         "rate": 1 / 3, "rate_elsewhere": 0, "probability": 0.004}
    ]  # fmt: skip
    assert question not in asked(findings) and kinds(findings) == ["group"]


def test_what_is_random_is_told_first(findings):
    findings["model"]["randomness"] = ["The network is random."]
    first = list_unknown(findings, THRESHOLDS)[0]
    assert first["question"] == "What the network answers when it is asked again"
    assert first["why"] == "The network is random."


def test_one_output_without_activation_is_doubted(findings):
    findings["model"]["is_single_logit"] = True
    first = list_unknown(findings, THRESHOLDS)[0]
    assert first["question"] == "Whether its one output is a classifier's"
    assert "above 0 was read as ‘yes’" in first["why"]


@pytest.mark.parametrize(
    ("share", "text"),
    [(0.934, "93 %"), (0.9962, "99.6 %"), (1, "100 %"), (0.99999, "99.9 %"),
     (0.05, "5 %"), (0.0512, "5.1 %"), (0, "0 %"), (0.0001, "less than 0.1 %")],
)  # fmt: skip
def test_percent_keeps_what_can_be_told(share, text):
    assert percent(share) == text


def test_words_are_those_of_a_sentence():
    assert percent_range(0.91, 0.95) == "91 to 95 %"
    assert count(1, "unit") == "1 unit" and count(0, "unit") == "no units"
    assert listing("abc") == "a, b and c" and listing("ab") == "a and b"
    assert listing("abcdefg", most=3) == "a, b and 5 more"
    assert number(0.01234) == "0.0123" and number(float("nan")) == "no number"
