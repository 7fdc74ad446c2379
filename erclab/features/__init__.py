"""Raw text, audio and video to features.

`text` and `audio` need an optional extra of erclab each; `visual` reads tables that other programs made. Sequences
come packed: `values` (sum of L, D) and `starts` (N + 1,), which `erclab.corpora.frames.Frames` takes as they are.
"""
