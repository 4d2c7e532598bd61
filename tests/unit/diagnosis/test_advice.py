"""Sentences and advice: each appears where its number calls for it, and only there."""

import copy

import pytest
from diagnosis_cases import make_findings

from happymaps.diagnosis.advice.criteria import is_near_chance, is_suspicious
from happymaps.diagnosis.advice.limitations import list_unknown
from happymaps.diagnosis.advice.recommendations import recommend
from happymaps.diagnosis.advice.summary import summarize
from happymaps.diagnosis.advice.thresholds import THRESHOLDS
from happymaps.diagnosis.advice.wording import (
    count,
    listing,
    number,
    percent,
    percent_range,
    points,
    probability,
)


@pytest.fixture(scope="module")
def corner():
    """Return findings of a network that names images by a corner."""
    return make_findings()


@pytest.fixture
def findings(corner):
    """Return the same, with nothing that calls for advice."""
    calm = copy.deepcopy(corner)
    calm["performance"] |= {"accuracy": 0.99, "balanced_interval": [0.9, 1.0]}
    for each in calm["performance"]["classes"]:
        each |= {"recall": 0.95, "interval": [0.9, 0.99]}
    calm["covering"] |= {"changed": 0.02, "interval": [0.0, 0.05]}
    calm["calibration"] |= {"ece": 0.01, "chance_high": 0.02}
    calm["mistakes"]["groups"] = []
    calm["removal"] = {"accuracy": 0.99, "together": None, "layers": []}
    for layer in calm["units"]["layers"]:
        layer["kinds"] = {"edge": 7}
    return calm


def titles(findings):
    return [each["title"] for each in recommend(findings, THRESHOLDS)]


def test_nothing_is_advised_where_no_number_calls_for_it(findings):
    assert recommend(findings, THRESHOLDS) == []


def test_a_shortcut_comes_first_with_window_and_share(corner):
    first = recommend(corner, THRESHOLDS)[0]
    assert first["weight"] == "first"
    assert first["title"] == (
        "Look at what lies in the top left corner: rows 0 to 1, columns 0 to 2"
    )
    share = percent(corner["covering"]["changed"])
    assert f"changes {share} of the predictions" in first["rests_on"]
    assert "guessing 50 %" in first["rests_on"]


def test_a_window_that_others_equal_is_not_suspicious(corner, findings):
    assert is_suspicious(corner, THRESHOLDS)
    assert not is_suspicious(findings, THRESHOLDS)
    equal = copy.deepcopy(corner)
    equal["covering"]["median_changed"] = corner["covering"]["changed"] / 2
    assert not is_suspicious(equal, THRESHOLDS)
    assert not is_suspicious({**corner, "covering": None}, THRESHOLDS)


def test_chance_is_told_and_a_better_reading_is_advised(findings):
    findings["performance"]["balanced_interval"] = [0.45, 0.6]
    assert is_near_chance(findings)
    assert "cannot be told from guessing" in summarize(findings, THRESHOLDS)[0]
    assert titles(findings)[:1] == ["Look at the training, or at the images"]
    better = {"name": "0 to 255", "balanced_accuracy": 0.95, "accuracy": 0.95}
    better |= {"gain": 0.45, "probability": 1e-9, "options": "--preprocessing raw"}
    findings["readings"]["readings"] = [better]
    findings["covering"] |= {"changed": 0.5, "interval": [0.4, 0.6]}
    again = "Mend this first, then diagnose it again"
    assert titles(findings) == ["Feed the pixels as 0 to 255", again]
    command = "happymaps diagnose net.keras folder:mine --preprocessing raw"
    assert recommend(findings, THRESHOLDS)[0]["advice"].endswith(command)
    better["options"] = ""
    assert "no option" in recommend(findings, THRESHOLDS)[0]["advice"]
    assert "95 % so" in recommend(findings, THRESHOLDS)[0]["rests_on"]
    better["probability"] = 0.2  # as much may come by chance
    assert titles(findings)[:1] == ["Look at the training, or at the images"]


def test_classes_in_another_order_are_named(findings):
    findings["class_order"] = {
        "order": [1, 0], "is_given": False, "accuracy": 0.1,
        "accuracy_reordered": 0.9, "probability": 1e-6,
    }  # fmt: skip
    advice = recommend(findings, THRESHOLDS)[0]
    assert advice["title"] == "Check the order of the classes"
    assert "output 0 means ‘yes’, not ‘no’" in advice["advice"]


def test_a_weak_class_needs_an_interval_below_the_others_and_images(findings):
    weak = findings["performance"]["classes"][1]
    weak |= {"recall": 0.5, "interval": [0.4, 0.6], "images": 90}
    assert titles(findings) == ["Give the class ‘yes’ more to learn from"]
    weak["interval"] = [0.2, 0.99]
    assert titles(findings) == []
    weak |= {"interval": [0.4, 0.6], "images": 9}
    assert titles(findings) == []
    asked = [each["question"] for each in list_unknown(findings, THRESHOLDS)]
    assert "How well ‘yes’ is recognized" in asked


def test_light_is_told_from_noise(findings):
    for each in findings["brightness"]:
        each |= {"changed": 0.3 * (each["change"] == 0.1), "changed_by_noise": 0.01}
    (advice,) = recommend(findings, THRESHOLDS)
    assert advice["title"] == "Train with varied light"
    assert (
        "turns 30 % of the predictions; noise of the same size turns 1 %"
        in (advice["rests_on"])
    )
    assert "brightness is a cue" in summarize(findings, THRESHOLDS)[5]


def test_confidence_is_named_by_its_direction(findings):
    findings["calibration"] |= {"ece": 0.2, "gap": -0.2, "ece_after": 0.1}
    findings["calibration"]["ece_before"] = 0.2
    (advice,) = recommend(findings, THRESHOLDS)
    assert advice["title"].endswith("it is underconfident")
    assert "from 20 % to 10 %" in advice["advice"]


def test_removal_is_claimed_only_as_it_was_measured(corner, findings):
    removal = copy.deepcopy(corner["removal"])
    (layer,) = removal["layers"]
    findings["removal"] = removal
    assert titles(findings) == ["2 of 7 units of conv2d_1 could go"]
    layer["accuracy_after"] = removal["together"]["accuracy_after"] = 0.7
    (advice,) = recommend(findings, THRESHOLDS)
    assert advice["title"] == "Leave the units of conv2d_1 as they are"
    assert "changed the accuracy by −17.5 points" in advice["rests_on"]


def test_many_layers_share_a_title_and_one_measure_of_all_together(corner, findings):
    (layer,) = corner["removal"]["layers"]
    layers = [{**layer, "layer": name} for name in ("one", "two", "three")]
    together = {"num_units": 6, "accuracy_after": 0.5, "changed": 0.4}
    findings["removal"] = {"accuracy": 0.875, "together": together, "layers": layers}
    (advice,) = recommend(findings, THRESHOLDS)
    assert advice["title"] == "6 of 21 units of 3 layers could go"
    assert "(6 units): accuracy −37.5 points" in advice["rests_on"]
    assert "Try one layer at a time" in advice["advice"]


def test_noise_is_a_note_that_does_not_call_units_useless(findings):
    findings["units"]["layers"][0]["kinds"] = {"noise": 4, "edge": 3}
    (advice,) = recommend(findings, THRESHOLDS)
    assert (advice["title"], advice["weight"]) == (
        "Do not read the maps of conv2d_1", "note"
    )  # fmt: skip
    assert advice["rests_on"].startswith("conv2d_1: 4 of 7 units with maps")


def test_summary_tells_kinds_and_what_was_left_out(corner):
    summary = summarize(corner, THRESHOLDS)
    assert "Of 14 units examined (of 39 in these layers), 2 never fire" in summary[-1]
    assert "2 look for brightness, 2 for edges, 2 for textures, 2 have" in summary[-1]
    assert "Many decisions rest on it." in summary[4]
    asked = {each["question"] for each in corner["unknown"]}
    assert "Whether all this holds for new images" in asked
    assert "What 25 units of these layers respond to" in asked


def test_one_unit_for_brightness_makes_no_layer_of_them(findings):
    layer = findings["units"]["layers"][0]
    layer |= {"kinds": {"brightness": 1, "edge": 3}, "num_mapped": 4}
    assert titles(findings) == []
    layer["kinds"] = {"brightness": 2, "edge": 2}
    assert titles(findings) == ["conv2d_1 looks at brightness"]


def test_units_without_a_map_are_told_apart_from_those_that_cannot_be_told(corner):
    units = copy.deepcopy(corner["units"]) | {"num_untold": 1, "num_mapped": 13}
    told = summarize({**corner, "units": units}, THRESHOLDS)[-1]
    assert "1 cannot be told and 1 has no map and cannot be told." in told
    units["num_untold"] = 2
    told = summarize({**corner, "units": units}, THRESHOLDS)[-1]
    assert told.endswith("2 double another one and 2 have no map and cannot be told.")


def test_of_readings_that_do_as_well_the_usual_one_is_advised(findings):
    def read(name, balanced):
        return {"name": name, "balanced_accuracy": balanced, "accuracy": balanced,
                "gain": balanced - 0.37, "probability": 1e-4,
                "options": ""}  # fmt: skip

    exchanged = read("255 to 0 (black and white exchanged)", 0.68)
    findings["readings"]["readings"] = [exchanged, read("0 to 255", 0.66)]
    advice = recommend(findings, THRESHOLDS)[0]
    assert advice["title"] == "Feed the pixels as 0 to 255"
    assert "(255 to 0 (black and white exchanged): 68 %)" in advice["rests_on"]
    assert "though others do about as well" in summarize(findings, THRESHOLDS)[1]
    findings["readings"]["readings"] = [exchanged, read("0 to 255", 0.6)]
    assert titles(findings)[0].startswith("Feed the pixels as 255 to 0")
    assert "most likely trained so" in summarize(findings, THRESHOLDS)[1]


def test_noise_that_turns_more_than_light_does_is_not_called_a_cue(findings):
    for each in findings["brightness"]:
        each |= {"changed": 0.17, "changed_by_noise": 0.44}
    (advice,) = recommend(findings, THRESHOLDS)
    assert advice["title"] == "Noise changes its predictions"
    assert "turns 44 %" in advice["rests_on"] and "turns 17 %" in advice["rests_on"]
    assert "not to light above all" in summarize(findings, THRESHOLDS)[5]


@pytest.mark.parametrize(
    ("changed", "interval", "median", "end"),
    [
        (0.0, [0.0, 0.32], 0.0, "one that decides up to 32 % may go unseen."),
        (0.0, [0.0, 0.06], 0.0, "no single place decides."),
        (0.03, [0.0, 0.08], 0.0, "No single place decides."),
        (0.094, [0.044, 0.19], 0.0, "(95 % interval 4.4 to 19 %)."),
        (0.17, [0.1, 0.28], 0.12, "Other places count nearly as much."),
    ],
)
def test_no_place_decides_is_said_only_where_images_suffice(
    findings, changed, interval, median, end
):
    findings["covering"] |= {
        "changed": changed, "interval": interval, "median_changed": median
    }  # fmt: skip
    assert summarize(findings, THRESHOLDS)[4].endswith(end)


def test_few_mistakes_show_no_pattern_unless_a_group_holds_them(findings):
    findings["performance"] |= {"num_images": 100, "num_right": 97}
    question = "What the mistakes have in common"

    def asked():
        return {each["question"] for each in list_unknown(findings, THRESHOLDS)}

    assert question in asked()
    findings["mistakes"]["groups"] = [
        {"column": "person", "value": "ann", "images": 9, "mistakes": 3,
         "rate": 1 / 3, "rate_elsewhere": 0, "probability": 0.004}
    ]  # fmt: skip
    assert question not in asked() and titles(findings) == ["Look at person ann"]


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


def test_too_few_images_are_told(corner):
    few = {**corner, "covering": None}
    assert "cannot be told: there are too few images" in summarize(few, THRESHOLDS)[4]


@pytest.mark.parametrize(
    ("share", "text"),
    [(0.934, "93 %"), (0.9962, "99.6 %"), (1, "100 %"), (0.99999, "99.9 %"),
     (0.05, "5 %"), (0.0512, "5.1 %"), (0, "0 %"), (0.0001, "less than 0.1 %")],
)  # fmt: skip
def test_percent_keeps_what_can_be_told(share, text):
    assert percent(share) == text


def test_words_are_those_of_a_sentence():
    assert points(-0.0123) == "−1.2 points" and points(0.0) == "0 points"
    assert percent_range(0.91, 0.95) == "91 to 95 %"
    assert count(1, "unit") == "1 unit" and count(0, "unit") == "no units"
    assert count(2, "way", "ways") == "2 ways"
    assert listing("abc") == "a, b and c" and listing("ab") == "a and b"
    assert listing("abcdefg", most=3) == "a, b and 5 more"
    assert number(0.01234) == "0.0123" and number(float("nan")) == "no number"
    assert probability(1e-9) == "less than 0.001" and probability(0.04) == "0.04"
