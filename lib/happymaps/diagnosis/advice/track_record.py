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
    "preprocessing": Record("pixels fed otherwise than taught", 35, 43, 0, 50),
    "class order": Record("classes in another order", 20, 20, 0, 50),
    "marks": Record("a mark or a backdoor", 6, 59, 0, 50),
    "place": Record("a mark at one place", 18, 20, 3, 50),
    "labels": Record("a fifth of the labels wrong", 12, 12, 0, 50),
    "cue": Record("a class that is mostly brighter", 20, 20, 0, 50),
}

# What was planted, to networks with it that got no finding about it, and of how many.
MISSED = {
    "a mark at one place": (2, 20),
    "a mark that moves": (18, 19),
    "a brighter class": (0, 20),
    "images of few people": (19, 19),
    "wrong labels": (0, 12),
    "pixels inverted": (0, 20),
    "pixels darker": (8, 8),
    "pixels faint": (0, 15),
    "classes in another order": (0, 20),
    "a backdoor": (15, 20),
    "too short a training": (20, 20),
    "last layers untrained": (4, 20),
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
