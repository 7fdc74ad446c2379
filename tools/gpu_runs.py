#!/usr/bin/env python3
"""Runs that are worth a GPU, as records: `tools/gpu.sh` runs this file beside the tests and the bench.

    python tools/gpu_runs.py sdt --device cuda --seconds 110 --out build/gpu     five seeds in one pass, official size
    python tools/gpu_runs.py bert --device cuda --seconds 90 --out build/gpu     DialogueTRM that fine-tunes a BERT

Without --data the corpus is simulated-meld, which has MELD's dialogues and turns. Without the weights of MiniLM (and
without --words, a folder with a saved BERT) the BERT has MiniLM's sizes and random weights: then the seconds are worth
something and the scores are not; the results say so.

Written to --out: runs.json, a part each (hardware, corpus, epochs, seconds, scores); and runs.zip, the records with
their predictions. Trainings have as many epochs and seeds as fit into --seconds, and no more than their recipe.
"""

from __future__ import annotations

import argparse
import json
import re
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))  # the package of this checkout, whatever is installed

import torch  # noqa: E402

from erclab import corpora, runs  # noqa: E402
from erclab.core import paths  # noqa: E402
from erclab.core.errors import FeatureError  # noqa: E402
from erclab.core.provenance import environment  # noqa: E402
from erclab.core.storage import write_atomically, zipped  # noqa: E402
from erclab.corpora import Corpus  # noqa: E402
from erclab.features.encoders import minilm_folder  # noqa: E402
from erclab.runs import Record  # noqa: E402
from erclab.training.device import choose_device  # noqa: E402

FIRST = 100  # the seed of the first run
SPARE = 0.8  # of the time that is left is planned with: an epoch may take longer than the one that was measured
TINY_SDT = {"hidden": 16, "heads": 2}
TINY_BERT = {"hidden_size": 8, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 8}
MINILM_SIZES = {"hidden_size": 384, "num_hidden_layers": 6, "num_attention_heads": 12, "intermediate_size": 1536}


def sdt(corpus: Corpus, options: argparse.Namespace, folder: Path) -> dict[str, Any]:
    """SDT at the authors' size and by their recipe, several seeds in one pass."""
    changes = TINY_SDT if options.small else {}
    how = {"seeds": range(FIRST, FIRST + options.seeds), "profile": "full", "together": True, "device": options.device,
           "progress": False, **changes}
    most = runs.plan("sdt", corpus, profile="full", **changes)[0].recipe.epochs
    began = time.monotonic()

    def train(epochs: int, where: Path) -> tuple[list[Record], float]:
        start = time.monotonic()
        return list(runs.run("sdt", corpus, epochs=epochs, folder=where, **how)), time.monotonic() - start

    with tempfile.TemporaryDirectory() as scratch:
        places = ("small",) if options.small else ("warm", "measured")  # the first one also loads kernels
        seconds = [train(1, Path(scratch) / name)[1] for name in places][-1]
    left = options.seconds - (time.monotonic() - began)
    epochs = 1 if options.small else max(1, min(most, int(SPARE * left / seconds)))
    records, took = train(epochs, folder)
    return {"epochs": epochs, "epochs of the recipe": most, "seeds in one pass": options.seeds,
            "seconds": round(took, 2), "seconds per epoch and its evaluation": round(took / epochs, 3),
            **told(records)}


def bert(corpus: Corpus, options: argparse.Namespace, folder: Path) -> dict[str, Any]:
    """DialogueTRM that fine-tunes a BERT on the words, seed by seed while the time lasts."""
    began, records, took = time.monotonic(), [], 0.0
    changes = {"epochs": 1, "batch_size": 16} if options.small else {}
    with tempfile.TemporaryDirectory() as scratch:
        words, what = options.words, "the BERT that was given"
        if not words:
            try:
                words, what = "minilm", f"MiniLM, {minilm_folder().name}"
            except FeatureError as error:
                words, what = "", f"random weights of MiniLM's sizes, so that scores mean nothing ({error.problem})"
        if not words or options.small:
            words, what = random_bert(corpus, Path(scratch) / "bert", options.small), "random weights" * bool(
                options.small) or what
        while len(records) < options.seeds and (
                not records or (options.seconds - (time.monotonic() - began)) * SPARE > took / len(records)):
            start = time.monotonic()
            records += runs.run("dialoguetrm", corpus, seeds=[FIRST + len(records)], modalities=["text"], words=words,
                                device=options.device, folder=folder, progress=False, **changes)
            took += time.monotonic() - start
    return {"bert": what, "epochs": records[0].spec["recipe"]["epochs"], "seconds": round(took, 2),
            "seconds per run": round(took / len(records), 2), **told(records)}


def random_bert(corpus: Corpus, folder: Path, small: bool) -> str:
    """A folder with a BERT of random weights, whose vocabulary has the words of the corpus."""
    import transformers

    words = sorted({w for text in corpus.table["text"] for w in re.findall(r"\w+|[^\w\s]", str(text).lower())})
    folder.mkdir(parents=True)
    (folder / "vocab.txt").write_text("\n".join(["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *words]),
                                      encoding="utf-8")
    sizes = TINY_BERT if small else MINILM_SIZES
    config = transformers.BertConfig(vocab_size=5 + len(words), max_position_embeddings=64 if small else 512, **sizes)
    torch.manual_seed(0)
    transformers.BertModel(config).save_pretrained(folder)
    transformers.BertTokenizer(str(folder / "vocab.txt")).save_pretrained(folder)
    return str(folder)


def told(records: list[Record]) -> dict[str, Any]:
    """What is told of runs beside their records."""
    return {"parameters": records[0].data["parameters"]["all"], "runs": [r.id for r in records],
            "test scores": [r.scores("test") for r in records]}


PARTS: dict[str, Callable[[Corpus, argparse.Namespace, Path], dict[str, Any]]] = {"sdt": sdt, "bert": bert}


def main(arguments: list[str] | None = None) -> None:
    """Train one part, and add it to what is in the folder of results."""
    command = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    command.add_argument("part", choices=PARTS)
    command.add_argument("--device", default="cuda")
    command.add_argument("--corpus", help="default: simulated-meld; with --small simulated-tiny")
    command.add_argument("--data", help="its folder, such as MELD's, for a corpus that is not embedded")
    command.add_argument("--words", default="", help="a folder with a saved BERT, or a Hugging Face name")
    command.add_argument("--seeds", type=int, default=5, help="at most (default: 5)")
    command.add_argument("--seconds", type=float, default=100, help="that trainings may take (default: 100)")
    command.add_argument("--small", action="store_true", help="the smallest sizes, to try this file on a CPU")
    command.add_argument("--out", type=Path, required=True)
    options = command.parse_args(arguments)
    device = choose_device(options.device)
    name = options.corpus or ("simulated-tiny" if options.small else "simulated-meld")
    corpus = corpora.load(name, options.data) if options.data else corpora.load(name)
    folder = paths.runs_dir()  # not in --out: a lent machine returns few files
    made = {"corpus": repr(corpus).splitlines()[0], "fingerprint": corpus.fingerprint,
            "environment": environment(device), **PARTS[options.part](corpus, options, folder)}
    results = options.out / "runs.json"
    there = json.loads(results.read_text(encoding="utf-8")) if results.exists() else {}
    found = {**there, options.part: made}
    write_atomically(results, (json.dumps(found, indent=1) + "\n").encode())
    files = [path for part in found.values() for id in part["runs"] for kind in (".json", ".predictions.safetensors")
             if (path := folder / f"{id}{kind}").exists()]
    write_atomically(options.out / "runs.zip", zipped({path.name: path.read_bytes() for path in files}))
    print(json.dumps({key: x for key, x in made.items() if key not in ("test scores", "runs")}))


if __name__ == "__main__":
    main()
