"""What goes wrong with a store.

::

    StoreUnavailable    the database or the code store does not work now; the front door answers 500
     └── StoreConflict  another unit of work came first; nothing was written, and trying again is right
    SchemaUnknown       the database was made by a newer raylambda
"""

from __future__ import annotations


class StoreUnavailable(Exception):
    """The store cannot be reached, is full, read-only or broken. Nothing of the unit of work was kept, as far as is known.

    The text says what the database or the file system said; it never holds a value that was to be stored.
    """


class StoreConflict(StoreUnavailable):
    """The unit of work collided with another one that was committed first (a duplicate key, a deadlock)."""


class SchemaUnknown(Exception):
    """The database has a revision that this version of raylambda does not know."""
