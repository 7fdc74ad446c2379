"""The card of a corpus or a run."""

from erclab.core import cards


def test_a_card_as_text_and_as_html():
    facts = {"labels": "sad & glad", "id": "<7>"}
    assert cards.text("A run", facts, 10) == "A run\n  labels:   sad & glad\n  id:       <7>"
    page = cards.page("A <run>", facts)
    assert page.startswith("<b>A &lt;run&gt;</b><table><tr>") and "sad &amp; glad</td></tr>" in page
    assert "<7>" not in page
