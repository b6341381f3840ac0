"""`trainer VERB ...`: prepare data, train, evaluate and export models.

Each verb is a module with an ``Options`` dataclass (its flags) and ``main(options) -> exit status``; only the module of
the verb that was asked for is imported.
"""

import importlib
import sys
from collections.abc import Sequence

from core_model.errors import FormulensError

VERBS = {
    "prepare": ("trainer.data.prepare", "formulas and pictures -> prepared shards"),
    "stats": ("trainer.data.stats", "report on prepared shards, with plots"),
    "train": ("trainer.train", "train a model; goes on where it stopped"),
    "evaluate-symbols": ("trainer.evaluate_symbols", "top-1/3/5 of a symbol classifier"),
    "export-symbols": ("trainer.export_symbols", "run folder of symbol-cnn -> resources/checkpoints"),
    "evaluate": ("trainer.evaluate", "text and picture metrics of a checkpoint"),
    "predict": ("trainer.predict", "read pictures or ink in bulk into a file"),
    "plot": ("trainer.plots", "curves, attention, good and bad examples"),
    "average": ("trainer.average", "checkpoints -> one with the mean of their weights"),
    "export": ("trainer.export", "run folder -> resources/checkpoints with a model card"),
    "benchmark": ("trainer.benchmark", "latency of a checkpoint"),
    "robustness": ("trainer.robustness", "accuracy by resolution, colour, margin and noise"),
    "heatmap": ("trainer.heatmap", "does attention point at the symbol that is read?"),
    "check-canonical": ("trainer.check_canonical", "does the canonical form keep the picture?"),
    "samples": ("trainer.samples", "draw the sample pictures of resources/samples"),
    "ink-samples": ("trainer.ink_samples", "a page of synthetic handwriting beside real ink"),
}


def usage() -> str:
    """The text of `trainer --help`."""
    verbs = "\n".join(f"  {verb:16} {text}" for verb, (_, text) in VERBS.items())
    return f"usage: trainer VERB [options]   (trainer VERB --help tells the options)\n\n{verbs}"


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a verb; returns the exit status (2 for an error of input or environment)."""
    arguments = sys.argv[1:] if arguments is None else arguments
    if not arguments or arguments[0] in ("-h", "--help"):
        print(usage())
        return 0 if arguments else 2
    verb, rest = arguments[0], list(arguments[1:])
    if verb not in VERBS:
        print(f"error: there is no verb {verb!r}\n\n{usage()}", file=sys.stderr)
        return 2
    import tyro

    try:
        module = importlib.import_module(_module(verb, rest))
        options = tyro.cli(module.Options, args=rest, prog=f"trainer {verb}", description=module.__doc__)
        return int(module.main(options))
    except (FormulensError, ValueError) as error:
        if isinstance(error, ValueError) and not isinstance(error, FormulensError) and not _is_ours(error):
            raise
        print(f"error: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("stopped", file=sys.stderr)
        return 130


def _module(verb: str, rest: Sequence[str]) -> str:
    """The module of a verb; the symbol classifier is trained by one of its own, with other options."""
    words = [word for part in rest for word in part.split("=", 1)]
    preset = words[words.index("--preset") + 1] if "--preset" in words[:-1] else ""
    return "trainer.train_symbols" if verb == "train" and preset.startswith("symbol-") else VERBS[verb][0]


def _is_ours(error: ValueError) -> bool:
    """Whether an options dataclass raised the error: then it is the user's, and plain."""
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    return trace is not None and trace.tb_frame.f_code.co_name == "__post_init__"


if __name__ == "__main__":
    sys.exit(main())
