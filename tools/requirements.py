#!/usr/bin/env python3
"""Writes docs/requirements.md: which test shows which requirement.

The requirements are docs/requirements.json. A test says what it shows right above itself:

    // Shows: A13, MPOC-1A-ISOLATED
    TEST(Gate, MemoryIsClosedToItsOwnUserAndToOthers) {

In a fuzz target the line stands above LLVMFuzzerTestOneInput, in a benchmark above BENCHMARK: what asks
for a figure is shown by what measures it.

tools/requirements.py               write it again
tools/requirements.py --check       fail where it is not what would be written
tools/requirements.py --self-test   that mistakes are found
"""
import json
import pathlib
import re
import sys
import tempfile

LIST, TABLE = "docs/requirements.json", "docs/requirements.md"
TAG = re.compile(r"// Shows:\s*(.*)")
TEST = re.compile(r"TEST(?:_F|_P)?\((\w+), (\w+)\)")
FUZZ = "int LLVMFuzzerTestOneInput("
BENCH = re.compile(r"BENCHMARK\((\w+)\)")
SHOWN, IN_PART, NOT_YET = "shown", "in part", "not yet"


class Mistake(Exception):
    """What a person has to put right, as FILE:LINE: RULE: what."""


def tests_of(name, lines):
    """(test, ids) for each test of a file that has a tag."""
    ids, at = [], 0
    for number, line in enumerate(lines, 1):
        tag, test, bench = TAG.match(line), TEST.match(line), BENCH.match(line)
        if tag:
            ids, at = ids + re.split(r",\s*", tag.group(1).strip()), number
        elif ids and test:
            yield f"{test.group(1)}.{test.group(2)}", ids, at
            ids = []
        elif ids and bench:
            yield bench.group(1), ids, at
            ids = []
        elif ids and FUZZ in line:
            yield pathlib.PurePosixPath(name).stem, ids, at
            ids = []
        elif ids:
            raise Mistake(f"{name}:{at}: shows: the next line is no test")
        elif TAG.search(line):
            raise Mistake(f"{name}:{number}: shows: a tag has its line to itself")
    if ids:
        raise Mistake(f"{name}:{at}: shows: there is no test behind it")


def collect(root, known):
    """Requirement id -> [(test, file)] in the order of the files."""
    shown = {one: [] for one in known}
    files = [*root.glob("src/**/*_test.cc"), *root.glob("tests/**/*_test.cc"),
             *root.glob("fuzz/fuzz_*.cc"), *root.glob("bench/bench_*.cc")]
    for path in sorted(files):
        name = path.relative_to(root).as_posix()
        for test, ids, at in tests_of(name, path.read_text().splitlines()):
            for one in dict.fromkeys(ids):
                if one not in known:
                    raise Mistake(f"{name}:{at}: shows: {one} is not in {LIST}")
                shown[one].append((test, name))
    return shown


def state_of(requirement, tests):
    if not tests:
        return NOT_YET
    return IN_PART if "missing" in requirement else SHOWN


def row(requirement, tests):
    state = state_of(requirement, tests)
    words = f"**{state}**" if state == SHOWN else state
    if "missing" in requirement:
        words += f": {requirement['missing']}"
    links = "<br>".join(f"[{test}](../{name})" for test, name in tests) or "-"
    return f"| **{requirement['id']}** {requirement['text']} | {requirement['source']} " \
           f"| {links} | {words} |"


def render(listing, shown):
    out = ["# Requirements and the tests that show them", "",
           "Written by `tools/requirements.py` out of `docs/requirements.json` and the `// Shows:` "
           "lines above the tests.",
           "Change those, not this file; `./dev tidy` fails where it is stale.", "",
           *listing["note"], ""]
    counts, sections = [], []
    total = dict.fromkeys((SHOWN, IN_PART, NOT_YET), 0)
    for group in listing["groups"]:
        count = dict.fromkeys(total, 0)
        for one in group["requirements"]:
            count[state_of(one, shown[one["id"]])] += 1
        total = {state: total[state] + count[state] for state in total}
        counts.append(f"| {group['title']} | " + " | ".join(map(str, count.values())) + " |")
        sections += ["", f"## {group['title']}", "", *group["note"], "",
                     "| requirement | source | tests | state |", "|---|---|---|---|"]
        sections += [row(one, shown[one["id"]]) for one in group["requirements"]]
    counts.append("| all | " + " | ".join(map(str, total.values())) + " |")
    out += [f"| | {SHOWN} | {IN_PART} | {NOT_YET} |", "|---|---|---|---|", *counts, *sections]
    return "\n".join(out) + "\n"


def table_of(root):
    listing = json.loads((root / LIST).read_text())
    ids = [one["id"] for group in listing["groups"] for one in group["requirements"]]
    for one in ids:
        if ids.count(one) > 1 or not re.fullmatch(r"[A-Z0-9][A-Z0-9.-]*", one):
            raise Mistake(f"{LIST}:1: id: {one} is there twice or has another form")
    return render(listing, collect(root, ids))


def self_test():
    listing = {"note": [], "groups": [{"title": "T", "note": [], "requirements": [
        {"id": "A1", "text": "a", "source": "s"}, {"id": "A2", "text": "b", "source": "s"},
        {"id": "A3", "text": "c", "source": "s", "missing": "half"}]}]}
    cases = [("// Shows: A1, A3\nTEST(X, Y) {\n", "| T | 1 | 1 | 1 |"),
             ("// Shows: A1\n// Shows: A2\nTEST_P(X, Y) {\n", "| T | 2 | 0 | 1 |"),
             ("// Shows: A1\nBENCHMARK(x)->Arg(1);\n", "| T | 1 | 0 | 2 |"),
             ("// Shows: A1\nTEST(X, Y) {\nTEST(X, Z) {\n", "| T | 1 | 0 | 2 |"),
             ("// Shows: A9\nTEST(X, Y) {\n", None), ("// Shows: A1\n\nTEST(X, Y) {\n", None),
             ("TEST(X, Y) {  // Shows: A1\n", None), ("// Shows: A1\n", None)]
    for text, expected in cases:
        with tempfile.TemporaryDirectory() as folder:
            root = pathlib.Path(folder)
            (root / "src").mkdir()
            (root / "docs").mkdir()
            (root / LIST).write_text(json.dumps(listing))
            (root / "src/x_test.cc").write_text(text)
            try:
                table = table_of(root)
            except Mistake:
                table = None
        assert (table is None) if expected is None else expected in (table or ""), text
    print(f"{len(cases)} passed, 0 failed")


def main(arguments):
    if "--self-test" in arguments:
        return self_test()
    root = pathlib.Path(__file__).resolve().parent.parent
    try:
        text = table_of(root)
    except Mistake as mistake:
        print(mistake)
        return 1
    table = root / TABLE
    if "--check" not in arguments:
        table.write_text(text)
    elif not table.exists() or table.read_text() != text:
        print(f"{TABLE}:1: stale: run tools/requirements.py")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
