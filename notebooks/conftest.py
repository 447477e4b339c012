"""nbval, with decimals compared within a tolerance and everything else to the letter.

A cell tagged ``trained`` shows what a training run gave: other processors round otherwise, so its
decimals may differ by 15 %. Elsewhere 1 % is allowed.
"""

import math
import re

from nbval.plugin import IPyNbCell

DECIMAL = re.compile(r"-?\d+\.\d+")
PICTURE = re.compile(r"base64,[\w+/=]+")  # its text, beside it, is compared


class Tolerant(str):
    """A text that equals another when its decimals are close and the rest is the same."""

    tolerance = 0.01

    def __eq__(self, other: object) -> bool:
        mine, theirs = DECIMAL.findall(self), DECIMAL.findall(str(other))
        return DECIMAL.sub("#", self) == DECIMAL.sub("#", str(other)) and all(
            math.isclose(float(a), float(b), rel_tol=self.tolerance, abs_tol=0.01) for a, b in zip(mine, theirs)
        )

    def __ne__(self, other: object) -> bool:
        return not self == other

    __hash__ = str.__hash__


_sanitize = IPyNbCell.sanitize


def sanitize(cell: IPyNbCell, text: str) -> str:
    result = _sanitize(cell, text)
    if not isinstance(result, str):
        return result
    result = Tolerant(PICTURE.sub("", result))
    result.tolerance = 0.15 if "trained" in cell.cell.metadata.get("tags", []) else 0.01
    return result


IPyNbCell.sanitize = sanitize


def pytest_collectstart(collector) -> None:
    if hasattr(collector, "skip_compare"):
        # The scores stand in the table as well, where they are compared within the tolerance.
        collector.skip_compare += ("stderr", "application/vnd.bertsum-lite.scores+json")
