"""Pictures with formulas in parquet files as Hugging Face keeps them: an ``image`` column and a text column.

The picture is either plain bytes or a struct ``{bytes, path}``; the text column goes by several names.
"""

from pathlib import Path

from core_model.errors import DataError
from trainer.data.sources.base import Example

TEXT_COLUMNS = ("latex", "text", "formula", "latex_formula", "label", "caption", "markdown")
IMAGE_COLUMNS = ("image", "picture", "png", "img")


def read_parquet(path: Path, text_column: str | None = None, image_column: str | None = None) -> list[Example]:
    """Read the formulas of one file, or of all parquet files in a folder; pictures are fetched later, row by row.

    Raises ``DataError`` that names the file and its columns when one is not to be found.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    files = sorted(path.glob("**/*.parquet")) if path.is_dir() else [path]
    if not files or not all(file.is_file() for file in files):
        raise DataError(f"No parquet file at {path}.")
    examples = []
    for file in files:
        try:
            parquet = pq.ParquetFile(file)
            names = list(parquet.schema_arrow.names)
            text = _column(file, names, text_column, TEXT_COLUMNS, "text")
            image = _column(file, names, image_column, IMAGE_COLUMNS, "image")
            values = parquet.read(columns=[text]).column(0).to_pylist()
        except (pa.ArrowException, OSError) as error:
            raise DataError(f"Cannot read {file} as parquet: {error}") from error
        for row, value in enumerate(values):
            if isinstance(value, str) and value.strip():
                examples.append(Example(value.strip(), file.stem, f"parquet:{file}|{image}|{row}"))
    return examples


def _column(file: Path, names: list[str], wanted: str | None, usual: tuple[str, ...], what: str) -> str:
    if wanted is not None:
        if wanted in names:
            return wanted
        raise DataError(f"{file} has no column {wanted!r}; it has {', '.join(names)}. Use --{what}-column.")
    for name in usual:
        if name in names:
            return name
    raise DataError(f"{file} has no {what} column known here; it has {', '.join(names)}. Name it with --{what}-column.")
