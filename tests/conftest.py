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

FULL: dict[str, frozenset[str] | None] = {
    "test_campaign.py": None,
    "test_compile.py": frozenset(
        """test_float32 test_op test_printed_source test_random_program test_second_order
        test_threads_and_reentry test_tiles_with_rows_and_columns""".split()
    ),
    "test_complex.py": frozenset(
        """test_as_jax test_convolutions_and_triangular_systems_of_complex_numbers
        test_drawn_and_explained test_gradcheck_looks_both_ways test_gradient
        test_second_derivative test_tangent""".split()
    ),
    "test_derivation_random.py": None,
    "test_edges.py": frozenset(["test_other_kinds_of_numbers"]),
    "test_explorer.py": None,
    "test_forward.py": None,
    "test_lessons.py": None,
    "test_night.py": None,
    "test_page_computes.py": None,
    "test_scipy_mirror.py": frozenset(
        """test_answers_to_second_order test_complex_triangles_and_diagonals test_convolutions
        test_filters test_fits_by_deviations_and_by_covariances test_integrals_of_samples
        test_matrices test_minima_stay_within_their_bounds_by_every_method
        test_products_with_every_sparse_format test_roots_and_exponentials_of_more_matrices
        test_splines""".split()
    ),
    "test_transformations.py": frozenset(
        """test_checkpoints_keep_what_lies_between_them_alone test_nesting test_nesting_compiled
        test_fitting_a_differential_equation_by_its_jacobian test_of_a_compiled_function
        test_per_example_gradients test_random_programs_mapped
        test_random_programs_to_third_order test_vmap_is_a_loop""".split()
    ),
}
"""Minutes of work: files, or tests of them, that `make test-all` runs; `make test` the others."""


def is_full(item: pytest.Item) -> bool:
    """Whether a test is for the whole run only."""
    name = item.path.name
    tests = FULL.get(name, frozenset())
    return tests is None or getattr(item, "originalname", None) in tests


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
        if is_full(item):
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
