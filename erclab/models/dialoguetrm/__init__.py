"""DialogueTRM: the model (`model`), its context windows (`windows`), its BERT (`bert`, `pretrained`), its fusions
(`fusion`)."""

from erclab.models.dialoguetrm.model import DialogueTRM

__all__ = ["DialogueTRM"]
