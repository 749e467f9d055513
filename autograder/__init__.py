"""The autograder of the course: for instructors, a distribution of its own."""

import sys

# At every import jsonschema, which nbformat needs, would spend a second on the grammar of a format that no notebook
# uses; where the package with the grammar is missing it does without.
if "jsonschema" not in sys.modules:
    sys.modules.setdefault("rfc3987_syntax", None)  # type: ignore[arg-type]
