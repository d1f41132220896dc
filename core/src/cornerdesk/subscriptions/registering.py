"""Makes a subscription: only where a vendor can reach us, only where there is no good one, and no secret is lost."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from cornerdesk.adapters.interface import Adapter, Capability
from cornerdesk.adapters.subscriptions import Registration
from cornerdesk.configuration import Configuration
from cornerdesk.errors import ConfigurationError, PluginError, RejectedError, UnknownOutcomeError
from cornerdesk.subscriptions.addresses import is_loopback, webhook_address, why_unreachable
from cornerdesk.subscriptions.judging import is_good, is_ours


@dataclass(frozen=True)
class Registered:
    """What came of it.

    Attributes:
        id: the vendor's.
        url: where it sends to.
        made: False: there was a good one already.
        detail: the adapter's line for people.
        secret_file: where the vendor's secret is now; None: it took ours.
    """

    id: str
    url: str
    made: bool
    detail: str = ""
    secret_file: Path | None = None


def public_address(configuration: Configuration, adapter: Adapter) -> str:
    """The address to register.

    Raises:
        ConfigurationError: there is none that the vendor could send to.
    """
    public_url = configuration.server.public_url
    if public_url is None:
        raise ConfigurationError(
            "server.public_url is not set in cornerdesk.yaml: say there how the vendor reaches this server, such as"
            " https://cornerdesk.example.com"
        )
    address = webhook_address(public_url, adapter.source)
    why = why_unreachable(address)
    # A vendor played on this machine may send to this machine, and without a certificate.
    if why is not None and not (adapter.settings.base_url and is_loopback(adapter.settings.base_url)):
        raise ConfigurationError(f"server.public_url: {address} {why}; give it an https address of the outer world")
    return address


async def register(adapter: Adapter, address: str, secret_file: Path | None) -> Registered:
    """Make a subscription, unless there is a good one.

    Raises:
        UnsupportedError: only a person can; says where and how.
        RejectedError: there is one that needs mending instead.
        ConfigurationError: the vendor will choose a secret, and there is no new file to write it to.
    """
    if Capability.WEBHOOK_REGISTRATION in adapter.capabilities:
        if good := await _good_one(adapter, address):
            return Registered(good, address, made=False)
        if adapter.vendor_chooses_secret:
            return await _register_with_secret(adapter, address, secret_file)
    made = await _registration(adapter, address)
    if made.secret is not None:
        raise PluginError(
            f"adapter {adapter.helpdesk}: register_webhook brought a secret, which `vendor_chooses_secret` denies;"
            f" subscription {made.id} was made: look its secret up at the vendor and put it into webhook_secret"
        )
    return Registered(made.id, address, made=True, detail=made.detail)


async def _good_one(adapter: Adapter, address: str) -> str | None:
    if Capability.WEBHOOK_LISTING not in adapter.capabilities:
        return None
    ours = [each for each in await adapter.list_webhooks() if is_ours(each, address)]
    if good := next((each for each in ours if is_good(each, address)), None):
        return good.id
    if ours:
        raise RejectedError(
            f"subscription {ours[0].id} sends to {address} already, and is not as it should be: instead of making a"
            f" second one, run `cornerdesk doctor {adapter.source} --repair`"
        )
    return None


async def _register_with_secret(adapter: Adapter, address: str, secret_file: Path | None) -> Registered:
    if secret_file is None:
        raise ConfigurationError(
            f"{adapter.helpdesk} chooses the secret that deliveries are signed with: name a file for it with"
            " --secret-file"
        )
    with _new_file(secret_file) as file:
        made = await _registration(adapter, address)
        secret = made.secret.get_secret_value() if made.secret is not None else ""
        if not secret:
            raise RejectedError(
                f"subscription {made.id} was made, and its secret could not be had; {made.detail or 'look it up'};"
                f" put it into webhook_secret of {adapter.source!r}"
            )
        try:
            os.write(file, f"{secret}\n".encode())
            os.fsync(file)
        except OSError as error:
            raise RejectedError(
                f"subscription {made.id} was made, and its secret could not be written to {secret_file}"
                f" ({error.strerror}): look it up at the vendor and put it into webhook_secret"
            ) from None
    return Registered(made.id, address, made=True, detail=made.detail, secret_file=secret_file)


async def _registration(adapter: Adapter, address: str) -> Registration:
    try:
        return await adapter.register_webhook(address)
    except UnknownOutcomeError as error:
        raise UnknownOutcomeError(
            f"{error}; it may have been made: look with `cornerdesk webhooks list {adapter.source}` before you repeat"
            " it",
            retry_after=error.retry_after,
        ) from None


@contextmanager
def _new_file(path: Path) -> Iterator[int]:
    """A file that was not there, for its owner alone; removed again when the block fails.

    Made before anything is asked for: a secret that cannot be kept is not to be had twice.
    """
    try:
        file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        raise ConfigurationError(f"--secret-file: {path} is there already; name a new one") from None
    except OSError as error:
        raise ConfigurationError(f"--secret-file: {path} cannot be written: {error.strerror}") from None
    try:
        os.fchmod(file, 0o600)
        yield file
    except BaseException:
        with suppress(OSError):
            path.unlink()
        raise
    finally:
        os.close(file)
