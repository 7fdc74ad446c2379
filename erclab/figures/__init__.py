"""Pictures only: they are given numbers and draw them, in the study's style (`style`)."""
