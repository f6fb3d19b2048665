"""
The JSON Schemas of what preflight writes, for those who check or generate code for it.

Objects may have more keys than named here, and only closed enumerations are
an ``enum``: those that may grow list the words of today as ``examples``.  One
file a document; `forms` has what they are made of.
"""

from preflight.report.schema.baseline import baseline_schema
from preflight.report.schema.facts import facts_schema
from preflight.report.schema.report import report_schema

__all__ = ["baseline_schema", "facts_schema", "report_schema"]
