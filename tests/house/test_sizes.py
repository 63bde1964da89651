"""Code stays small: files of at most 300 lines of code, functions whose median is at most 8 lines."""

import ast
import io
import statistics
import tokenize
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PACKAGES = ("benchmarks", "cli", "contender", "infrastructure", "monitoring", "pipelines", "serving")
FILES = sorted(path for package in PACKAGES for path in (ROOT / package).rglob("*.py"))
NOT_CODE = {tokenize.COMMENT, tokenize.NL, tokenize.NEWLINE, tokenize.INDENT, tokenize.DEDENT, tokenize.ENDMARKER}


def docstring_lines(tree: ast.AST) -> set[int]:
    """The lines that documentation takes."""
    strings = (
        node
        for node in ast.walk(tree)
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str)
    )
    return {line for node in strings for line in range(node.lineno, (node.end_lineno or node.lineno) + 1)}


def code_lines(source: str) -> set[int]:
    """The lines that hold code: neither blank, nor comment, nor documentation."""
    tokens = tokenize.generate_tokens(io.StringIO(source).readline)
    lines = {line for token in tokens if token.type not in NOT_CODE for line in range(token.start[0], token.end[0] + 1)}
    return lines - docstring_lines(ast.parse(source))


def function_sizes(source: str) -> Iterator[int]:
    """The code lines of each function, its signature included."""
    lines = code_lines(source)
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield len(lines.intersection(range(node.lineno, (node.end_lineno or node.lineno) + 1)))


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(ROOT)))
def test_file_has_at_most_300_lines_of_code(path: Path) -> None:
    assert len(code_lines(path.read_text())) <= 300


@pytest.mark.parametrize("package", PACKAGES)
def test_median_function_has_at_most_8_lines(package: str) -> None:
    sizes = [
        size for path in FILES if path.parts[len(ROOT.parts)] == package for size in function_sizes(path.read_text())
    ]
    assert not sizes or statistics.median(sizes) <= 8


def test_counting_leaves_out_blank_lines_comments_and_docstrings() -> None:
    source = 'def f():\n    """Doc.\n\n    More.\n    """\n    # why\n\n    return 1\n'
    assert len(code_lines(source)) == 2
    assert list(function_sizes(source)) == [2]
