"""Objectives: what their sums are, and how they are named."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from happymaps.maps.objectives import (
    OUTPUT,
    Objective,
    Term,
    channel,
    check_objectives,
    direction,
    interpolate,
    layer,
    logit,
    neuron,
    unit,
)

LEAVES = [channel("conv", 0), channel("conv", 1), unit("out", 2), layer("conv")]
FACTORS = st.integers(-8, 8).map(lambda n: n / 4)  # sums of these are exact
OBJECTIVES = st.recursive(
    st.sampled_from(LEAVES),
    lambda inner: (
        st.tuples(inner, inner).map(lambda pair: pair[0] + pair[1])
        | st.tuples(inner, inner).map(lambda pair: pair[0] - pair[1])
        | st.tuples(FACTORS, inner).map(lambda pair: pair[0] * pair[1])
        | inner.map(lambda one: -one)
    ),
    max_leaves=6,
)


def coefficients(objective):
    """Return the weight of each term, those of the same term added up."""
    return {
        leaf.terms[0][1]: sum(
            w for w, term in objective.terms if term == leaf.terms[0][1]
        )
        for leaf in LEAVES
    }


@given(OBJECTIVES, OBJECTIVES, FACTORS)
def test_objectives_are_a_vector_space(a, b, factor):
    of_a, of_b = coefficients(a), coefficients(b)
    for objective, expected in (
        (a + b, lambda term: of_a[term] + of_b[term]),
        (a - b, lambda term: of_a[term] - of_b[term]),
        (factor * a, lambda term: factor * of_a[term]),
        (a * factor, lambda term: factor * of_a[term]),
        (-a, lambda term: -of_a[term]),
    ):
        assert coefficients(objective) == {term: expected(term) for term in of_a}


@given(OBJECTIVES, OBJECTIVES)
def test_operators_change_neither_operand(a, b):
    before = (a.terms, a.name, b.terms, b.name)
    _ = (a + b, a - b, 3 * a, -b, a.named("other"))
    assert (a.terms, a.name, b.terms, b.name) == before


def test_terms_and_names_are_those_of_the_formula():
    a, b = unit("out", 1), unit("out", 0)
    objective = 2 * a - b
    assert objective.terms == (
        (2.0, Term("unit", "out", 1)),
        (-1.0, Term("unit", "out", 0)),
    )
    assert objective.name == "2 * out[1] - out[0]"


@pytest.mark.parametrize(
    ("objective", "name"),
    [
        (channel("conv2d_1", 3), "conv2d_1[3]"),
        (unit(-1, 0), "-1[0]"),
        (neuron("conv", 3, (4, 5)), "conv[3] at (4, 5)"),
        (neuron("conv", 3, (0, 0)), "conv[3] at (0, 0)"),
        (neuron("conv", 3), "conv[3] at center"),
        (direction("conv", [1, 0]), "conv along 2-vector"),
        (direction("conv", [1, 0], "cosine"), "conv along 2-vector (cosine)"),
        (logit(2), "logit[2]"),
        (neuron("conv", 3, (4,)), "conv[3] at (4,)"),
        (
            interpolate(channel("a", 0), channel("a", 1), 0.25),
            "0.75 * a[0] + 0.25 * a[1]",
        ),
        (layer("conv"), "conv"),
        (-channel("a", 0), "-1 * a[0]"),
        (channel("a", 0) - (channel("a", 1) + channel("a", 2)), "a[0] - (a[1] + a[2])"),
        (0.5 * (channel("a", 0) + channel("a", 1)), "0.5 * (a[0] + a[1])"),
        ((channel("a", 0) + channel("b", 1)).named("both"), "both"),
    ],
)
def test_names_say_what_is_looked_at(objective, name):
    assert objective.name == name


def test_layers_are_listed_once_in_order():
    objective = channel("b", 0) + channel("a", 0) - channel("b", 1)
    assert objective.places == (("b", False), ("a", False))
    mixed = unit("b", 0) + logit(1) - logit(0)
    assert mixed.places == (("b", False), (OUTPUT, True))


def test_an_objective_may_be_given_alone_or_as_any_sequence():
    one, two = channel("a", 0), channel("a", 1)
    assert check_objectives(one) == [one]
    assert check_objectives((one, two)) == [one, two]
    assert check_objectives(objective for objective in (one, two)) == [one, two]


def test_a_name_given_twice_is_refused_with_the_remedy():
    twice = [direction("a", [1, 0]), direction("a", [0, 1]), channel("a", 0)]
    with pytest.raises(ValueError, match=r"3 objectives.*along 2-vector.*\.named\("):
        check_objectives(twice)
    assert len(check_objectives([twice[0].named("other"), *twice[1:]])) == 3


def test_no_objective_is_refused():
    with pytest.raises(ValueError, match=r"at least one objective.*0 objectives"):
        check_objectives([])


@pytest.mark.parametrize("wrong", ["conv2d_1", [0], [channel("a", 0), None]])
def test_something_else_is_no_objective(wrong):
    with pytest.raises(TypeError, match=r"channel\('conv2d_1', 0\)\. Received"):
        check_objectives(wrong)


@pytest.mark.parametrize("index", [-1, 1.0, "0", None])
@pytest.mark.parametrize("kind", [channel, unit, neuron, lambda _, index: logit(index)])
def test_an_index_is_a_whole_number_from_0(kind, index):
    with pytest.raises(ValueError, match=r"whole number from 0\. Received"):
        kind("conv", index)


@pytest.mark.parametrize("share", [-0.1, 1.1, "half", np.nan])
def test_a_share_is_between_0_and_1(share):
    with pytest.raises(ValueError, match=r"share must be in \[0, 1\]"):
        interpolate(unit("a", 0), unit("a", 1), share)


def test_a_direction_has_a_similarity_and_for_the_cosine_a_length():
    with pytest.raises(ValueError, match=r"'dot' or 'cosine'\. Received: 'l2'"):
        direction("a", [1], "l2")
    with pytest.raises(ValueError, match="zeros has no direction"):
        direction("a", [0, 0], "cosine")


def test_an_index_may_come_from_numpy():
    assert channel("conv", np.int64(3)) == channel("conv", 3)
    assert neuron("conv", 0, np.array([1, 2])) == neuron("conv", 0, (1, 2))


@pytest.mark.parametrize("position", [5, (), (1, 2, 3, 4), ((1, 2),)])
def test_a_position_is_row_and_column(position):
    with pytest.raises(ValueError, match=r"\(row, column\).*\. Received: .*center"):
        neuron("conv", 0, position)


@pytest.mark.parametrize(
    "combine",
    [
        lambda a: a + 1,
        lambda a: a - "b",
        lambda a: a * a,
        lambda a: "2" * a,
    ],
)
def test_only_objectives_add_and_only_numbers_scale(combine):
    with pytest.raises(TypeError):
        combine(channel("a", 0))


def test_an_objective_cannot_be_changed():
    objective = channel("a", 0)
    with pytest.raises(AttributeError):
        objective.name = "other"
    assert isinstance(hash(objective), int)
    assert isinstance(objective, Objective)
