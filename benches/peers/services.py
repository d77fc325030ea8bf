"""The emulator as a process of its own on loopback, and the few requests this bench sends to it itself."""

import base64
import hashlib
import hmac
import http.client
import json
import os
import pathlib
import subprocess
import urllib.parse

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
BINARY = pathlib.Path(os.environ.get("CARGO_TARGET_DIR") or ROOT / "target") / "release" / "mediamirror"

# Far enough for every run, near enough to be a date every client can read.
SAS_EXPIRY = "2037-01-01T00:00:00Z"
# The string to sign of an account SAS has its last line (the encryption scope) from this version on.
SAS_VERSION = "2020-12-06"


class Emulator:
    """Two regions under one service model; the first holds the library."""

    def __init__(self, folder, library, blob_latency_ms=0, media_latency_ms=0, async_copy_min_ms=0, copy_speeds=(0, 0)):
        self.folder = pathlib.Path(folder)
        settings = "".join(
            f'[[regions]]\nname = "{name}"\naccount = "media{name}"\n'
            f"media = {{ latency_ms = {media_latency_ms} }}\n"
            f'[[regions.storage]]\naccount = "store{name}"\n'
            f"limits = {{ latency_ms = {blob_latency_ms}, async_copy_min_ms = {async_copy_min_ms}, "
            f"copy_bytes_per_second = {copy_speeds[0]}, account_copy_bytes_per_second = {copy_speeds[1]} }}\n"
            for name in ("west", "east")
        )
        path = self.folder / "emulator.toml"
        path.write_text(settings)
        self.config = self.folder / "mirror.toml"
        self.process = subprocess.Popen(
            [BINARY, "emulator", "-q", "--settings", path, "--generate", library, "--write-config", self.config],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
        )
        line = self.process.stdout.readline()
        if not line:
            raise SystemExit("the emulator did not start")
        ready = json.loads(line)
        self.admin = ready["admin"]
        self.source, self.target = (Account(region["storage"][0]) for region in ready["regions"])

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.terminate()
        self.process.wait()

    def account_config(self):
        """The configuration of a mirror between the two storage accounts alone; written once, as its ledger is beside it."""
        path = self.folder / "accounts.toml"
        if not path.exists():
            text = 'ledger = "accounts.ledger"\n'
            for side, account in (("source", self.source), ("target", self.target)):
                key = self.folder / f"{side}.key"
                key.touch(0o600)
                key.write_text(account.key)
                text += (
                    f'[{side}]\nservice = "blobs"\n[[{side}.storage]]\naccount = "{account.name}"\n'
                    f'endpoint = "{account.url}"\nkey = {{ file = "{side}.key" }}\n'
                )
            path.write_text(text)
        return path

    def stats(self):
        """What was asked so far: rows of account, plane, operation, status, count."""
        address = urllib.parse.urlsplit(self.admin).netloc
        connection = http.client.HTTPConnection(address)
        connection.request("GET", "/_emulator/stats")
        return json.load(connection.getresponse())["requests"]


class Account:
    """A storage account of the emulator."""

    def __init__(self, ready):
        self.name, self.key, self.url = ready["account"], ready["key"], ready["blob"]
        self.sas = self._account_sas()
        self._connection = None

    def _account_sas(self):
        """An account SAS for everything azcopy asks: read, write, delete, list, add, create, tags."""
        fields = {"sp": "rwdlact", "ss": "b", "srt": "sco", "st": "", "se": SAS_EXPIRY, "sip": "", "spr": "https,http"}
        lines = [self.name, *fields.values(), SAS_VERSION, "", ""]
        key = base64.b64decode(self.key)
        signature = hmac.new(key, "\n".join(lines).encode(), hashlib.sha256).digest()
        query = {name: value for name, value in fields.items() if value} | {"sv": SAS_VERSION}
        return urllib.parse.urlencode(query | {"sig": base64.b64encode(signature).decode()})

    def blob_url(self, container, blob):
        return f"{self.url}/{container}/{urllib.parse.quote(blob)}?{self.sas}"

    def send(self, method, path, query="", headers=None, body=b""):
        """One request over a kept connection: status, headers, body."""
        parts = urllib.parse.urlsplit(self.url)
        if self._connection is None:
            self._connection = http.client.HTTPConnection(parts.netloc)
        url = f"{parts.path}{path}?{query}&{self.sas}" if query else f"{parts.path}{path}?{self.sas}"
        headers = {"x-ms-version": SAS_VERSION, "Content-Length": str(len(body))} | (headers or {})
        self._connection.request(method, url, body=body, headers=headers)
        answer = self._connection.getresponse()
        return answer.status, answer.headers, answer.read()
