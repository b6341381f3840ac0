"""The JSON of an evaluation as Markdown tables: for the terminal, the README and the model card."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

__all__ = ["decode_name", "evaluation_tables"]

Row = Sequence[str]


def evaluation_tables(evaluation: dict[str, Any]) -> str:
    """Everything an evaluation must state, and its figures: text and confidence first, then images.

    ``evaluation``: the content of the JSON file that ``trainer evaluate`` writes.
    """
    results = evaluation["results"]
    printed, written = ([each for each in results if ("ink" in each) == ink] for ink in (False, True))
    parts = [_about(evaluation)]
    if printed:
        parts += [
            "Text, in percent. *Published*: against the labels as published; *skeleton*: both sides without spacing.\n"
            "AUROC and ECE: token confidence against correctness (skeleton), in 0..1.",
            _table(
                "Set|Decoding|Count|BLEU published|Edit published|Exact published|BLEU skeleton|Edit skeleton"
                "|Exact skeleton|Token accuracy skeleton|AUROC|ECE",
                (row for result in printed for row in _text_rows(result)),
            ),
        ]
    if written:
        parts += ink_tables(written)
    image_rows = [row for result in results for row in _image_rows(result)]
    if image_rows:
        parts += [
            "Images, in percent: truth and prediction rendered alike (12pt article, display style, 200 dpi), "
            "binarised at 128, cropped.\n*Lenient* is the rule of Deng et al. 2017, "
            "*strict* is equality up to a shift of 2 pixels.",
            _table(
                "Set|Decoding|Truth|Count|Image edit|Lenient match|Lenient without whitespace|Strict match|Renders",
                image_rows,
            ),
        ]
    notes = [note for result in results for note in _notes(result)]
    if notes:
        parts.append("\n".join(f"- {note}" for note in dict.fromkeys(notes)))
    return "\n\n".join(parts) + "\n"


def ink_tables(results: Sequence[dict[str, Any]]) -> list[str]:
    """The figures of ink: ExpRate in both columns, then by length, structure and confusion in standard tokens."""
    parts = [
        "Handwriting, in percent. ExpRate: expressions read without a token error; ≤ 1 and ≤ 2: with at most so many\n"
        "(token Levenshtein). *Standard*: the reading, rewritten in CROHME's standard tokens, against the standard\n"
        "truth as published (`gt_tokens`), or the annotation rewritten alike where there is none. *Skeleton*: reading "
        "and\ntruth in our canonical form, which tells `\\left(` from `(`. AUROC and ECE as for print.",
        _table(
            "Set|Decoding|Count|ExpRate standard|≤ 1 standard|≤ 2 standard|BLEU standard|Edit standard"
            "|ExpRate skeleton|≤ 1 skeleton|≤ 2 skeleton|AUROC|ECE",
            (row for result in results for row in _ink_rows(result)),
        ),
    ]
    for title, key in (("Tokens of the truth", "lengths"), ("Structure", "structures")):
        rows = [
            [_set_name(result, part), decode_name(result["decode"]), share["name"], str(share["count"])]
            + [_number(share, name) for name in ("exact", "errors_1", "errors_2")]
            for result in results
            for part in result["ink"]
            for share in part[key]
        ]
        parts.append(_table(f"Set|Decoding|{title}|Count|ExpRate standard|≤ 1|≤ 2", rows))
    confused = [f"- {_set_name(result, part)}, {decode_name(result['decode'])}: {_confusions(part)}"
                for result in results for part in result["ink"] if part["confusions"]]  # fmt: skip
    if confused:
        parts.append("Most frequent confusions, truth → reading (∅: nothing), in standard tokens:")
        parts.append("\n".join(confused))
    return parts


def decode_name(decode: dict[str, Any]) -> str:
    """``greedy``, or ``beam 5``."""
    beam = decode.get("beam")
    return "as given" if beam is None else "greedy" if beam == 1 else f"beam {beam}"


def _about(evaluation: dict[str, Any]) -> str:
    checkpoint = evaluation.get("checkpoint") or {}
    name = checkpoint.get("name", "none (predictions from a file)")
    digest = f", weights {checkpoint['digest']}" if "digest" in checkpoint else ""
    runtime = evaluation.get("runtime") or f"PyTorch {evaluation.get('torch', '')}"  # as older versions wrote it
    where = f"device {evaluation['device']}, {evaluation['threads']} threads, {runtime}"
    return f"Checkpoint {name}{digest}; {where}.\n`{evaluation['command']}`"


def _text_rows(result: dict[str, Any]) -> Iterable[Row]:
    for score in result["scores"]:
        row = [_set_name(result, score), decode_name(result["decode"]), str(score["count"])]
        for column in ("published", "skeleton"):
            figures = score["text"].get(column)
            row += [_number(figures, name) for name in ("bleu", "edit", "exact")]
        row.append(_number(score["text"].get("skeleton"), "token_accuracy"))
        row += [_number(score["calibration"], name, digits=3) for name in ("auroc", "ece")]
        yield row


def _ink_rows(result: dict[str, Any]) -> Iterable[Row]:
    for score in result["scores"]:
        row = [_set_name(result, score), decode_name(result["decode"]), str(score["count"])]
        standard, skeleton = score["text"]["standard"], score["text"]["skeleton"]
        row += [_number(standard, name) for name in ("exact", "errors_1", "errors_2", "bleu", "edit")]
        row += [_number(skeleton, name) for name in ("exact", "errors_1", "errors_2")]
        yield row + [_number(score["calibration"], name, digits=3) for name in ("auroc", "ece")]


def _confusions(part: dict[str, Any]) -> str:
    return ", ".join(f"`{true or '∅'}` → `{read or '∅'}` {count}" for true, read, count in part["confusions"])


def _image_rows(result: dict[str, Any]) -> Iterable[Row]:
    for score in result["scores"]:
        for column, figures in score["image"].items():
            names = ("edit", "lenient", "lenient_without_space", "strict", "renders")
            row = [_set_name(result, score), decode_name(result["decode"]), column, str(figures["count"])]
            yield row + [_number(figures, name) for name in names]


def _notes(result: dict[str, Any]) -> Iterable[str]:
    yield f"{result['set']}: labels `{result['label_file']}`; pictures: {result['pictures']}"
    if result["unparsed_labels"]:
        yield f"{result['set']}: {result['unparsed_labels']} labels do not parse and stay as they are"
    if result.get("drawn_from_skeleton"):
        count = result["drawn_from_skeleton"]
        yield f"{result['set']}: {count} labels do not render as published; their picture is that of the skeleton"
    if result["without_picture"]:
        yield f"{result['set']}: {result['without_picture']} have no picture; their prediction is an empty line"
    if result["left_out"]:
        why = result.get("left_out_because") or "a bare % hides part of the label"
        yield f"{result['set']}: {result['left_out']} pictures left out ({why})"


def _set_name(result: dict[str, Any], score: dict[str, Any]) -> str:
    return f"{result['set']}, {score['group']}" if score["group"] else str(result["set"])


def _number(figures: dict[str, Any] | None, name: str, digits: int = 1) -> str:
    value = None if figures is None else figures.get(name)
    return "–" if value is None else f"{value:.{digits}f}"


def _table(header: str, rows: Iterable[Row]) -> str:
    cells = [header.split("|"), *([*row] for row in rows)]
    widths = [max(len(row[i]) for row in cells) for i in range(len(cells[0]))]
    lines = [
        "| "
        + " | ".join(c.ljust(w) if i < 2 else c.rjust(w) for i, (c, w) in enumerate(zip(row, widths, strict=True)))
        + " |"
        for row in cells
    ]
    rule = "|" + "|".join("-" * (w + 2) if i < 2 else "-" * (w + 1) + ":" for i, w in enumerate(widths)) + "|"
    return "\n".join([lines[0], rule, *lines[1:]])
