"""Nothing of a real person is left in what is recorded."""

from __future__ import annotations

import json
import re
from typing import Any

from cornerdesk.scaffold.pseudonyms import Pseudonyms
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

SALT = b"for tests"
NAMES = ["Hedwig", "Quillfeather", "Olu", "Adébáyò", "Zoë", "McNamara-Voss", "Jörg", "李雷"]
WORD = st.text("abdefgiklmnoprstuvz", min_size=6, max_size=9)
DIGITS = st.text("123456789", min_size=4, max_size=4)
name = st.lists(st.sampled_from(NAMES), min_size=1, max_size=3).map(" ".join)
mail = st.builds("{}{}{}@{}.{}".format, WORD, st.sampled_from(".+-_"), WORD, WORD, st.sampled_from(["com", "co.uk"]))
phone = st.builds("+46 {} ({})-{}".format, DIGITS, DIGITS, DIGITS)
text = st.builds(
    lambda shape, *parts: shape.format(*parts),
    st.sampled_from(["{} {}, {}!", "<p title='{}'>{}<br/>{}</p>", "{}\n\n> {}\n-- \n{}", "https://{}.io/{}?q={}"]),
    WORD,
    WORD,
    WORD,
)
FIELDS = ["name", "email", "text", "body", "html", "status", "type", "id", "phone", "custom_field", "url", "event"]
person = name | mail | phone | text
bodies = st.dictionaries(
    st.sampled_from(FIELDS) | name | mail,
    st.recursive(person, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(FIELDS), inner)),
    min_size=1,
    max_size=5,
)


@settings(max_examples=60, deadline=None, derandomize=True, database=None, suppress_health_check=list(HealthCheck))
@given(bodies)
def test_no_address_name_number_or_word_of_anybodys_is_left(body: dict[str, Any]) -> None:
    recorded = json.dumps(Pseudonyms(SALT).of(body), ensure_ascii=False)
    fields = re.findall(r"[a-z]+", " ".join(FIELDS))
    for said in set(re.findall(r"[^\W\d_]{3,}|\d{4,}", json.dumps(body, ensure_ascii=False))) - set(fields):
        if said not in ("https", "title", "span"):
            assert not re.search(rf"(?<![^\W_]){re.escape(said)}(?![^\W_])", recorded), f"{said} is left"


def test_what_makes_a_delivery_is_kept() -> None:
    body = {
        "type": "zen:event-type:ticket.comment_added",
        "status": "ON_HOLD",
        "public": True,
        "count": 3,
        "tags": [],
        "assignee": None,
        "via": {"channel": "web_form"},
    }
    assert Pseudonyms(SALT).of(body) == body


def test_times_are_moved_together_and_keep_their_form() -> None:
    body = {"at": "2026-10-05T12:00:00.672717Z", "on": "2026-10-06", "epoch": 1791201600, "ms": 1791201600123}
    moved = Pseudonyms(SALT).of(body)
    assert moved["at"].endswith("T12:00:00.672717Z")
    assert moved["at"][:10] != "2026-10-05"
    assert (body["epoch"] - moved["epoch"]) * 1000 == body["ms"] - moved["ms"]
    assert (body["epoch"] - moved["epoch"]) % 86400 == 0


def test_ids_keep_their_form_and_their_sameness() -> None:
    body = {"id": 5158, "ticket": {"id": "5158", "ref": "2b24ef10-19d5-4740"}, "again": "2b24ef10-19d5-4740"}
    made = Pseudonyms(SALT).of(body)
    assert str(made["id"]) == made["ticket"]["id"] != "5158"
    assert made["again"] == made["ticket"]["ref"]
    assert re.fullmatch(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9]{4}", made["again"])


def test_one_person_is_the_same_everywhere_in_a_set() -> None:
    first = Pseudonyms(SALT).of({"email": "Hedwig@Globex.com", "domain": "globex.com", "name": "Hedwig Voss"})
    second = Pseudonyms(SALT).of({"from": "hedwig@globex.com", "text": "Regards, Hedwig"})
    assert first["email"] == second["from"]
    assert first["email"].partition("@")[2] == first["domain"]
    assert first["domain"].endswith(".example")
    assert second["text"].endswith(first["name"].split()[0])


def test_another_salt_makes_others() -> None:
    assert Pseudonyms(b"one").of(["Hedwig"]) != Pseudonyms(b"other").of(["Hedwig"])


def test_fields_may_be_kept() -> None:
    assert Pseudonyms(SALT, keep=["plan"]).of({"plan": "Enterprise 2000"}) == {"plan": "Enterprise 2000"}
