"""DialogueTRM: the model (`model`), its BERT (`bert`) and its fusions (`fusion`)."""

from erclab.models.dialoguetrm.model import DialogueTRM

__all__ = ["DialogueTRM"]
