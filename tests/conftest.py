"""Which tests are for the whole run only: tables over every op, campaigns, a browser."""

from __future__ import annotations

import gc
import zlib
from collections import Counter
from contextlib import suppress

import pytest

with suppress(ImportError):  # so that every worker has the same ops, whatever it imported before
    import minigrad.ops.scipy_special

FULL = frozenset(
    {
        "test_campaign.py",
        "test_compile.py",
        "test_complex.py",
        "test_derivation_random.py",
        "test_edges.py",
        "test_explorer.py",
        "test_forward.py",
        "test_lessons.py",
        "test_page_computes.py",
        "test_scipy_mirror.py",
        "test_transformations.py",
    }
)
"""Minutes of work: `make test-all` runs them, `make test` the others."""


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--share",
        default="1",
        metavar="N[:WORD]",
        help="one N-th of the tests, drawn by their names; another one for another WORD",
    )


def drawn(name: str, share: str) -> bool:
    """Whether the test is part of the share: it follows from names alone, on any machine."""
    n, _, word = share.partition(":")
    return zlib.crc32(f"{word} {name}".encode()) % int(n) == 0


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    seen: Counter[str] = Counter()
    for item in items:
        if item.path.name in FULL:
            item.add_marker(pytest.mark.full)
        if (share := item.get_closest_marker("sampled")) is not None:
            table = item.nodeid.partition("[")[0]
            if seen[table] % share.args[0]:
                item.add_marker(pytest.mark.full)
            seen[table] += 1
    share = config.getoption("--share")
    rest = [item for item in items if not drawn(item.nodeid, share)]
    if rest:
        items[:] = [item for item in items if drawn(item.nodeid, share)]
        config.hook.pytest_deselected(items=rest)


def pytest_collection_finish() -> None:
    gc.freeze()  # modules and tests live to the end: no collection needs to walk them
