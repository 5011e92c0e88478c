"""Readable addresses are opened by submit alone."""

import ast
from pathlib import Path

import segment_assets

PACKAGE = Path(segment_assets.__file__).parent
# first_party writes the table; submit hands addresses over; the smoke test asks Glue for it and must be denied.
MAY = {"activation/submit.py", "activation/sql/addressed.sql", "operations/smoke/accounts.py"}


def names_the_table(source: str) -> bool:
    """The source names the table in code; a docstring that speaks of it is no access."""
    tree = ast.parse(source)
    documented = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
    told = {
        id(node.body[0].value)
        for node in ast.walk(tree)
        if isinstance(node, documented) and node.body and isinstance(node.body[0], ast.Expr)
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.Name | ast.Attribute | ast.alias):
            name = (
                node.attr if isinstance(node, ast.Attribute) else node.id if isinstance(node, ast.Name) else node.name
            )
            if "CONTACT_ADDRESSES" in name:
                return True
        if isinstance(node, ast.Constant) and "contact_addresses" in str(node.value).lower() and id(node) not in told:
            return True
    return False


def test_no_other_module_opens_contact_addresses():
    found = set()
    for path in PACKAGE.rglob("*"):
        name = path.relative_to(PACKAGE).as_posix()
        if path.suffix == ".py" and names_the_table(path.read_text(encoding="utf-8")):
            found.add(name)
        if path.suffix == ".sql" and "contact_addresses" in path.read_text(encoding="utf-8").lower():
            found.add(name)
    assert {name for name in found if not name.startswith("first_party/")} == MAY


def test_the_search_bites():
    assert names_the_table("from segment_assets.first_party.tables import CONTACT_ADDRESSES as X")
    assert names_the_table("from segment_assets.first_party import tables\nlake.read(tables.CONTACT_ADDRESSES)")
    assert names_the_table("db.sql('SELECT * FROM raw.contact_addresses')")
    assert names_the_table("getattr(tables, 'CONTACT_ADDRESSES')")
    assert not names_the_table('"""Does not open contact_addresses."""\n')


def test_only_submit_is_asked_for_addresses():
    callers = {
        path.relative_to(PACKAGE).as_posix()
        for path in PACKAGE.rglob("*.py")
        if "with_addresses" in path.read_text(encoding="utf-8")
    }
    assert callers == {"activation/submit.py", "activation/pinpoint.py"}
    tree = ast.parse((PACKAGE / "activation/pinpoint.py").read_text(encoding="utf-8"))
    inside = [
        f.name
        for f in ast.walk(tree)
        if isinstance(f, ast.FunctionDef)
        and any(isinstance(n, ast.Name) and n.id == "with_addresses" for n in ast.walk(f))
    ]
    assert inside == ["submit"]
