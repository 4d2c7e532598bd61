"""How often findings were right of networks whose flaws are known.

Small networks of drawn faces, with a flaw planted in them or without, were diagnosed
like any other: experiment 7, `what_a_diagnosis_says`. A test counts them again from its
table.
"""

from typing import NamedTuple

from happymaps.diagnosis.advice.wording import count, listing, percent, percent_range
from happymaps.evidence.claims import proportion_interval

BASE_RATE = 0.1  # of networks with a flaw, for which a predictive value is told
_OFTEN = 0.2  # missed in so many, a flaw is named


class Record(NamedTuple):
    """Of one kind of finding.

    Attributes:
        about: What it is a finding of, in words.
        told: Networks with such a flaw of which it was told.
        flawed: Networks with such a flaw.
        alarms: Networks with nothing wrong of which it was told.
        sound: Networks with nothing wrong.
    """

    about: str
    told: int
    flawed: int
    alarms: int
    sound: int

    def predictive_interval(self, base_rate: float = BASE_RATE) -> tuple[float, float]:
        """Return the least and the most of such findings that may be right, as shares.

        `s b / (s b + f (1 - b))` of the base rate b of networks with such a flaw,
        nothing being wrong with the others, with the ends of the 95 % intervals of s
        and f, the shares of flawed and of sound networks of which it is told.
        """
        told = proportion_interval(self.told, self.flawed)
        alarms = proportion_interval(self.alarms, self.sound)
        low, high = (
            s * base_rate / (s * base_rate + f * (1 - base_rate))
            for s, f in zip(told, reversed(alarms), strict=True)
        )
        return low, high


# Of findings that name a cause. Others, such as units that could go, say what was
# measured, which is so of a sound network, too: flaws of units are not counted here.
RECORDS = {
    "preprocessing": Record("pixels fed otherwise than taught", 13, 17, 0, 32),
    "class order": Record("classes in another order", 8, 8, 0, 32),
    "marks": Record("a mark or a backdoor", 2, 23, 0, 32),
    "place": Record("a mark at one place", 6, 8, 0, 32),
    "labels": Record("a fifth of the labels wrong", 2, 5, 0, 32),
    "cue": Record("a class that is mostly brighter", 8, 8, 0, 32),
}

# What was planted, to networks with it that got no finding about it, and of how many.
MISSED = {
    "a mark at one place": (2, 8),
    "a mark that moves": (7, 7),
    "a brighter class": (0, 8),
    "images of few people": (8, 8),
    "wrong labels": (3, 5),
    "pixels inverted": (0, 8),
    "pixels darker": (4, 4),
    "pixels faint": (0, 5),
    "classes in another order": (0, 8),
    "a backdoor": (6, 8),
    "too short a training": (8, 8),
    "last layers untrained": (3, 8),
}


def tell_record(kind: str) -> str:
    """Return how often a finding was right, in sentences; empty if not known."""
    found = RECORDS.get(kind)
    if found is None or not found.told:
        return ""
    return (
        "How often this is right, on small networks for drawn faces that were given "
        f"a flaw: told of {found.told} of {found.flawed} with {found.about}, and of "
        f"{found.alarms} of {found.sound} with nothing wrong. If {percent(BASE_RATE)} "
        "of networks have such a flaw and the others none, "
        f"{percent_range(*found.predictive_interval())} of such findings are right."
    )


def tell_missed() -> str:
    """Return which planted flaws most often got no finding about them."""
    total, all_of = (sum(each) for each in zip(*MISSED.values(), strict=True))
    often = {name: each for name, each in MISSED.items() if each[0] >= _OFTEN * each[1]}
    worst = sorted(often.items(), key=lambda each: -each[1][0] / each[1][1])
    return (
        f"Of {count(all_of, 'small network')} for drawn faces that were given a flaw, "
        f"{total} got no finding about it, most often those with "
        f"{listing([f'{name} ({n} of {of})' for name, (n, of) in worst], most=9)}."
    )
