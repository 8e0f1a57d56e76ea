"""Where a field of a YAML text stands, so that an error can name its line."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import yaml

_LOADER = yaml.CSafeLoader if yaml.__with_libyaml__ else yaml.SafeLoader
"""In C it takes a tenth of the time: every process reads the declared journeys and segments when it starts."""
_STRANGE = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff]")


class YamlFaultError(ValueError):
    """A text that is no YAML, or says a thing twice; `line` counts from 1."""

    def __init__(self, line: int, fault: str) -> None:
        super().__init__(fault)
        self.line = line


@dataclass(frozen=True)
class Place:
    """A field and the line on which it stands, or on which it should."""

    line: int
    field: str


@dataclass(frozen=True)
class YamlText:
    """A text's values beside the nodes that they come from."""

    values: Any
    root: yaml.Node | None

    def place(self, path: Sequence[str | int], missing: bool = False) -> Place:
        """The place of the value at a path.

        What of a path is not in the text are names that pydantic gives to the members of a union; only the last one of a
        missing field is the field's.
        """
        node, line, names = self.root, 1, list[str]()
        for part in path:
            found = _step(node, part)
            if found is not None:
                node, line = found
                names.append(str(part))
        if missing:
            names.append(str(path[-1]))
        return Place(line, ".".join(names))


def parse_yaml(text: str) -> YamlText:
    """The text's values and nodes.

    Raises `YamlFaultError` where it is no YAML, names one field twice or holds a character that no database stores.
    """
    loader = _LOADER(text)
    try:
        root = loader.get_single_node()
        _check(root)
        return YamlText(None if root is None else loader.construct_document(root), root)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        raise YamlFaultError(mark.line + 1 if mark else 1, f"not YAML: {error.problem}") from error
    except yaml.YAMLError as error:
        raise YamlFaultError(1, f"not YAML: {error}") from error
    finally:
        loader.dispose()


def _step(node: yaml.Node | None, part: str | int) -> tuple[yaml.Node, int] | None:
    """The node one step down and its line."""
    if isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            if key.value == str(part):
                return value, key.start_mark.line + 1
    if isinstance(node, yaml.SequenceNode) and isinstance(part, int) and part < len(node.value):
        item = node.value[part]
        return item, item.start_mark.line + 1
    return None


def _check(node: yaml.Node | None) -> None:
    """YAML itself keeps the last of two equal names and says nothing, and lets any character be written as an escape."""
    if isinstance(node, yaml.ScalarNode) and (strange := _STRANGE.search(node.value)):
        raise YamlFaultError(node.start_mark.line + 1, f"found the character {strange[0]!r}; wanted text")
    if isinstance(node, yaml.SequenceNode):
        for item in node.value:
            _check(item)
    if isinstance(node, yaml.MappingNode):
        seen = set[str]()
        for key, value in node.value:
            if key.value in seen:
                raise YamlFaultError(key.start_mark.line + 1, f"{key.value}: named twice")
            seen.add(str(key.value))
            _check(key)
            _check(value)
