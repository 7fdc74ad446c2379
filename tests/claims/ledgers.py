"""Small ledgers with known answers, for the tests of this folder."""

import json

import numpy as np

from erclab.claims.evidence import GUESS, Kept, Shelf
from erclab.claims.splits import Split
from erclab.published import claims

NAMES = ("neutral", "joy", "anger", "fear")
SHARES = (0.5, 0.3, 0.15, 0.05)
D, T = 60, 20


def split(dialogues=D, seed=0):
    rng = np.random.default_rng(seed)
    n = dialogues * T
    truth = rng.choice(len(NAMES), n, p=SHARES)
    odd = np.arange(n) % 2 == 1
    return Split("made", "made for tests", np.repeat(np.arange(dialogues), T), {"emotion": truth},
                 {"ambiguous": odd, "congruent": ~odd, "incongruent": odd}, truth)


def guesses(where, right, seed):
    """(N,) predictions that are right with a probability, which may differ between utterances."""
    rng, truth = np.random.default_rng([seed, 7]), where.truth["emotion"]
    wrong = (truth + rng.integers(1, len(NAMES), len(truth))) % len(NAMES)
    return np.where(rng.random(len(truth)) < right, truth, wrong).astype(np.uint8)


def kept(book, seed, arrays, id="", **about):
    registered = {c.id: book.digest(c) for c in book.claims}
    return Kept({"id": id or f"run-{seed}", "seed": seed, "fixed": False, "registered": registered, "spec": None,
                 "target": {"name": "emotion", "kind": "classes", "names": list(NAMES)}, "parameters": 1000,
                 "protocols": {}, "rules": book.sha256, **about}, arrays)


def shelf_with(tmp_path, book, arms, seeds=range(100, 106), where=None):
    """A shelf in which each arm is right with a probability: arm -> number, or seed -> arrays."""
    where = where or split()
    where.save(tmp_path)
    shelf = Shelf(tmp_path, where)
    for i, (arm, right) in enumerate(arms.items()):
        shelf.add(arm, *(kept(book, s, right(s) if callable(right) else {GUESS: guesses(where, right, 1000 * i + s)},
                              id=f"{arm}-{s}") for s in seeds))
    return shelf


def sides(a="A", b="B", score="accuracy", part=""):
    return [[1, a, score, part], [-1, b, score, part]]


def row(id="S-c1", rule="SUP", contrasts=None, matters=0.01, **more):
    contrasts = contrasts or [{"name": "A - B", "matters": matters, "terms": sides()}]
    return {"id": id, "version": 1, "paper": "sdt", "where": "Table 1", "claim": "A is better", "tier": 1,
            "exhibits": [], "rule": rule, "corpora": ["simulated"], "contrasts": contrasts, **more}


def book_of(*rows, **changes):
    """A book with these claims; every arm that they name is bc-LSTM."""
    own = claims.book()
    arms = {a: {"model": "bc-lstm"} for r in rows for c in r["contrasts"] for t in c["terms"] for a in (t[1], t[3])
            if a and a not in ("ambiguous", "congruent", "incongruent")}
    data = {"claims": rows, "arms": arms, "rules": own.rules, "protocol": own.protocol, "rehearsal": own.rehearsal,
            **changes}
    return claims.read(json.dumps(data).encode())
