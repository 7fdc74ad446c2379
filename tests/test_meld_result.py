"""The study on real conversations: what the README says of MELD must hold on the files themselves."""

import pytest

from erclab import corpora, runs, sweep
from erclab.analysis import statistics, tallies


@pytest.mark.slow
def test_sdt_on_real_text_beats_both_linear_probes(real_data, tmp_path, monkeypatch):
    """Text alone, MiniLM vectors, three seeds, the epoch chosen on validation, all 2,610 test utterances."""
    monkeypatch.setenv("ERCLAB_RUNS", str(tmp_path))
    monkeypatch.setattr(runs, "word_baselines", lambda corpus: ())  # they take a minute and are not what is tested
    corpus = corpora.load("meld", real_data / "meld")
    table = sweep.comparison(corpus, "sdt", seeds=3, progress=False)
    f1 = {name: statistics.values(records) for name, records in table.items()}
    sdt = table["SDT, text alone"]
    assert [r.protocol for r in sdt] == ["sound"] * 3
    assert {int(r.confusion().sum()) for records in table.values() for r in records} == {2610}
    assert f1["Constant predictor"][0] == pytest.approx(0.313, abs=5e-4)
    assert f1["Linear probe"][0] == pytest.approx(0.565, abs=0.01)
    assert 0.48 < f1["Linear probe, class-balanced"][0] < 0.53
    for probe in ("Linear probe", "Linear probe, class-balanced"):
        gain = tallies.difference(sdt, table[probe], corpus, "weighted_f1")
        assert gain.dialogues == 280 and statistics.verdict(gain) == "higher", (probe, gain)
