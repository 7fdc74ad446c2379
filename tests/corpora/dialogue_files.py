"""Random files in the layouts of COSMIC, SDT and DialogueRNN, made here: for the tests of their readers."""

import pickle

import numpy as np

IEMOCAP = {"train": ["Ses01F_a", "Ses02M_b", "Ses01M_c", "Ses03F_d"], "valid": ["Ses04F_e"], "test": ["Ses05F_f"]}
MELD = {"train": [0, 1, 10, 2], "valid": [11, 12], "test": [13, 14]}
LENGTHS = (3, 1, 2, 4, 2, 3, 1, 2)


def per_turn(splits, make):
    """Dialogue -> a list of `make(turn)`; dialogue number i has LENGTHS[i] turns."""
    dialogues = [d for s in splits.values() for d in s]
    return {d: [make(t) for t in range(n)] for d, n in zip(dialogues, LENGTHS, strict=False)}


def one_hot(i):
    return [int(j == i) for j in range(9)]


def vectors(splits, width, rng, as_array=False):
    made = per_turn(splits, lambda t: rng.standard_normal(width))
    return {d: np.stack(rows).astype("f4") for d, rows in made.items()} if as_array else made


def shared(splits, meld, rng):
    """ids, speakers, labels, sentences: what all layouts have."""
    ids = {d: [f"{d}_{t}" for t in range(len(x))] for d, x in per_turn(splits, int).items()}
    speakers = per_turn(splits, (lambda t: one_hot(t % 3)) if meld else (lambda t: "FM"[t % 2]))
    labels = per_turn(splits, lambda t: int(rng.integers(7 if meld else 6)))
    return ids, speakers, labels, per_turn(splits, lambda t: f"words {t}")


def cosmic(meld=False, seed=0):
    splits, rng = MELD if meld else IEMOCAP, np.random.default_rng(seed)
    _, speakers, labels, sentences = shared(splits, meld, rng)
    sentiment = [per_turn(splits, lambda t: int(rng.integers(3)))] if meld else []
    return [speakers, labels, *sentiment, sentences, splits["train"], splits["test"], splits["valid"]]


def without_valid(splits):
    return {"train": splits["train"] + splits["valid"], "test": splits["test"]}


def sdt(meld=False, seed=0):
    splits, rng = without_valid(MELD if meld else IEMOCAP), np.random.default_rng(seed)
    ids, speakers, labels, sentences = shared(splits, meld, rng)
    features = [vectors(splits, width, rng, as_array=meld) for width in (5, 5, 5, 5, 4, 3)]
    last = [per_turn(splits, lambda t: 0)] if meld else []
    return (ids, speakers, labels, *features, sentences, splits["train"], splits["test"], *last)


def dialoguernn(meld=False, avec=False, seed=0):
    splits, rng = without_valid(MELD if meld else IEMOCAP), np.random.default_rng(seed)
    ids, speakers, labels, sentences = shared(splits, meld, rng)
    if avec:
        speakers = per_turn(splits, lambda t: ("user", "operator")[t % 2])
        labels = per_turn(splits, lambda t: float(rng.uniform(-1, 1)))
    features = [vectors(splits, width, rng, as_array=meld) for width in ((5, 4) if meld else (5, 4, 3))]
    last = [per_turn(splits, lambda t: 0)] if meld else []
    ends = [splits["train"], splits["test"]] if meld else [set(splits["train"]), set(splits["test"])]
    return (ids, speakers, labels, *features, sentences, *ends, *last)


def write(folder, name, value, protocol=4):
    """The path of a file with this value."""
    (folder / name).write_bytes(pickle.dumps(value, protocol))
    return folder / name
