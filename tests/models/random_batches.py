"""Random padded batches, and the few things that tests do to them: those of the contracts."""

from erclab.contracts.batches import (
           alone,
           random_dialogues,
           random_sequences,
           shake,
           take,
           widen,
           with_features,
           with_garbage,
           without,
)

random_batch = random_dialogues

__all__ = ["alone", "random_batch", "random_dialogues", "random_sequences", "shake", "take", "widen", "with_features",
           "with_garbage", "without"]
