"""Does every tool copy an awkward library as it is? A test of the emulator: the peers run against it unmodified."""

import hashlib
import urllib.parse
import xml.etree.ElementTree as ElementTree

from serial import list_names

# All kinds of awkward assets the emulator knows; 64 KiB a blob unless its kind says otherwise.
LIBRARY = "assets=20,blobs=6,seed=7,sizes=small,awkward=true,real=true"
CONTAINER = "awkward-by-hand"
# Above what azcopy and rclone copy with one request, so that both send blocks.
LARGE = 20 << 20
# What a copy has to keep, as List Blobs names it.
PROPERTIES = [
    "Content-Length",
    "Content-Type",
    "Content-Encoding",
    "Content-Language",
    "Content-MD5",
    "Content-Disposition",
    "Cache-Control",
    "BlobType",
]

BY_HAND = {
    "empty": (b"", {}),
    "large.bin": (bytes(range(256)) * (LARGE // 256), {"x-ms-meta-size": "twenty"}),
    "a b/c+d/100%.txt": (b"signs", {"x-ms-blob-content-type": "text/plain; charset=utf-8"}),
    "query?and#fragment&=.mp4": (b"more signs", {"x-ms-blob-content-type": "video/mp4"}),
    "grüße/世界/🎬.mp4": (b"letters", {"x-ms-meta-language": "de", "x-ms-meta-Second": "2"}),
    "properties.json": (
        b"{}",
        {
            "x-ms-blob-content-type": "application/json",
            "x-ms-blob-content-encoding": "identity",
            "x-ms-blob-content-language": "en-GB",
            "x-ms-blob-content-disposition": "attachment",
            "x-ms-blob-cache-control": "max-age=60",
        },
    ),
    "n" * 200: (b"a long name", {}),
}


def fill(account):
    """Adds a container of blobs that clients trip over."""
    status, _, body = account.send("PUT", f"/{CONTAINER}", "restype=container")
    assert status == 201, body
    for name, (content, headers) in BY_HAND.items():
        path = f"/{CONTAINER}/{urllib.parse.quote(name)}"
        status, _, body = account.send("PUT", path, "", {"x-ms-blob-type": "BlockBlob", **headers}, content)
        assert status == 201, (name, status, body)


def compare(emulator, containers):
    """Every difference between the two accounts, in words. `containers` maps a container to where it was copied."""
    problems, blobs = [], 0
    for container, copy in containers.items():
        ours, theirs = describe(emulator.source, container), describe(emulator.target, copy)
        blobs += len(ours)
        for name in sorted(ours.keys() | theirs.keys()):
            if ours.get(name) != theirs.get(name):
                problems.append(f"{container}/{name}: {ours.get(name)} became {theirs.get(name)}")
                continue
            before, after = digest(emulator.source, container, name), digest(emulator.target, copy, name)
            if before != after:
                problems.append(f"{container}/{name}: the content is another one")
    return blobs, problems


def describe(account, container):
    """All blobs of a container by name: properties and metadata."""
    status, _, body = account.send("GET", f"/{container}", "restype=container&comp=list&include=metadata")
    if status == 404:
        return {}
    found = {}
    for blob in ElementTree.fromstring(body).iter("Blob"):
        properties = {name: blob.findtext(f"Properties/{name}") or "" for name in PROPERTIES}
        # Names of metadata have no case; whether their case survives is up to the client's HTTP library.
        metadata = {entry.tag.lower(): entry.text or "" for entry in blob.find("Metadata") or []}
        found[blob.findtext("Name")] = properties | {"metadata": metadata}
    return found


def digest(account, container, name):
    _, _, body = account.send("GET", f"/{container}/{urllib.parse.quote(name)}")
    return hashlib.md5(body).hexdigest()


def same_names(emulator):
    """The map of containers for tools that keep their names."""
    return {name: name for name in list_names(emulator.source, "", "comp=list", "Container")}
