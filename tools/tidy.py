#!/usr/bin/env python3
"""House rules that no compiler checks. Prints FILE:LINE: RULE: what to do; exits 1 if there are any.

tools/tidy.py               the whole tree
tools/tidy.py --self-test   that every rule still fires
"""
import pathlib
import re
import sys
import tempfile

FILE_LINES_MAX = 600
FUNCTION_LINES_MAX = 70
COLUMNS_MAX = 100

# (rule, pattern, path prefixes where it is allowed, what to do instead)
BANNED = [
    ("assert", r"\bassert\(", (), "CHECK for our own mistakes, Result for bad input"),
    ("unfinished", r"\b(TODO|FIXME|XXX|HACK)\b", (), "finish it"),
    ("exception", r"\b(throw|catch)\b",
     ("src/net/", "src/platform/store/", "src/crypto/", "src/codec/json", "src/app/"),
     "return a Result"),
    ("parse", r"\b(atoi|atol|strtol|strtoul|sscanf|std::sto[a-z]+)\b", (), "std::from_chars"),
    ("clock", r"\b(system_clock|steady_clock)::now\b",
     ("src/base/clock", "src/net/", "bench/"), "take a Clock&"),
    ("random", r"\bstd::(rand|mt19937|random_device)\b", (), "Random& or Prng"),
    ("sleep", r"\b(sleep_for|sleep_until|usleep|nanosleep)\b", ("bench/",), "wait for the event itself"),
    ("money", r"\b(float|double)\b", ("bench/", "src/app/", "src/base/geo"), "Money: integer minor units"),
    ("asio", r"#include <boost/(asio|beast)", ("src/net/",), "keep the network inside src/net"),
    ("openssl", r"#include <openssl/", ("src/crypto/", "src/net/"), "keep OpenSSL inside src/crypto"),
    ("sql", r"#include <(sqlite3|libpq)", ("src/platform/store/",),
     "keep the database inside src/platform/store"),
    ("pcsc", r"#include <(winscard|PCSC|pcsclite)", ("src/phone/hw/",),
     "keep reader libraries inside src/phone/hw"),
    ("pkcs11", r"#include <p11-kit/", ("src/platform/token/",),
     "keep the token's library inside src/platform/token"),
    ("tss", r"#include <tss2/", ("src/phone/hw/",), "keep the TPM library inside src/phone/hw"),
    ("expat", r"#include <expat", ("src/codec/xml/",), "keep the XML library inside src/codec/xml"),
    ("console", r"\bstd::(cout|cerr)\b|<iostream>", ("src/app/",), "the log"),
]

# What may not stand in a header, because every includer would pay for it.
HEAVY = (r"#include <(boost/(asio|beast|json)|openssl/|expat|sqlite3|winscard|tss2/"
         r"|p11-kit/|CLI/)")


def code_of(line):
    """The line without comment and without the inside of strings."""
    return re.sub(r'"(\\.|[^"\\])*"', '""', line).split("//")[0]


def check_lines(name, lines):
    if not lines or not lines[0].startswith(("//", "/*")):
        yield 1, "purpose", "the first line is a comment that says what the file is for"
    if len(lines) > FILE_LINES_MAX:
        yield FILE_LINES_MAX, "file-length", f"{len(lines)} lines; split it by subject"
    for number, line in enumerate(lines, 1):
        if len(line) > COLUMNS_MAX:
            yield number, "columns", f"{len(line)} columns; at most {COLUMNS_MAX}"
        unfinished = re.search(r"//.*\b(TODO|FIXME|XXX|HACK)\b", line)
        text = line if "#include" in line or unfinished else code_of(line)
        for rule, pattern, allowed, instead in BANNED:
            if re.search(pattern, text) and not name.startswith(tuple(allowed)):
                yield number, rule, f"use {instead}" if rule != "unfinished" else instead
        if name.endswith(".h") and re.match(HEAVY, line):
            yield number, "heavy-header", "include it in the .cc and hide it behind a pointer"


def check_functions(lines):
    """A body opens in column 0 or 4 with '{' last on the line and closes at the same indent."""
    opened = {}
    for number, line in enumerate(lines, 1):
        indent = len(line) - len(line.lstrip())
        opens = line.rstrip().endswith("{")
        if opens and not re.match(r"\s*(namespace|class|struct|enum|union|extern)\b", line):
            if indent in (0, 4) and re.search(r"\)[\w\s>:*&-]*\{$", line.rstrip()):
                opened[indent] = number
        elif line.strip().startswith("}") and indent in (0, 4):
            start = opened.pop(indent, None)
            if indent == 0:
                start = start or opened.get(4)  # The end of an initialiser list opened it.
                opened.clear()
            if start and number - start + 1 > FUNCTION_LINES_MAX and line.strip() == "}":
                yield start, "function-length", f"{number - start + 1} lines; at most 70"


def check_coroutines(lines):
    """Forms of co_await that g++ 12 miscompiles; see docs/style.md, "Coroutines"."""
    statement, start = "", 0
    for number, line in enumerate(lines, 1):
        statement, start = f"{statement} {code_of(line)}", start or number
        if not re.search(r"[;{}]\s*$", line):
            continue
        before, awaits, awaited = statement.partition("co_await")
        if awaits and re.search(r"\b(if|for|while|switch)\b[^{]*$", before):
            yield start, "co-await-place", "not in a condition: const auto x = co_await ...;"
        if awaits and re.search(r"\[[^\]]+\]\s*[({]|[\w>(,]\s*\{", awaited):
            yield start, "co-await-temporary", "name the lambda or braced object first, then move it"
        if awaits and "TRY(" in statement:
            yield start, "co-await-try", "TRY is not for coroutines"
        statement, start = "", 0


def modules_of(root):
    """Folder below src/ -> (module, NEEDS, TESTS_NEED), from each CMakeLists.txt."""
    modules = {}
    for listing in sorted((root / "src").glob("**/CMakeLists.txt")):
        call = re.search(r"softpos_module\((\w+)([^)]*)\)", listing.read_text())
        if not call:
            continue
        lists, current = {"NEEDS": [], "TESTS_NEED": [], "LINKS": []}, None
        for word in call.group(2).split():
            if word in lists:
                current = word
            elif current:
                lists[current].append(word)
        folder = listing.parent.relative_to(root / "src").as_posix()
        modules[folder] = (call.group(1), lists["NEEDS"], lists["TESTS_NEED"])
    return modules


def folder_of(path, modules):
    """The module folder that a path relative to src/ lies in, or None (src/app, foreign)."""
    folder = pathlib.PurePosixPath(path).parent.as_posix()
    return folder if folder in modules else None


def check_includes(name, lines, modules):
    home = folder_of(name.removeprefix("src/"), modules)
    if home is None:
        return
    module, needs, tests_need = modules[home]
    is_test = re.search(r"_test(_\w+)?\.(h|cc)$", name)
    allowed = {module, *needs, *(tests_need if is_test else ())}
    for number, line in enumerate(lines, 1):
        target = re.match(r'#include "([\w/]+/)[\w.]+"', line)
        if not target:
            continue
        folder = target.group(1).rstrip("/")
        if folder not in modules:
            yield number, "direction", f"{folder} is not a module"
        elif modules[folder][0] not in allowed:
            yield number, "direction", f"{module} does not name {modules[folder][0]} in its NEEDS"


def check_walls(modules):
    """No cycles; phone and platform never need each other, and neither needs the world."""
    wing = {name: folder.split("/")[0] for folder, (name, _, _) in modules.items()}
    needs = {name: needed for name, needed, _ in modules.values()}
    for name, needed in needs.items():
        for other in needed:
            pair = (wing.get(name), wing.get(other))
            if pair in (("phone", "platform"), ("platform", "phone"), ("phone", "world"),
                        ("platform", "world")):
                yield 1, "wall", f"{name} ({pair[0]}) needs {other} ({pair[1]})"

    def walk(name, path):
        if name in path:
            if path[0] == name == min(path):
                yield 1, "cycle", " -> ".join([*path, name])
            return
        for other in needs.get(name, ()):
            yield from walk(other, [*path, name])

    for name in sorted(needs):
        yield from walk(name, [])


def check_specs(lines, known):
    for number, line in enumerate(lines, 1):
        comment = line.partition("//")[2]
        if "Spec:" not in comment:
            continue
        for reference in re.findall(r"\[([A-Z][A-Za-z0-9.-]+)\]", comment):
            if reference not in known:
                yield number, "spec", f"[{reference}] is not in docs/spec/index.md"


def check_tree(root):
    modules = modules_of(root)
    index = root / "docs/spec/index.md"
    known = set(re.findall(r"\[([A-Za-z0-9.-]+)\]", index.read_text())) if index.exists() else set()
    problems = [("src", *row) for row in check_walls(modules)]
    for folder in ("src", "fuzz", "bench", "include", "examples"):
        for path in sorted((root / folder).glob("**/*")):
            if path.suffix not in (".h", ".cc", ".c"):
                continue
            name, lines = path.relative_to(root).as_posix(), path.read_text().splitlines()
            checks = [check_lines(name, lines), check_functions(lines), check_coroutines(lines),
                      check_specs(lines, known)]
            if folder == "src":
                checks.append(check_includes(name, lines, modules))
            problems += [(name, *row) for check in checks for row in check]
    return problems


def self_test():
    good = "// Purpose.\n#pragma once\n"
    bad = {
        "purpose": "#pragma once\n",
        "columns": good + "//" + "x" * 100 + "\n",
        "file-length": good + "\n" * FILE_LINES_MAX,
        "function-length": good + "void f() {\n" + "    g();\n" * 70 + "}\n",
        "money": good + "double price;\n",
        "exception": good + "void f() { throw 1; }\n",
        "sleep": good + "void f() { sleep_for(x); }\n",
        "openssl": good.replace("once", "once ") + "",
        "direction": good + '#include "platform/pay/sale.h"\n',
        "spec": good + "// Spec: [EMV-B9] 1.\n",
        "co-await-temporary": good + "auto x = co_await f([y] { return y; });\n",
        "co-await-place": good + "while (co_await f()) {\n}\n",
        "co-await-try": good + "auto x = TRY(co_await f());\n",
        "unfinished": good + "// TODO\n",
        "heavy-header": good + "#include <CLI/CLI.hpp>\n",
        "wall": good,
        "cycle": good,
    }
    del bad["openssl"]
    needs = {"wall": "sale", "cycle": "codec"}
    good_text = good + 'auto s = "double"; auto x = co_await f(std::move(o));\n'
    for rule, text in [*bad.items(), (None, good_text)]:
        with tempfile.TemporaryDirectory() as folder:
            root = pathlib.Path(folder)
            for name, where in (("codec", "phone/codec"), ("sale", "platform/pay")):
                (root / "src" / where).mkdir(parents=True)
                needed = needs.get(rule, "base") if name == "codec" else "base"
                (root / "src" / where / "CMakeLists.txt").write_text(
                    f"softpos_module({name} NEEDS {needed})")
            (root / "src/phone/codec/x.h").write_text(text)
            found = {row[2] for row in check_tree(root)}
        assert found == ({rule} if rule else set()), (rule, found)
    print(f"{len(bad) + 1} passed, 0 failed")


if __name__ == "__main__":
    if "--self-test" in sys.argv:
        sys.exit(self_test())
    rows = check_tree(pathlib.Path(__file__).resolve().parent.parent)
    for file_name, number, rule, message in rows:
        print(f"{file_name}:{number}: {rule}: {message}")
    sys.exit(1 if rows else 0)
