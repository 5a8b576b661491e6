"""Which tests are for the whole run only: tables over every op, campaigns, a browser."""

from __future__ import annotations

import gc
import shutil
import zlib
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

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
        "test_night.py",
        "test_page_computes.py",
        "test_scipy_mirror.py",
        "test_transformations.py",
    }
)
"""Minutes of work: `make test-all` runs them, `make test` the others."""


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    """Chromium; its loop of events would be in the way of other modules."""
    api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    path = shutil.which("chromium") or shutil.which("chromium-browser")
    if path is None:
        pytest.skip("there is no Chromium")
    with api.sync_playwright() as playwright:
        flags = "--headless --no-sandbox --disable-gpu --disable-quic --no-first-run".split()
        flags += "--disable-sync --disable-background-networking --disable-component-update".split()
        chromium = playwright.chromium.launch(executable_path=path, args=flags)
        yield chromium
        chromium.close()


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
