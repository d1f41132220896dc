"""Storage: tables, migrations, and one `open_storage(url)` for SQLite and PostgreSQL alike.

Knows what a row is, not what it means: no vendor, no rule, no decision.
"""
