"""`erclab corpora`: what there is to train on, shown and imported."""

from __future__ import annotations

import json
import shlex
from pathlib import Path

from erclab.cli.common import command, read_options, reading


def add(commands) -> None:
    """Add the command to the parser."""
    corpora = command(commands, "corpora", _corpora, "list the corpora and what each needs; show or import one")
    corpora.add_argument("--json", action="store_true", help="as JSON")
    actions = corpora.add_subparsers(metavar="ACTION", help="without one: list them")
    show = command(actions, "show", _show, "print splits, labels, lengths, speakers, what is missing or was not "
                   "read, and leakage; no feature is computed")
    show.add_argument("name", metavar="NAME", help="a name from `erclab corpora`")
    show.add_argument("--data", metavar="DIR", help="the folder of a corpus that is not embedded")
    show.add_argument("--folds", metavar="N|COLUMN", help="a table needs no column split then; see erclab run")
    reading(show, context=False)
    show.add_argument("--json", action="store_true", help="as JSON")
    imported = command(actions, "import", _import, "read a corpus once and write it as a folder that opens at once")
    imported.add_argument("name", metavar="NAME", help="a name from `erclab corpora`")
    imported.add_argument("--data", metavar="DIR", help="the folder of a corpus that is not embedded")
    imported.add_argument("--folds", metavar="N|COLUMN", help="a table needs no column split then; see erclab run")
    reading(imported)
    imported.add_argument("--out", type=Path, metavar="DIR", required=True, help="the new folder")


def _corpora(options) -> int:
    from erclab.corpora import CORPORA

    rows = [{"name": c.name, "title": c.title, "needs": ", ".join(c.files) or "nothing", "obtain": c.obtain,
             "licence": c.licence} for c in CORPORA.values()]
    _print(rows, ("name", "title", "needs", "obtain"), options.json)
    return 0


def _show(options) -> int:
    from erclab import corpora
    from erclab.analysis.conversations import overview
    from erclab.analysis.leakage import completeness, leakage

    how = {**read_options(options), "labelled": False}
    corpus = corpora.read(options.name, options.data, **how)  # the files alone: no feature is computed
    tables = {"Splits": overview(corpus), "Features": completeness(corpus)}
    if corpus.labels:
        tables["Labels"] = corpus.counts()
    tables["Test split, what was there in training"] = leakage(corpus)
    facts = {"name": corpus.name, "source": corpus.source, "tasks": list(corpus.tasks), "labels": list(corpus.labels),
             "roles": list(corpus.roles), "to compute": _to_compute(corpus),
             "without emotion label": int((~corpus.labelled).sum()) if corpus.labels else 0,
             "fingerprint": corpus.fingerprint, "notes": list(corpus.notices)}
    if options.json:
        print(json.dumps(facts | {name: table.to_dict("index") for name, table in tables.items()}, default=str))
        return 0
    print("\n".join(f"{key + ':':<23} {', '.join(value) if isinstance(value, list) else value}"
                    for key, value in facts.items() if value not in ([], 0) and key != "notes"))
    print("".join(f"note: {notice}\n" for notice in corpus.notices), end="")
    for name, table in tables.items():
        if len(table):
            print(f"\n{name}\n{table.to_string()}")
    return 0


def _to_compute(corpus) -> list[str]:
    """The features that a run would make of the words."""
    from erclab.corpora.registry import FORMS, lacks_text

    return [f"text as {form} (for models of {'utterances' if form == 'vectors' else 'sequences'}, --text-encoder)"
            for form in FORMS if lacks_text(corpus, form)]


def _import(options) -> int:
    from erclab import corpora
    from erclab.corpora import cache
    from erclab.corpora.notices import tell

    corpus = corpora.load(options.name, options.data, **{"labelled": False, **read_options(options)})
    folder = cache.save(tell(corpus), options.out)
    print(f"{len(corpus)} utterances in {folder}\n"
          f"Use it: erclab run sdt --corpus imported --data {shlex.quote(str(folder))}")
    return 0


def _print(rows: list[dict], columns: tuple[str, ...], as_json: bool) -> None:
    if as_json:
        print(json.dumps(rows))
        return
    for row in rows:
        print(row[columns[0]])
        for column in columns[1:]:
            print(f"    {column + ':':<8} {row[column]}")
