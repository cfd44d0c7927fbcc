#!/usr/bin/env python3
"""Runs clang-tidy 19 over the sources, remembering which were clean.

A file is checked again when it, a header below src/ that it includes (directly or not), .clang-tidy
or its compile command has changed. Verdicts are kept in BUILD/clang-tidy/.

tools/clang_tidy.py BUILD [--deep] [FILE...]

Tests are left out: they are checked by running. --deep adds slow checks and keeps no verdicts.
"""
import concurrent.futures
import hashlib
import json
import os
import pathlib
import re
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
INCLUDE = re.compile(r'^\s*#include "([^"]+)"', re.M)


def closure(path, seen):
    """Every file of ours that this one reads."""
    if path in seen or not path.exists():
        return seen
    seen.add(path)
    for name in INCLUDE.findall(path.read_text()):
        for base in (ROOT / "src", ROOT / "include", path.parent):
            closure(base / name, seen)
    return seen


def fingerprint(entry):
    digest = hashlib.sha256(entry["command"].encode())
    path = pathlib.Path(entry["file"])
    configs = [folder / ".clang-tidy" for folder in [path.parent, *path.parent.parents]]
    for used in sorted(closure(path, set())) + [c for c in configs if c.exists()]:
        digest.update(used.read_bytes())
    return digest.hexdigest()


DEEP = ("--checks=bugprone-*,-bugprone-easily-swappable-parameters,-bugprone-macro-parentheses,"
        "-bugprone-implicit-widening-of-multiplication-result,clang-analyzer-*,concurrency-*,"
        "performance-*,-performance-enum-size,misc-redundant-expression,modernize-use-nullptr")


def check(entry, build, cache, deep):
    path = pathlib.Path(entry["file"])
    mark = cache / fingerprint(entry)
    if mark.exists() and not deep:
        return path, 0, ""
    run = subprocess.run(
        ["clang-tidy-19", "-p", str(build), "--quiet", *([DEEP] if deep else []), str(path)],
        capture_output=True, text=True,
    )
    if run.returncode == 0 and not deep:
        mark.touch()
    return path, run.returncode, run.stdout


def main():
    build = pathlib.Path(sys.argv[1])
    deep = "--deep" in sys.argv
    names = [name for name in sys.argv[2:] if name != "--deep"]
    only = {str((ROOT / name).resolve()) for name in names}
    entries = json.loads((build / "compile_commands.json").read_text())
    entries = [e for e in entries if e["file"].endswith(".cc") and (not only or e["file"] in only)]
    entries = [e for e in entries if "/src/" in e["file"] and not e["file"].endswith("_test.cc")]
    entries = list({e["file"]: e for e in entries}.values())  # Some sources are in two programs.
    cache = build / "clang-tidy"
    cache.mkdir(exist_ok=True)
    failed = 0
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        jobs = [pool.submit(check, entry, build, cache, deep) for entry in entries]
        for count, job in enumerate(concurrent.futures.as_completed(jobs), 1):
            path, code, text = job.result()
            if code:
                failed += 1
                print(text)
            if sys.stdout.isatty():
                print(f"\r{count}/{len(jobs)} {path.name:40.40}", end="", flush=True)
    print(f"clang-tidy: {len(entries) - failed} files clean, {failed} not")
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
