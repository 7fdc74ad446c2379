"""Blocks that three or more papers share."""
