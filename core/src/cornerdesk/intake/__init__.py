"""Intake: deliveries in, events out. Receives, stores, reads, fetches what is lacking, finds what changed.

Must not plan or act: it hands every new event to a `decide` that it is given, in the event's own transaction.
"""

from cornerdesk.intake.inbox import Inbox, InboxLimits, PutResult
from cornerdesk.intake.processing import Processor
from cornerdesk.intake.receiver import Receiver
from cornerdesk.intake.reconcile import Reconciler

__all__ = ["Inbox", "InboxLimits", "Processor", "PutResult", "Receiver", "Reconciler"]
