"""Tables of cases that are over in a moment, each table as one test."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import pytest


def each(names: str, cases: Iterable[Any]) -> Callable[[Callable[..., None]], Callable[[], None]]:
    """As ``pytest.mark.parametrize``, but in one test: handing out a test takes milliseconds.

    All cases are run; what fails comes in a group, each with a note of its case.
    """
    several = "," in names
    rows = [tuple(case) if several else (case,) for case in cases]

    def decorate(check: Callable[..., None]) -> Callable[[], None]:
        given = names.replace(" ", "").split(",")
        inner: list[dict[str, Any]] = getattr(check, "cases", [{}])
        all_of_them = [{**dict(zip(given, row, strict=True)), **i} for row in rows for i in inner]
        run: Callable[..., None] = getattr(check, "check", check)

        def test() -> None:
            failed: list[BaseException] = []
            for case in all_of_them:
                try:
                    run(**case)
                except (Exception, pytest.fail.Exception) as error:
                    error.add_note(", ".join(f"{name} = {value!r}" for name, value in case.items()))
                    failed.append(error)
            if failed:
                raise BaseExceptionGroup(f"{len(failed)} of {len(all_of_them)} cases", failed)

        for name in ("__name__", "__qualname__", "__module__", "__doc__"):
            setattr(test, name, getattr(check, name))
        vars(test).update(check=run, cases=all_of_them)
        return test

    return decorate
