"""`python -m cornerdesk_zendesk.standin`: the stand-in as a process. Prints one line when it is ready."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import signal

from cornerdesk_zendesk.standin import Credentials, StandIn


def main() -> None:
    """Serves until it is told to end."""
    parser = argparse.ArgumentParser(prog="python -m cornerdesk_zendesk.standin", description="A stand-in of Zendesk.")
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=0, help="0 takes a free one; the line printed names it")
    parser.add_argument("--receiver", help="where webhooks are sent to; without it they are only counted")
    parser.add_argument("--secret", default="stand-in", help="what webhooks are signed with")
    parser.add_argument("--client-id", help="the only OAuth client let in; default: any")
    parser.add_argument("--client-secret")
    parser.add_argument("--email", help="the only user of API tokens let in; default: any")
    parser.add_argument("--api-token")
    parser.add_argument("--retry-wait", type=float, default=0.5, help="seconds before a webhook's first retry")
    parser.add_argument("--rate-limit", type=int, default=2500, help="requests a minute; more get a 429")
    options = parser.parse_args()
    standin = StandIn(
        receiver=options.receiver,
        secret=options.secret,
        credentials=Credentials(options.client_id, options.client_secret, options.email, options.api_token),
        retry_wait=options.retry_wait,
        rate_limit=options.rate_limit,
    )
    with contextlib.suppress(KeyboardInterrupt):
        asyncio.run(_serve(standin, options.host, options.port))


async def _serve(standin: StandIn, host: str, port: int) -> None:
    ended = asyncio.Event()
    for name in (signal.SIGINT, signal.SIGTERM):
        with contextlib.suppress(NotImplementedError):
            asyncio.get_running_loop().add_signal_handler(name, ended.set)
    async with standin.serving(port, host) as url:
        print(f"stand-in of Zendesk ready at {url}", flush=True)
        await ended.wait()


if __name__ == "__main__":
    main()
