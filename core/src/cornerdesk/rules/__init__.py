"""Rules: YAML files, CEL conditions, planning, explaining. Pure but for reading the files.

A rule only plans. Nothing in this room has a client, a socket, a table or a clock.
"""
