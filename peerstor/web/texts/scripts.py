"""What the page's scripts say in another language, as one more script, which teaches it to the others."""

from __future__ import annotations

import json
from gettext import c2py
from typing import TYPE_CHECKING

if TYPE_CHECKING:  # the whole of it comes when it is needed: see `Catalogues`
    from babel.core import Locale
    from babel.messages.catalog import Catalog, Message

FAULTS = ("peerstor/web/errors.py", "peerstor/tree/", "peerstor/uploads/")
"""Where the sentences come from that the API answers scripts with, in English, as it does everybody."""

COUNTED = 200
"""Numbers among which each plural category of a language has one, if any whole number is of it."""


def script_of(catalogue: Catalog, locale: Locale) -> bytes:
    """Write the script of a language: what scripts say, with plurals by category, and what faults say."""
    forms = _forms(catalogue, locale)
    texts = {_id(one): _text(one, forms) for one in catalogue if one.id and _is_at(one, (".js",), ())}
    faults = {_id(one): one.string for one in catalogue if one.id and _is_at(one, (), FAULTS)}
    said = (json.dumps(each, ensure_ascii=False, separators=(",", ":")) for each in (texts, faults))
    return f'import {{ learn }} from "./texts.js";\nlearn({",".join(said)});\n'.encode()


def _is_at(message: Message, ends: tuple[str, ...], beginnings: tuple[str, ...]) -> bool:
    return any(file.endswith(ends) or file.startswith(beginnings) for file, _ in message.locations)


def _id(message: Message) -> str:
    return message.id if isinstance(message.id, str) else message.id[0]


def _text(message: Message, forms: dict[str, int]) -> str | dict[str, str]:
    said = message.string
    if isinstance(said, str) or said is None:
        return said or ""
    return {category: said[index] for category, index in forms.items()}


def _forms(catalogue: Catalog, locale: Locale) -> dict[str, int]:
    """Tell which of a catalogue's plural forms each category of `Intl.PluralRules` is."""
    category_of, index_of = locale.plural_form, c2py(catalogue.plural_expr)
    forms = {"other": catalogue.num_plurals - 1}
    for number in reversed(range(COUNTED)):
        forms[category_of(number)] = index_of(number)
    return forms
