"""The block of HTML of `stepper`: one table per dialogue, and a script that shows the table turn by turn.

The block inherits its colours, so it can be read on a light and on a dark page. All of its names begin with `erc-`.
"""

from __future__ import annotations

import html
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from string import Template

import numpy as np

CSS = """
.erc-talk { font-size: .9em; line-height: 1.4; }
.erc-talk [hidden] { display: none !important; }
.erc-talk .erc-keys { display: flex; flex-wrap: wrap; gap: .5em 1em; align-items: center; margin: .4em 0; }
.erc-talk .erc-keys button { min-width: 2.2em; min-height: 2em; cursor: pointer; }
.erc-talk .erc-keys input[type=range] { width: 14em; vertical-align: middle; }
.erc-talk :focus-visible { outline: 2px solid #0072B2; outline-offset: 1px; }
.erc-talk .erc-box { overflow: auto; }
.erc-talk.erc-on .erc-box { max-height: 24em; position: relative; }
.erc-talk.erc-on summary { display: none; }
.erc-talk table { border-collapse: collapse; margin: .3em 0; font-size: inherit; }
.erc-talk table th, .erc-talk table td { text-align: left !important; vertical-align: top !important;
  padding: .2em .6em; max-width: 26em; white-space: normal; border-bottom: 1px solid rgba(127, 127, 127, .35); }
.erc-talk table tbody tr:nth-child(n) { background: none; }
.erc-talk table tbody tr.erc-at { background: rgba(127, 127, 127, .2); }
.erc-talk table .erc-a { white-space: nowrap; }
.erc-talk tr.erc-ask .erc-a { visibility: hidden; }
.erc-talk .erc-bars td { min-width: 9em; font-variant-numeric: tabular-nums;
  border-right: 6px solid transparent; background-clip: padding-box !important; }
.erc-talk .erc-bars tr.erc-true th { font-weight: bold; }
.erc-talk .erc-said { position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%); }
"""

# A page may hold several blocks: each script starts all blocks that have not been started. Scripts of a notebook run
# once for each view of the output. The script makes the slider, because without scripts it would do nothing.
SCRIPT = """
for (const root of document.querySelectorAll(".erc-talk:not(.erc-on)")) {
  root.classList.add("erc-on");
  const one = (s) => root.querySelector(s), all = (s, e = root) => [...e.querySelectorAll(s)];
  const names = JSON.parse(root.dataset.names), parts = all("details");
  one(".erc-keys").innerHTML = `<label>dialogue <select></select></label>
    <button type="button" aria-label="previous turn">&#9664;</button>
    <label>turn <input type="range" min="0" value="0"></label>
    <button type="button" aria-label="next turn">&#9654;</button>
    <span class="erc-where"></span>
    <label><input type="checkbox"> guess first</label>`;
  const pick = one("select"), slide = one("input[type=range]"), ask = one("input[type=checkbox]");
  const [back, next] = all("button"), bars = one(".erc-bars");
  const heads = all("thead th.erc-a", parts[0]).map((x) => x.textContent).slice(1);
  let at = 0, open = true;
  const rows = () => all("tbody tr", parts[pick.selectedIndex]);
  const cell = (tag, text, row) => Object.assign(row.appendChild(document.createElement(tag)), { textContent: text });
  const draw = () => {
    const turns = rows(), row = turns[at], shown = all("td.erc-a", row).slice(1);
    parts.forEach((p, i) => { p.hidden = i !== pick.selectedIndex; p.open = true; });
    turns.forEach((x, i) => {
      x.hidden = i > at;
      x.classList.toggle("erc-at", i === at);
      x.classList.toggle("erc-ask", i === at && !open);
    });
    slide.max = turns.length - 1;
    slide.value = at;
    const where = `turn ${row.cells[0].textContent} (${at + 1} of ${turns.length})`;
    slide.setAttribute("aria-valuetext", where);
    one(".erc-where").textContent = where;
    back.disabled = at === 0;
    next.disabled = at === turns.length - 1 && open;
    next.setAttribute("aria-label", open ? "next turn" : "show the answers");
    const truth = row.querySelector("td.erc-a").textContent;
    const said = all("td:not(.erc-a)", row).map((x) => x.textContent).join(" ");
    one(".erc-said").textContent = `${where}. ${said} ` + (open ? `Truth: ${truth}. `
      + shown.map((x, i) => `${heads[i]}: ${x.textContent}`).join(". ") : "What is your guess?");
    bars.replaceChildren();
    const with_shares = open ? shown.map((x, i) => [heads[i], x]).filter(([, x]) => x.dataset.p) : [];
    bars.hidden = !with_shares.length;
    if (!bars.hidden) {
      const head = bars.appendChild(document.createElement("tr"));
      for (const text of ["turn " + row.cells[0].textContent, ...with_shares.map(([name]) => name)])
        cell("th", text, head).scope = "col";
      names.forEach((name, k) => {
        const line = bars.appendChild(document.createElement("tr"));
        line.classList.toggle("erc-true", name === truth);
        cell("th", name + (name === truth ? " (truth)" : ""), line).scope = "row";
        for (const [, x] of with_shares) {
          const p = x.dataset.p.split(" ")[k];
          cell("td", p + " %", line).style.background =
            `linear-gradient(to right, rgba(0, 114, 178, .4) ${p}%, transparent ${p}%)`;
        }
      });
    }
    const box = parts[pick.selectedIndex].querySelector(".erc-box");
    box.scrollTop = row.offsetTop + row.offsetHeight - box.clientHeight;
  };
  const go = (to) => {
    at = Math.max(0, Math.min(to, rows().length - 1));
    open = !ask.checked;
    draw();
  };
  const forward = () => {
    if (!open) { open = true; draw(); } else if (at < rows().length - 1) go(at + 1);
  };
  parts.forEach((p) => pick.add(new Option(p.querySelector("summary").textContent)));
  pick.onchange = () => go(0);
  slide.oninput = () => go(Number(slide.value));
  ask.onchange = () => go(at);
  back.onclick = () => go(at - 1);
  next.onclick = forward;
  root.addEventListener("keydown", (e) => {
    if (e.target === pick || e.altKey || e.ctrlKey || e.metaKey || !["ArrowLeft", "ArrowRight"].includes(e.key)) return;
    e.preventDefault();
    e.key === "ArrowLeft" ? go(at - 1) : forward();
  });
  draw();
}
"""

# JupyterLab must not take the arrow keys for itself in here: data-lm-suppress-shortcuts.
BLOCK = Template("""<div class="erc-talk" role="group" aria-label="Conversation, turn by turn: $title" \
data-lm-suppress-shortcuts="true" data-names="$names">
<style>$css</style>
<p>$title</p>
<div class="erc-keys"></div>
$dialogues
<table class="erc-bars" hidden></table>
<p class="erc-said" aria-live="polite"></p>
<script>{$script}</script>
</div>
""")


@dataclass(frozen=True)
class Column:
    """The answers of one model, or of the oracle.

    Attributes:
        title: of the column.
        words: (N,) the answers in words.
        right: (N,) whether the answer is the truth; empty where answers are numbers.
        shares: (N, C) probabilities of the labels; None where the answers are no labels of this kind.
    """

    title: str
    words: Sequence[str]
    right: np.ndarray
    shares: np.ndarray | None = None


def block(turns: Sequence[Mapping[str, str]], columns: Sequence[Column], names: Sequence[str], title: str) -> str:
    """The block.

    Args:
        turns: one per utterance, dialogues after each other: `dialogue`, `turn`, `speaker`, `text`, `seen`, `truth`.
        columns: the answers.
        names: (C) of the labels.
        title: what is shown.
    """
    titles = ("truth", *(column.title for column in columns))
    heads = "".join(f'<th scope="col" class="erc-a">{_safe(name)}</th>' for name in titles)
    seen = any(turn["seen"] for turn in turns)
    head = ('<tr><th scope="col">turn</th><th scope="col">speaker: words</th>'
            + ('<th scope="col">voice and face</th>' if seen else "") + f"{heads}</tr>")
    parts = []
    for name, group in groupby(enumerate(turns), key=lambda item: item[1]["dialogue"]):
        rows = [_row(turn, [_answer(c, i) for c in columns], seen) for i, turn in group]
        parts.append(f"<details{'' if parts else ' open'}><summary>{_safe(name)}, {len(rows)} turns</summary>"
                     f'<div class="erc-box"><table>\n<thead>{head}</thead>\n<tbody>\n' + "\n".join(rows)
                     + "\n</tbody></table></div></details>")
    return BLOCK.substitute(title=_safe(title), names=_safe(json.dumps(list(names))), css=CSS, script=SCRIPT,
                            dialogues="\n".join(parts))


def _row(turn: Mapping[str, str], answers: Sequence[str], seen: bool) -> str:
    said = f"<b>{_safe(turn['speaker'])}</b>: {_safe(turn['text'])}"
    shows = f"<td>{_safe(turn['seen'])}</td>" if seen else ""
    return (f'<tr><th scope="row">{_safe(turn["turn"])}</th><td lang="" dir="auto">{said}</td>{shows}'
            f'<td class="erc-a">{_safe(turn["truth"])}</td>{"".join(answers)}</tr>')


def _answer(column: Column, i: int) -> str:
    """The cell of one answer, with the probabilities of all labels in percent."""
    mark = ("✓ " if column.right[i] else "✗ ") if len(column.right) else ""
    shares = () if column.shares is None else column.shares[i]
    data = f' data-p="{" ".join(f"{100 * p:.0f}" for p in shares)}"' if len(shares) else ""
    return f'<td class="erc-a"{data}>{mark}{_safe(column.words[i])}</td>'


def _safe(text: object) -> str:
    return html.escape(str(text))
