"""Which domains say what company somebody is of."""

from __future__ import annotations

import pytest
from cornerdesk.accounts import company_domain, is_free_mail
from cornerdesk.accounts.domains import email_domain, is_public_suffix, normal_domain, parents
from hypothesis import given
from hypothesis import strategies as st


@pytest.mark.parametrize(
    ("address", "domain"),
    [
        ("ada@acme.example", "acme.example"),
        ("Ada@Mail.ACME.Example.", "acme.example"),
        ("ada@a.b.acme.co.uk", "acme.co.uk"),
        ("ada@bücher.example", "xn--bcher-kva.example"),
        ('"a@b"@acme.example', "acme.example"),
        ("ada@shop.myshopify.com", "shop.myshopify.com"),
        ("ada@gmail.com", None),
        ("ada@GMX.net", None),
        ("ada@web.de", None),
        ("ada@qq.com", None),
        ("ada@outlook.co.th", None),
        ("ada@yahoo.co.jp", None),
        ("ada@mail.t-online.de", None),
        ("ada@co.uk", None),
        ("ada@github.io", None),
        ("ada@localhost", None),
        ("ada", None),
        ("@acme.example", None),
        ("ada@", None),
        ("", None),
        (None, None),
    ],
)
def test_an_address_speaks_for_its_company_or_for_none(address: str | None, domain: str | None) -> None:
    assert company_domain(address) == domain


def test_the_list_of_free_mail_is_a_list_of_domains() -> None:
    from cornerdesk.accounts.domains import _free_mail

    found = _free_mail()
    assert len(found) > 500
    assert all(normal_domain(domain) == domain for domain in found)
    assert not any(is_public_suffix(domain) for domain in found if domain != "users.noreply.github.com")


@pytest.mark.parametrize("domain", ["gmail.com", "gmx.at", "gmx.com", "outlook.fr", "hotmail.co.uk", "icloud.com"])
def test_free_mail_is_known(domain: str) -> None:
    assert is_free_mail(domain)


def test_the_domains_above_end_where_somebody_registered_one() -> None:
    assert parents("a.mail.acme.co.uk") == ("mail.acme.co.uk", "acme.co.uk")
    assert parents("acme.co.uk") == ()
    assert parents("co.uk") == ()


@given(st.text(max_size=60))
def test_any_text_is_a_domain_or_none(text: str) -> None:
    domain = normal_domain(text)
    assert domain is None or normal_domain(domain) == domain
    assert email_domain(f"a@{text}") is None or "@" not in (email_domain(f"a@{text}") or "")
    company_domain(f"a@{text}")
