"""The rows. They only store: wire models validate, and a row class is never a response model.

Every row belongs to an (account, region). Configuration travels as one JSON document, ``FunctionVersionRow.configuration``,
whose members are AWS's own names; columns are what is queried, counted or changed by itself.
"""

from raylambda.store.tables.changes import ChangeRow
from raylambda.store.tables.events import EventRow
from raylambda.store.tables.functions import AliasRow, FunctionRow, FunctionVersionRow

__all__ = ["AliasRow", "ChangeRow", "EventRow", "FunctionRow", "FunctionVersionRow"]
