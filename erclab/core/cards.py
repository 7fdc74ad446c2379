"""The card of a corpus or a run: a heading and a few facts, as text and in a notebook."""

from __future__ import annotations

import html
from collections.abc import Mapping


def text(heading: str, facts: Mapping[str, str], width: int) -> str:
    """The heading, and a line per fact whose value begins after `width` characters and the margin."""
    return "\n".join([heading, *(f"  {key + ':':<{width}}{value}" for key, value in facts.items())])


def page(heading: str, facts: Mapping[str, str]) -> str:
    """The same as HTML."""
    rows = "".join(f"<tr><th style='text-align:left'>{key}</th><td style='text-align:left'>{html.escape(value)}"
                   "</td></tr>" for key, value in facts.items())
    return f"<b>{html.escape(heading)}</b><table>{rows}</table>"
