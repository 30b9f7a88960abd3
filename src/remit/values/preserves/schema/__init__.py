"""Preserves Schema: `.prs` text and its compiled form, to classes and back; values parsed by definitions, and unparsed.

Pure: files and modules are read by functions that the caller gives.
"""

from __future__ import annotations

from remit.values.preserves.schema._binary import bundle_value, from_value, metaschema, schema_value
from remit.values.preserves.schema._of import of
from remit.values.preserves.schema._prs import prs_source
from remit.values.preserves.schema._python import python_source
from remit.values.preserves.schema._schema import Definition, Schema, load
from remit.values.preserves.schema._shape import shape

__all__ = [
    "Definition",
    "Schema",
    "bundle_value",
    "from_value",
    "load",
    "metaschema",
    "of",
    "prs_source",
    "python_source",
    "schema_value",
    "shape",
]
