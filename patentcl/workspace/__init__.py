"""What the folders of a run hold, opened, and questions answered on them.

Imports all that makes those folders: data, graph, encoders, search, maps, classification.
"""

from __future__ import annotations
