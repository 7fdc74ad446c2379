"""The authors' SDT on small random inputs (tests/golden/): their names, and their numbers as ours."""

import re

from golden import Golden

from erclab.core.batches import DialogueBatch
from erclab.models.sdt.model import SDT

LETTER = {"t": "text", "a": "audio", "v": "visual"}
MODALITIES = ("text", "audio", "visual")
PAIRS = [f"{m}_from_{n}" for m in MODALITIES for n in MODALITIES]
# The keys and values come first in their names: `a_t` is text attending to audio.
LAYER = {
    "self_attn.linear_q": "q", "self_attn.linear_k": "k", "self_attn.linear_v": "v", "self_attn.linear": "out",
    "feed_forward.w_1": "w1", "feed_forward.w_2": "w2", "feed_forward.layer_norm": "feed_forward_norm",
    "layer_norm": "norm",
}
PLAIN = {
    "speaker_embeddings": "speaker", "textf_input": "project.text", "acouf_input": "project.audio",
    "visuf_input": "project.visual", "last_gate.fc": "multimodal_gate", "all_output_layer": "teacher",
}


def our_name(theirs: str) -> str:
    """The name of a parameter in `SDT`. A name that is not theirs is a KeyError."""
    module, _, parameter = theirs.rpartition(".")
    if found := re.fullmatch(r"([tav])_([tav])\.transformer_inter\.0\.(.+)", module):
        key, query, layer = found.groups()
        module = f"encoder.{LETTER[query]}_from_{LETTER[key]}.{LAYER[layer]}"
    elif found := re.fullmatch(r"([tav])_([tav])_gate\.fc", module):
        key, query = found.groups()
        module = f"unimodal_gate.{LETTER[query]}_from_{LETTER[key]}"
    elif found := re.fullmatch(r"features_reduce_([tav])", module):
        module = f"reduce.{LETTER[found[1]]}"
    elif found := re.fullmatch(r"([tav])_output_layer\.2", module):
        module = f"student.{LETTER[found[1]]}.2"
    else:
        module = PLAIN[module]
    return f"{module}.{parameter}"


GOLDEN = Golden("sdt_iemocap")
tensors, meta, part = GOLDEN.tensors, GOLDEN.meta, GOLDEN.part


def batch(dtype=None) -> DialogueBatch:
    given = part("in")
    features = {m: given[m] if dtype is None else given[m].to(dtype) for m in MODALITIES}
    rows = given["mask"].flatten().cumsum(0).view(given["mask"].shape) - 1
    return DialogueBatch(features, given["mask"], given["speaker"], given["label"],
                         rows.masked_fill(~given["mask"], -1))


def state() -> dict:
    return {our_name(name): x for name, x in part("state").items() if not name.endswith("pos_emb.pe")}


def model(**changes) -> SDT:
    sizes = {"dims": tuple((m, part("in")[m].shape[-1]) for m in MODALITIES), "hidden": 32, "heads": 4}
    made = SDT(SDT.official("iemocap", **sizes, **changes))
    made.load_state_dict(state(), strict=True)
    return made.eval()
