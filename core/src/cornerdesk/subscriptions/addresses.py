"""Where deliveries are to be sent, and whether another address is the same. Pure."""

from __future__ import annotations

from ipaddress import ip_address
from urllib.parse import SplitResult, unquote, urlsplit, urlunsplit

_DEFAULT_PORTS = {"http": 80, "https": 443}
_EXAMPLES = ("example.com", "example.net", "example.org")
"""Nobody's, for ever (RFC 2606): what stands in `cornerdesk init`'s configuration until somebody fills in their own."""


def webhook_address(public_url: str, source: str) -> str:
    """The address that this source's subscriptions send to."""
    return f"{public_url.rstrip('/')}/webhooks/{source}"


def same_address(one: str, other: str) -> bool:
    """Whether both lead to the same route: the host in any case, the scheme's own port or none, a slash at the end or
    none. The path counts letter by letter, as our server reads it."""
    first, second = _normal(one), _normal(other)
    return first is not None and first == second


def shown_address(url: str) -> str:
    """An address as it may be shown: a user, a password, and what stands behind a `?` may be somebody's secret."""
    parts = _parts(url)
    if parts is None:
        return "an address that cannot be read"
    query = "..." if parts.query else ""
    return urlunsplit((parts.scheme, parts.netloc.rpartition("@")[2], parts.path, query, ""))


def why_unreachable(address: str) -> str | None:
    """Why no vendor could send to this address, or None."""
    parts = _parts(address)
    if parts is None or parts.scheme not in _DEFAULT_PORTS or not parts.hostname:
        return "is no address that anybody could send to"
    if is_loopback(address):
        return "leads to this machine only"
    if any(f".{parts.hostname.rstrip('.')}".endswith(f".{name}") for name in _EXAMPLES):
        return "is an example, and nobody's"
    return None if parts.scheme == "https" else "is not encrypted: customers' words would travel for all to read"


def is_loopback(address: str) -> bool:
    """Whether only this machine can reach it."""
    parts = _parts(address)
    host = (parts.hostname or "") if parts else ""
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        number = ip_address(host)
    except ValueError:
        return False
    return number.is_loopback or number.is_unspecified


def _normal(url: str) -> tuple[str, str, int | None, str, str] | None:
    parts = _parts(url)
    if parts is None or not parts.hostname:
        return None
    port = parts.port or _DEFAULT_PORTS.get(parts.scheme)
    return parts.scheme, parts.hostname.rstrip("."), port, _path(parts), parts.query


def _path(parts: SplitResult) -> str:
    return unquote(parts.path).removesuffix("/")


def _parts(url: str) -> SplitResult | None:
    try:
        parts = urlsplit(url.strip())
        _ = parts.port  # raises for one that is no number
    except ValueError:
        return None
    return parts
