"""Whether an error means that memory lacks, which few parts say plainly.

A library that finds no room to be loaded raises an ImportError, and what asks for it says that it was not
installed. To install it would not help.
"""

from __future__ import annotations

import errno
from importlib.util import find_spec

#: What to do, as the end of a sentence.
MORE_MEMORY = "give the process more (the memory of its container, or ulimit -v), or stop others"
#: What the loader of programs, and DuckDB of threads and modules, say of it.
_LOADED = ("failed to map segment", "annot allocate memory", "annot apply additional memory protection")
#: What DuckDB says of numpy where it could not be imported, for whatever reason.
_NUMPY = "'numpy' is required"


def lacks_memory(error: BaseException) -> bool:
    """Return whether an error, or one that it came from, means that there was not enough memory."""
    seen: set[int] = set()
    at: BaseException | None = error
    while at is not None and id(at) not in seen:
        seen.add(id(at))
        if _says_so(at):
            return True
        at = at.__cause__ or at.__context__
    return False


def _says_so(error: BaseException) -> bool:
    # DuckDB's own class is known by its name: to import it here would cost each start.
    if isinstance(error, MemoryError) or type(error).__name__ == "OutOfMemoryException":
        return True
    if isinstance(error, ImportError):
        return any(words in str(error) for words in _LOADED)
    if isinstance(error, OSError):
        return error.errno == errno.ENOMEM
    return _NUMPY in str(error) and find_spec("numpy") is not None
