"""Fills one storage account, and compares two, with the vendor's own library.

    blob_accounts.py fill URL ACCOUNT KEY CONTAINERS
    blob_accounts.py append URL ACCOUNT KEY CONTAINER
    blob_accounts.py open URL ACCOUNT KEY CONTAINER
    blob_accounts.py upload URL ACCOUNT KEY CONTAINER FOLDER
    blob_accounts.py spoil URL ACCOUNT KEY CONTAINER BLOB
    blob_accounts.py pages URL ACCOUNT KEY [ORIGIN…]
    blob_accounts.py compare SOURCE_URL SOURCE_ACCOUNT SOURCE_KEY TARGET_URL TARGET_ACCOUNT TARGET_KEY

`fill` gives one container an append and a page blob, `append` adds a line to the append blob, and makes a block blob of the page
blob. `open` lets anybody read the blobs of a container. `upload` makes a container of the files in a folder. `spoil` changes one byte of a
blob. `pages` lets the pages of those sites read blobs, or of none. `compare` prints one line for each difference, and last how many containers and blobs it compared.
"""

import hashlib
import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).parent / "python"))

from azure.storage.blob import BlobServiceClient, ContentSettings, CorsRule  # noqa: E402

# The newest version that every service under test knows.
API_VERSION = "2021-12-02"
# Containers that no mirror has to have.
OWN_CONTAINER = "mediamirror-state"
# The metadata of a container that the mirror adds.
OWN_METADATA = "mediamirror"
# The container that has blobs of all types.
MIXED = 5
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


def fill(url, name, key, containers):
    client = account(url, name, key)
    for number in range(int(containers)):
        container = client.create_container(f"library-{number:02}")
        for blob, arguments in blobs_of(number):
            container.upload_blob(blob, **arguments)
        if number == MIXED:
            container.set_container_metadata({"owner": "a b"})
            log = container.get_blob_client("log.txt")
            log.create_append_blob(ContentSettings(content_type="text/plain"), metadata={"owner": "c"})
            log.append_block(b"first\n")
            disk = container.get_blob_client("disk.vhd")
            disk.create_page_blob(1024)
            disk.upload_page(bytes(range(256)) * 2, offset=512, length=512)


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


def state(client, container, blob):
    blob = client.get_blob_client(container, blob)
    properties = blob.get_blob_properties()
    settings = properties.content_settings
    return {
        "bytes": hashlib.sha256(blob.download_blob().readall()).hexdigest(),
        "type": properties.blob_type,
        # Their names are names of headers, which compare without case.
        "metadata": {key.lower(): value for key, value in (properties.metadata or {}).items()},
        "tags": blob.get_blob_tags(),
        **{header: getattr(settings, header) for header in HEADERS},
    }


def compare(source, target):
    differences, compared = [], 0
    names = [[one.name for one in side.list_containers() if one.name != OWN_CONTAINER] for side in (source, target)]
    if names[0] != names[1]:
        differences.append(f"containers: {names[0]} and {names[1]}")
    for container in names[0]:
        metadata = [dict(side.get_container_client(container).get_container_properties().metadata) for side in (source, target)]
        metadata[1].pop(OWN_METADATA, None)
        if metadata[0] != metadata[1]:
            differences.append(f"{container}: metadata {metadata[0]} and {metadata[1]}")
        blobs = [[blob.name for blob in side.get_container_client(container).list_blobs()] for side in (source, target)]
        if blobs[0] != blobs[1]:
            differences.append(f"{container}: {blobs[0]} and {blobs[1]}")
        for blob in set(blobs[0]) & set(blobs[1]):
            compared += 1
            ours, theirs = state(source, container, blob), state(target, container, blob)
            differences += [f"{container}/{blob} {key}: {ours[key]!r} and {theirs[key]!r}" for key in ours if ours[key] != theirs[key]]
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
