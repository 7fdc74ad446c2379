"""LMF-MulT: its fusion is a tensor fusion, its pooling an average of frames, the whole equals a naive reference."""

import itertools
from dataclasses import replace

import numpy as np
import pytest
import torch
from reference_mult import ReferenceLMFMulT, tensor_fusion

from erclab import models
from erclab.contracts.batches import random_sequences, shake, with_garbage
from erclab.core.errors import UsageError
from erclab.models.lmf_mult import LMFMulT, LowRankFusion, shared_steps

DIMS = dict(LMFMulT.tiny().dims)
SUBSETS = [c for n in (1, 2, 3) for c in itertools.combinations(DIMS, n)]
OFF = {name: 0.0 for name in vars(LMFMulT.tiny()) if "dropout" in name}


def made(seed=0, **changes):
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        return shake(LMFMulT(LMFMulT.tiny(**{**OFF, **changes})), seed=1).double().eval()


# Low-rank fusion


@pytest.mark.parametrize("modalities", SUBSETS, ids="+".join)
@pytest.mark.parametrize("rank", [1, 4])
def test_fusion_is_a_tensor_fusion(modalities, rank):
    fuse = shake(LowRankFusion(modalities, 3, rank)).double()
    rng = torch.Generator().manual_seed(0)
    z = {m: torch.randn(2, 3, 3, generator=rng, dtype=torch.float64) for m in modalities}
    found = fuse(z).detach().numpy()
    factors = [fuse.factors[m].detach().numpy() for m in modalities]
    for b, i in itertools.product(range(2), range(3)):
        want = tensor_fusion([z[m][b, i].numpy() for m in modalities], factors)
        np.testing.assert_allclose(found[b, i], want, rtol=0, atol=1e-12)


def test_fusion_equals_a_full_weight_tensor():
    """The tensor written out once, (d + 1) x (d + 1) x (d + 1) x h, of which the factors are the parts."""
    fuse = shake(LowRankFusion(("text", "audio", "visual"), 3, 2)).double()
    full = torch.einsum("rih,rjh,rkh->ijkh", *(fuse.factors[m] for m in DIMS))
    rng = torch.Generator().manual_seed(0)
    z = {m: torch.randn(5, 1, 3, generator=rng, dtype=torch.float64) for m in DIMS}
    ones = [torch.cat([x[:, 0], torch.ones(5, 1, dtype=x.dtype)], dim=1) for x in z.values()]
    torch.testing.assert_close(fuse(z)[:, 0], torch.einsum("bi,bj,bk,ijkh->bh", *ones, full))


def test_fusion_begins_with_numbers_of_its_inputs_size():
    torch.manual_seed(0)
    fuse = LowRankFusion(("text", "audio", "visual"), 30, 4)
    assert {tuple(f.shape) for f in fuse.factors.values()} == {(4, 31, 30)}
    out = fuse({m: torch.randn(8, 10, 30) for m in fuse.factors})
    assert 0.3 < out.std() < 6


# The way to one length


def test_a_fused_sequence_is_as_long_as_the_shortest_that_there_is():
    def mask(*lengths):
        return torch.arange(9) < torch.tensor(lengths)[:, None]
    masks = [mask(5, 0, 0, 9, 1), mask(7, 8, 0, 9, 3), mask(6, 4, 0, 8, 2)]
    assert shared_steps(masks, 50).sum(1).tolist() == [5, 4, 0, 8, 1]
    short = shared_steps(masks, 3)
    assert short.shape == (5, 3) and short.sum(1).tolist() == [3, 3, 0, 3, 1]
    assert (short.long().diff(dim=1) <= 0).all()  # steps that exist come first


def test_aligned_sequences_are_fused_step_by_step():
    model, seen = made(), {}
    model.fuse.register_forward_pre_hook(lambda _, inputs: seen.update(inputs[0]))
    given = random_sequences(DIMS, 5, dict.fromkeys(DIMS, (4, 2)))
    model(given)
    for m, x in seen.items():
        projected, _ = model.project[m](given.features[m], given.masks[m])
        torch.testing.assert_close(x, projected * given.masks[m][..., None])


# The whole model

LENGTHS = {"text": (5, 2, 0, 3, 0), "audio": (4, 7, 1, 6, 0), "visual": (6, 1, 3, 5, 0)}  # the last has nothing


@pytest.mark.parametrize("fused", ["target", "source"])
@pytest.mark.parametrize("subset", SUBSETS, ids="+".join)
def test_equals_the_reference(subset, fused):
    model = made(dims=tuple((m, DIMS[m]) for m in subset), fused=fused, hidden=4, layers=1, fused_steps=4,
                 future_mask=len(subset) == 2)
    given = random_sequences(DIMS, 5, LENGTHS)
    with torch.no_grad():
        found = model(with_garbage(given), attention=True)
    reference = ReferenceLMFMulT({n: p.numpy() for n, p in model.state_dict().items()}, model.config)
    for i in range(5):
        steps = {m: LENGTHS[m][i] for m in subset}
        logits, weights, steps["fused"] = reference.sample({m: given.features[m][i, :steps[m]].numpy() for m in subset})
        assert found.aux["fused_steps"][i] == steps["fused"]
        np.testing.assert_allclose(found.logits[i].numpy(), logits, rtol=0, atol=1e-5)
        assert set(found.attention) == set(weights)
        for pair, w in weights.items():
            target, source = pair.split("_from_")
            ours = found.attention[pair][i]
            assert not ours[..., steps[source]:].any(), pair
            ours = ours[..., :steps[target], :steps[source]].numpy()
            np.testing.assert_allclose(ours, w.reshape(ours.shape), rtol=0, atol=1e-5)


def test_not_even_nan_in_the_padding_is_read():
    given = random_sequences(DIMS, 5)
    fouled = replace(given, features={m: x.masked_fill(~given.masks[m][..., None], float("nan"))
                                      for m, x in given.features.items()})
    for fused in ("target", "source"):
        model = made(fused=fused)
        assert torch.equal(model(fouled).logits, model(given).logits)


def test_three_transformers_instead_of_six():
    assert set(made().crossmodal) == {"fused_from_text", "fused_from_audio", "fused_from_visual"}
    assert list(made().memory) == ["fused"]
    assert set(made(fused="source").crossmodal) == {"text_from_fused", "audio_from_fused", "visual_from_fused"}
    assert list(made(fused="source").memory) == list(DIMS)


@pytest.mark.parametrize(("fused", "corpus", "count"), [
    ("target", "mosi", 697_441), ("target", "mosei", 699_961), ("target", "iemocap", 700_598),
    ("source", "mosi", 373_441), ("source", "mosei", 375_961), ("source", "iemocap", 376_598)])
def test_parameters(fused, corpus, count):
    with torch.device("meta"):
        assert models.parameter_count(LMFMulT(LMFMulT.paper(corpus, fused=fused))) == count


def test_parameters_by_hand():
    """MOSI: a layer of width w has 12 w^2 + 13 w, a transformer of five 2 w more; projections, factors, head."""
    def transformer(w):
        return 5 * (12 * w * w + 13 * w) + 2 * w
    rest = 30 * (300 + 5 + 20) + 2 * (90 * 90 + 90) + 90 + 1
    assert 3 * transformer(30) + transformer(90) + rest == 686_281
    assert 686_281 + 4 * 3 * 31 * 30 == 697_441


def test_paper_and_official_are_one():
    for corpus in ("mosi", "mosei", "iemocap"):
        assert LMFMulT.paper(corpus, rank=5) == LMFMulT.official(corpus, rank=5)


def test_dropout_only_in_training():
    given = random_sequences(DIMS, 5)
    for name in OFF:
        model = made(**{name: 0.5})
        with torch.random.fork_rng():
            torch.manual_seed(0)
            assert torch.equal(model(given).logits, made()(given).logits), name
            assert not torch.equal(model.train()(given).logits, made()(given).logits), name


def test_text_alone_is_dropped_out_on_its_way_in():
    model, seen = made(embedding_dropout=0.5).train(), {}
    for m, module in model.project.items():
        module.register_forward_pre_hook(lambda _, inputs, m=m: seen.update({m: inputs[0]}))
    given = random_sequences(DIMS, 5)
    model(given)
    for m, x in seen.items():
        assert torch.equal(x, given.features[m]) == (m != "text"), m


@pytest.mark.parametrize("changes", [{"heads": 3}, {"rank": 0}, {"fused": "both"}, {"fused_steps": 0}, {"dims": ()},
                                     {"task": "mood"}, {"relu_dropout": 1.0}])
def test_refuses_what_makes_no_model(changes):
    with pytest.raises(UsageError, match="LMF-MulT"):
        LMFMulT.tiny(**changes)


def test_refuses_a_batch_without_its_modality():
    given = random_sequences({"text": DIMS["text"]}, 5)
    with pytest.raises(UsageError, match="audio, visual"):
        made()(given)
