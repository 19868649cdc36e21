"""What a recipe of a source product is: the values that decide its build, and the key computed from them."""

from __future__ import annotations

import hashlib
import json
import re
from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Any, ClassVar

from ..errors import InputError

SHA256 = re.compile(r"[0-9a-f]{64}")


class Recipe(ABC):
    """The values that decide one build of a product. Raises ``InputError`` for values that cannot be built."""

    product: ClassVar[str]
    format: ClassVar[int] = 1
    """Part of the key: increase it when the same values come to mean another build."""

    @property
    @abstractmethod
    def deciding_values(self) -> Mapping[str, Any]:
        """The values that decide the build, as JSON takes them."""

    @property
    @abstractmethod
    def label(self) -> str:
        """What the build is and what it is for, as part of a file name."""

    @property
    def key(self) -> str:
        """16 hexadecimal digits: the same for the same deciding values, in any order."""
        values = {"format": self.format, **self.deciding_values}
        return hashlib.sha256(json.dumps(values, sort_keys=True).encode()).hexdigest()[:16]

    @property
    def package_name(self) -> str:
        """The file name of the package."""
        return f"{self.product}-{self.label}-{self.key}.tar.gz"


def check(pattern: re.Pattern[str], subject: str, value: str, rule: str, hint: str) -> None:
    """``InputError`` unless the whole ``value`` matches ``pattern``."""
    if not pattern.fullmatch(value):
        raise InputError(subject, value, rule, hint)
