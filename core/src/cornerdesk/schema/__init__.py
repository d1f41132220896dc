"""JSON Schemas (2020-12) of cornerdesk.yaml and of rule files, by which editors complete and check what people write.

Made from the models of core and plugins, so they say what the loader will say. They refuse nothing that the loader
takes as it is meant to be written; whether a condition holds water or a file exists, only the loader knows.
"""

from cornerdesk.schema.configuration import configuration_schema
from cornerdesk.schema.rules import rules_schema

__all__ = ["configuration_schema", "rules_schema"]
