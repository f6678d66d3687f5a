"""``FunctionFeed`` over the SQL store."""

from __future__ import annotations

from sqlmodel import Session, col, or_, select

from raylambda.model.function import FunctionKey, FunctionRecord, State, UpdateStatus
from raylambda.scheduling.follower import Update
from raylambda.store.activation import activate
from raylambda.store.changes import changes_since, newest_change
from raylambda.store.engine import Database
from raylambda.store.reads import all_functions, load_function
from raylambda.store.tables import FunctionVersionRow


class StoreFeed:
    """Reads one state of the store at a time; writes only to activate."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def everything(self) -> Update:
        with self._database.reading() as session:
            number = newest_change(session)
            records = [(record.key, record) for record in all_functions(session)]
            return Update(number, records, _waiting(session))

    def since(self, number: int) -> Update:
        """What changed after ``number``; each function once, as it is now."""
        with self._database.reading() as session:
            changes = changes_since(session, number)
            if not changes:
                return Update(number, (), ())
            keys = {(change.account, change.region, change.name): None for change in changes}
            records = [(key, load_function(session, *key)) for key in keys]
            waiting = [key for key in _waiting(session) if key in keys]
            return Update(changes[-1].number, records, waiting)

    def activate(self, key: FunctionKey) -> FunctionRecord | None:
        with self._database.session() as session:
            activate(session, *key)
            return load_function(session, *key)


def _waiting(session: Session) -> list[FunctionKey]:
    """Functions that have a version which an operation left Pending or InProgress."""
    row = FunctionVersionRow
    unsettled = or_(col(row.state) == State.PENDING, col(row.last_update_status) == UpdateStatus.IN_PROGRESS)
    return list(session.exec(select(row.account, row.region, row.name).where(unsettled).distinct()))
