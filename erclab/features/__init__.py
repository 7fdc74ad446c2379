"""Features of raw text, audio and video, and of what other extractors have saved.

`text`, `audio` and `visual` compute or read them; `pack` makes the file that a corpus reads. Sequences are packed:
`values` (sum of L, D) and `starts` (N + 1,), the fields of `erclab.corpora.frames.Frames`.
"""

from erclab.core.lazy import files_at_first_use
from erclab.features.packing import Packed, pack

__all__ = ["Packed", "pack"]

__getattr__, __dir__ = files_at_first_use(__name__)
