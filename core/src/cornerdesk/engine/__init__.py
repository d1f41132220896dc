"""The engine: durable jobs, retries, deferral, cron and taking over from the dead, by PgQueuer on either database.

Everything of ours reaches it through `Jobs`; only this room imports pgqueuer. It knows nothing of deliveries, rules or
effects: a job is a name and some bytes.
"""
