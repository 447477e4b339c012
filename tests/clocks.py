"""Which assertions of a piece of code hang on a clock, on memory, or on the number of threads.

Such an assertion fails on a machine that is busy with something else. ``test_notebooks.py`` asks.
"""

import ast
from collections.abc import Iterator

CLOCKS = {
    *("perf_counter", "perf_counter_ns", "process_time", "process_time_ns", "monotonic", "thread_time", "timeit"),
    *("memory_info", "getrusage", "ru_maxrss", "get_num_threads", "cpu_count"),
}
WORDS = CLOCKS | {"seconds", "milliseconds", "elapsed", "took", "per_second", "duration", "clock"}
DEFINITION = ast.FunctionDef | ast.AsyncFunctionDef


def asserts_on_clocks(source: str) -> list[str]:
    """The assertions in ``source`` that mention a clock, or a name whose value comes from one."""
    tree = ast.parse(source)
    everywhere = WORDS | {node.name for node in ast.walk(tree) if isinstance(node, DEFINITION) and _is_clock(node)}
    everywhere = _names(tree, everywhere)
    found = []
    for scope in (tree, *(node for node in ast.walk(tree) if isinstance(node, DEFINITION))):
        names = _names(scope, everywhere)
        found += [ast.unparse(n) for n in _own(scope) if isinstance(n, ast.Assert) and _mentions(n.test, names)]
    return found


def _own(scope: ast.AST) -> Iterator[ast.AST]:
    """The nodes of a scope, without those of the functions that it defines."""
    for child in ast.iter_child_nodes(scope):
        if not isinstance(child, DEFINITION):
            yield child
            yield from _own(child)


def _mentions(node: ast.AST | None, names: set[str]) -> bool:
    """Whether a variable, an attribute or a key (``row["seconds"]``) of this name occurs."""
    for n in ast.walk(node) if node else ():
        name = n.id if isinstance(n, ast.Name) else n.attr if isinstance(n, ast.Attribute) else None
        if isinstance(n, ast.Subscript) and isinstance(n.slice, ast.Constant):
            name = n.slice.value
        if name in names:
            return True
    return False


def _is_clock(function: ast.AST) -> bool:
    """Whether a function returns what it read from a clock (a pair may hold something else beside it)."""
    names = _names(function, CLOCKS)
    returned = [node.value for node in _own(function) if isinstance(node, ast.Return)]
    return any(_mentions(value, names) for value in returned if not isinstance(value, ast.Tuple))


def _names(scope: ast.AST, known: set[str]) -> set[str]:
    """``known``, and the variables of a scope whose value mentions one of them."""
    names, before = set(known), set()
    while names != before:
        before = set(names)
        for node in _own(scope):
            for target, value in _assignments(node):
                if _mentions(value, names):
                    names |= {n.id for n in ast.walk(target) if isinstance(n, ast.Name) and n.id != "_"}
    return names


def _assignments(node: ast.AST) -> list[tuple[ast.AST, ast.AST]]:
    """Target and value of ``a = …``, ``a, b = …, …``, ``a += …`` and ``a.append(…)``."""
    if isinstance(node, ast.Assign):
        (target, value) = node.targets[0], node.value
        if isinstance(target, ast.Tuple) and isinstance(value, ast.Tuple) and len(target.elts) == len(value.elts):
            return list(zip(target.elts, value.elts))
        return [(_base(target), value)]
    if isinstance(node, ast.AugAssign | ast.NamedExpr):
        return [(_base(node.target), node.value)]
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "append":
        return [(_base(node.func), node.args[0])]
    return []


def _base(target: ast.AST) -> ast.AST:
    """``times`` of ``times["lazy"]`` and of ``times.append``."""
    while isinstance(target, ast.Subscript | ast.Attribute):
        target = target.value
    return target
