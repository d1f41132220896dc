"""Subscriptions: made, compared with what they should be, mended; and a source that fell silent is noticed.

What the vendors and the database say is asked for in `asking`, `rhythm` and `backlog`; what it means is judged in
`judging` and `silence`, which are pure. Knows no vendor; reads no delivery.
"""
