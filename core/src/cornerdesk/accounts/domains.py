"""E-mail domains: which say what company somebody is of. Pure, but for reading two lists that are packaged once.

Public suffixes come from the Public Suffix List as the package `publicsuffixlist` carries it; nothing is downloaded.
"""

from __future__ import annotations

import re
from functools import lru_cache
from importlib.resources import files

from publicsuffixlist import PublicSuffixList

_LABEL = re.compile(r"(?!-)[a-z0-9_-]{1,63}(?<!-)\Z")
_LONGEST = 253


def normal_domain(text: str) -> str | None:
    """A domain in lower case and in its ASCII form (`bücher.example` is `xn--bcher-kva.example`), or None."""
    text = text.strip().rstrip(".").lower()
    try:
        ascii_text = text if text.isascii() else text.encode("idna").decode()
    except UnicodeError:
        return None
    labels = ascii_text.split(".")
    if len(ascii_text) > _LONGEST or len(labels) < 2 or not all(map(_LABEL.match, labels)):
        return None
    return ascii_text


def email_domain(address: str | None) -> str | None:
    """The domain of an e-mail address, or None when it is none."""
    name, separator, domain = (address or "").rpartition("@")
    return normal_domain(domain) if separator and name else None


def is_public_suffix(domain: str) -> bool:
    """Whether anybody can have a name below it: `com`, `co.uk`, `github.io`."""
    return bool(_suffixes().publicsuffix(domain) == domain)


@lru_cache(maxsize=4096)
def is_free_mail(domain: str) -> bool:
    """Whether anybody can have an address at it, or at the domain that it belongs to."""
    return any(part in _free_mail() for part in (domain, *parents(domain)))


def parents(domain: str) -> tuple[str, ...]:
    """The domains above, nearest first, down to the one that somebody registered: never a public suffix.

    `a.mail.acme.co.uk` has `mail.acme.co.uk` and `acme.co.uk`.
    """
    registered = _suffixes().privatesuffix(domain)
    above = []
    while registered and domain != registered and "." in domain:
        domain = domain.partition(".")[2]
        above.append(domain)
    return tuple(above)


def company_domain(address: str | None) -> str | None:
    """The registered domain of the company that an e-mail address speaks for, such as `acme.co.uk`.

    None for free mail, for a bare public suffix, and for what is no address: then nobody knows the company.
    """
    domain = email_domain(address)
    if domain is None or is_public_suffix(domain) or is_free_mail(domain):
        return None
    return (domain, *parents(domain))[-1]


@lru_cache(maxsize=1)
def _suffixes() -> PublicSuffixList:
    return PublicSuffixList()


@lru_cache(maxsize=1)
def _free_mail() -> frozenset[str]:
    found: set[str] = set()
    for line in files("cornerdesk.accounts").joinpath("free_mail.txt").read_text(encoding="utf-8").splitlines():
        words = line.partition("#")[0].split()
        if words and words[0].startswith("."):
            found.update(word[1:] for word in words)
        elif words:
            found.update(f"{words[0]}.{ending}" for ending in words[1:])
    return frozenset(found)
