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

# Of one Google Benchmark a row. A figure in ns, us or ms is a time of the benchmark or one of its
# counters that ends in that unit; one in /s is how many items went through in a second.
MICRO = [
    # name in the table, program, Google Benchmark name, field, unit, target or None
    ("ISO 8583 pack + unpack, 16 fields, full validation", "bench_codec", "pack_and_unpack",
     "cpu_time", "ns", 300),
    ("TLV walk of a field 55", "bench_codec", "walk_field_55", "cpu_time", "ns", None),
    ("messages with MAC checked and made, no storage, a core", "bench_switch",
     "mac_verified_messages", "items_per_second", "/s", 10_000),
    ("host echo, 32 connections, processor of the host's thread", "bench_switch",
     "host_echo/32/real_time", "host_cpu_ns", "us", 8),
    ("postings made durable, grouped", "bench_store", "durable_postings/256/real_time",
     "items_per_second", "/s", 15_000),
    ("online kernel 7 tap, entry point + kernel", "bench_tap", "online_tap", "cpu_time", "us", 20),
    ("call to softpos-trusted, there and back", "bench_trust",
     "status_over_the_socket/real_time", "real_time", "us", 30),
    ("PINs, AES-DUKPT to zone key, a core", "bench_vault", "translate_pins",
     "items_per_second", "/s", 300_000),
    ("the same with base keys in SoftHSM", "bench_vault", "translate_pins_token",
     "items_per_second", "/s", None),
    ("the same over the vault's socket, one caller", "bench_vault",
     "translate_pins_socket/real_time", "items_per_second", "/s", None),
    ("the same through the vault's door, one caller", "bench_vault",
     "translate_pins_door/real_time", "items_per_second", "/s", None),
    ("a day of 1,000,000 lines compared three ways", "bench_reconcile",
     "compare_day/iterations:1/real_time", "real_time", "ms", 5_000),
    ("the same, memory of the process at most", "bench_reconcile",
     "compare_day/iterations:1/real_time", "peak_mb", "MB", 500),
    ("permits, 10,000 terminals, 500 a second, p99", "bench_permit",
     "permits_at_a_rate/500/iterations:5000/real_time", "p99_us", "ms", 5),
    ("permits, 10,000 terminals, 500 a second, median", "bench_permit",
     "permits_at_a_rate/500/iterations:5000/real_time", "p50_us", "ms", None),
    ("permits, 10,000 terminals, 8 at a time, p99", "bench_permit",
     "durable_permits/8/iterations:5000/real_time", "p99_us", "ms", 5),
    ("permits, 10,000 terminals, 8 at a time", "bench_permit",
     "durable_permits/8/iterations:5000/real_time", "items_per_second", "/s", None),
    ("permits, 10,000 terminals, 64 at a time", "bench_permit",
     "durable_permits/64/iterations:5000/real_time", "items_per_second", "/s", None),
]
UNITS = {"ns": 1, "us": 1_000, "ms": 1_000_000, "/s": 1, "MB": 1}


class Programs:
    """Runs each program once and keeps what it measured."""

    def __init__(self, build, quick):
        self.build, self.quick, self.runs = build, quick, {}

    def values(self, program, benchmark, field, unit):
        """One value a repeat."""
        if program not in self.runs:
            run = subprocess.run(
                [self.build / "bin" / program, "--benchmark_format=json",
                 f"--benchmark_repetitions={3 if self.quick else 9}",
                 f"--benchmark_min_time={0.05 if self.quick else 0.3}",
                 # Repeats of two figures that are compared see the same moods of the machine.
                 "--benchmark_enable_random_interleaving=true",
                 f"--benchmark_filter={FILTERS.get(program, '.')}"],
                check=True, stdout=subprocess.PIPE, text=True,
                # A tenth of the day, where there is no time to make a whole one.
                env=dict(os.environ) | ({"BENCH_LINES": "100000"} if self.quick else {}))
            self.runs[program] = json.loads(run.stdout)["benchmarks"]
        rows = [row for row in self.runs[program]
                if row["run_name"] == benchmark and row["run_type"] == "iteration"]
        if field.endswith("_time"):
            return [row[field] * UNITS[row["time_unit"]] / UNITS[unit] for row in rows]
        own = field.rsplit("_", 1)[-1]
        return [row[field] * UNITS.get(own, 1) / UNITS[unit] for row in rows]


# The other benchmarks of these programs make no row, and some of them take long.
FILTERS = {"bench_vault": "^translate_pins(_token$|_(socket|door)/|$)", "bench_permit": "^(durable_permits/(8|64)|permits_at_a_rate/500)/",
           "bench_store": "^durable_postings/"}


def micro(programs):
    for name, program, benchmark, field, unit, target in MICRO:
        values = programs.values(program, benchmark, field, unit)
        digits = 0 if unit == "/s" else 2
        if programs.quick:
            name = name.replace("1,000,000 lines", "100,000 lines")
        yield dict(name=name, value=round(statistics.median(values), digits or None), unit=unit,
                   target=target, repeats=len(values),
                   better="higher" if unit == "/s" else "lower")


def attestation(programs):
    """The whole verdict in units of the signatures that it cannot do without, of one run."""
    whole = programs.values("bench_attest", "judge_android_chain", "cpu_time", "us")
    bare = programs.values("bench_attest", "its_signatures_alone", "cpu_time", "us")
    yield dict(name="verdict on an Android key chain", value=round(statistics.median(whole), 1),
               unit="us", target=None, repeats=len(whole), better="lower")
    yield dict(name="the same / its four signatures alone",
               value=round(statistics.median(whole) / statistics.median(bare), 2), unit="x",
               target=1.3, repeats=len(whole), better="lower")


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
    yield dict(name=name, value=round(statistics.median(rates)), unit="/s",
               target=1000 if options else 2000, repeats=repeats, better="higher")
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
    programs = Programs(build, quick)
    for row in micro(programs):
        add(row)
    for row in attestation(programs):
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
