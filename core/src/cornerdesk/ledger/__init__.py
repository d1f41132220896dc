"""The ledger: effects, each done once. Keys, states, the one executor, dead letters.

The only room that acts. Rules plan, the ledger decides what is new, the executor does it.
"""
