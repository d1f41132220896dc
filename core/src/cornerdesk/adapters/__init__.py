"""Adapters: the plugins that speak one vendor's language, both ways.

Left of everything but the model. Holds the interface, the HTTP client, signatures and text clean-up that adapters
share; must not know any vendor, rule or table.
"""
