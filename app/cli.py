"""`formulens recognize FILE...`: pictures or ink in, LaTeX out, in the terminal; imports no Qt.

What else `formulens` understands is in `app.__main__`.

Exit status: 0 all was read, 1 some could not be read, 2 nothing could be started (usage, device, checkpoint).
"""

from __future__ import annotations

import argparse
import errno
import json
import os
import sys
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO

from core_model.errors import FormulensError, PictureError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from core_model.ink import Ink
    from core_model.recognizer import Recognition, RecognizeOptions, Recognizer

    Grey = NDArray[np.uint8]

WINDOW = 32
"""Pictures or inks opened and read together: enough to batch by size, few enough that the first lines come soon."""
WINDOW_PIXELS = 64_000_000
"""Or fewer, if they are large: bounds the memory to this many bytes and one picture."""


@dataclass(frozen=True)
class _Source:
    """What is to be read, or why it cannot be."""

    file: str
    content: Grey | Ink | FormulensError
    identifier: str | None = None
    """Of ink."""
    one_of_many: bool = False
    """The file may hold more of them."""


def main(arguments: Sequence[str] | None = None) -> int:
    """`formulens recognize` with what follows these words; returns the exit status."""
    options = _parser().parse_args(arguments)
    try:
        return recognize(options)
    except FormulensError as error:
        _write(sys.stderr, f"error: {error}")
        return 2
    except BrokenPipeError:
        # The reader of our output (`| head`) has gone; Python would complain again when it flushes at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except KeyboardInterrupt:
        return 130


def _parser() -> argparse.ArgumentParser:
    read = argparse.ArgumentParser(
        prog="formulens recognize",
        description="Print the LaTeX of each picture or ink, one a line, in the order given; offline.",
    )
    read.add_argument("files", nargs="+", metavar="FILE", help="a picture; with --ink .inkml, .json or .jsonl")
    read.add_argument("--ink", action="store_true", help="the files hold ink: the strokes of a pen")
    read.add_argument("--json", action="store_true", help="print one JSON object a line for each picture or ink")
    read.add_argument("--beam", type=_count(1), metavar="N", help="readings followed at once (1: the quickest)")
    read.add_argument("--alternatives", type=_count(0), metavar="K", help="other readings to give, at most N - 1")
    read.add_argument("--device", choices=("auto", "cpu", "mps", "cuda"), default="auto", help="where to compute")
    read.add_argument("--checkpoint", type=Path, metavar="DIR", help="another model than the one in the box")
    read.set_defaults(parser=read)
    return read


def _count(least: int) -> Any:
    def integer(text: str) -> int:
        value = int(text)
        if value < least:
            raise argparse.ArgumentTypeError(f"must be at least {least}, not {value}")
        return value

    return integer


def version() -> str:
    """The version that is installed."""
    try:
        return metadata.version("formulens")
    except metadata.PackageNotFoundError:
        return "(not installed)"


def recognize(arguments: argparse.Namespace) -> int:
    """`formulens recognize`; returns the exit status.

    Raises:
        FormulensError: the checkpoint or the device cannot be used.
    """
    beam = arguments.beam or (arguments.alternatives or 0) + 1
    if (arguments.alternatives or 0) >= beam:
        arguments.parser.error(f"--beam {beam} gives at most {beam - 1} alternatives, not {arguments.alternatives}")

    # Here and not above: wrong arguments should not wait for it.
    from core_model.recognizer import RecognizeOptions, Recognizer

    recognizer = Recognizer.load(arguments.checkpoint, arguments.device)
    options = RecognizeOptions(beam=beam, alternatives=arguments.alternatives, token_alternatives=0, attention=False)
    failed = False
    several = len(arguments.files) > 1
    for source, outcome in _outcomes(recognizer, _sources(arguments.files, arguments.ink), options):
        if isinstance(outcome, FormulensError):
            failed = True
        if arguments.json:
            _write(sys.stdout, json.dumps(_record(source, outcome)))
        elif isinstance(outcome, FormulensError):
            _write(sys.stderr, f"error: {outcome}")
        else:
            prefix = f"{source.file}: " if several else ""
            if source.identifier is not None and (several or source.one_of_many):
                prefix += f"{source.identifier}: "
            _write(sys.stdout, prefix + outcome.latex)
            for warning in outcome.warnings:
                _write(sys.stderr, f"{prefix}warning: {warning}")
            for other in outcome.alternatives:
                _write(sys.stdout, f"{prefix}  {other.confidence:.3f}  {other.latex}")
    return 1 if failed else 0


def _sources(names: Sequence[str], ink: bool) -> Iterator[_Source]:
    """What the files hold, each opened when its turn comes."""
    from core_model.ink import ink_entries
    from core_model.pictures import open_grey

    for name in names:
        if ink:
            for entry in ink_entries(name):
                yield _Source(name, entry.content, entry.identifier, entry.number is not None)
        else:
            try:
                yield _Source(name, open_grey(Path(name)))
            except PictureError as error:
                yield _Source(name, error)


def _outcomes(
    recognizer: Recognizer, sources: Iterable[_Source], options: RecognizeOptions
) -> Iterator[tuple[_Source, Recognition | FormulensError]]:
    """Each source's reading, or why it cannot be read, in their order; no more than a window of them is held."""
    opened: list[_Source] = []
    pixels = 0
    for source in sources:
        opened.append(source)
        pixels += getattr(source.content, "size", 0)  # ink is drawn one at a time, and small
        if len(opened) == WINDOW or pixels > WINDOW_PIXELS:
            yield from _read(recognizer, opened, options)
            opened, pixels = [], 0
    yield from _read(recognizer, opened, options)


def _read(
    recognizer: Recognizer, opened: Sequence[_Source], options: RecognizeOptions
) -> Iterator[tuple[_Source, Recognition | FormulensError]]:
    good = [source.content for source in opened if not isinstance(source.content, FormulensError)]
    readings = iter(recognizer.recognize_many(good, options))
    for source in opened:
        yield source, source.content if isinstance(source.content, FormulensError) else next(readings)


def _record(source: _Source, outcome: Recognition | FormulensError) -> dict[str, Any]:
    """The JSON object of one picture or ink."""
    named = {"file": source.file} | ({} if source.identifier is None else {"id": source.identifier})
    if isinstance(outcome, FormulensError):
        return {**named, "error": str(outcome)}
    times = outcome.milliseconds
    return {
        **named,
        "latex": outcome.latex,
        "confidence": round(outcome.confidence, 4),
        "tokens": [{"text": token.text, "confidence": round(token.confidence, 4)} for token in outcome.tokens],
        "alternatives": [
            {"latex": other.latex, "confidence": round(other.confidence, 4)} for other in outcome.alternatives
        ],
        "warnings": list(outcome.warnings),
        "milliseconds": {
            "preprocess": round(times.preprocess, 2),
            "encode": round(times.encode, 2),
            "decode": round(times.decode, 2),
        },
    }


def _write(stream: TextIO, line: str) -> None:
    """Print a line at once; what the terminal's encoding lacks (odd file names) is escaped instead of failing."""
    encoding = stream.encoding or "utf-8"
    try:
        print(line.encode(encoding, "backslashreplace").decode(encoding), file=stream, flush=True)
    except OSError as error:
        if os.name == "nt" and error.errno == errno.EINVAL:  # a reader that has gone: python/cpython#79935
            raise BrokenPipeError from error
        raise
