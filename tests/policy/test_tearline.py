"""A tear-line holds what was named and nothing else."""

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tocsin.core import InputError, Report
from tocsin.policy.tearline import FIELDS, paragraphs, tear

REPORT = Report(title="Convoy", text="Lorries move.\n\nOur man saw it.\n \nThey go east.", source="agent 7", grade="B2", graded_by="mara")


def test_only_what_is_named_is_there():
    made = tear(REPORT, fields=["title"], numbers=[3, 1], source="a partner")
    assert made == Report(title="Convoy", text="Lorries move.\n\nThey go east.", source="a partner")
    assert "man" not in msgspec.json.encode(made).decode()


@given(st.lists(st.text("abc ", min_size=1).filter(str.strip), min_size=1, max_size=6, unique_by=str.strip), st.data())
def test_no_paragraph_slips_through(parts, data):
    report = Report(title="t", text="\n\n".join(parts), source="s")
    numbers = data.draw(st.sets(st.integers(1, len(parts)), min_size=1))
    made = tear(report, fields=["title", "source"], numbers=numbers)
    assert paragraphs(made) == tuple(paragraphs(report)[n - 1] for n in sorted(numbers))


def test_a_new_field_of_a_report_is_left_out_until_somebody_names_it():
    # Whoever adds a field to reports decides here whether a tear-line may take it over.
    assert set(Report.__struct_fields__) - FIELDS - {"text"} <= LEFT_OUT


LEFT_OUT = {"topic", "indicator", "area"}


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"fields": ["text"]}, "no field 'text'"),
        ({"fields": ["author"]}, "no field 'author'"),
        ({"numbers": []}, "names the paragraphs"),
        ({"numbers": [0]}, "paragraphs 1 to 3"),
        ({"numbers": [4]}, "paragraphs 1 to 3"),
        ({"fields": []}, "needs a title and a source"),
        ({"fields": ["title"]}, "needs a title and a source"),
    ],
)
def test_what_cannot_be_built_is_refused(changes, says):
    with pytest.raises(InputError, match=says):
        tear(REPORT, **{"fields": ["title", "source"], "numbers": [1], **changes})
