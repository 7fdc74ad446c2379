"""A predicted conversation as a web page: one file without links, which can be opened offline, read in the dark and
printed. A colour for each emotion, which is also written out; probabilities as small bars."""

from __future__ import annotations

import html
from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from erclab.figures import style

COLOURS = (*style.CYCLE[:6], style.YELLOW, style.GREY)
# Beyond the first eight, the colours come again, in stripes.
STRIPES = ("", "repeating-linear-gradient(45deg, transparent 0 3px, var(--page) 3px 5px)",
           "repeating-linear-gradient(135deg, transparent 0 3px, var(--page) 3px 5px)",
           "repeating-linear-gradient(90deg, transparent 0 3px, var(--page) 3px 5px)")
ASKED = ("title", "columns", "answer", "likely", "notices")  # what `render` needs beside the table
BARS = 3  # probabilities that are shown of an utterance; all of them are in its tooltip
CSS = """
:root { color-scheme: light dark; --page: #ffffff; --ink: #1a1a1a; --faint: #595959; --line: #d9d9d9; }
@media (prefers-color-scheme: dark) {
  :root { --page: #17181a; --ink: #ececec; --faint: #b0b0b0; --line: #3a3b3e; } }
body { background: var(--page); color: var(--ink); font: 16px/1.45 system-ui, sans-serif; margin: 1.5rem auto;
  max-width: 62rem; padding: 0 1rem; }
h1 { font-size: 1.3rem; } h2 { font-size: 1.05rem; margin: 1.6rem 0 .4rem; }
.legend, .notes, .why { color: var(--faint); font-size: .85rem; }
.legend > span { display: inline-block; margin-right: 1.2rem; }
.swatch { display: inline-block; width: .8em; height: .8em; margin-right: .3em; border: 1px solid var(--line); }
ol { list-style: none; padding: 0; margin: 0; }
li { display: grid; grid-template-columns: .5rem minmax(0, 1fr) 13.4rem; gap: .7rem; padding: .45rem 0;
  border-bottom: 1px solid var(--line); break-inside: avoid; }
.why { margin: .15rem 0 0; }
.text { margin: 0; overflow-wrap: anywhere; white-space: pre-wrap; }
.who { font-weight: 600; } .turn { color: var(--faint); font-variant-numeric: tabular-nums; }
.bar { display: grid; grid-template-columns: 6.5rem 1fr 3rem; gap: .4rem; align-items: center; font-size: .8rem; }
.bar b { font-weight: 400; overflow: hidden; text-overflow: ellipsis; white-space: nowrap; }
.bar i { display: block; height: .6rem; background-color: var(--line); position: relative; }
.bar i span { position: absolute; top: 0; bottom: 0; }
.most .bar:first-child b { font-weight: 700; }
@media (max-width: 40rem) { li { grid-template-columns: .5rem minmax(0, 1fr); } .bars { grid-column: 2; } }
"""


def render(table: pd.DataFrame, *, title: str, columns: Sequence[str], answer: str = "", likely: bool = True,
           notices: Sequence[str] = ()) -> str:
    """The page of predicted conversations.

    Args:
        table: one row per utterance: `dialogue`, `turn`, `speaker`, `text`, `columns`, and columns `why: ...` if
            predictions were explained.
        title: of the page.
        columns: the probabilities of labels, or numbers of another task.
        likely: whether they are probabilities.
        answer: the column with the label, "" if there is none.
        notices: lines to be shown above the conversation.
    """
    colours = {name: _background(i) for i, name in enumerate(columns)}
    most = {name: 1.0 if likely else max(float(table[name].abs().max()), 1e-9) for name in columns}
    legend = "".join(f'<span><span class="swatch" style="background:{css}"></span>{_safe(name)}</span>'
                     for name, css in colours.items())
    notes = "".join(f"<p>note: {_safe(line)}</p>" for line in notices)
    body = []
    for dialogue, rows in table.groupby("dialogue", sort=False):
        heading = f"<h2>Dialogue {_safe(dialogue)}</h2>" if table["dialogue"].nunique() > 1 else ""
        items = "".join(_item(row, columns, answer, colours, most, likely) for row in rows.to_dict("records"))
        body.append(f"<section>{heading}<ol>{items}</ol></section>")
    return (f'<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
            f'<meta name="viewport" content="width=device-width, initial-scale=1">\n<title>{_safe(title)}</title>\n'
            f"<style>{CSS}</style>\n</head>\n<body>\n<main>\n<h1>{_safe(title)}</h1>\n"
            f'<p class="legend">{legend}</p>\n<div class="notes">{notes}</div>\n' + "\n".join(body)
            + "\n</main>\n</body>\n</html>\n")


def _item(row: Mapping, columns: Sequence[str], answer: str, colours: Mapping[str, str], most: Mapping[str, float],
          likely: bool) -> str:
    """One utterance."""
    order = sorted(columns, key=lambda name: -row[name]) if likely else list(columns)
    mark = colours[order[0]] if likely else "var(--line)"
    every = ", ".join(f"{name} {_number(row[name], likely)}" for name in order)
    shown = order[:BARS] if likely else order
    bars = "".join(_bar(name, float(row[name]), most[name], colours[name], likely) for name in shown)
    said = f"{_safe(row['text'])}" if row["text"] else '<span class="turn">(no text)</span>'
    why = _why(row)
    kind = "bars most" if likely else "bars"
    label = f' <span class="turn">[{_safe(row[answer])}]</span>' if answer else ""
    return (f'<li><span style="background:{mark}" aria-hidden="true"></span><div><p class="text">'
            f'<span class="turn">{row["turn"]}</span> <span class="who" lang="" dir="auto">{_safe(row["speaker"])}'
            f'</span>: <span lang="" dir="auto">{said}</span>{label}</p>'
            + (f'<p class="why">{why}</p>' if why else "") + "</div>"
            f'<div class="{kind}" title="{_safe(every)}">{bars}</div></li>')


def _bar(name: str, value: float, most: float, colour: str, likely: bool) -> str:
    """A bar from 0 to 1; of a number, from the middle to the left or right."""
    share = 100 * min(abs(value) / most, 1.0) if np.isfinite(value) else 0.0
    left, width = (0.0, share) if likely else ((50 - share / 2) if value < 0 else 50.0, share / 2)
    return (f'<div class="bar"><b>{_safe(name)}</b><i><span style="left:{left:.1f}%;width:{width:.1f}%;'
            f'background:{colour}"></span></i><span>{_number(value, likely)}</span></div>')


def _why(row: Mapping) -> str:
    """What mattered, in one line; "" without an explanation."""
    there = {str(name).removeprefix("why: "): x for name, x in row.items() if str(name).startswith("why: ")}
    if not there:
        return ""
    special = ("turn", "turn adds", "words")
    parts = [f"{_safe(name)} {x:+.2f}" for name, x in there.items()
             if name not in special and not name.endswith(" context")]
    context = [x for name, x in there.items() if name.endswith(" context")]
    line = "because of " + ", ".join(parts)
    if context:
        line += f"; of it from other turns {sum(context):+.2f}"
    if "turn" in there and not pd.isna(there["turn"]):
        line += f", most from turn {there['turn']} ({there['turn adds']:+.2f})"
    return line + (f"; words: {_safe(there['words'])}" if there.get("words") else "")


def _number(value: float, likely: bool) -> str:
    return f"{100 * value:.0f} %" if likely else f"{value:.2f}"


def _background(i: int) -> str:
    """The background of a label's colour."""
    stripes = STRIPES[i // len(COLOURS) % len(STRIPES)]
    return f"{stripes + ', ' if stripes else ''}{COLOURS[i % len(COLOURS)]}"


def _safe(text: object) -> str:
    return html.escape(str(text))
