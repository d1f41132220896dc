"""Arbitrary JSON: anything at all, and samples in which something has gone wrong."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st

from cornerdesk.testing.conformance.samples import Place, Sample, put

F = TypeVar("F", bound=Callable[..., Any])

ODD = ["0", "", "7", "OPEN", "\0", "2026-10-05T12:00:00.123456789Z", "9999-12-31T23:59:59-12:00", -1, 10**40, [[]], {}]
SCALARS = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=12)
    | st.sampled_from(ODD)
)
ANY_JSON: st.SearchStrategy[Any] = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)


share = 1.0
"""Of the examples; for tests of the kit itself, which runs it dozens of times."""


def bounded(examples: int) -> Callable[[F], F]:
    """So many examples, the same ones each time: a kit that fails on Tuesdays proves nothing."""
    return settings(
        max_examples=max(1, round(examples * share)),
        deadline=None,
        derandomize=True,
        database=None,
        suppress_health_check=list(HealthCheck),
    )


def near_bodies(samples: Sequence[Sample]) -> st.SearchStrategy[bytes]:
    """Any JSON, and bodies of samples with one or two values replaced by any JSON or taken away."""
    return (near_samples(samples).map(lambda sample: sample.body)) if samples else ANY_JSON.map(_body)


def near_samples(samples: Sequence[Sample]) -> st.SearchStrategy[Sample]:
    """As `near_bodies`, with the headers that go with them."""
    changed = st.sampled_from(list(samples)).flatmap(_changed)
    whole = st.builds(lambda sample, data: sample.with_data(data), st.sampled_from(list(samples)), ANY_JSON)
    return changed | whole


def _changed(sample: Sample) -> st.SearchStrategy[Sample]:
    data = sample.data
    places = [place for place in _places(data) if place]
    if not places:
        return st.just(sample)
    spoilt = st.builds(lambda place, value: put(data, place, value), st.sampled_from(places), ANY_JSON)
    lacking = st.sampled_from(places).map(lambda place: _without(data, place))
    return (spoilt | lacking).map(sample.with_data)


def _places(data: Any, place: Place = ()) -> list[Place]:
    inner = data.items() if isinstance(data, dict) else enumerate(data) if isinstance(data, list) else ()
    return [place, *(found for key, value in inner for found in _places(value, (*place, key)))]


def _without(data: Any, place: Place) -> Any:
    if len(place) > 1:
        return put(data, place[:1], _without(data[place[0]], place[1:]))
    if isinstance(data, dict):
        return {key: value for key, value in data.items() if key != place[0]}
    return [value for position, value in enumerate(data) if position != place[0]]


def _body(data: Any) -> bytes:
    return json.dumps(data).encode()
