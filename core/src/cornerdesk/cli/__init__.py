"""The command line: one command group a file. Reads, asks verbs, starts `serve`; holds no logic another surface needs."""

from cornerdesk.cli.app import main

__all__ = ["main"]
