"""The tutorial's algorithm on the blob plane: one blob after the other, and a second's sleep while a copy is pending."""

import time
import urllib.parse
import xml.etree.ElementTree as ElementTree

# The tutorial's `Thread.Sleep(1000)`.
POLL_SECONDS = 1.0
# Looks at one copy, at most.
MOST_LOOKS = 60


def mirror(emulator, containers):
    """Copies the first so many containers; returns how many blobs in how many seconds."""
    started, copied = time.monotonic(), 0
    for container in list_names(emulator.source, "", "comp=list", "Container")[:containers]:
        emulator.target.send("PUT", f"/{container}", "restype=container")
        for blob in list_names(emulator.source, f"/{container}", "restype=container&comp=list", "Blob"):
            path = f"/{container}/{urllib.parse.quote(blob)}"
            source = emulator.source.blob_url(container, blob)
            status, _, _ = emulator.target.send("PUT", path, headers={"x-ms-copy-source": source})
            assert status == 202, status
            for _ in range(MOST_LOOKS):
                _, headers, _ = emulator.target.send("HEAD", path)
                if headers["x-ms-copy-status"] != "pending":
                    break
                time.sleep(POLL_SECONDS)
            assert headers["x-ms-copy-status"] == "success"
            copied += 1
    return copied, time.monotonic() - started


def list_names(account, path, query, kind):
    """The names of all containers of an account, or of all blobs of a container (one page: the libraries are small)."""
    status, _, body = account.send("GET", path, query)
    assert status == 200, body
    return [entry.findtext("Name") for entry in ElementTree.fromstring(body).iter(kind)]
