"""Readers: one file per source, each of which makes a `Corpus`; and what several of them need to read files."""
