"""Exhibits."""

EXHIBITS = ()
