"""The account directory: a customer's company, from a CSV file or a query.

The face: `open_directory`, `Directory.find`, `Match`, and `company_domain`. Finding is a lookup in memory; it must not
ask a vendor or a database, and never makes an account out of a mere e-mail domain.
"""

from cornerdesk.accounts.directory import Directory, Match, open_directory
from cornerdesk.accounts.domains import company_domain, is_free_mail

__all__ = ["Directory", "Match", "company_domain", "is_free_mail", "open_directory"]
