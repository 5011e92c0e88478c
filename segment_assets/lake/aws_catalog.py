"""Iceberg tables in the Glue catalogs of two accounts."""

from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Any

import pyarrow as pa
from pyiceberg.catalog.glue import GlueCatalog
from pyiceberg.exceptions import CommitFailedException, NamespaceAlreadyExistsError, NoSuchTableError
from pyiceberg.io import FileIO
from pyiceberg.table import Table as IcebergTable

from segment_assets.aws import telling
from segment_assets.lake.aws_files import BucketFiles

# Namespaces that lie in the partner's account.
PARTNERS = frozenset({"partner"})


class Glue(GlueCatalog):
    """A Glue catalog of one account, under one session.

    Args:
        glue: a client of the session.
        s3: another, for the files.
        warehouse: where tables are made.
    """

    def __init__(self, glue: Any, s3: Any, warehouse: str) -> None:
        # Old versions of an entry are of no use: the metadata file that it names has the table's history.
        super().__init__("glue", client=glue, **{"warehouse": warehouse, "glue.skip-archive": "true"})
        self._files = BucketFiles(s3)

    def _load_file_io(self, *_: Any, **__: Any) -> FileIO:
        return self._files

    def _is_s3tables_database(self, database_name: str) -> bool:
        return False  # ours is a bucket of our own; pyiceberg would ask Glue before every commit

    def _get_glue_table(self, database_name: str, table_name: str) -> Any:
        with telling(f"glue:GetTable on {database_name}.{table_name}"):
            return super()._get_glue_table(database_name, table_name)

    def _create_glue_table(self, database_name: str, table_name: str, table_input: Any) -> None:
        with telling(f"glue:CreateTable on {database_name}.{table_name}"):
            super()._create_glue_table(database_name, table_name, table_input)

    def _update_glue_table(self, database_name: str, table_name: str, table_input: Any, version_id: str) -> None:
        try:
            with telling(f"glue:UpdateTable on {database_name}.{table_name}"):
                super()._update_glue_table(database_name, table_name, table_input, version_id)
        except CommitFailedException:
            # Where the answer was lost, boto3 asks again and meets our own commit. Its metadata file tells: it is ours.
            now = self._get_glue_table(database_name, table_name)["Parameters"]["metadata_location"]
            if now != table_input["Parameters"]["metadata_location"]:
                raise


class Accounts:
    """Two Glue catalogs as one: a namespace's tables lie in the account that owns them.

    It has those methods of pyiceberg's Catalog that the lake asks for. Databases carry the deployment's name, so that
    several deployments share an account: `raw` of `dev` is the database `dev_raw`.

    Args:
        deployment: the name before each database's.
        ours: our catalog, as the step at work sees it.
        theirs: the partner's.
    """

    def __init__(self, deployment: str, ours: Callable[[], Glue], theirs: Callable[[], Glue]) -> None:
        self._before, self._ours, self._theirs = f"{deployment}_", ours, theirs
        self._there: set[str] = set()

    def create_namespace_if_not_exists(self, namespace: str) -> None:
        """A database for the namespace: looked for once, and made where no stack of deploy/ made it."""
        if namespace in self._there:
            return
        catalog, database = self._of(namespace), self._before + namespace
        with telling(f"glue:GetDatabase on {database}"):
            there = catalog.namespace_exists(database)
        if not there:
            with telling(f"glue:CreateDatabase on {database}"), suppress(NamespaceAlreadyExistsError):
                catalog.create_namespace(database)
        self._there.add(namespace)

    def create_table_if_not_exists(self, name: str, schema: pa.Schema, properties: Mapping[str, str]) -> IcebergTable:
        """The table, made where it was not there."""
        try:
            # Asked first: CreateTable would leave a file of metadata behind, each time it is refused.
            return self.load_table(name)
        except NoSuchTableError:
            return self._of(name).create_table_if_not_exists(
                self._before + name, schema=schema, properties=dict(properties)
            )

    def load_table(self, name: str) -> IcebergTable:
        """The table as it stands."""
        return self._of(name).load_table(self._before + name)

    def table_exists(self, name: str) -> bool:
        """Whether the table was made."""
        try:
            self._of(name)._get_glue_table(*(self._before + name).split("."))
        except NoSuchTableError:
            return False
        return True

    def list_namespaces(self) -> list[tuple[str, ...]]:
        """Our namespaces and the partner's, of this deployment alone."""
        with telling("glue:GetDatabases"):
            every = [space[0] for space in self._ours().list_namespaces()]
        ours = {name.removeprefix(self._before) for name in every if name.startswith(self._before)}
        # The partner's are known by name: which other databases it has is none of our business.
        with telling(f"glue:GetDatabase on {', '.join(self._before + name for name in PARTNERS)}"):
            theirs = {name for name in PARTNERS if self._theirs().namespace_exists(self._before + name)}
        return sorted((name,) for name in (ours - PARTNERS) | theirs)

    def list_tables(self, namespace: tuple[str, ...]) -> list[tuple[str, ...]]:
        """Tables of a namespace."""
        database = self._before + namespace[0]
        with telling(f"glue:GetTables on {database}"):
            return [(namespace[0], table[-1]) for table in self._of(namespace[0]).list_tables(database)]

    def _of(self, name: str) -> Glue:
        return self._theirs() if name.split(".", 1)[0] in PARTNERS else self._ours()
