"""`serve`: the process that receives, decides, acts and shows the dashboard."""

from __future__ import annotations

import asyncio
from pathlib import Path

import click
from uvicorn.loops.auto import auto_loop_factory

from cornerdesk.cli.options import config_option, example, installed_plugins, read_configuration
from cornerdesk.configuration import Configuration
from cornerdesk.logs import configure_logs
from cornerdesk.plugins import load_plugins
from cornerdesk.server import Role, serve_until_stopped


@click.command(epilog=example("cornerdesk serve --role worker --config production.yaml"))
@config_option
@click.option("--role", type=click.Choice([role.value for role in Role]), default=Role.ALL.value, show_default=True,
              help="receiver: takes deliveries, shows the dashboard; worker: decides and acts.")  # fmt: skip
@click.option("--host", help="Address to listen on (default: server.host).")
@click.option("--port", type=click.IntRange(0, 65535), help="Port to listen on (default: server.port; 0: any).")
@click.option("--strict", is_flag=True, help="Refuse to start when any plugin is broken. Production uses it.")
@click.option(
    "--log-format",
    type=click.Choice(["text", "json"]),
    default="text",
    show_default=True,
    help="text: for a person; json: for a collector of logs.",
)
def serve(config: Path, role: str, host: str | None, port: int | None, strict: bool, log_format: str) -> None:
    """Receive deliveries, decide by the rules, act, and show the dashboard.

    Stops on SIGTERM or Ctrl-C after finishing what it holds. Several may share a PostgreSQL database; a SQLite file
    belongs to one.
    """
    plugins = load_plugins(strict=True) if strict else installed_plugins()
    for report in plugins.reports:
        if report.problem:
            click.secho(f"plugin {report.name!r} is left out: {report.problem}", fg="yellow", err=True)
    configuration = _listening(read_configuration(config, plugins), host, port)
    configure_logs(log_format)
    work = serve_until_stopped(configuration, plugins, Role(role), listen=role != "worker" or port is not None)
    # uvloop where there is one: it is what the benchmarks measure.
    with asyncio.Runner(loop_factory=auto_loop_factory()) as runner:
        runner.run(work)


def _listening(configuration: Configuration, host: str | None, port: int | None) -> Configuration:
    update = {name: value for name, value in (("host", host), ("port", port)) if value is not None}
    return configuration.model_copy(update={"server": configuration.server.model_copy(update=update)})
