"""DialogueTRM equals its naive reference, in all that it gives; its losses are those of the paper."""

import math
from dataclasses import replace

import numpy as np
import pytest
import torch
from dialoguetrm_cases import EVERY, LENGTHS, SUBSETS, made, ragged, switches
from random_batches import take
from reference_dialoguetrm import ReferenceDialogueTRM

from erclab.core import tasks


@pytest.fixture
def batch():
    return ragged()


def alone(batch, i):
    """What the reference takes of a dialogue."""
    n = int(batch.mask[i].sum())
    return ({m: x[i, :n].numpy() for m, x in batch.features.items()},
            [[w for w in words if w >= 0] for words in batch.tokens[i, :n].tolist()], batch.speakers[i, :n].tolist())


def by_hand(model, batch):
    reference = ReferenceDialogueTRM({n: x.numpy() for n, x in model.state_dict().items()}, model.config)
    return [reference.dialogue(*alone(batch, i)) for i in range(len(batch))]


def same(ours, theirs, bar=1e-9):
    np.testing.assert_allclose(ours.detach().numpy(), np.asarray(theirs), rtol=bar, atol=bar)


@switches
def test_equals_the_reference(changes, batch):
    """Logits, all of `aux` and all attention. Tables of sines are float32 in the model."""
    compare(made(**changes), batch)


@pytest.mark.parametrize(("subset", "text_from"), [
    *((s, "vectors") for s in SUBSETS), *((s, "tokens") for s in SUBSETS if "text" in s)],
    ids=lambda x: x if isinstance(x, str) else "+".join(x))
@pytest.mark.parametrize("fusion", ["mgif", "gate_concat", "trm", "concat", "mult"])
def test_equals_the_reference_on_any_modalities(subset, text_from, fusion, batch):
    compare(made(subset, text_from=text_from, fusion=fusion, **({"context": EVERY} if fusion == "mult" else {})),
            take(batch, [0, 1], 4))


def compare(model, batch):
    bar = 1e-6 if model.config.fusion == "mult" or model.config.positions == "sinusoidal" else 1e-9
    output = model(batch, attention=True)
    for i, (logits, aux, attention) in enumerate(by_hand(model, batch)):
        n = len(logits)
        same(output.logits[i, :n], logits, bar)
        assert output.aux.keys() == aux.keys() and output.attention.keys() == attention.keys()
        for name, want in aux.items():
            same(output.aux[name][i, :n], want, bar)
        for name, want in attention.items():
            same(output.attention[name][i, ..., :n, :n], want, bar)
            assert not output.attention[name][i, ..., :n, n:].any()
        assert not output.logits[i, n:].any()


def test_loss_is_that_of_the_paper(batch):
    """Eqs. 14 and 15: the categorised emotion by cross-entropy, the consecutive ones by their squared error."""
    model = made()
    given = replace(batch, labels=torch.where(torch.arange(6) == 2, -1, batch.labels))
    rows = [(x, y) for i, (logits, _, _) in enumerate(by_hand(model, batch))
            for x, y in zip(logits, given.labels[i].tolist(), strict=False) if y >= 0]
    want = [math.log(sum(math.exp(v) for v in x)) - x[y] for x, y in rows]
    assert model.loss(model(given), given).total.item() == pytest.approx(sum(want) / len(want), rel=1e-9)
    assert len(want) == sum(LENGTHS) - 2

    model, rng = made(task="dimensional", outputs=4), torch.Generator().manual_seed(0)
    labels = torch.randn(*batch.shape, 4, generator=rng, dtype=torch.float64)
    labels[0, 0], labels[1, 1, 2] = float("nan"), float("nan")
    given = replace(batch, labels=labels)
    want = [(x - y) ** 2 for i, (logits, _, _) in enumerate(by_hand(model, batch))
            for row, truth in zip(logits, labels[i].tolist(), strict=False)
            for x, y in zip(row, truth, strict=True) if not math.isnan(y)]
    losses = model.loss(model(given), given)
    assert losses.total == losses.task and len(want) == 4 * sum(LENGTHS) - 5
    assert losses.total.item() == pytest.approx(sum(want) / len(want), rel=1e-9)


@pytest.mark.parametrize(("task", "columns", "C"), [("emotion4", 4, 8), ("sentiment", 1, 1)])
def test_loss_of_other_tasks(task, columns, C, batch):
    labels = torch.rand(*batch.shape, columns, dtype=torch.float64).round()
    model, given = made(task=task, outputs=C), replace(batch, labels=labels)
    torch.testing.assert_close(model.loss(model(given), given).total,
                               tasks.loss(task, model(given).logits[given.mask], labels[given.mask]))
