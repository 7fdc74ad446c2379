#!/usr/bin/env python3
"""Write data/manifest.json from the registry of corpora; checksums and revisions in it stay."""

import json
from pathlib import Path

from erclab.corpora import CORPORA

PATH = Path(__file__).resolve().parents[1] / "data" / "manifest.json"


def made(old: dict) -> dict:
    """The manifest of today's registry, with what only the old one has (checksums, revisions)."""
    before = {row["name"]: row for row in old["corpora"]}
    rows = [{"name": name, "title": info.title, "files": list(info.files), "licence": info.licence,
             "obtain": info.obtain} for name, info in CORPORA.items()]
    return {"about": old["about"], "corpora": [row | {k: v for k, v in before.get(row["name"], {}).items()
                                                      if k not in row} for row in rows]}


if __name__ == "__main__":
    manifest = made(json.loads(PATH.read_text()))
    PATH.write_text(json.dumps(manifest, indent=1, ensure_ascii=False) + "\n")
    print(f"{PATH}: {len(manifest['corpora'])} corpora")
