"""
Python imports this module when it starts, if its folder is on PYTHONPATH: shards then have 100 images.

The fixture `small_shards_everywhere` puts it there for processes that tests start, and for their workers.
"""

import importlib.util
import sys
from importlib.abc import MetaPathFinder
from types import ModuleType
from typing import Any


class _Finder(MetaPathFinder):
    """Finds one module, whose constant it changes before other modules import it."""

    def find_spec(self, name: str, path: Any, target: ModuleType | None = None) -> Any:
        if name != "digitseq.dataset.shards":
            return None
        sys.meta_path.remove(self)
        spec = importlib.util.find_spec(name)
        assert spec is not None
        assert spec.loader is not None
        execute = spec.loader.exec_module

        def changed(module: ModuleType) -> None:
            execute(module)
            module.SHARD = 100  # type: ignore[attr-defined]

        spec.loader.exec_module = changed  # type: ignore[method-assign]
        return spec


sys.meta_path.insert(0, _Finder())
