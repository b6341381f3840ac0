"""Text metrics: how far predicted token lists are from the true ones.

Every figure is in percent. Tokens are compared as they come: the caller decides whether both sides are the labels as
published or the skeletons, and names that column beside the number. A missing prediction is an empty list.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass

from rapidfuzz.distance import Levenshtein

__all__ = ["TextMetrics", "character_error_rate", "corpus_bleu", "edit_similarity", "expression_rate", "text_metrics"]

Tokens = Sequence[str]


@dataclass(frozen=True)
class TextMetrics:
    """Corpus figures in percent, except ``count``. ``errors_1`` and ``errors_2``: share with at most so many errors."""

    count: int
    bleu: float
    edit: float
    exact: float
    errors_1: float
    errors_2: float
    token_accuracy: float
    cer: float

    def as_dict(self) -> dict[str, float]:
        """Field names to figures, as the JSON of an evaluation holds them."""
        return asdict(self)


def corpus_bleu(predictions: Sequence[Tokens], truths: Sequence[Tokens]) -> float:
    """Corpus BLEU-4 in percent, one reference, no smoothing, tokens as given (Papineni et al. 2002, by sacrebleu).

    White space inside a token (the control space) would split it for sacrebleu and is replaced.
    """
    _check_lengths(predictions, truths)
    if not truths:
        return 0.0
    import sacrebleu  # half a second that training start-up need not pay

    bleu = sacrebleu.corpus_bleu(
        [_line(tokens) for tokens in predictions],
        [[_line(tokens) for tokens in truths]],
        smooth_method="none",
        tokenize="none",
        force=True,  # the text is tokenised on purpose: no warning about it
        use_effective_order=False,
    )
    return float(bleu.score)


def edit_similarity(predictions: Sequence[Tokens], truths: Sequence[Tokens]) -> float:
    """``1 - sum(lev) / sum(max(len))`` over tokens, in percent; 100 where every pair is empty."""
    _check_lengths(predictions, truths)
    total = sum(max(len(p), len(t)) for p, t in zip(predictions, truths, strict=True))
    distance = sum(Levenshtein.distance(p, t) for p, t in zip(predictions, truths, strict=True))
    return 100.0 * (1.0 - distance / total) if total else 100.0


def expression_rate(predictions: Sequence[Tokens], truths: Sequence[Tokens], errors: int = 0) -> float:
    """Share of pairs with at most ``errors`` token errors (Levenshtein), in percent: CROHME's ExpRate, <=1, <=2."""
    _check_lengths(predictions, truths)
    if not truths:
        return 0.0
    right = sum(
        Levenshtein.distance(p, t, score_cutoff=errors) <= errors for p, t in zip(predictions, truths, strict=True)
    )
    return 100.0 * right / len(truths)


def character_error_rate(predictions: Sequence[Tokens], truths: Sequence[Tokens]) -> float:
    """``sum(lev) / sum(len(truth))`` over the characters of the tokens without the blanks between them, in percent.

    It may pass 100: a prediction can be longer than its truth.
    """
    _check_lengths(predictions, truths)
    pairs = [("".join(p), "".join(t)) for p, t in zip(predictions, truths, strict=True)]
    length = sum(len(t) for _, t in pairs)
    distance = sum(Levenshtein.distance(p, t) for p, t in pairs)
    return 100.0 * distance / length if length else 100.0 * bool(distance)


def token_accuracy(predictions: Sequence[Tokens], truths: Sequence[Tokens]) -> float:
    """Share of true tokens that the best alignment finds in the prediction, in percent."""
    _check_lengths(predictions, truths)
    length = sum(len(t) for t in truths)
    found = 0
    for prediction, truth in zip(predictions, truths, strict=True):
        blocks = Levenshtein.opcodes(prediction, truth)
        found += sum(op.dest_end - op.dest_start for op in blocks if op.tag == "equal")
    return 100.0 * found / length if length else 100.0


def text_metrics(predictions: Sequence[Tokens], truths: Sequence[Tokens]) -> TextMetrics:
    """All text metrics of two equally long lists of token lists. Raises ``ValueError`` if the lengths differ."""
    _check_lengths(predictions, truths)
    return TextMetrics(
        count=len(truths),
        bleu=corpus_bleu(predictions, truths),
        edit=edit_similarity(predictions, truths),
        exact=expression_rate(predictions, truths, 0),
        errors_1=expression_rate(predictions, truths, 1),
        errors_2=expression_rate(predictions, truths, 2),
        token_accuracy=token_accuracy(predictions, truths),
        cer=character_error_rate(predictions, truths),
    )


def _line(tokens: Tokens) -> str:
    return " ".join("".join(token.split()) or "␣" for token in tokens)


def _check_lengths(predictions: Sequence[Tokens], truths: Sequence[Tokens]) -> None:
    if len(predictions) != len(truths):
        raise ValueError(f"{len(predictions)} predictions for {len(truths)} truths: a missing one is an empty list")
