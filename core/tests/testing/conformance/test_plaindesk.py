"""The kit on an adapter that keeps the whole contract."""

from __future__ import annotations

from .full import SigningInAdapter
from .kit import classes_for

globals().update(classes_for(SigningInAdapter))
