"""erclab: a reproducibility study of multimodal emotion recognition in conversations."""

__version__ = "0.1.0"
