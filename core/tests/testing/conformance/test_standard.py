"""What holds for every class of the kit."""

from __future__ import annotations

import inspect

import cornerdesk.testing
import pytest
from cornerdesk.testing import StandardTests, WebhookTests

from .kit import KIT, Plaindesk, PlainWebhooks


def standard_tests() -> list[tuple[str, object]]:
    return [
        (f"{tests.__name__}.{name}", inspect.getattr_static(tests, name))
        for tests in KIT.values()
        for name in dir(tests)
        if name.startswith("test_")
    ]


@pytest.mark.parametrize(("name", "test"), standard_tests())
def test_each_standard_test_says_what_to_look_at_when_it_fails(name: str, test: object) -> None:
    told = inspect.getdoc(test) or ""
    assert "When it fails: " in told
    assert len(told.rpartition("When it fails: ")[2].split()) >= 4


def test_a_standard_test_cannot_be_replaced() -> None:
    with pytest.raises(TypeError, match="test_a_wrong_secret_is_refused replaces a standard test"):

        class Quiet(PlainWebhooks):
            def test_a_wrong_secret_is_refused(self) -> None:
                pass


def test_a_standard_test_cannot_be_taken_away() -> None:
    with pytest.raises(TypeError, match="test_a_wrong_secret_is_refused"):
        type("Without", (PlainWebhooks,), {"test_a_wrong_secret_is_refused": None})


def test_a_standard_test_cannot_be_replaced_from_the_side() -> None:
    class Beside:
        def test_a_wrong_secret_is_refused(self) -> None:
            pass

    with pytest.raises(TypeError, match="replaces a standard test"):
        type("Mixed", (Beside, PlainWebhooks), {})


def test_an_xfail_needs_a_reason() -> None:
    def test_a_wrong_secret_is_refused(self: object) -> None:
        raise AssertionError

    for mark in (pytest.mark.xfail, pytest.mark.xfail(reason=" ")):
        replaced = {"test_a_wrong_secret_is_refused": mark(test_a_wrong_secret_is_refused)}
        with pytest.raises(TypeError, match="replaces a standard test"):
            type("Unreasoned", (PlainWebhooks,), replaced)
        del test_a_wrong_secret_is_refused.pytestmark  # type: ignore[attr-defined]
    reasoned = pytest.mark.xfail(reason="the vendor signs with one fixed secret")(test_a_wrong_secret_is_refused)
    type("Reasoned", (PlainWebhooks,), {"test_a_wrong_secret_is_refused": reasoned})


def test_what_an_author_has_to_give_is_asked_for_by_name() -> None:
    class Empty(StandardTests):
        pass

    with pytest.raises(NotImplementedError, match="Empty has to give make_adapter"):
        Empty().make_adapter()


def test_every_public_name_is_there() -> None:
    for name in cornerdesk.testing.__all__:
        assert getattr(cornerdesk.testing, name) is not None
    with pytest.raises(AttributeError, match="no WebhookTest"):
        cornerdesk.testing.WebhookTest  # noqa: B018
    assert issubclass(PlainWebhooks, WebhookTests)
    assert issubclass(PlainWebhooks, Plaindesk)
