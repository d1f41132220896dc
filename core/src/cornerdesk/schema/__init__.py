"""JSON Schemas (2020-12) of cornerdesk.yaml and of rule files, by which editors complete and check what people write.

Made from the models of core and plugins, so they say what the loader will say. They must not be stricter than it.
"""

from cornerdesk.schema.configuration import configuration_schema
from cornerdesk.schema.rules import rules_schema

__all__ = ["configuration_schema", "rules_schema"]
