"""What every part needs, and knows no patent: errors, settings, artifacts, resources.

Imports nothing else of patentcl.
"""

from __future__ import annotations
