"""Fills one storage account, and compares two, with the vendor's own library.

    blob_accounts.py fill URL ACCOUNT KEY CONTAINERS [BLOBS]
    blob_accounts.py append URL ACCOUNT KEY CONTAINER
    blob_accounts.py open URL ACCOUNT KEY CONTAINER
    blob_accounts.py upload URL ACCOUNT KEY CONTAINER FOLDER
    blob_accounts.py spoil URL ACCOUNT KEY CONTAINER BLOB
    blob_accounts.py pages URL ACCOUNT KEY [ORIGIN…]
    blob_accounts.py compare SOURCE_URL SOURCE_ACCOUNT SOURCE_KEY TARGET_URL TARGET_ACCOUNT TARGET_KEY

`fill` gives one container in thirty an append and a page blob; with BLOBS, each has so many block blobs, by turns other ones.
`append` adds a line to the append blob, and makes a block blob of the page blob. `open` lets anybody read the blobs of a
container. `upload` makes a container of the files in a folder. `spoil` changes one byte of a blob. `pages` lets the pages of those
sites read blobs, or of none. `compare` prints one line for each difference, and last how many containers and blobs it compared.
"""

import hashlib
import pathlib
import sys
from concurrent.futures import ThreadPoolExecutor

sys.path.insert(0, str(pathlib.Path(__file__).parent / "python"))

from azure.storage.blob import BlobServiceClient, ContentSettings, CorsRule  # noqa: E402

# The newest version that every service under test knows.
API_VERSION = "2021-12-02"
# Containers that no mirror has to have.
OWN_CONTAINER = "mediamirror-state"
# The metadata of a container that the mirror adds.
OWN_METADATA = "mediamirror"
# One container in thirty has blobs of all types; this is the first one.
MIXED, MIXED_EVERY = 5, 30
# Requests in flight; the library waits for each.
WORKERS = 8
# What players expect.
TYPES = {
    ".m3u8": "application/vnd.apple.mpegurl",
    ".mpd": "application/dash+xml",
    ".m4s": "video/iso.segment",
    ".mp4": "video/mp4",
    ".vtt": "text/vtt",
}
HEADERS = ("content_type", "content_encoding", "content_language", "content_disposition", "cache_control", "content_md5")


def account(url, name, key):
    return BlobServiceClient(url, credential={"account_name": name, "account_key": key}, api_version=API_VERSION)


def blobs_of(container):
    """Names with arguments of upload_blob: empty, small and large ones, names that have to be encoded, all properties."""
    plain = ContentSettings(content_type="video/mp2t")
    rich = ContentSettings(
        content_type="application/vnd.apple.mpegurl",
        content_encoding="identity",
        content_language="es",
        content_disposition="inline",
        cache_control="max-age=2",
    )
    yield "empty", {"data": b"", "content_settings": plain}
    yield "hls/master.m3u8", {"data": f"#EXTM3U {container}".encode(), "content_settings": rich}
    for segment in range(1 + container % 4):
        data = hashlib.sha256(f"{container} {segment}".encode()).digest() * (500 * segment + 1)
        yield f"hls/segment {segment}.ts", {"data": data, "content_settings": plain}
    yield "niño/ä+&%25 #1.xml", {"data": b"<x/>", "metadata": {"owner": "a b", "Shelf": "1"}, "content_settings": plain}
    yield "tagged.bin", {"data": bytes(range(256)) * 40, "tags": {"state": "final", "year": "2026"}}


def fill(url, name, key, containers, most=None):
    client = account(url, name, key)

    def fill_one(number):
        container = client.create_container(f"library-{number:02}")
        blobs = list(blobs_of(number))
        if most:
            blobs = (blobs[number % len(blobs) :] + blobs)[: int(most)]
        for blob, arguments in blobs:
            container.upload_blob(blob, **arguments)
        if number % MIXED_EVERY == MIXED:
            container.set_container_metadata({"owner": "a b"})
            log = container.get_blob_client("log.txt")
            log.create_append_blob(ContentSettings(content_type="text/plain"), metadata={"owner": "c"})
            log.append_block(b"first\n")
            disk = container.get_blob_client("disk.vhd")
            disk.create_page_blob(1024)
            disk.upload_page(bytes(range(256)) * 2, offset=512, length=512)

    with ThreadPoolExecutor(WORKERS) as pool:
        list(pool.map(fill_one, range(int(containers))))


def append(url, name, key, container):
    container = account(url, name, key).get_container_client(container)
    container.get_blob_client("log.txt").append_block(b"second\n")
    container.delete_blob("disk.vhd")
    container.upload_blob("disk.vhd", b"no disk")


def open_to_all(url, name, key, container):
    account(url, name, key).get_container_client(container).set_container_access_policy({}, public_access="blob")


def upload(url, name, key, container, folder):
    client = account(url, name, key).create_container(container)
    for file in sorted(path for path in pathlib.Path(folder).rglob("*") if path.is_file()):
        settings = ContentSettings(content_type=TYPES[file.suffix], cache_control="public, max-age=60")
        client.upload_blob(file.relative_to(folder).as_posix(), file.read_bytes(), content_settings=settings)


def spoil(url, name, key, container, blob):
    client = account(url, name, key).get_blob_client(container, blob)
    data = bytearray(client.download_blob().readall())
    data[-1] ^= 1
    settings = client.get_blob_properties().content_settings
    settings.content_md5 = None
    client.upload_blob(bytes(data), overwrite=True, content_settings=settings)


def pages(url, name, key, *origins):
    allowed = {"allowed_headers": ["*"], "exposed_headers": ["*"], "max_age_in_seconds": 60}
    rules = [CorsRule([origin], ["GET", "HEAD", "OPTIONS"], **allowed) for origin in origins]
    account(url, name, key).set_service_properties(cors=rules)


def states(client, container):
    """All blobs of a container by name: what is listed of them, and their bytes."""
    client, found = client.get_container_client(container), {}
    for blob in client.list_blobs(include=["metadata", "tags"]):
        settings = blob.content_settings
        found[blob.name] = {
            "bytes": hashlib.sha256(client.download_blob(blob.name).readall()).hexdigest(),
            "type": blob.blob_type,
            # Their names are names of headers, which compare without case.
            "metadata": {key.lower(): value for key, value in (blob.metadata or {}).items()},
            "tags": blob.tags or {},
            **{header: getattr(settings, header) for header in HEADERS},
        }
    return found


def compare_container(source, target, container):
    """The differences of a container, and how many blobs were compared."""
    metadata = [dict(side.get_container_client(container).get_container_properties().metadata) for side in (source, target)]
    metadata[1].pop(OWN_METADATA, None)
    differences = [] if metadata[0] == metadata[1] else [f"{container}: metadata {metadata[0]} and {metadata[1]}"]
    ours, theirs = states(source, container), states(target, container)
    if list(ours) != list(theirs):
        differences.append(f"{container}: {list(ours)} and {list(theirs)}")
    both = ours.keys() & theirs.keys()
    for blob in both:
        pairs = [(key, ours[blob][key], theirs[blob][key]) for key in ours[blob]]
        differences += [f"{container}/{blob} {key}: {one!r} and {other!r}" for key, one, other in pairs if one != other]
    return differences, len(both)


def compare(source, target):
    differences, compared = [], 0
    names = [[one.name for one in side.list_containers() if one.name != OWN_CONTAINER] for side in (source, target)]
    if names[0] != names[1]:
        differences.append(f"containers: {names[0]} and {names[1]}")
    with ThreadPoolExecutor(WORKERS) as pool:
        for found, blobs in pool.map(lambda name: compare_container(source, target, name), names[0]):
            differences += found
            compared += blobs
    print("\n".join([*differences, f"{len(names[0])} containers, {compared} blobs, {len(differences)} differences"]))


if __name__ == "__main__":
    command, arguments = sys.argv[1], sys.argv[2:]
    if command == "fill":
        fill(*arguments)
    elif command == "append":
        append(*arguments)
    elif command == "open":
        open_to_all(*arguments)
    elif command == "upload":
        upload(*arguments)
    elif command == "spoil":
        spoil(*arguments)
    elif command == "pages":
        pages(*arguments)
    elif command == "compare":
        compare(account(*arguments[:3]), account(*arguments[3:]))
    else:
        sys.exit(__doc__)
