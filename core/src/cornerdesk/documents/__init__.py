"""YAML files with places: what is read here is plain data, and every error about it names file, line and column.

The face: `read_yaml`, `read_text`, `Document`, `validate`. It must not know what a setting or a rule is.
"""

from cornerdesk.documents.document import Document
from cornerdesk.documents.document import Path as DataPath
from cornerdesk.documents.nodes import Place
from cornerdesk.documents.reading import read_bytes, read_text, read_yaml
from cornerdesk.documents.validation import validate

__all__ = ["DataPath", "Document", "Place", "read_bytes", "read_text", "read_yaml", "validate"]
