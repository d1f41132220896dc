"""The command line: one command group a file. Reads, asks verbs, starts `serve`; decides nothing itself."""

from cornerdesk.cli.app import main

__all__ = ["main"]
