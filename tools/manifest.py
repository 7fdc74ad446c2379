#!/usr/bin/env python3
"""Write data/manifest.json from the registry of corpora; checksums and revisions in it stay."""

import json
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
PATH = ROOT / "data" / "manifest.json"
sys.path.insert(0, str(ROOT))  # the package of this checkout, whatever is installed

from erclab.corpora import CORPORA  # noqa: E402


def made(old: dict) -> dict:
    """The manifest of today's registry, with what only the old one has (checksums, revisions)."""
    before = {row["name"]: row for row in old["corpora"]}
    rows = [{"name": name, "title": info.title, "files": list(info.files), "licence": info.licence,
             "obtain": info.obtain} for name, info in CORPORA.items()]
    return {"about": old["about"], "corpora": [row | {k: v for k, v in before.get(row["name"], {}).items()
                                                      if k not in row} for row in rows]}


if __name__ == "__main__":
    manifest = made(json.loads(PATH.read_text(encoding="utf-8")))
    PATH.write_text(json.dumps(manifest, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    print(f"{PATH}: {len(manifest['corpora'])} corpora")
