"""Whole storage accounts (`service = "blobs"`): mediamirror beside azcopy and rclone, the first run and a second one."""

import dataclasses
import json
import os
import pathlib
import sys
import tempfile

import tools
from measure import measure, median
from services import Emulator

RESULTS = pathlib.Path(__file__).resolve().parent / "results-accounts.json"
LATENCIES_MS = (20, 60)
# What grows with the number of containers, so that a run over a part of them tells what all would take.
SCALED = ("wall_s", "cpu_s", "requests", "source_requests", "target_requests", "copies", "emulator_cpu_s")


@dataclasses.dataclass
class Case:
    """An account of so many containers with so many blobs each, of 64 KiB unless it says another size."""

    containers: int
    blobs: int
    # The first runs, each with what runs after it on the same accounts, where nothing has changed.
    ours: list
    peers: list
    # The containers that the peers' library has; their numbers are multiplied.
    peers_containers: int = 0
    # Bytes of each blob, and how fast the service copies the bytes of a request, and those of all requests to the account;
    # 0 = in no time.
    blob_bytes: int = 0
    copy_bytes_per_second: int = 0
    account_copy_bytes_per_second: int = 0
    # Bars against the better peer: what, and the most it may be.
    first_bars: tuple = ()
    # Bars of the wall time against that one.
    again_bars: tuple = ()

    @property
    def name(self):
        size = f" of {self.blob_bytes >> 30} GiB" if self.blob_bytes else ""
        return f"{self.containers} containers x {self.blobs}{size}"


CASES = [
    Case(
        500,
        20,
        ours=[(tool, [tool]) for tool in tools.ACCOUNT_OURS],
        peers=[
            (tools.ACCOUNT_AZCOPY, [tools.AGAIN_AZCOPY]),
            (tools.ACCOUNT_RCLONE, [tools.ACCOUNT_RCLONE, tools.AGAIN_RCLONE]),
        ],
        first_bars=(("wall_s", 1 / 8), ("cpu_s", 1 / 5), ("peak_mib", 1 / 2)),
        again_bars=((tools.AGAIN_AZCOPY, 1 / 8), (tools.AGAIN_RCLONE, 1 / 8), (tools.ACCOUNT_RCLONE, 1 / 8)),
    ),
    Case(
        5000,
        2,
        ours=[(tool, []) for tool in tools.ACCOUNT_OURS],
        peers=[(tools.ACCOUNT_AZCOPY, []), (tools.ACCOUNT_RCLONE, [])],
        peers_containers=500,
        first_bars=(("wall_s", 1 / 15),),
    ),
    Case(
        2,
        20_000,
        ours=[(tools.ACCOUNT_OURS[0], [])],
        peers=[(tools.ACCOUNT_AZCOPY, []), (tools.ACCOUNT_RCLONE, [])],
        first_bars=(("wall_s", 1 / 4),),
    ),
    Case(
        10,
        1,
        ours=[(tools.ACCOUNT_OURS[0], [])],
        peers=[(tools.ACCOUNT_AZCOPY, []), (tools.ACCOUNT_RCLONE, [])],
        blob_bytes=4 << 30,
        copy_bytes_per_second=60_000_000,
        # 25 Gbit/s, what an account takes by default in most regions.
        account_copy_bytes_per_second=3_125_000_000,
        first_bars=(("wall_s", 1.1), ("cpu_s", 1 / 8), ("peak_mib", 1)),
    ),
]
# Requests for each blob of a first run, and for each container and side of a second one, in the first case.
MOST_REQUESTS = 1.10
MOST_REQUESTS_AGAIN = 1.0
# What a run asks for itself, however many containers there are: the list of containers, permissions, and the lock in the target.
OWN_REQUESTS = 8


def run(rounds, only, wanted):
    """Measures the cases whose name contains `wanted`; the results are stored after each case, as a round takes long."""
    cases = [case for case in CASES if wanted in case.name]
    if not cases:
        raise SystemExit(f"no case has {wanted!r} in its name; the cases are: {', '.join(case.name for case in CASES)}")
    rows = {}
    for number in range(rounds):
        for latency in LATENCIES_MS:
            for case in cases:
                for step in steps(case, only):
                    for key, found in measure_step(case, latency, *step):
                        rows.setdefault((latency, case.name, *key), []).append(found)
                        show(f"round {number + 1}, {latency} ms, {case.name}: {key[1]}", found)
                store(rows, rounds)
    print_table(store(rows, rounds))


def steps(case, only):
    """All tools of a case by turns, so that a disturbance of the machine hits all alike."""
    for first, again in case.ours:
        if only in first.label:
            yield first, again, case.containers
    for first, again in case.peers:
        if only in first.label:
            yield first, again, case.peers_containers or case.containers


def measure_step(case, latency, first, again, containers):
    """A first run on a fresh target, then second ones: each with its key (when, what) and its numbers."""
    sizes = case.blob_bytes or "small"
    library = f"assets={containers},blobs={case.blobs},seed=1,sizes={sizes},awkward=false,real=false,published=false"
    with tempfile.TemporaryDirectory() as folder, open(pathlib.Path(folder) / "log", "w") as log:
        with Emulator(folder, library, latency, copy_speeds=(case.copy_bytes_per_second, case.account_copy_bytes_per_second)) as emulator:
            found = measure(first, emulator, log)
            if found["copies"] != containers * case.blobs:
                raise SystemExit(f"{first.label} copied {found['copies']} of {containers * case.blobs} blobs")
            yield ("first", first.label), scaled(found, case, first, containers)
            for tool in again:
                found = measure(tool, emulator, log)
                if found["copies"] and tool is not tools.AGAIN_RCLONE:
                    raise SystemExit(f"{tool.label} copied {found['copies']} blobs although nothing changed")
                yield ("again", tool.label), scaled(found, case, tool, tool.containers or containers)


def scaled(found, case, tool, containers):
    """What all containers of the case would take."""
    factor = case.containers / containers
    wanted = {key: value * factor if key in SCALED else value for key, value in found.items()}
    return wanted | {"family": tool.family, "measured_containers": containers}


def store(rows, rounds):
    medians = [
        {
            "latency_ms": latency,
            "case": case,
            "run": when,
            "tool": label,
            "family": found[0]["family"],
            "measured_containers": found[0]["measured_containers"],
            **median(found),
            "runs": found,
        }
        for (latency, case, when, label), found in rows.items()
    ]
    result = {
        "rounds": rounds,
        "machine": {"cores": os.cpu_count(), "load": os.getloadavg()},
        "versions": tools.versions(),
        "medians": medians,
        "bars": [bar for latency in LATENCIES_MS for case in CASES for bar in bars(medians, latency, case)],
    }
    RESULTS.write_text(json.dumps(result, indent=1) + "\n")
    return result


def bars(medians, latency, case):
    """Each bar of a case: what was measured, what is asked, and whether it is met. Held against the default settings."""
    own, found = tools.ACCOUNT_OURS[0].label, []

    def add(name, measured, most):
        # As precise as it is shown.
        met = round(measured, 4) <= most
        found.append({"latency_ms": latency, "case": case.name, "bar": name, "measured": measured, "at_most": most, "met": met})

    def rows(when):
        found = [row for row in medians if (row["latency_ms"], row["case"], row["run"]) == (latency, case.name, when)]
        ours = next((row for row in found if row["tool"] == own), None)
        return ours, {row["tool"]: row for row in found if row["family"] != "mediamirror"}

    ours, peers = rows("first")
    if ours and peers:
        for key, most in case.first_bars:
            add(f"first, {NAMES[key]} / better peer", ours[key] / min(row[key] for row in peers.values()), most)
    if ours and case is CASES[0]:
        add("first, requests a blob", ours["requests"] / (case.containers * case.blobs), MOST_REQUESTS)
    ours, peers = rows("again")
    if ours:
        for tool, most in case.again_bars:
            if tool.label in peers:
                add(f"again, wall / {tool.label.split(',')[0]}", ours["wall_s"] / peers[tool.label]["wall_s"], most)
    if ours and case is CASES[0]:
        sides = max(ours["source_requests"], ours["target_requests"])
        add("again, requests a container and side", (sides - OWN_REQUESTS) / case.containers, MOST_REQUESTS_AGAIN)
    return found


NAMES = {"wall_s": "wall", "cpu_s": "CPU", "peak_mib": "memory"}


def show(label, row):
    """One run, while the others still go on."""
    text = f"{row['wall_s']:.2f} s, CPU {row['cpu_s']:.2f} s, {row['peak_mib']:.0f} MiB, {row['requests']:.0f} requests"
    print(f"{label}: {text}, others {row['foreign_cpu_share']:.0%}", file=sys.stderr)


def print_table(result):
    foreign = [run["foreign_cpu_share"] for row in result["medians"] for run in row["runs"]]
    print(f"{'medians' if result['rounds'] > 1 else 'one round'}; requests are for each blob; * from a part of the containers")
    print(f"other programs took {min(foreign):.0%} to {max(foreign):.0%} of the machine meanwhile")
    for latency in LATENCIES_MS:
        for case in CASES:
            if not any((row["latency_ms"], row["case"]) == (latency, case.name) for row in result["medians"]):
                continue
            print(f"\n{f'{case.name}, {latency} ms a request':41}{'wall s':>9}{'CPU s':>8}{'peak MiB':>10}{'requests':>10}")
            for row in result["medians"]:
                if (row["latency_ms"], row["case"]) != (latency, case.name):
                    continue
                label = ("  " if row["run"] == "first" else "  again: ") + row["tool"].replace("again: ", "")
                part = "*" if row["measured_containers"] != case.containers else " "
                requests = row["requests"] / (case.containers * case.blobs)
                numbers = f"{row['wall_s']:>8.2f}{part}{row['cpu_s']:>8.2f}{row['peak_mib']:>10.1f}{requests:>10.3f}"
                print(f"{label:41}{numbers}")
            for bar in result["bars"]:
                if (bar["latency_ms"], bar["case"]) == (latency, case.name):
                    missed = "" if bar["met"] else "   NOT MET"
                    print(f"    {bar['bar']:37}{bar['measured']:>8.3f}   at most {bar['at_most']:.3g}{missed}")
