"""The documents say what is there."""

import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]


def every_test() -> set[str]:
    return {name for path in (ROOT / "tests").rglob("test_*.py") for name in re.findall(r"def (test_\w+)", path.read_text())}


def test_every_test_that_a_document_names_is_there():
    named = {name for path in (ROOT / "docs").rglob("*.md") for name in re.findall(r"`(test_\w+)`", path.read_text())}
    assert len(named) > 5
    assert named <= every_test()


def test_every_adversary_is_answered_by_tests_that_are_there():
    text = (ROOT / "docs" / "threats.md").read_text()
    named = re.findall(r"`(tests/[\w/.]+)::(test_\w+)`", text)
    assert len(named) > 40
    for path, name in named:
        assert f"def {name}(" in (ROOT / path).read_text(), (path, name)
    for part in text.split("\n## ")[2:]:
        assert "::test_" in part, part.partition("\n")[0]
        assert "**Can" in part, part.partition("\n")[0]


def test_the_threats_name_what_was_added_since_and_each_part_names_its_own_tests():
    parts = {part.partition("\n")[0]: part for part in (ROOT / "docs" / "threats.md").read_text().split("\n## ")[1:]}
    for name in ("Whoever writes the database", "Receipts", "Bundles", "Recall", "Rollback"):
        assert re.findall(r"::(test_\w+)`", parts[name]), name
    assert "test_restored.py" in parts["Rollback"]


def test_every_decision_has_its_number_once_and_is_what_others_call_it():
    names = sorted(path.name for path in (ROOT / "docs" / "adr").glob("*.md"))
    numbers = [name[:4] for name in names]
    assert len(set(numbers)) == len(numbers)
    texts = [*(ROOT / "docs").rglob("*.md"), *(ROOT / "src").rglob("*.py")]
    named = {number for path in texts for number in re.findall(r"ADRs? (\d{4})", path.read_text())}
    assert named <= set(numbers), named - set(numbers)


def test_every_link_between_documents_leads_somewhere():
    for path in [ROOT / "README.md", *(ROOT / "docs").rglob("*.md")]:
        for target in re.findall(r"\]\(([^)#]+)[^)]*\)", path.read_text()):
            if not target.startswith("http"):
                assert (path.parent / target).exists(), (path.name, target)


def test_the_documented_node_toml_is_one_that_a_node_reads():
    from tocsin.node import config

    text = (ROOT / "docs" / "two-nodes.md").read_text()
    found = config.parse(text.partition("```toml\n")[2].partition("```")[0].encode())
    assert found.feeds[0].name == "roof"
    assert set(config.Config.__struct_fields__) - set(re.findall(r"\w+", text)) <= {"notice", "demo_clock"}


def test_every_verb_of_the_readme_is_a_verb():
    from tocsin.node.cli import app

    verbs = set(re.findall(r"`tocsin (\w+)", (ROOT / "README.md").read_text()))
    assert len(verbs) > 8
    for verb in verbs:
        assert app[verb] is not None


def test_no_file_holds_a_registry_address_or_a_path_of_one_machine():
    lines = [
        (path.name, line)
        for path in ROOT.glob("*.toml")
        for line in [*path.read_text().splitlines()]
        if re.search(r"https?://[^ \"]+\.(whl|tgz|tar\.gz)|--(extra-)?index-url", line)
    ]
    lock = (ROOT / "console" / "package-lock.json").read_text()
    assert lines == []
    assert '"resolved"' not in lock
    assert re.fullmatch(r"([A-Za-z0-9_.-]+==[A-Za-z0-9_.+!-]+\n)+", (ROOT / "constraints.txt").read_text())
