"""The three unaligned corpora of MulT, on which all later models of sequences are compared: widths and tasks.

GloVe words, COVAREP and Facet features of IEMOCAP, CMU-MOSI and CMU-MOSEI, as yaohungt/Multimodal-Transformer has them.
"""

UNALIGNED = {
    "iemocap": {"dims": (("text", 300), ("audio", 74), ("visual", 35)), "outputs": 8, "task": "emotion4"},
    "mosi": {"dims": (("text", 300), ("audio", 5), ("visual", 20)), "outputs": 1, "task": "sentiment"},
    "mosei": {"dims": (("text", 300), ("audio", 74), ("visual", 35)), "outputs": 1, "task": "sentiment"},
}
