"""cornerdesk.yaml and the files it names: read, referenced secrets filled in, checked, and made a `Configuration`.

The face: `load_configuration`; `ConfigurationFile` is what the file may hold. It must not know a rule, and never shows
a secret: neither in an error nor in the text of an object.
"""

from cornerdesk.settings.features import FEATURE_KEY, RESERVED_NAMES
from cornerdesk.settings.file import SOURCE_NAME, ConfigurationFile
from cornerdesk.settings.loading import load_configuration

__all__ = ["FEATURE_KEY", "RESERVED_NAMES", "SOURCE_NAME", "ConfigurationFile", "load_configuration"]
