"""
Generate images of handwritten digit sequences: exact, fast and reproducible to the pixel.

>>> import digitseq
>>> digitseq.generate_numbers_sequence("3502", (2, 8), 200, seed=1, source="builtin").shape
(28, 200)
"""

from digitseq.api import TYPE_CHECKING
from digitseq.api import __dir__ as __dir__
from digitseq.api import __getattr__ as __getattr__
from digitseq.version import __version__ as __version__

if TYPE_CHECKING:
    from digitseq.api import *  # noqa: F403
else:
    from digitseq.api import __all__ as __all__
