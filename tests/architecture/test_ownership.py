"""Inside the engine, the attributes of an object are assigned by its own methods alone."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator

from tests.architecture.repository import place, sources

# Module and object -> why it is assigned from there. All of them belong to a library.
FOREIGN = {
    "shared/messaging/reading/consumer.py self._coordinator": "aiokafka lets a static member leave in no other way",
    "shared/messaging/reading/consumer.py self.config.broker_config": "FastStream takes a consumer in no other way",
    "shared/messaging/reading/topic_ids.py self._client": "aiokafka fetches by name alone",
}


def foreign_objects(tree: ast.Module) -> set[str]:
    """Return the objects to which functions assign attributes, but for `self` and what they or the module have made."""
    module = [node for node in tree.body if isinstance(node, ast.Assign | ast.AnnAssign)]
    made = {"self", *assigned_names(module)}
    return {
        written
        for function in ast.walk(tree)
        if isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef)
        for written in objects_written(function)
        if written not in made | set(assigned_names([function]))
    }


def assigned_names(nodes: Iterable[ast.AST]) -> Iterator[str]:
    for node in nodes:
        for name in ast.walk(node):
            if isinstance(name, ast.Name) and isinstance(name.ctx, ast.Store):
                yield name.id


def objects_written(function: ast.AST) -> Iterator[str]:
    for node in ast.walk(function):
        if isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store | ast.Del):
            yield ast.unparse(node.value)


def test_attributes_are_assigned_by_their_own_object_alone() -> None:
    found = {
        f"{place(path)} {written}"
        for path in sources("shared/messaging")
        for written in foreign_objects(ast.parse(path.read_text()))
    }
    assert found == set(FOREIGN)


def test_assignment_from_another_class_is_found() -> None:
    tree = ast.parse(
        "class Engine:\n    def start(self):\n        self._publisher.lanes = ()\n        self._tasks = []\n"
    )
    assert foreign_objects(tree) == {"self._publisher"}
