"""The web: dashboard, API, acknowledgement pages, metrics. Reads and asks verbs; receives no deliveries."""
