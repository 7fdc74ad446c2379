"""Flows between modalities sum to one and have the answers that their gates imply; HCT-MG's gate finds what carries."""

from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

from erclab import runs
from erclab.analysis import gates, inside
from erclab.core.errors import UsageError
from erclab.corpora import simulated

SMALL = {"epochs": 1, "hidden": 8, "heads": 2}


@pytest.fixture(scope="module")
def ask(tiny, tmp_path_factory):
    folder = tmp_path_factory.mktemp("runs")

    def ask(model, corpus=tiny, **changes):
        return runs.run(model, corpus, folder=folder, progress=False, **changes)[0]
    return ask


def test_sdt_flows_are_shares_whose_columns_are_the_multimodal_gate(ask, tiny):
    record = ask("sdt", **SMALL)
    flows = gates.sdt_flows(record, tiny)
    assert list(flows.index) == list(flows.columns) == ["text", "audio", "visual"]
    assert (flows > 0).all().all() and flows.to_numpy().sum() == pytest.approx(1, abs=1e-5)
    np.testing.assert_allclose(flows.sum(), inside.gate_weights(record, tiny).mean(), atol=1e-5)
    with pytest.raises(UsageError, match="no unimodal gates"):
        gates.sdt_flows(ask("sdt", **SMALL, unimodal_fusion="concat"), tiny)


def test_pair_flows_give_each_of_a_pair_its_share(monkeypatch, tiny):
    shares = pd.DataFrame({"text_audio": [0.9, 0.7], "text_visual": [0.5, 0.5], "audio_visual": [0.0, 0.0]})
    monkeypatch.setattr(gates.inside, "pair_gates", lambda *_: shares)
    flows = gates.pair_flows(SimpleNamespace(spec={"modalities": ["text", "audio", "visual"]}), tiny)
    assert flows.loc["text", "audio"] == pytest.approx(0.8 / 3) and flows.loc["audio", "text"] == pytest.approx(0.2 / 3)
    assert flows.loc["audio", "visual"] == 0 and flows.loc["visual", "audio"] == pytest.approx(1 / 3)
    assert flows.to_numpy().sum() == pytest.approx(1) and not np.diag(flows).any()


def test_pace_is_the_gate_batch_by_batch(ask, tiny):
    record = ask("hct-mg", **{**SMALL, "epochs": 2})
    found = gates.pace(record)
    batches = -(-len(tiny.rows("train")) // record.spec["recipe"]["batch_size"])
    assert {m: w.shape for m, w in found.items()} == dict.fromkeys(("text", "audio", "visual"), (2, batches))
    np.testing.assert_allclose(sum(found.values()), 1, atol=1e-5)
    assert all(w[0, 0] == pytest.approx(1 / 3) for w in found.values())
    with pytest.raises(UsageError, match="no modality gate"):
        gates.pace(ask("hct-mg", **SMALL, primary="text"))


# Equal weights have the text as their primary; notebook 24 holds all three at every time.
@pytest.mark.parametrize("dominant", ["visual", *(pytest.param(m, marks=pytest.mark.long) for m in ("text", "audio"))])
def test_the_gate_follows_the_modality_that_carries_the_emotion(ask, dominant):
    """The same conversations, made so that one modality has all the evidence; then another."""
    strength = tuple(9.0 if m == dominant else 0.0 for m in ("text", "audio", "visual"))
    clear = dict.fromkeys(("masked", "incongruent", "ambiguous", "referential", "denied", "contrast", "slip", "offset"),
                          0.0)
    corpus = simulated.generate("tiny", frames=True, dialogues=(80, 6, 6), strength=strength, **clear)
    record = ask("hct-mg", corpus, epochs=3, hidden=16, heads=2, layers=1, self_layers=1, kernel=5,
                 learning_rate=5e-3, warmup_steps=0)
    assert record.data["curve"][-1]["model"]["primary"] == dominant, record.data["curve"][-1]["model"]
