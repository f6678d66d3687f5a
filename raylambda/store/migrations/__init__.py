"""Alembic's revisions, applied by ``engine.migrate``.

A revision is written by hand or by ``alembic revision --autogenerate`` and is never changed once it has been released. A
test holds the migrated schema equal to the tables' metadata, on both databases.
"""
