"""All samples, whichever file of the tests is run."""

from __future__ import annotations

import importlib
from pathlib import Path

from samples import SAMPLES as SAMPLES
from samples import Sample as Sample

for file in sorted(Path(__file__).parent.glob("samples_*.py")):
    importlib.import_module(file.stem)
