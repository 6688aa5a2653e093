"""Foreign verifiers agree: Go's sumdb/note and sumdb/tlog, where Debian's golang-go and golang-golang-x-mod-dev are installed."""

import base64
import json
import os
import shutil
import subprocess
from pathlib import Path

import pytest
from tests.journal.helpers import TestSigner, entry, log_of, opened

from tocsin.core import ManualClock
from tocsin.journal import Witness, notes, proofs, tree

pytestmark = pytest.mark.anyio
GOCODE = Path("/usr/share/gocode")
PROGRAM = """
package main

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"os"
	"strings"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

type Growth struct {
	Old, Size        int64
	OldRoot, NewRoot string
	Proof            []string
}

type Case struct {
	Name, Key, Note, Entry string
	Index                  int64
	Path                   []string
	Tiles                  map[string]string
	Growth                 []Growth
}

func hash(s string) (h tlog.Hash) {
	data, err := base64.StdEncoding.DecodeString(s)
	if err != nil || len(data) != tlog.HashSize {
		panic("not a hash")
	}
	copy(h[:], data)
	return
}

func hashes(all []string) (found []tlog.Hash) {
	for _, s := range all {
		found = append(found, hash(s))
	}
	return
}

func check(c Case) error {
	verifier, err := note.NewVerifier(c.Key)
	if err != nil {
		return fmt.Errorf("key: %v", err)
	}
	opened, err := note.Open([]byte(c.Note), note.VerifierList(verifier))
	if err != nil {
		return fmt.Errorf("note: %v", err)
	}
	// The three lines of a checkpoint; Go's own parser wants its own origin.
	lines := strings.Split(opened.Text, "\\n")
	if len(lines) != 4 || lines[0] != verifier.Name() {
		return fmt.Errorf("checkpoint")
	}
	tree, err := tlog.ParseTree([]byte("go.sum database tree\\n" + lines[1] + "\\n" + lines[2] + "\\n"))
	if err != nil {
		return fmt.Errorf("tree: %v", err)
	}
	entry, err := base64.StdEncoding.DecodeString(c.Entry)
	if err != nil {
		return err
	}
	leaf := tlog.RecordHash(entry)
	if err := tlog.CheckRecord(tlog.RecordProof(hashes(c.Path)), tree.N, tree.Hash, c.Index, leaf); err != nil {
		return fmt.Errorf("inclusion: %v", err)
	}
	for _, g := range c.Growth {
		if err := tlog.CheckTree(tlog.TreeProof(hashes(g.Proof)), g.Size, hash(g.NewRoot), g.Old, hash(g.OldRoot)); err != nil {
			return fmt.Errorf("growth: %v", err)
		}
	}
	if c.Tiles != nil {
		reader := tlog.TileHashReader(tree, &tiles{c.Tiles})
		found, err := reader.ReadHashes([]int64{tlog.StoredHashIndex(0, c.Index)})
		if err != nil {
			return fmt.Errorf("tiles: %v", err)
		}
		if found[0] != leaf {
			return fmt.Errorf("tiles: another leaf")
		}
	}
	return nil
}

type tiles struct{ held map[string]string }

func (t *tiles) Height() int { return 8 }
func (t *tiles) ReadTiles(wanted []tlog.Tile) (found [][]byte, err error) {
	for _, one := range wanted {
		data, err := base64.StdEncoding.DecodeString(t.held[strings.Replace(one.Path(), "tile/8/", "tile/", 1)])
		if err != nil || len(data) == 0 {
			return nil, fmt.Errorf("no tile %s", one.Path())
		}
		found = append(found, data)
	}
	return
}
func (t *tiles) SaveTiles([]tlog.Tile, [][]byte) {}

func main() {
	var cases []Case
	if err := json.NewDecoder(os.Stdin).Decode(&cases); err != nil {
		panic(err)
	}
	said := map[string]string{}
	for _, c := range cases {
		said[c.Name] = "ok"
		if err := check(c); err != nil {
			said[c.Name] = err.Error()
		}
	}
	json.NewEncoder(os.Stdout).Encode(said)
}
"""


@pytest.fixture(scope="module")
def go(tmp_path_factory):
    """A program of Go's own packages that says of each case `ok` or what does not hold."""
    if shutil.which("go") is None or not (GOCODE / "src/golang.org/x/mod/sumdb/tlog").is_dir():
        pytest.skip("Go and its sumdb packages are not here: apt-get install golang-go golang-golang-x-mod-dev")
    folder = tmp_path_factory.mktemp("go")
    (folder / "main.go").write_text(PROGRAM)
    environment = {**os.environ, "GO111MODULE": "off", "GOPATH": str(GOCODE), "GOCACHE": str(folder / "cache"), "GOFLAGS": ""}
    built = subprocess.run(
        ["go", "build", "-o", folder / "check", folder / "main.go"],
        env=environment,
        capture_output=True,
        text=True,
        timeout=110,
        check=False,
    )
    assert built.returncode == 0, built.stderr

    def ask(cases):
        answer = subprocess.run([folder / "check"], input=json.dumps(cases), capture_output=True, text=True, timeout=60, check=False)
        assert answer.returncode == 0, answer.stderr
        return json.loads(answer.stdout)

    return ask


def coded(data):
    return base64.b64encode(data).decode()


@pytest.mark.timeout(240)
async def test_go_agrees_with_every_note_proof_and_tile_and_refuses_what_was_altered(tmp_path, go):
    journal, other = await opened(tmp_path / "aster"), await opened(tmp_path / "birch")
    log, clock = log_of(journal), ManualClock(1_790_000_000_000_000)
    new, heads = [], []
    for count in (1, 20, 300, 5):
        new += await journal.keep([entry() for _ in range(count)])
        heads.append((await log.checkpoint("live")).checkpoint)
    # A cosignature on the note must not disturb who knows only the log's key.
    witness = Witness(other, TestSigner("BIRCH", b"b" * 32), clock)
    for _ in range(3):
        if (given := log.submission("live", "BIRCH")) is not None:
            answer, _ = await witness.consider("ASTER", TestSigner().note_public(), given)
            await log.heard("live", "BIRCH", TestSigner("BIRCH", b"b" * 32).note_public(), answer)
    assert log.latest("live").witnesses == ("BIRCH",)
    last = heads[-1]
    key = notes.Key("tocsin/ASTER/live", notes.LOG, TestSigner().note_public()).text()
    growth = [
        {
            "Old": old.size, "Size": head.size, "OldRoot": coded(old.root), "NewRoot": coded(head.root),
            "Proof": [coded(one) for one in log.consistency("live", old.size, head.size)],
        }
        for n, old in enumerate(heads) for head in heads[n + 1 :]
    ]  # fmt: skip
    from tocsin.journal import tiles

    stored = {tile.path(): coded(log.tile("live", tile)) for tile in tiles.tiles_of(last.size) if tile.level >= 0}
    good = []
    for number, one in enumerate([new[0], new[9], new[150], new[-1]]):
        found = log.prove(one.record.id)
        file = proofs.parse(proofs.make(found, one).text().encode())
        case = {"Name": f"good {number}", "Key": key, "Note": file.note.whole(), "Entry": coded(file.extra.commitment())}
        good.append(case | {"Index": file.position, "Path": [coded(p) for p in file.path], "Tiles": stored, "Growth": growth})
    one = good[2]
    off = "".join(chr(ord(c) ^ 1) if c.isalpha() else c for c in coded(bytes(range(32))))
    first_tile = {
        path: (coded(bytes(8192)) if path == tiles.Tile(0, one["Index"] // 256).path() else data) for path, data in stored.items()
    }
    bad = {
        "key of another": {"Key": notes.Key("tocsin/ASTER/live", notes.LOG, TestSigner(seed=b"z" * 32).note_public()).text()},
        "key of another name": {"Key": notes.Key("tocsin/ASTER/lice", notes.LOG, TestSigner().note_public()).text()},
        "size in the note": {"Note": one["Note"].replace(f"\n{last.size}\n", f"\n{last.size + 1}\n")},
        "root in the note": {"Note": one["Note"].replace(coded(last.root), off)},
        "entry": {"Entry": coded(bytes(32))},
        "index": {"Index": one["Index"] + 1},
        "path cut": {"Path": one["Path"][:-1]},
        "path altered": {"Path": [coded(bytes(32)), *one["Path"][1:]]},
        "growth altered": {"Growth": [{**growth[0], "Proof": [coded(bytes(32)), *growth[0]["Proof"][1:]]}]},
        "growth from another root": {"Growth": [{**growth[0], "OldRoot": coded(bytes(32))}]},
        "tile altered": {"Tiles": first_tile},
    }
    said = go([*good, *({**one, **change, "Name": name} for name, change in bad.items())])
    assert {name: says for name, says in said.items() if name.startswith("good")} == {case["Name"]: "ok" for case in good}
    assert not [name for name in bad if said[name] == "ok"]
    assert tree.leaf_hash(b"") != tree.EMPTY
    await journal.close()
    await other.close()
