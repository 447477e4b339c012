"""nbval over the solutions, with the tolerance that the lessons have."""

from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path

_spec = spec_from_file_location("tolerance", Path(__file__).parent.parent / "notebooks" / "conftest.py")
_tolerance = module_from_spec(_spec)
_spec.loader.exec_module(_tolerance)
pytest_collectstart = _tolerance.pytest_collectstart
