"""Features of raw text, audio and video.

`text` and `audio` each need an optional extra of erclab; `visual` reads tables that other programs wrote. Sequences
are packed: `values` (sum of L, D) and `starts` (N + 1,), the fields of `erclab.corpora.frames.Frames`.
"""
