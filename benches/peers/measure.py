"""What one run of a program costs: time, CPU, memory and requests."""

import os
import pathlib
import statistics

# The operations with which the copy of a blob ends, in the emulator's words: the last one is of a large blob.
COPIES = ("PutBlobFromUrl", "CopyBlob", "CopyBlobFromUrl", "PutBlockList")


def measure(tool, emulator, log):
    """Runs a tool to its end. Requests are those of the blob plane; `operations` has them by account, name and status."""
    # What happened before is not the run's.
    busy, served, before = busy_seconds(), process_seconds(emulator.process.pid), requests(emulator)
    wall, cpu, peak = tool.run(emulator, log)
    served = process_seconds(emulator.process.pid) - served
    foreign = busy_seconds() - busy - served - cpu
    asked = {key: count - before.get(key, 0) for key, count in requests(emulator).items()}
    asked = {key: count for key, count in asked.items() if count > 0}
    total = lambda wanted: sum(count for key, count in asked.items() if wanted(*key))
    return {
        "wall_s": wall,
        "cpu_s": cpu,
        "peak_mib": peak / (1 << 20),
        "requests": total(lambda *_: True),
        "source_requests": total(lambda account, *_: account == emulator.source.name),
        "target_requests": total(lambda account, *_: account == emulator.target.name),
        "copies": total(lambda _, operation, status: operation in COPIES and status in (201, 202)),
        "refused": total(lambda _account, _operation, status: status in (429, 503)),
        "emulator_cpu_s": served,
        "foreign_cpu_share": max(0.0, foreign / (wall * os.cpu_count())),
        "operations": {" ".join(map(str, key)): count for key, count in asked.items()},
    }


def requests(emulator):
    """How often each operation of the blob plane was asked for so far."""
    rows = [row for row in emulator.stats() if row["plane"] == "blob"]
    return {(row["account"], row["operation"], row["status"]): row["count"] for row in rows}


def busy_seconds():
    """CPU seconds that the machine has worked so far."""
    user, nice, system, _, _, irq, soft, *_ = (int(field) for field in open("/proc/stat").readline().split()[1:])
    return (user + nice + system + irq + soft) / os.sysconf("SC_CLK_TCK")


def process_seconds(pid):
    """CPU seconds of a process so far."""
    fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def median(runs):
    """The median of each number."""
    numbers = [key for key, value in runs[0].items() if isinstance(value, (int, float))]
    return {key: statistics.median(run[key] for run in runs) for key in numbers}
