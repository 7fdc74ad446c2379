"""The study on real conversations: what the README says of MELD must hold on the files themselves."""

import pytest

from erclab import corpora, sweep
from erclab.analysis import statistics


@pytest.mark.slow
def test_sdt_on_real_text_beats_both_linear_probes(real_data, tmp_path, monkeypatch):
    """Text alone, MiniLM vectors, one seed, the epoch chosen on validation, all 2,610 test utterances. The README has
    three seeds, 58.1 with a deviation of 0.5; a run takes half a minute."""
    monkeypatch.setenv("ERCLAB_RUNS", str(tmp_path))
    corpus = corpora.load("meld", real_data / "meld")
    table = sweep.comparison(corpus, "sdt", seeds=1, progress=False)
    f1 = {name: statistics.values(records) for name, records in table.items()}
    sdt = table["SDT, text alone"]
    assert [r.protocol for r in sdt] == ["sound"]
    assert {int(r.confusion().sum()) for records in table.values() for r in records} == {2610}
    assert f1["Constant predictor"][0] == pytest.approx(0.313, abs=5e-4)
    assert f1["Linear probe"][0] == pytest.approx(0.565, abs=0.01)
    assert 0.48 < f1["Linear probe, class-balanced"][0] < 0.53
    assert 0.57 < f1["SDT, text alone"][0] < 0.60
    assert f1["SDT, text alone"][0] > max(f1[probe][0] for probe in ("Linear probe", "Linear probe, class-balanced"))
