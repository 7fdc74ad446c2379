"""DialogueTRM: BERT and a Transformer within each modality, and a fusion of two grains across modalities.

Mao, Sun, Liu, Wang, Gao, Li, Shen (2020), "DialogueTRM: Exploring the Intra- and Inter-Modal Emotional Behaviors in
the Conversation", arXiv 2010.07637; later Findings of EMNLP 2021 under a changed title. There is no authors' code.
Each choice that the paper leaves open is a field of `DialogueTRM.Config`.

    target and its speaker's own context --BERT--> f_i                    (Eq. 2)
    f_(i-K) ... f_i --Transformer--> r_i, for each modality                (Eq. 3)
    r_(t), r_(v), r_(a) --one gate per pair--> h_(tv), h_(ta), h_(av)      (Eqs. 4 to 10, neuron-grained)
    [CLS], h_(tv), h_(ta), h_(av) --Transformer--> u_i at [CLS]            (Eq. 11, vector-grained)
    u_i --two layers--> emotion                                            (Eqs. 12 to 14)

No utterance depends on a later one. Eq. 5 is printed with r_(t); the visual projection needs r_(v), used here.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from erclab.core.batches import DialogueBatch
from erclab.core.errors import UsageError, unknown
from erclab.models.dialoguetrm.bert import BertBranch
from erclab.models.dialoguetrm.fusion import ContextRNN, ContextTransformer, MulTFusion, MultiGrainedFusion
from erclab.models.dialoguetrm.pretrained import settings_of, weights_of
from erclab.models.dialoguetrm.windows import Windows
from erclab.models.interface import Model, ModelConfig, Output, check_choices, check_sizes

CHOICES = {"text_from": ("tokens", "vectors"), "window": ("exact", "banded"),
           "positions": ("none", "sinusoidal", "learned"), "summary": ("transformer", "bert", "dialoguernn"),
           "fusion": ("mgif", "gate_concat", "trm", "concat", "mult")}
PREFERENCES = ("dependent", "free")
MODALITIES = ("text", "audio", "visual")


class DialogueTRM(Model):
    """DialogueTRM over any non-empty subset of text, audio and visual.

    `forward` returns `Output` with logits (B, T, C) and in `aux`
        `representation.<m>`  (B, T, H): r_i of modality m, the input of the fusion,
        `gate.<m>_<n>`        (B, T, H) in (0, 1): z of Eq. 6, the share of m in the pair; n has the rest,
        `fusion_attention`    (B, T, layers, heads, 1 + n): attention of [CLS] to itself and to the n vectors of
                              Eq. 11 (text_visual, text_audio, audio_visual; without gates text, visual, audio).
    Only fusions with gates have `gate.*`, and only fusions with a Transformer have `fusion_attention`.
    `attention` holds `<m>.context` (B, layers, heads, T query, T key): attention of target i to the turns of its
    window; for `fusion="mult"` also `fusion.<m>_from_<n>`. In a context-free modality each turn attends to itself.
    DialogueRNN has `<m>.dialogue` and `<m>.context_forward` (B, 1, T, T) instead.
    """

    @dataclass(frozen=True, kw_only=True)
    class Config(ModelConfig):
        """Sizes and switches.

        Attributes:
            dims: (modality, D_m) pairs. Their order has no influence: Eqs. 1 and 11 fix it. The width of a text
                that is read from tokens is not used.
            outputs: C, the number of emotions, or what another task needs (`erclab.core.tasks`).
            speakers: S, the number of speaker indices. The model only compares the speakers of two turns, except
                with `summary="dialoguernn"`.
            task: what is predicted; `dimensional` has the paper's squared error (Eq. 15).
            hidden: H, the width of BERT and of everything above it.
            bert: the other settings of BERT, by dotted names such as `bert.layers`.
            context_turns: K. Both contexts are taken from the last K turns.
            context: (modality, "dependent" or "free") pairs: whether a modality reads its context, in BERT and
                in the Transformer. With `summary="transformer"` it changes masks only, never the parameters.
            text_from: "tokens" reads words and fine-tunes BERT on them; "vectors" reads utterance vectors, like
                the other modalities.
            heads: of the Transformer and of the fusion's Transformer.
            layers: of the Transformer.
            feed_forward: inner width of the layers of both Transformers (PyTorch's default).
            dropout: of the Transformer, the fusion and MulT; one rate, PyTorch's default.
            shared_transformer: one Transformer reads all modalities (Figure 2; the text leaves it open); with
                `summary="dialoguernn"` also one DialogueRNN.
            window: "exact" is Eq. 3: the K + 1 turns that end at a target are a sequence of their own, in which
                all positions attend to each other. "banded" runs once over the dialogue with a causal band of K:
                it is cheaper, but its layers together read back `layers` times K turns.
            positions: of the Transformer's windows, counted back from the target. The paper mentions none.
            summary: which network reads the features of BERT in context (Figure 4): "transformer", "dialoguernn"
                or "bert" (none). A context-free modality has no context and keeps the Transformer.
            fusion: "mgif" (gates and Transformer); Table 4: "gate_concat", "trm", "mult"; and "concat". A single
                modality is not fused and goes straight to the discriminator.
            fusion_layers: of the fusion's Transformer, and of each of MulT's.
            fusion_positions: learned position vectors in Eq. 11. "The order of the input is fixed" may mean them;
                the paper mentions none.
            bias: biases in Eqs. 4 to 6, 12 and 13, which are printed without.
            mult_width: width that MulT (Tsai et al. 2019) projects to; the default is from its paper.
            mult_heads: heads of MulT; the default is from its paper.
        """

        dims: tuple[tuple[str, int], ...]
        outputs: int
        speakers: int
        task: str = "emotion"
        hidden: int = 768
        bert: BertBranch.Config = field(default_factory=BertBranch.Config)
        context_turns: int = 14
        context: tuple[tuple[str, str], ...] = (("text", "dependent"), ("audio", "free"), ("visual", "free"))
        text_from: str = "tokens"
        heads: int = 12
        layers: int = 6
        feed_forward: int = 2048
        dropout: float = 0.1
        shared_transformer: bool = True
        window: str = "exact"
        positions: str = "none"
        summary: str = "transformer"
        fusion: str = "mgif"
        fusion_layers: int = 4
        fusion_positions: bool = False
        bias: bool = False
        mult_width: int = 40
        mult_heads: int = 10

        renamed: ClassVar[Mapping[str, str]] = {
            "bert": "bert.pretrained", "shared_bert": "bert.shared", "bert_layers": "bert.layers",
            "bert_heads": "bert.heads", "bert_inner": "bert.feed_forward", "bert_positions": "bert.max_positions",
            "vocabulary": "bert.vocabulary", "activation": "bert.activation", "bert_eps": "bert.norm_eps",
            "bert_dropout": "bert.dropout", "cls_token": "bert.cls_token", "sep_token": "bert.sep_token",
            "max_length": "bert.max_length", "chunk": "bert.chunk"}

        def __post_init__(self) -> None:
            check_sizes("DialogueTRM", self, "speakers", "hidden", "heads", "layers", "feed_forward", "fusion_layers",
                        "mult_width", "mult_heads", "bert.layers", "bert.heads", "bert.feed_forward",
                        "bert.max_positions", "bert.vocabulary", "bert.chunk")
            check_choices("DialogueTRM", self, CHOICES)
            self._check_context()
            for name, heads, width, of in (("heads", self.heads, "hidden", self.hidden),
                                           ("bert.heads", self.bert.heads, "hidden", self.hidden),
                                           ("mult_heads", self.mult_heads, "mult_width", self.mult_width)):
                if of % heads:
                    raise UsageError(f"DialogueTRM's {width} {of} must be a multiple of its {name}, {heads}")
            if self.context_turns < 0:
                raise UsageError(f"DialogueTRM's context_turns is {self.context_turns}, it cannot be negative")
            if self.positions != "none" and (self.window == "banded" or self.hidden % 2):
                raise UsageError(f"DialogueTRM's {self.positions} positions are counted in windows of an even width",
                                 remedy="Take window='exact' and an even hidden, or positions='none'.")

        def _check_context(self) -> None:
            strange = [m for m in self.modalities if m not in MODALITIES]
            if strange:
                raise unknown("modality of DialogueTRM", strange[0], MODALITIES)
            if len({m for m, _ in self.context}) != len(self.context):
                raise UsageError(f"DialogueTRM's context names a modality twice: {self.context}")
            for m, preference in self.context:
                if m not in MODALITIES:
                    raise unknown("modality in DialogueTRM's context", m, MODALITIES)
                if preference not in PREFERENCES:
                    raise unknown(f"context of {m}", preference, PREFERENCES)
            absent = [m for m in self.modalities if m not in dict(self.context)]
            if absent:
                raise UsageError(f"DialogueTRM's context does not say whether {', '.join(absent)} is context-dependent",
                                 remedy="Add it as 'dependent' or 'free'.")
            free = [m for m in self.modalities if not self.dependent(m)]
            if self.fusion == "mult" and free:
                raise UsageError(f"MulT fuses over time, so {', '.join(free)} cannot be context-free",
                                 remedy="Set every context to 'dependent', as the paper does for MulT in Table 4.")

        @property
        def modalities_of_words(self) -> tuple[str, ...]:
            """The modalities that are read as tokens: the text, or none."""
            return tuple(m for m in self.modalities if m == "text" and self.text_from == "tokens")

        def dependent(self, modality: str) -> bool:
            """Whether a modality reads its context."""
            return dict(self.context)[modality] == "dependent"

        def reader(self, modality: str) -> str:
            """The network that reads a modality's features in context; "bert" for none."""
            return self.summary if self.dependent(modality) else "transformer"

        @property
        def speaker_limit(self) -> int | None:
            """The number of speakers, which matters to a summary by DialogueRNN only."""
            return self.speakers if "dialoguernn" in map(self.reader, self.modalities) else None

    # Widths and outputs of the paper's sections "Datasets" and "Implementation Details": audio 100 and visual 512 for
    # all corpora (although the project that computed them has 300 for MELD), no visual on MELD. Text comes as words,
    # so its width is unused. The paper gives no number of speakers: two, and nine for MELD as in other papers. There is
    # no code of the authors, so `official` is `paper`.
    published = {
        "iemocap": {"dims": (("text", 768), ("audio", 100), ("visual", 512)), "outputs": 6, "speakers": 2},
        "meld": {"dims": (("text", 768), ("audio", 100)), "outputs": 7, "speakers": 9},
        "avec": {"dims": (("text", 768), ("audio", 100), ("visual", 512)), "outputs": 4, "speakers": 2,
                 "task": "dimensional"},
    }
    small = {
        "context_turns": 3, "text_from": "vectors", "hidden": 16, "heads": 2, "layers": 2, "feed_forward": 32,
        "fusion_layers": 2, "mult_width": 8, "mult_heads": 2, "bert.layers": 2, "bert.heads": 2,
        "bert.feed_forward": 32, "bert.max_positions": 64, "bert.max_length": 64, "bert.vocabulary": 30,
        "bert.cls_token": 1, "bert.sep_token": 2}

    @staticmethod
    def with_bert(source: str | Path, name: str | None = None) -> dict[str, Any]:
        """The changes of the Config for a pretrained BERT: its sizes, its dropout, its special tokens.

        A configuration with these changes is complete: a trained model is built from it and from its own weights,
        without the pretrained weights.

        Args:
            source: a folder with the BERT and its tokenizer, or a Hugging Face name.
            name: the value of `bert.pretrained`, such as a name with a digest; the source by default.

        Raises:
            UsageError: nothing is there, or not a BERT.
        """
        found = settings_of(source)
        return {**found, "bert.max_length": found["bert.max_positions"], "bert.pretrained": name or str(source)}

    def __init__(self, config: Config):
        super().__init__()
        self.config = config
        H = config.hidden
        self.branch = BertBranch(config)
        self.context, self.recurrent = (
            nn.ModuleDict({self._owner(m): kind(config) for m in config.modalities if config.reader(m) == name})
            for name, kind in (("transformer", ContextTransformer), ("dialoguernn", ContextRNN)))
        self.fusion = (MulTFusion if config.fusion == "mult" else MultiGrainedFusion)(config)
        self.hidden = nn.Linear(self.fusion.width, H, bias=config.bias)  # W_l
        self.out = nn.Linear(H, config.outputs, bias=config.bias)  # W_cat or W_con

    def load_pretrained(self, source: str | Path) -> None:
        """Load the pretrained weights into every BERT. Called once, after building and before training.

        Args:
            source: the argument of `with_bert`.

        Raises:
            UsageError: nothing is there, weights are missing, or the model was not built for this BERT.
        """
        if self.config.bert.pretrained is None:
            raise UsageError("this model's BERT starts from random weights", where=str(source),
                             remedy="Build it with the changes that DialogueTRM.with_bert gives.")
        weights = weights_of(source, self.config)
        for bert in self.branch.bert.values():
            bert.load_state_dict(weights)

    def pretrained_parameters(self) -> list[nn.Parameter]:
        """BERT's parameters, for which a recipe may set another learning rate; none if BERT starts random."""
        return [] if self.config.bert.pretrained is None else list(self.branch.bert.parameters())

    def forward(self, batch: DialogueBatch, *, attention: bool = False) -> Output:
        """Predict every utterance. The docstring of the class lists `aux` and `attention`."""
        config, r, aux, weights = self.config, {}, {}, {}
        # MulT counts positions from the start of its window, so this window must not depend on the padding.
        reach = config.context_turns if config.fusion == "mult" else min(config.context_turns, batch.shape[1] - 1)
        windows = Windows.of(batch, reach)

        for m in config.modalities:
            f = self.branch(m, windows)  # Eq. 2: (N, H), N utterances
            r[m], seen = self.in_context(m, f, windows, attention)  # Eq. 3: (N, H)
            weights |= {f"{m}.{name}": x for name, x in seen.items()}
            aux[f"representation.{m}"] = batch.unpack(r[m])

        u, seen = self.fusion(r, windows)  # Eqs. 4 to 11
        aux |= {name: batch.unpack(x) for name, x in seen.aux.items()}
        logits = self.out(torch.tanh(self.hidden(u)))  # Eqs. 12 and 13 without their softmax
        if attention:
            weights |= {f"fusion.{name}": windows.spread(x) for name, x in seen.attention.items()}
        return Output(batch.unpack(logits), weights if attention else None, aux)

    def in_context(self, modality: str, f: Tensor, windows: Windows, attention: bool
                   ) -> tuple[Tensor, dict[str, Tensor]]:
        """r_i of a modality from its features f in context, (N, H) -> (N, H), and the attention weights by name."""
        owner, reader = self._owner(modality), self.config.reader(modality)
        if reader == "transformer":
            return self.context[owner](f, windows, self.config.dependent(modality), attention)
        return self.recurrent[owner](f, windows, attention) if reader == "dialoguernn" else (f, {})

    def _owner(self, modality: str) -> str:
        """The key of the network that reads a modality's features in context."""
        return "shared" if self.config.shared_transformer else modality

    def require(self, batch: DialogueBatch) -> None:
        """Refuse a batch that lacks a modality, and if the model reads words, one without words or with unknown words.

        Raises:
            UsageError: names what is absent, or the unknown word.
        """
        words = self.config.modalities_of_words
        if words and batch.tokens is None:
            raise UsageError("this DialogueTRM reads words; the batch has none",
                             remedy="Give tokens, or build it with text_from='vectors'.")
        vocabulary = self.config.bert.vocabulary
        if words and (largest := int(batch.pack(batch.tokens).max())) >= vocabulary:
            raise UsageError(f"the batch has word {largest}, this BERT's vocabulary ends at {vocabulary - 1}",
                             remedy="Tokenize with the BERT's own tokenizer.")
        super().require(batch)

    @property
    def widths(self) -> dict[str, int]:
        """Modality -> width of the features that the model reads; words have no features."""
        return {m: d for m, d in self.config.dims if m not in self.config.modalities_of_words}
