"""How often findings were right of networks whose flaws are known.

Small networks of drawn faces, with a flaw planted in them or without, were diagnosed
like any other: experiment 7, `what_a_diagnosis_says`. A test counts them again from its
table.
"""

from typing import NamedTuple

from happymaps.diagnosis.advice.wording import count, listing, percent

BASE_RATE = 0.1  # of networks with a flaw, for which a predictive value is told


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

    def predictive_value(self, base_rate: float = BASE_RATE) -> float:
        """Return the share of such findings that are right.

        `s b / (s b + f (1 - b))` of the base rate b of flawed networks, with s and f
        the shares of flawed and of sound networks of which it is told, each with half
        a network more on either side (Jeffreys), so that none of 50 is not never.
        """
        found = (self.told + 0.5) / (self.flawed + 1) * base_rate
        false = (self.alarms + 0.5) / (self.sound + 1) * (1 - base_rate)
        return found / (found + false)


# Of findings that name a cause. Others, such as units that could go, say what was
# measured, which is so in a sound network, too.
RECORDS: dict[str, Record] = {}

# What was planted, to networks with it that got no finding about it, and of how many.
MISSED: dict[str, tuple[int, int]] = {}


def tell_record(kind: str) -> str:
    """Return how often a finding was right, in two sentences; empty if not counted."""
    if kind not in RECORDS:
        return ""
    found = RECORDS[kind]
    return (
        f"Tried on networks that were given a flaw: told of {found.told} of "
        f"{found.flawed} with {found.about}, and of {found.alarms} of {found.sound} "
        f"with nothing wrong. Where {percent(BASE_RATE)} of networks have such a flaw, "
        f"{percent(found.predictive_value())} of such findings are right."
    )


def tell_missed() -> str:
    """Return which flaws a diagnosis without a finding may have missed."""
    if not MISSED:
        return ""
    missed = {name: pair for name, pair in MISSED.items() if pair[0] / pair[1] >= 0.2}
    worst = sorted(missed.items(), key=lambda each: -each[1][0] / each[1][1])
    total, all_of = (sum(each) for each in zip(*MISSED.values(), strict=True))
    return (
        f"Of {count(all_of, 'network')} that were given a flaw, {total} got no finding "
        f"about it, most often "
        f"{listing([f'{name} ({n} of {of})' for name, (n, of) in worst])}."
    )
