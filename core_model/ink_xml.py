"""The XML of ink files, which are strangers: parsed within bounds, or refused.

Entities and external subsets are never expanded, defaults of attributes are not filled in; size, depth, names and the
number of elements are bounded, so that no file costs much more than its own length.
"""

from xml.etree.ElementTree import Element, TreeBuilder
from xml.parsers import expat

from core_model.ink import MAX_BYTES, InkError

__all__ = ["MAX_DEFINITIONS", "MAX_DEPTH", "element_tree"]

MAX_DEPTH = 100
MAX_ELEMENTS = 100_000
MAX_DEFINITIONS = 500
"""Contexts, formats, brushes and the like; they refer to each other, and hostile ones in long chains."""
MAX_NAME = 1000
"""Characters of a name with its namespace."""

_XML_ID = "{http://www.w3.org/XML/1998/namespace}id"
_DEFINITIONS = frozenset({"context", "timestamp", "brush", "inkSource", "traceFormat"})


def element_tree(content: bytes, name: str) -> Element:
    """Elements without namespaces; ``name`` stands in the messages. Raises InkError."""
    if len(content) > MAX_BYTES:
        raise InkError(f"{name} is larger than {MAX_BYTES // 1_000_000} MB; it is no formula")
    builder = TreeBuilder()
    depth = count = definitions = 0

    def start(tag: str, attributes: dict[str, str]) -> None:
        nonlocal depth, count, definitions
        depth += 1
        count += 1
        local = tag.rpartition("}")[2]
        definitions += local in _DEFINITIONS
        if definitions > MAX_DEFINITIONS:
            raise InkError(f"{name} has more than {MAX_DEFINITIONS:,} contexts, formats and brushes; it is no formula")
        if max(map(len, (tag, *attributes))) > MAX_NAME:
            raise InkError(f"{name} has a name or namespace of more than {MAX_NAME:,} characters; it is no ink")
        if count > MAX_ELEMENTS:
            raise InkError(f"{name} has more than {MAX_ELEMENTS:,} elements; it is no formula")
        if depth > MAX_DEPTH:
            raise InkError(f"{name} is no ink: its elements are nested more than {MAX_DEPTH} deep")
        builder.start(local, {_attribute(key): value for key, value in attributes.items()})

    def end(tag: str) -> None:
        nonlocal depth
        depth -= 1
        builder.end(tag.rpartition("}")[2])

    def refuse(*_: object) -> None:
        raise InkError(f"{name} declares entities, which ink does not need and which could do harm; remove them")

    parser = expat.ParserCreate(namespace_separator="}")
    parser.buffer_text = True
    parser.specified_attributes = True  # a default declared once would be stored with every element
    parser.StartElementHandler = start
    parser.EndElementHandler = end
    parser.CharacterDataHandler = builder.data
    parser.EntityDeclHandler = refuse
    try:
        parser.Parse(content, True)
        return builder.close()
    except expat.ExpatError as error:
        reason = f"{expat.ErrorString(error.code)}, line {error.lineno}, column {error.offset + 1}"
        raise InkError(f"{name} is no well-formed XML ({reason}); save the ink again") from None
    except (LookupError, ValueError) as error:  # a character encoding that Python does not know
        raise InkError(f"{name} cannot be decoded ({error}); save the ink as UTF-8") from None


def _attribute(key: str) -> str:
    space, _, local = key.rpartition("}")
    return "id" if f"{{{space}}}{local}" == _XML_ID else local
