"""What to do, each piece of advice with the number that it rests on."""

from collections.abc import Mapping

from happymaps.diagnosis.advice.criteria import (
    best_reading,
    better_readings,
    follows_brightness,
    follows_noise,
    is_near_chance,
    is_suspicious,
    reorders_classes,
    told_groups,
)
from happymaps.diagnosis.advice.mark_advice import advise_marks
from happymaps.diagnosis.advice.thresholds import Thresholds
from happymaps.diagnosis.advice.unit_advice import advise_units
from happymaps.diagnosis.advice.wording import (
    count,
    listing,
    number,
    percent,
    piece_of_advice,
    points,
    probability,
)


def recommend(findings: Mapping, thresholds: Thresholds) -> list[dict]:
    """Return advice that follows from the findings, the most pressing first.

    Args:
        findings: As `diagnose` gathers them, see there.
        thresholds: From which sizes a finding counts.

    Returns:
        `title`, `advice`, `rests_on` (the number, in words) and `weight`: `"first"`,
        `"worth doing"` or `"note"`.
    """
    readings = _advise_readings(findings, thresholds)
    if readings:
        # Fed wrongly, a network shows nothing of what it does when it is fed right.
        return [*readings, _advise_again(findings)]
    found = [
        *advise_marks(findings),
        *_advise_shortcut(findings, thresholds),
        *_advise_brightness(findings, thresholds),
        *_advise_classes(findings, thresholds),
        *_advise_groups(findings, thresholds),
        *_advise_confidence(findings, thresholds),
        *advise_units(findings, thresholds),
    ]
    order = {"first": 0, "worth doing": 1, "note": 2}
    return sorted(found, key=lambda each: order[each["weight"]])


def _advise_readings(findings: Mapping, thresholds: Thresholds) -> list[dict]:
    reading, tried = best_reading(findings, thresholds), findings["readings"]
    found = []
    if reading:
        found.append(
            piece_of_advice(
                f"Feed the pixels as {reading['name']}",
                "The network does better when its images are brought to it so. "
                "Find out how its training images were scaled, and do the same "
                f"wherever it is used. {_tell_options(findings, reading)}",
                f"Balanced accuracy {percent(reading['balanced_accuracy'])} so, and "
                f"{percent(tried['balanced_accuracy'])} as they are fed now "
                f"({count(tried['num_tried'], 'other reading')} tried)"
                f"{_tell_equals(findings, reading, thresholds)}.",
                "first",
            )
        )
    if reorders_classes(findings, thresholds):
        found.append(_advise_order(findings))
    if is_near_chance(findings) and not found:
        found.append(_advise_training(findings))
    return found


def _tell_options(findings: Mapping, reading: Mapping) -> str:
    if not reading["options"]:
        return "There is no option for it here: scale the image files themselves."
    return f"Diagnose it so: {findings['options']['command']} {reading['options']}"


def _tell_equals(findings: Mapping, reading: Mapping, thresholds: Thresholds) -> str:
    others = [
        f"{each['name']}: {percent(each['balanced_accuracy'])}"
        for each in better_readings(findings, thresholds)
        if each is not reading
    ]
    return f". Others do about as well ({'; '.join(others)})" if others else ""


def _advise_again(findings: Mapping) -> dict:
    measured = findings["performance"]
    return piece_of_advice(
        "Mend this first, then diagnose it again",
        "Where the decisions rest, what light does and which units are of use was "
        "measured on the network as it is fed now. It may look otherwise when that is "
        "mended, so nothing more is advised from it.",
        f"Balanced accuracy {percent(measured['balanced_accuracy'])} as it is fed "
        f"now, guessing {percent(measured['chance'])}.",
        "note",
    )


def _advise_order(findings: Mapping) -> dict:
    order, names = findings["class_order"], findings["dataset"]["class_names"]
    moved = [
        f"output {k} means ‘{names[true]}’, not ‘{names[k]}’"
        for k, true in enumerate(order["order"])
        if true != k
    ]
    return piece_of_advice(
        "Check the order of the classes",
        f"The predictions fit another order better: {listing(moved)}. Classes are "
        "counted in the alphabetical order of the subfolders; a ground_truth.csv with "
        "the columns file and label can give another.",
        f"Accuracy {percent(order['accuracy_reordered'])} in that order, "
        f"{percent(order['accuracy'])} in the given one, on images that did not choose "
        "it.",
        "first",
    )


def _advise_training(findings: Mapping) -> dict:
    measured, tried = findings["performance"], findings["readings"]
    low, high = measured["balanced_interval"]
    return piece_of_advice(
        "Look at the training, or at the images",
        "The network does no better than guessing, and neither another range of the "
        "pixels nor another order of the classes helps. Measure it on the images that "
        "it was trained with: right there, it has not learned what these images need; "
        "wrong there too, it was not trained or not saved whole.",
        f"Balanced accuracy {percent(measured['balanced_accuracy'])} (95 % interval "
        f"{percent(low)} to {percent(high)}), guessing {percent(measured['chance'])}; "
        f"the best of {tried['num_tried']} other readings "
        f"{percent(tried['readings'][0]['balanced_accuracy'])}.",
        "first",
    )


def _advise_shortcut(findings: Mapping, thresholds: Thresholds) -> list[dict]:
    if not is_suspicious(findings, thresholds):
        return []
    covering = findings["covering"]
    top, left, height, width = covering["window"]
    where = f"the {covering['corner']} corner" if covering["corner"] else (
        "an edge of the image" if covering["touches_edge"] else "one place"
    )  # fmt: skip
    peripheral = covering["corner"] or covering["touches_edge"]
    return [
        piece_of_advice(
            f"Look at what lies in {where}: rows {top} to {top + height - 1}, columns "
            f"{left} to {left + width - 1}",
            "Decisions rest on this window more than on any other. If it does not show "
            "what makes the classes (a mark, a border, a background), the network has "
            "learned a shortcut: crop or cover it in the training images and train "
            "again. If what you ask for is there, all is well.",
            f"Covering this window ({percent(covering['area'])} of the image) changes "
            f"{percent(covering['changed'])} of the predictions; covering another of "
            f"its size changes {percent(covering['median_changed'])} (median of "
            f"{covering['num_windows']}). With nothing but the window, balanced "
            f"accuracy is {percent(covering['balanced_alone'])}, guessing "
            f"{percent(covering['chance'])}.",
            "first" if peripheral else "worth doing",
        )
    ]


def _advise_brightness(findings: Mapping, thresholds: Thresholds) -> list[dict]:
    change = follows_brightness(findings, thresholds)
    if change is None:
        return _advise_noise(findings, thresholds)
    way = "brighter" if change["change"] > 0 else "darker"
    return [
        piece_of_advice(
            "Train with varied light",
            f"Images that are {way} as a whole are named otherwise, more often "
            f"‘{change['toward']}’. Vary brightness and contrast in training, or bring "
            "each image to the same mean before the network sees it.",
            f"A change by {percent(abs(change['change']))} of the range turns "
            f"{percent(change['changed'])} of the predictions; noise of the same size "
            f"turns {percent(change['changed_by_noise'])}.",
            "worth doing",
        )
    ]


def _advise_noise(findings: Mapping, thresholds: Thresholds) -> list[dict]:
    noise = follows_noise(findings, thresholds)
    if noise is None:
        return []
    return [
        piece_of_advice(
            "Noise changes its predictions",
            "If the images that it will meet are noisier than these (a poorer camera, "
            "less light, stronger compression), train with noise of that kind, or with "
            "images from there. If they are not, nothing needs to be done.",
            f"Noise that moves each value by {percent(abs(noise['change']))} of the "
            f"range turns {percent(noise['changed_by_noise'])} of the predictions; "
            f"light that changes as much turns {percent(noise['changed'])}.",
            "note",
        )
    ]


def _advise_classes(findings: Mapping, thresholds: Thresholds) -> list[dict]:
    measured, found = findings["performance"], []
    for each in measured["classes"]:
        if each["images"] < thresholds.least_images:
            continue
        clearly = each["interval"][1] < measured["balanced_accuracy"]
        if each["recall"] < thresholds.low_recall and clearly:
            other = each["mistaken_for"]
            found.append(
                piece_of_advice(
                    f"Give the class ‘{each['name']}’ more to learn from",
                    f"Its images are missed more often than others, most of them as "
                    f"‘{other}’. Look at these among the mistakes; then add images of "
                    "the class, or weigh it more in training.",
                    f"Recall {percent(each['recall'])} of {each['images']} images; the "
                    f"mean over classes is {percent(measured['balanced_accuracy'])}. "
                    f"{each['mistaken_count']} were taken for ‘{other}’.",
                    "worth doing",
                )
            )
    return found


def _advise_groups(findings: Mapping, thresholds: Thresholds) -> list[dict]:
    groups = told_groups(findings, thresholds)
    if not groups:
        return []
    first = groups[0]
    named = [f"{g['column']} {g['value']}" for g in groups]
    return [
        piece_of_advice(
            f"Look at {listing(named, most=4)}",
            "Mistakes gather there. Either these images differ from the others (light, "
            "pose, quality), or their labels are wrong, or too few of their kind were "
            "learned from. To see whether new ones will fare so too, hold out whole "
            f"values of ‘{first['column']}’ when training, not single images.",
            f"{first['mistakes']} of {first['images']} images with {first['column']} "
            f"{first['value']} are named wrong ({percent(first['rate'])}), elsewhere "
            f"{percent(first['rate_elsewhere'])}; by chance that happens with "
            f"probability {probability(first['probability'])}, all "
            f"{findings['mistakes']['num_groups']} groups counted.",
            "worth doing",
        )
    ]


def _advise_confidence(findings: Mapping, thresholds: Thresholds) -> list[dict]:
    found = findings["calibration"]
    if found["ece"] < thresholds.least_ece or found["ece"] <= found["chance_high"]:
        return []
    way = "overconfident" if found["gap"] > 0 else "underconfident"
    helps = found["ece_after"] < found["ece_before"]
    remedy = (
        f"Dividing its logits by {number(found['temperature'])} (temperature scaling) "
        f"mends part of that: the error falls from {percent(found['ece_before'])} to "
        f"{percent(found['ece_after'])} on images that did not choose the number."
        if helps
        else "One temperature for all logits does not mend it here."
    )
    return [
        piece_of_advice(
            f"Do not take its confidence at its word: it is {way}",
            remedy,
            f"Expected calibration error {percent(found['ece'])}; a network that is "
            f"right as often as it says would show {percent(found['chance'])} here "
            f"(95 % below {percent(found['chance_high'])}). Confidence less accuracy: "
            f"{points(found['gap'])}.",
            "worth doing",
        )
    ]
