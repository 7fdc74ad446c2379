"""LMR-CBT equals its naive reference, with each quirk and without, in evaluation and in training."""

from itertools import combinations

import numpy as np
import pytest
import torch
from lmr_cbt_cases import DIMS, frames, made, reference, same, sequences

SUBSETS = [c for n in (2, 3) for c in combinations(DIMS, n)]
CASES = {"+".join([variant, *subset, "into", target]): (variant, subset, {"target": target})
         for variant in ("paper", "official") for subset in SUBSETS for target in subset}
CASES |= {f"{variant}, conv1d": (variant, tuple(DIMS), {"text_front": "conv1d"}) for variant in ("paper", "official")}
CASES |= {
    "paper, other order": ("paper", ("visual", "text", "audio"), {}),
    "paper, as long as the windows": ("paper", tuple(DIMS), {"same_length": False}),
    "paper, causal": ("paper", tuple(DIMS), {"future_mask": True}),
    "paper, attends to padding": ("paper", tuple(DIMS), {"attend_padding": True}),
    "paper, recurrence over the batch": ("paper", tuple(DIMS), {"batch_recurrence": True, "attend_padding": True}),
    "official, recurrence over time": ("official", tuple(DIMS), {"batch_recurrence": False}),
    "official, with masks": ("official", tuple(DIMS), {"batch_recurrence": False, "attend_padding": False}),
    "official, wide kernels": ("official", tuple(DIMS), {"kernel_audio": 9, "kernel_visual": 7}),
}


@pytest.fixture(scope="module", params=CASES)
def case(request):
    """(model, batch, what the reference makes of its utterances)."""
    variant, modalities, changes = CASES[request.param]
    model, batch = made(variant, modalities, **changes), sequences(modalities)
    return model, batch, reference(model).batch(frames(batch))[0]


def test_equals_the_reference(case):
    model, batch, utterances = case
    same(model(batch).logits, [u["logits"] for u in utterances])


def test_attention_is_the_references(case):
    model, batch, utterances = case
    found = model(batch, attention=True).attention
    assert [*found] == [f"{m}_from_{m}" for m in model.config.modalities]
    for m in model.config.modalities:
        for b, u in enumerate(utterances):
            n = len(u["attention"][m][0][0])
            want = np.array(u["attention"][m]).reshape(2, 2, n, n)
            if model.config.attend_padding:  # theirs begins with the padding, ours is where the frames are
                want = np.roll(want, -int((~batch.masks[m][b]).sum()), axis=(-1, -2))
            same(found[f"{m}_from_{m}"][b, ..., :n, :n], want)


@pytest.mark.parametrize("name", [*CASES])
def test_equals_the_reference_on_the_statistics_of_the_batch(name):
    variant, modalities, changes = CASES[name]
    model, batch = made(variant, modalities, **changes), sequences(modalities)
    utterances, after = reference(model).batch(frames(batch), training=True)
    same(model.train()(batch).logits, [u["logits"] for u in utterances])
    tracked = {name: x for name, x in model.state_dict().items() if "running" in name}
    assert after.keys() == tracked.keys()
    for name, x in tracked.items():
        same(x, after[name], 1e-12)


@pytest.mark.parametrize("variant", ["paper", "official"])
def test_gradients_through_the_statistics_of_the_batch(variant):
    """Against differences of the reference: autograd has to know that mean and variance depend on everything."""
    model, batch = made(variant).train(), sequences()
    pull = torch.randn(4, 3, generator=torch.Generator().manual_seed(5), dtype=torch.float64)
    by_hand = reference(model)
    (model(batch).logits * pull).sum().backward()

    def value():
        utterances, _ = by_hand.batch(frames(batch), training=True)
        return sum((u["logits"] * row).sum() for u, row in zip(utterances, pull.numpy(), strict=True))

    for name in ("front.audio.convolve.weight", "front.visual.norm.bias", "front.text.lstm.weight_hh_l1_reverse",
                 "fuse.audio.map_source.weight", "fuse.visual.map_target.bias", "encoder.text.layers.0.w1.weight"):
        gradient = dict(model.named_parameters())[name].grad.numpy()
        where = np.unravel_index(np.abs(gradient).argmax(), gradient.shape)
        array, values = by_hand.weights[name], []
        kept = array[where].copy()
        for step in (1e-5, -1e-5):
            array[where] = kept + step
            values.append(value())
        array[where] = kept
        assert gradient[where] == pytest.approx((values[0] - values[1]) / 2e-5, rel=1e-4, abs=1e-8), name
