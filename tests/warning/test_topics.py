"""Topic files: what is read means one thing, and every refusal says where."""

import json
import math
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from tocsin.core import InputError, TooLarge
from tocsin.warning import BadTopic, read_topic, shipped, topic_schema
from tocsin.warning.topics import MAX_BYTES, parameters_of

FILE = Path(__file__).parents[2] / "examples" / "topics" / "airborne-rapid-deployment.yaml"
TEXT = FILE.read_text()


def line_of(text, what):
    return text[: text.index(what)].count("\n") + 1


def refused(old, new, *, count=1):
    assert old in TEXT
    text = TEXT.replace(old, new, count)
    with pytest.raises(BadTopic) as caught:
        read_topic(text.encode(), "mine.yaml")
    message = str(caught.value)
    assert "\n" not in message
    assert message.startswith("mine.yaml:")
    return int(message.split(":")[1]), message, text


def test_the_example_is_the_topic_that_ships():
    assert read_topic(FILE.read_bytes(), FILE.name) == shipped("airborne-rapid-deployment")


def test_the_demonstration_places_are_in_it():
    topic = shipped("airborne-rapid-deployment")
    assert [(p.name, p.kind) for p in topic.places] == [("RHÔNE", "staging"), ("EAST", "line")]
    assert [h.id for h in topic.hypotheses] == ["routine", "their-training", "deployment"]
    assert topic.level_names == ("NORMAL", "GUARDED", "ELEVATED", "HIGH")


def test_an_unknown_key_is_named_with_its_line():
    line, message, text = refused("    persistence_hours: 72", "    persistance_hours: 72")
    assert line == line_of(text, "persistance_hours")
    assert message.endswith("hypotheses[0].persistance_hours: nobody knows this key")


def test_a_missing_key_is_named_with_the_line_of_what_lacks_it():
    line, message, text = refused("    persistence_hours: 72\n", "")
    assert line == line_of(text, "- id: routine")
    assert message.endswith("hypotheses[0]: 'persistence_hours' is missing")


def test_an_extra_key_is_named_with_its_own_line():
    line, message, text = refused("    persistence_hours: 72", "    persistence_hours: 72\n    colour: red")
    assert line == line_of(text, "colour")
    assert message.endswith("hypotheses[0].colour: nobody knows this key")


def test_a_key_that_stands_twice_is_refused_where_it_stands_again():
    line, message, text = refused("subject: deployment", "subject: deployment\nsubject: routine")
    assert line == line_of(text, "subject: routine")
    assert "stands twice" in message


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ("base_rate: 0.955", "base_rate: 1.955", "hypotheses[0].base_rate"),
        ("base_rate: 0.955", "base_rate: 0.9", "add up to 0.945"),
        ("base_rate: 0.955", "base_rate: often", "hypotheses[0].base_rate"),
        ("base_rate: 0.955", "base_rate: .nan", "must be finite"),
        ("persistence_hours: 72", "persistence_hours: -1", "hypotheses[0].persistence_hours"),
        ("subject: deployment", "subject: invasion", "no hypothesis 'invasion'"),
        ("group: departures", "group: arrivals", "no group 'arrivals'"),
        ("detector: airlift-surge", "detector: crystal-ball", "no detector 'crystal-ball': use one of"),
        ("at_least: 5, full_at: 10, window_minutes: 20", "at_most: 5, full_at: 10, window_minutes: 20", "parameters.at_most: nobody knows"),
        ("at_least: 5, full_at: 10, window_minutes: 20", "at_least: 50, full_at: 10, window_minutes: 20", "at_least is 1 or more"),
        ("at_least: 5, full_at: 10, window_minutes: 20", "at_least: 5, full_at: 10, places: [ARNE]", "no place 'ARNE'"),
        ("who: military", "who: hostile", "who"),
        ("points: [[46.23, 6.10]]", "points: [[96.23, 6.10]]", "latitude, longitude"),
        ("points: [[46.23, 6.10]]", "points: []", "a staging has one point"),
        ("radius_km: 25", "radius_km: 0", "radius_km"),
        (", radius_km: 25", "", "a staging area needs radius_km"),
        ("name: EAST, kind: line", "name: RHÔNE, kind: line", "'RHÔNE' stands twice"),
        ("likelihoods: {routine: 0.015, ", "likelihoods: {", "'routine' is missing"),
        ("likelihoods: {routine: 0.015, ", "likelihoods: {peace: 0.5, routine: 0.015, ", "'peace' is no hypothesis"),
        ("likelihoods: {routine: 0.015, ", "likelihoods: {routine: 0, ", "indicators[0].likelihoods"),
        ("alongside: aircraft-in-stream", "alongside: airlift-surge", "no other indicator"),
        ("up: 0.55, down: 0.40", "up: 0.55, down: 0.60", "is above up"),
        ("up: 0.25, down: 0.15", "up: 0.95, down: 0.15", "levels go from the lowest"),
        ("warn_at: ELEVATED", "warn_at: SEVERE", "no level 'SEVERE'"),
        ("warn_at: ELEVATED", "warn_at: NORMAL", "always reached"),
        ("- {name: NORMAL}", "- {name: NORMAL, up: 0.01, down: 0.0}", "the lowest level"),
        ("authenticated: [radar, mlat, simulated]", "authenticated: [hearsay]", "authentication.authenticated"),
        ("title: Airborne rapid deployment", "title: 2026-11-22", "put it in quotes"),
        ("step_minutes: 10", "step_minutes: true", "step_minutes"),
        ("subject: deployment", "subject: &a deployment", "anchors"),
        ("id: airborne-rapid-deployment", "id: !!python/name:os.system", "quotes"),
        ("id: airborne-rapid-deployment", "id: Airborne Rapid", "id"),
    ],
)
def test_what_does_not_fit_is_named(old, new, says):
    line, message, text = refused(old, new)
    assert says in message
    assert 1 <= line <= text.count("\n") + 1


@pytest.mark.parametrize(
    ("data", "says"),
    [
        (b"", "a topic is a mapping"),
        (b"- a\n- b\n", "a topic is a mapping"),
        (b"a: [1, 2\nb: 3\n", "not YAML"),
        (b"a: 1\nb: \xff\xfe\n", "mine.yaml:2: not UTF-8"),
        (b"a: \x00\n", "not YAML"),
        (b"[" * 40, "nested deeper"),
        (b"? [a]\n: b\n", "plain text"),
    ],
)
def test_what_is_no_topic_at_all_is_refused_in_one_line(data, says):
    with pytest.raises(BadTopic, match=r"mine\.yaml") as caught:
        read_topic(data, "mine.yaml")
    assert says in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_file_past_the_cap_is_not_parsed():
    with pytest.raises(TooLarge):
        read_topic(b"a" * (MAX_BYTES + 1), "mine.yaml")


@given(st.integers(0, len(TEXT.encode()) - 1), st.integers(0, len(TEXT.encode()) - 1), st.binary(max_size=4))
@settings(max_examples=60, deadline=None)
def test_a_mutilated_file_is_read_or_refused_but_never_breaks(start, length, junk):
    data = TEXT.encode()
    try:
        read_topic(data[:start] + junk + data[start + length % 50 :], "mine.yaml")
    except InputError as error:
        said = str(error)
    else:
        said = ""
    assert "\n" not in said


def test_parameters_come_as_the_detectors_own_struct():
    topic = shipped("airborne-rapid-deployment")
    assert parameters_of(topic, "aircraft-in-stream").spacing_max_km == 14
    assert parameters_of(topic, "approach-to-line").beyond_km == 30


@pytest.mark.parametrize("name", ["nothing-like-it", "../secret", "a b", ""])
def test_a_topic_that_does_not_ship_is_refused(name):
    with pytest.raises(BadTopic, match="no topic of that name"):
        shipped(name)


# --- the schema ----------------------------------------------------------------------------------------------------


def fits(value, schema, whole):
    """Whether `value` fits: as much of JSON Schema as topic files' own uses, so that a keyword nobody checks is an error."""
    known = {"$ref", "$schema", "$defs", "title", "description", "default", "type", "properties", "required", "additionalProperties"}
    known |= {"items", "prefixItems", "minItems", "maxItems", "minLength", "maxLength", "pattern", "minimum", "maximum"}
    known |= {"exclusiveMinimum", "exclusiveMaximum", "enum", "anyOf", "propertyNames", "x-parameters"}
    assert set(schema) <= known, set(schema) - known
    if "$ref" in schema:
        return fits(value, whole["$defs"][schema["$ref"].rpartition("/")[2]], whole)
    if "anyOf" in schema:
        return any(fits(value, one, whole) for one in schema["anyOf"])
    if "enum" in schema and value not in schema["enum"]:
        return False
    kinds = {"object": dict, "array": list, "string": str, "number": (int, float), "integer": int, "null": type(None), "boolean": bool}
    if "type" in schema and (not isinstance(value, kinds[schema["type"]]) or (isinstance(value, bool) and schema["type"] != "boolean")):
        return False
    if isinstance(value, dict):
        own, more = schema.get("properties", {}), schema.get("additionalProperties", True)
        if not set(schema.get("required", ())) <= set(value) or (more is False and set(value) - set(own)):
            return False
        if not all(fits(name, schema.get("propertyNames", {}), whole) for name in value):
            return False
        return all(fits(one, own.get(name, more if isinstance(more, dict) else {}), whole) for name, one in value.items())
    if isinstance(value, list):
        if not schema.get("minItems", 0) <= len(value) <= schema.get("maxItems", 10**9):
            return False
        first = schema.get("prefixItems", [])
        rest = schema.get("items", {})
        schemas = [*first, *[rest if isinstance(rest, dict) else {}] * (len(value) - len(first))]
        return all(fits(one, each, whole) for one, each in zip(value, schemas, strict=False))
    if isinstance(value, str):
        return schema.get("minLength", 0) <= len(value) <= schema.get("maxLength", 10**9) and bool(
            re.search(schema.get("pattern", ""), value)
        )
    if isinstance(value, (int, float)):
        low, high = schema.get("minimum", -math.inf), schema.get("maximum", math.inf)
        return low <= value <= high and schema.get("exclusiveMinimum", -math.inf) < value < schema.get("exclusiveMaximum", math.inf)
    return True


@pytest.mark.parametrize("name", ["airborne-rapid-deployment", "daily-surge"])
def test_the_topics_that_ship_fit_the_schema(name):
    schema = topic_schema()
    data = yaml.safe_load((Path(__file__).parents[2] / "examples" / "topics" / f"{name}.yaml").read_bytes())
    assert fits(data, schema, schema)
    for indicator in data["indicators"]:
        parameters = schema["x-parameters"][indicator["detector"]]
        assert fits(indicator.get("parameters", {}), parameters, parameters)


def broken(data, *path, value):
    for key in path[:-1]:
        data = data[key]
    data[path[-1]] = value


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (("surprise",), 1),
        (("hypotheses", 0, "base_rate"), 1.0),
        (("hypotheses", 0, "base_rate"), "much"),
        (("places", 0, "kind"), "somewhere"),
        (("groups",), []),
        (("levels", 1, "name"), "loud"),
        (("indicators", 0, "id"), "Not A Name"),
    ],
)
def test_the_schema_refuses_what_a_topic_may_not_say(path, value):
    schema = topic_schema()
    data = yaml.safe_load((Path(__file__).parents[2] / "examples" / "topics" / "airborne-rapid-deployment.yaml").read_bytes())
    broken(data, *path, value=value)
    assert not fits(data, schema, schema)


def test_the_command_prints_the_schema_and_the_docs_name_it():
    here = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2] / "src")}
    run = [sys.executable, "-m", "tocsin", "topic", "schema"]
    ended = subprocess.run(run, capture_output=True, text=True, timeout=60, check=False, env=here)
    assert ended.returncode == 0, ended.stderr
    assert json.loads(ended.stdout) == json.loads(json.dumps(topic_schema()))
    assert "tocsin topic schema" in (Path(__file__).parents[2] / "docs" / "warning.md").read_text()
