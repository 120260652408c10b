"""YAML as kubectl reads it, and as everybody reads it back who reads what the console writes."""

import json
import shutil
import subprocess
from collections.abc import Iterator
from typing import Any

import pytest
import yaml
from hypothesis import example, given, settings
from hypothesis import strategies as st

from leviathan_sandbox import Sandbox
from leviathan_tui.backend.changes.editing import Edit, editable
from leviathan_tui.backend.changes.manifests import ManifestError, read
from leviathan_tui.backend.kube import kinds, yaml_text
from leviathan_tui.backend.untrusted import clean_block
from tests.backend.changes.conftest import Bench

HEAD = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: x}\n"

MEANINGS: dict[str, Any] = {
    # Booleans of YAML 1.1, in three spellings each.
    **dict.fromkeys(
        ("y", "Y", "yes", "Yes", "YES", "on", "On", "ON", "true", "True", "TRUE"), True
    ),
    **dict.fromkeys(("n", "N", "no", "No", "NO", "off", "Off", "OFF", "false", "FALSE"), False),
    **{word: word for word in ("yEs", "tRue", "nULL", "inf", "NaN", "Infinity", "=", "--1", "1-1")},
    **dict.fromkeys(("~", "null", "Null", "NULL", "", "!!null ''", "!!null ~")),
    # Integers in all bases, with a sign, with underscores.
    "0": 0,
    "-0": 0,
    "+1": 1,
    "010": 8,
    "-010": -8,
    "017": 15,
    "0o17": 15,
    "0O17": 15,
    "00": 0,
    "0x1F": 31,
    "0X1F": 31,
    "-0x1F": -31,
    "0x1_F": 31,
    "0b11": 3,
    "0B11": 3,
    "-0b11": -3,
    "1_000": 1000,
    "1_": 1,
    "1__0": 10,
    "-_1": -1,
    "0_x1": 1,
    "+0o17": 15,
    "+0b11": 3,
    **{
        word: word for word in ("_1", "0x", "0b12", "0x1g", "1,000", "1.2.3", "+", ".", "+.", ".e3")
    },
    # What looks like octal and is not is a decimal fraction to it.
    "08": 8,
    "09": 9,
    # The bounds of 64 bits.
    "9223372036854775807": 2**63 - 1,
    "-9223372036854775808": -(2**63),
    "9223372036854775808": 2.0**63,
    "18446744073709551615": 2.0**64,
    "18446744073709551616": 2.0**64,
    "0x10000000000000000": "0x10000000000000000",
    # Fractions and powers of ten.
    "1e3": 1000,
    "1E+3": 1000,
    "1e-3": 0.001,
    ".5": 0.5,
    "5.": 5,
    "-.5": -0.5,
    ".5e3": 500,
    "5.e3": 5000,
    "1.10": 1.1,
    "1.0": 1,
    "1234e56": 1.234e59,
    "1e21": 1e21,
    "1e5_": 100000,
    "1e400": "1e400",
    "-1e400": "-1e400",
    "9" * 400: "9" * 400,
    "+.nan": "+.nan",
    # Dates and base sixty are texts.
    **{word: word for word in ("2024-01-01", "2024-01-01T00:00:00Z", "12:30", "190:20:30")},
    # Tags.
    "!!str 1.10": "1.10",
    "!!str yes": "yes",
    "!!str 1e3": "1e3",
    "!!str": "",
    "!!str ~": "~",
    "!!int '7'": 7,
    '!!int "010"': 8,
    '!!int "0x10"': 16,
    "!!int 1_0": 10,
    "!!float 3": 3,
    "!!float '3'": 3,
    '!!float "1e3"': 1000,
    "!!bool y": True,
    '!!bool "yes"': True,
    "!!binary aGk=": "hi",
    '!!binary "aGk="': "hi",
    "!!binary |\n    aGk=": "hi",
    "!!timestamp 2024-01-01": "2024-01-01",
    "!!str |\n    x": "x\n",
    "!<tag:yaml.org,2002:str> 7": "7",
    # Quotes.
    "'no'": "no",
    '"010"': "010",
    '"\\u0041"': "A",
    "|\n    1e3": "1e3\n",
}

REFUSED = (
    *(".inf", "-.inf", "+.Inf", ".nan", "!!float .inf", "!!int abc", "!!int 7.0", "!!int 1e3"),
    *(
        '!!int ""',
        "!!float abc",
        "!!float true",
        "!!bool 1",
        "!!bool abc",
        "!!null x",
        "!!binary aG",
    ),
)

KEYS = {
    "no": "false",
    "y": "true",
    "On": "true",
    "010": "8",
    "0x1F": "31",
    "0b11": "3",
    "1_000": "1000",
    "-0": "0",
    "'no'": "no",
    '"010"': "010",
    "!!str 010": "010",
    '!!int "010"': "8",
    "a": "a",
    "12:30": "12:30",
    "2024-01-01": "2024-01-01",
    "!!binary aGk=": "hi",
    "_1": "_1",
    "1-1": "1-1",
}

# kubectl makes a key of most of these that nobody has written: `1.10` becomes 1.1, `1e20` 1e+20.
REFUSED_KEYS = ("~", "null", "1.10", "08", "1e3", "1e20", "1234e56", "9223372036854775808", ".inf")


def values(entries: list[str]) -> str:
    lines = (f"  k{number}: {written}\n" for number, written in enumerate(entries))
    return f"{HEAD}data:\n{''.join(lines)}"


def test_scalars_mean_what_they_mean_to_kubectl() -> None:
    (manifest,) = read(values(list(MEANINGS)))
    found = dict(zip(MEANINGS, manifest.document["data"].values(), strict=True))
    assert found == MEANINGS
    assert {word: type(value) for word, value in found.items() if isinstance(value, bool)} == {
        word: bool for word, value in MEANINGS.items() if isinstance(value, bool)
    }


@pytest.mark.parametrize("written", REFUSED)
def test_what_has_no_value_is_refused_with_its_line(written: str) -> None:
    with pytest.raises(ManifestError, match=r"^text:5: "):
        read(values([written]))


def test_keys_mean_what_they_mean_to_kubectl() -> None:
    for written, meant in KEYS.items():
        (manifest,) = read(f"{HEAD}data:\n  {written}: v\n")
        assert manifest.document["data"] == {meant: "v"}, written
        changed = written.strip("'\"") != meant and "!" not in written
        assert bool(manifest.warnings) is changed, (written, manifest.warnings)
    for written in REFUSED_KEYS:
        with pytest.raises(ManifestError, match=r"^text:5: .*(quote it|no number)"):
            read(f"{HEAD}data:\n  {written}: v\n")


def test_two_ways_to_write_one_key_are_one_key() -> None:
    with pytest.raises(ManifestError, match="the key 8 is there twice"):
        read(f"{HEAD}data:\n  010: a\n  8: b\n")


def test_what_may_surprise_is_warned_of() -> None:
    (manifest,) = read(
        values(["no", "010", "1e3", "1_000", "12:30:45", "1.5", "-3", "true", "'no'"])
    )
    assert manifest.warnings == [
        "text:5: no means false; quote it for a text.",
        "text:6: 010 means 8; quote it for a text.",
        "text:7: 1e3 means 1000; quote it for a text.",
        "text:8: 1_000 means 1000; quote it for a text.",
        "text:9: 12:30:45 is a text, not a number of seconds.",
    ]


# Written


def check(document: dict[str, Any]) -> str:
    """Read back what is written, by our reader and by another; return it."""
    text = yaml_text.dump({**MINIMAL, "data": document})
    (manifest,) = read(text)
    assert manifest.document["data"] == document
    assert yaml.safe_load(text)["data"] == document
    assert clean_block(text, len(text)) == text
    return text


MINIMAL: dict[str, Any] = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "x"}}
WORDS = [
    *(word for word in MEANINGS if "\n" not in word),
    *(
        " a",
        "a ",
        "a: b",
        "#x",
        "- a",
        "a\nb",
        "a\nb\n",
        "a\n\nb\n\n",
        "  a\n b\n",
        "\ta\nb",
        "a\tb",
    ),
    *(
        "\x1b[31m",
        "\u202eabc",
        "é",
        "💩",
        "\x85",
        "\u2028",
        "a\r\nb",
        "\r",
        "a\0b",
        "%a",
        "@a",
        "`a",
    ),
    *(
        "!a",
        "&a",
        "*a",
        "|",
        ">",
        '"',
        "'",
        "a\\nb",
        "\ufeff",
        "-",
        "---",
        "a\n---\nb",
        "...",
        "? a",
    ),
    *("\n", "\n\n", "a\n ", " \n", "é\n\x1bx\n", "<<", "a\u200bb\n\tc\n", "x" * 5000),
]
texts = st.one_of(
    st.sampled_from(WORDS),
    st.text(st.characters(exclude_categories=["Cs"])),
    st.text("0123456789+-._eExXoObByYnN:~", max_size=12),
)
numbers = st.one_of(
    st.integers(-(2**63), 2**63 - 1), st.floats(allow_nan=False, allow_infinity=False)
)


@given(
    st.recursive(
        st.one_of(texts, st.none(), st.booleans(), numbers),
        lambda inner: st.lists(inner, max_size=4) | st.dictionaries(texts, inner, max_size=4),
        max_leaves=12,
    )
)
@settings(max_examples=300, deadline=None)
@example("1234e56")
@example({"y": ["08", {"~": "<<"}]})
def test_what_is_written_is_read_back_the_same(value: Any) -> None:
    check({"k": value})


def test_what_people_read_is_a_block() -> None:
    assert "k: |\n    server {\n      listen 80;\n\n    }\n" in check(
        {"k": "server {\n  listen 80;\n\n}\n"}
    )
    assert '"\\u202Eabc"' in check({"k": "\u202eabc"})
    assert "k: é" in check({"k": "é"})


# And kubectl


def number(digits: str) -> int | float:
    """What Go makes of a number without a fraction: an integer of 64 bits, or a fraction after all."""
    return int(digits) if abs(int(digits)) < 2**63 else float(digits)


@pytest.fixture(scope="module")
def kubectl_reads(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """What kubectl makes of a text; None where it refuses it."""
    if shutil.which("kubectl") is None:
        pytest.skip("there is no kubectl on the PATH")
    folder = tmp_path_factory.mktemp("kubectl")
    with Sandbox(live=False) as sandbox:
        kubeconfig = folder / "config"
        kubeconfig.write_text(json.dumps(sandbox.kubeconfig()))
        options = ("--validate=false", "--dry-run=client", "-o", "json", "-f", "-")
        program = ["kubectl", f"--kubeconfig={kubeconfig}", f"--cache-dir={folder}"]

        def reads(text: str) -> dict[str, Any] | None:
            done = subprocess.run(
                [*program, "create", *options],
                input=text,
                capture_output=True,
                text=True,
                check=False,
            )
            if done.returncode:
                return None
            found: dict[str, Any] = json.loads(done.stdout, parse_int=number)["data"]
            return found

        yield reads


def test_kubectl_reads_scalars_and_keys_so(kubectl_reads: Any) -> None:
    found = kubectl_reads(values(list(MEANINGS)))
    assert {written: found[f"k{at}"] for at, written in enumerate(MEANINGS)} == MEANINGS
    for written in REFUSED:
        assert kubectl_reads(values([written])) is None, written
    for written, meant in KEYS.items():
        assert kubectl_reads(f"{HEAD}data:\n  {written}: v\n") == {meant: "v"}


def test_kubectl_reads_what_is_written(kubectl_reads: Any) -> None:
    document = {f"k{number}": word for number, word in enumerate(WORDS)}
    document |= dict.fromkeys(WORDS, "v")
    assert kubectl_reads(yaml_text.dump({**MINIMAL, "data": document})) == document


# Edited


async def test_only_what_was_edited_differs_whatever_else_is_there(bench: Bench) -> None:
    labels = {"commit": "1234e56", "answer": "y", "number": "010"}
    body = {
        **MINIMAL,
        "metadata": {"name": "odd", "labels": labels},
        "data": {
            "hostile": "\x1b]0;x\x07\u202eabc",
            "tabs": "a\n\tb\n",
            "many": "é" * 300_000,
            "a": "1",
        },
    }
    ref = await bench.create(kinds.CONFIG_MAP, body)
    before = await bench.get(kinds.CONFIG_MAP, ref)
    text = editable(before)
    assert len(text) > 1_000_000
    assert Edit(kinds.CONFIG_MAP, ref, before, text).fields == ()
    edit = Edit(kinds.CONFIG_MAP, ref, before, text.replace("a: '1'", "a: '2'"))
    assert [(item.label, item.after) for item in edit.fields] == [("data.a", "2")]
    assert (await bench.do(edit)).done
    after = await bench.get(kinds.CONFIG_MAP, ref)
    assert after["metadata"]["labels"] == labels
    assert after["data"] == {**before["data"], "a": "2"}


@pytest.mark.parametrize("text", ["a: \ud800", "\udfff", "kind: Pod\nname: 'x\udc80'"])
def test_half_a_character_is_a_sentence(text: str) -> None:
    with pytest.raises(ManifestError, match="it holds what is no text"):
        read(text, "it")
