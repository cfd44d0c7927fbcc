#!/usr/bin/env python3
"""Measures and prints one table: figure, target beside it, the machine. Writes build/bench.json.

tools/bench.py BUILD [--quick]

Each row is the median of its repeats. --quick repeats less and drives a shorter load; it is for CI,
where other work shares the machine, and its figures are not the ones in README.md.
"""
import json
import os
import pathlib
import statistics
import subprocess
import sys
import time

# name in the table -> (program, Google Benchmark name, unit, target or None)
MICRO = [
    ("ISO 8583 pack + unpack, 16 fields, full validation", "bench_codec", "pack_and_unpack", "ns", 300),
    ("TLV walk of a field 55", "bench_codec", "walk_field_55", "ns", None),
    ("online kernel 7 tap, entry point + kernel", "bench_tap", "online_tap", "us", 20),
]
UNITS = {"ns": 1, "us": 1_000, "ms": 1_000_000}


def micro(build, quick):
    repeats = 3 if quick else 9
    by_program = {}
    for name, program, benchmark, unit, target in MICRO:
        if program not in by_program:
            run = subprocess.run(
                [build / "bin" / program, "--benchmark_format=json",
                 f"--benchmark_repetitions={repeats}",
                 f"--benchmark_min_time={0.05 if quick else 0.3}"],
                check=True, capture_output=True, text=True)
            by_program[program] = json.loads(run.stdout)["benchmarks"]
        times = [row["cpu_time"] * UNITS[row["time_unit"]] for row in by_program[program]
                 if row["run_name"] == benchmark and row["run_type"] == "iteration"]
        value = statistics.median(times) / UNITS[unit]
        yield dict(name=name, value=round(value, 2), unit=unit, target=target, repeats=len(times),
                   better="lower")


# Run as a program of its own, so that the library with the slow fsync can be loaded into it.
PROBE = """
import os, statistics, sys, time
times = []
with open(sys.argv[1], "wb", buffering=0) as file:
    for _ in range(50):
        file.write(b"x" * 4096)
        start = time.perf_counter()
        os.fdatasync(file.fileno())
        times.append((time.perf_counter() - start) * 1000)
os.unlink(sys.argv[1])
print(statistics.median(times))
"""


def fsync_ms(build, name, preload=None):
    """What one small durable write costs here, beside every figure that depends on it."""
    environment = dict(os.environ) | ({"LD_PRELOAD": str(preload)} if preload else {})
    run = subprocess.run([sys.executable, "-c", PROBE, build / "fsync-probe"], check=True,
                         capture_output=True, text=True, env=environment)
    return dict(name=name, value=round(float(run.stdout), 2), unit="ms", target=None, repeats=50,
                better="lower")


def load(build, quick, name, options):
    """Permits (core, HTTPS, policy, durable, signed), then purchases: HTTPS in, vault, MAC, durable
    twice, ISO 8583 out and back."""
    repeats = 1 if quick else 3
    rates, tails, permits, permit_tails = [], [], [], []
    for _ in range(repeats):
        run = subprocess.run([build / "bin/softpos-load", "--json"] + options
                             + (["--taps", "40"] if quick else []),
                             check=True, capture_output=True, text=True)
        row = json.loads(run.stdout.splitlines()[-1])
        rates.append(row["approved_per_second"])
        tails.append(row["p99_us"] / 1000)
        permits.append(row["permits_per_second"])
        permit_tails.append(row["permit_p99_us"] / 1000)
    yield dict(name=name, value=round(statistics.median(rates)), unit="/s", target=1000,
               repeats=repeats, better="higher")
    yield dict(name=f"{name}, p99", value=round(statistics.median(tails), 1), unit="ms",
               target=50, repeats=repeats, better="lower")
    yield dict(name=f"{name}, their permits", value=round(statistics.median(permits)), unit="/s",
               target=None, repeats=repeats, better="higher")
    yield dict(name=f"{name}, permit at the phone, p99",
               value=round(statistics.median(permit_tails), 1), unit="ms", target=None,
               repeats=repeats, better="lower")


def demo(build, quick):
    times = []
    for _ in range(1 if quick else 3):
        start = time.perf_counter()
        subprocess.run([build / "bin/softpos", "demo"], check=True, capture_output=True)
        times.append(time.perf_counter() - start)
    return dict(name="./dev demo after the build", value=round(statistics.median(times), 2), unit="s",
                target=15, repeats=len(times), better="lower")


def verdict(row):
    if row["target"] is None:
        return ""
    met = row["value"] <= row["target"] if row["better"] == "lower" else row["value"] >= row["target"]
    return "met" if met else "NOT met"


def machine():
    info = pathlib.Path("/proc/cpuinfo").read_text()
    model = next((line.split(":")[1].strip() for line in info.splitlines()
                  if line.startswith("model name")), "unknown processor")
    return f"{model}, {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f} at the start"


def main():
    build = pathlib.Path(sys.argv[1])
    quick = "--quick" in sys.argv
    print(machine())
    rows = []

    def add(row):
        rows.append(row)
        target = "" if row["target"] is None else f"{row['target']} {row['unit']}"
        print(f"{row['name']:<52} {row['value']:>10} {row['unit']:<3} {target:>10} "
              f"{verdict(row):<8} median of {row['repeats']}", flush=True)

    print(f"{'figure':<52} {'value':>10}     {'target':>10}")
    for row in micro(build, quick):
        add(row)
    add(fsync_ms(build, "fdatasync of 4 KiB on this disk"))
    for row in load(build, quick, "purchases end to end", []):
        add(row)
    # Each fsync and fdatasync of vault and server lasts 3 ms longer; see bench/slow_sync.c.
    add(fsync_ms(build, "fdatasync of 4 KiB, emulated",
                 (build / "bin/slow_sync.so").resolve()))
    for row in load(build, quick, "purchases with 3 ms fsync, emulated", ["--slow-sync"]):
        add(row)
    add(demo(build, quick))
    keys = ("name", "value", "unit", "target", "repeats")
    out = pathlib.Path("build/bench.json")
    out.write_text(json.dumps([{key: row[key] for key in keys} for row in rows], indent=1) + "\n")
    print(f"written to {out}")


if __name__ == "__main__":
    main()
