"""The ledger: effects, each done once. Keys, states, the one executor, dead letters.

The only room that acts. Rules plan, the ledger decides what is new, the executor does it.
"""

from cornerdesk.ledger.deadletters import dead_letter_listing
from cornerdesk.ledger.executor import Executor
from cornerdesk.ledger.ledger import Ledger
from cornerdesk.ledger.listings import effect_listing
from cornerdesk.ledger.reconsider import ReconsiderAction
from cornerdesk.ledger.verdicts import Patience

__all__ = ["Executor", "Ledger", "Patience", "ReconsiderAction", "dead_letter_listing", "effect_listing"]
