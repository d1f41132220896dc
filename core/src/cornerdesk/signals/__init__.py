"""Signals: named observations about a message, with the words they rest on. Pure; knows no rule and no vendor."""
