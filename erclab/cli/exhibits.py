"""`erclab exhibits`: the tables and figures of the papers, and ours."""

from __future__ import annotations

import json
import shlex
import sys
from pathlib import Path

from erclab.cli.common import changes, command, profile_and_corpus, read_options, reading, variant_of
from erclab.core.errors import ErclabError, UsageError


def add(commands) -> None:
    """Add the command to the parser."""
    made = command(commands, "exhibits", _exhibits, "list the papers' tables and figures and ours, or build those that "
                   "are named")
    made.add_argument("ids", nargs="*", metavar="ID", help="to build, such as D4 S2; `all` for every one that "
                      "the corpus allows (default: list them)")
    profile_and_corpus(made)
    reading(made)
    made.add_argument("--other", metavar="C", help="the second corpus, for S9 (a simulated one has its own)")
    made.add_argument("--other-data", metavar="DIR", help="its folder")
    made.add_argument("--text-encoder", default="minilm", metavar="NAME",
                      help="for text without vectors: minilm (default, offline), or a Hugging Face name or path")
    made.add_argument("--seeds", type=int, default=3, metavar="N", help="runs per setting (default: %(default)s)")
    made.add_argument("--set", action="append", default=[], metavar="NAME=VALUE", dest="changes",
                      help="a field of every recipe, such as epochs=1 for a rehearsal; may be repeated")
    made.add_argument("--train", action="store_true", help="train the runs that are missing; without it they are named")
    made.add_argument("--keep", action="store_true", help="keep them among the study's exhibits "
                      "(data/results/exhibits), with what they read of their runs")
    made.add_argument("--out", type=Path, metavar="DIR", help="where tables (csv) and figures (png) go "
                      "(default: build/exhibits/CORPUS-PROFILE)")
    made.add_argument("--json", action="store_true", help="print the list, or what was built, as JSON")


def _exhibits(options) -> int:
    from erclab.core import paths
    from erclab.exhibits import catalogue
    from erclab.exhibits.store import Store, of_the_study
    from erclab.training.recipes import recipe_for

    recipe_for("", "", options.profile)  # refuses an unknown profile
    every = options.ids == ["all"]
    recipe = changes(options.changes)
    if options.keep and (recipe or options.out or variant_of(options.corpus, options) != options.corpus):
        raise UsageError("an exhibit of another recipe, corpus or folder is none of the study's", where="--keep",
                         remedy="Leave out --set, --out, --corpus-seed and --world, or leave out --keep.")
    chosen = [e.with_recipe(recipe) for e in catalogue.find(() if every else options.ids)]
    study = of_the_study(options.corpus, options.profile)
    store = study if options.keep else Store(options.out or paths.project_root() / "build" / "exhibits" /
                  f"{variant_of(options.corpus, options)}-{options.profile}")
    read = _reader(options)
    if options.ids:
        return _build(options, chosen, read, store, every)
    return _list(options, chosen, read, [store, study])


def _reader(options):
    """exhibit -> (corpus, second corpus or None), each read once."""
    from functools import cache

    from erclab import corpora
    from erclab.corpora.notices import tell

    @cache
    def load(name, data, text_as, first=False):
        how = read_options(options) if first else {}
        return tell(corpora.load(name, data, text_encoder=options.text_encoder, text_as=text_as, **how))

    def read(exhibit):
        corpus = load(options.corpus, options.data, exhibit.text_as, True)
        if not exhibit.two or not options.other:
            return corpus, None
        return corpus, load(options.other, options.other_data, exhibit.text_as)
    return read


def _list(options, chosen, read, stores) -> int:
    rows = []
    for exhibit in chosen:
        corpus, other = read(exhibit)
        kept = [(store, ids) for store in stores if (ids := store.runs(exhibit.id)) is not None]
        found = exhibit.state(corpus, other, seeds=options.seeds, profile=options.profile,
                              built=[ids for _, ids in kept])
        where = next((s.folder for s, ids in kept if tuple(ids) == found.ids), None) if found.name == "built" else None
        rows.append({"id": exhibit.id, "paper": exhibit.paper, "title": exhibit.title, "needs": exhibit.needs,
                     "state": found.name, "detail": found.detail, "folder": str(where or "")})
    if options.json:
        print(json.dumps(rows))
        return 0
    width = max(len(row["title"]) for row in rows)
    for row in rows:
        detail = f" ({row['detail']})" if row["detail"] else ""
        print(f"{row['id']:<4}{row['state']:<10}{row['title']:<{width}}  {row['needs']}{detail}")
    count = sum(row["state"] == "built" for row in rows)
    again = f" --data {shlex.quote(options.data)}" if options.data else ""
    again += "" if options.corpus_seed is None else f" --corpus-seed {options.corpus_seed}"
    again += "".join(f" --world {shlex.quote(pairs)}" for pairs in options.world)
    print(f"\n{count} of {len(rows)} built on {variant_of(options.corpus, options)}, {options.seeds} seeds, "
          f"profile {options.profile}. Build one (--train trains what it needs): "
          f"erclab exhibits S2 --corpus {options.corpus}{again} --train")
    for folder in dict.fromkeys(row["folder"] for row in rows if row["folder"]):
        print(f"Built ones: {folder}")
    return 0


def _build(options, chosen, read, store, every) -> int:
    import pandas as pd

    from erclab import sweep
    from erclab.exhibits.packs import FILE, Pack
    from erclab.runs.looks import noting

    made, how, keep = [], {"seeds": options.seeds, "profile": options.profile}, {}
    for exhibit in chosen:
        corpus, other = read(exhibit)
        if every and (lacking := exhibit.lacks(corpus, other)):
            made.append({"id": exhibit.id, "state": "not here", "detail": lacking})
            continue
        try:
            if options.train and exhibit.state(corpus, other, **how).missing:
                sweep.answers(exhibit.questions(corpus, other), *exhibit.corpora(corpus, other), **how)
            with noting() as reads:
                found = exhibit.records(corpus, other, **how)
                result = exhibit.build(corpus, found, other)
            if options.keep:
                keep[exhibit.id] = found, reads
            path = store.write(exhibit.id, result, [r.id for records in found.values() for r in records])
        except ErclabError as error:
            if not every:
                raise
            made.append({"id": exhibit.id, "state": "failed", "detail": str(error)})  # the others are still built
            print(f"{exhibit.id}: failed, {error}\n", file=sys.stderr)
            continue
        made.append({"id": exhibit.id, "state": "built", "detail": str(path)})
        if not options.json:
            print(f"{exhibit.id}: {exhibit.title}")
            print(result.to_string(na_rep="–") if isinstance(result, pd.DataFrame) else "(a figure)")
            print(f"{path}\n")
    if keep:
        Pack(store.folder / FILE).keep(keep)
    if options.json:
        print(json.dumps(made))
    elif every:
        for row in made:
            if row["state"] != "built":
                print(f"{row['id']}: {row['state']}, {row['detail']}")
    return 1 if any(row["state"] == "failed" for row in made) else 0
