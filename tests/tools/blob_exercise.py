"""Exercises a blob service with the vendor's own library at its default API version.

    blob_exercise.py URL ACCOUNT KEY ISSUER

ISSUER is any URL of the service that issues tokens.

Prints one line of JSON: the numbers of the checks that are right, and the wrong and the refused ones with the reason.
A check is refused where the service answers 501; it is wrong where anything else differs from the vendor's documents.
"""

import base64
import datetime
import hashlib
import inspect
import json
import pathlib
import re
import sys
import urllib.error
import urllib.parse
import urllib.request
import uuid
from xml.etree import ElementTree

sys.path.insert(0, str(pathlib.Path(__file__).parent / "python"))

from azure.core import MatchConditions  # noqa: E402
from azure.core.exceptions import HttpResponseError  # noqa: E402
from azure.storage import blob as sdk  # noqa: E402
from azure.storage.blob import BlobClient, BlobBlock, BlobServiceClient, ContainerClient, ContentSettings  # noqa: E402

HOUR = datetime.timedelta(hours=1)
CHECKS = []


def check(function):
    """Registers a check. It gets what its parameters name: `blob` exists and holds "content"."""
    CHECKS.append(function)
    return function


def now():
    return datetime.datetime.now(datetime.timezone.utc)


def fails(status, code, function, *arguments, **keywords):
    """The service must answer this status and error code."""
    try:
        answer = function(*arguments, **keywords)
        if hasattr(answer, "__next__"):
            next(answer)
    except HttpResponseError as error:
        if error.status_code == 501 != status:
            raise
        found = (error.status_code, getattr(error.error_code, "value", error.error_code))
        assert found == (status, code), f"{found} in place of {(status, code)}"
        return error
    raise AssertionError(f"it succeeds in place of {(status, code)}")


def same(found, expected):
    assert found == expected, f"{found!r} in place of {expected!r}"


def bytes_of(blob, **keywords):
    return blob.download_blob(**keywords).readall()


def names(blobs):
    return [blob.name for blob in blobs]


def block_id(text):
    return base64.b64encode(text.encode()).decode()


class Place:
    """One check's own container, and clients for it."""

    def __init__(self, url, account, key, issuer, number):
        self.url, self.name, self.key, self.issuer = url, account, key, issuer
        self.account = BlobServiceClient(url, credential={"account_name": account, "account_key": key}, retry_total=0)
        self.container = self.account.get_container_client(f"check-{number:03}")
        self.container.create_container()
        self.blob = self.container.get_blob_client("a folder/blob ñ.bin")
        self.blob.upload_blob(b"content")

    def new(self, name="new"):
        return self.container.get_blob_client(name)

    def token(self):
        """A token of the machine's identity, which is an owner of the account's blobs."""
        address = urllib.parse.urljoin(self.issuer, "/metadata/identity/oauth2/token")
        query = "api-version=2018-02-01&resource=https://storage.azure.com"
        request = urllib.request.Request(f"{address}?{query}", headers={"metadata": "true"})
        return json.load(urllib.request.urlopen(request))["access_token"]

    def blob_sas(self, permission, **keywords):
        return sdk.generate_blob_sas(
            self.name, self.container.container_name, self.blob.blob_name, account_key=self.key,
            permission=permission, expiry=now() + HOUR, **keywords)

    def signed(self, permission, **keywords):
        return BlobClient.from_blob_url(f"{self.blob.url}?{self.blob_sas(permission, **keywords)}", retry_total=0)


# Containers

@check
def a_container_has_its_metadata(container):
    container.set_container_metadata({"owner": "a b"})
    same(container.get_container_properties().metadata, {"owner": "a b"})


@check
def a_container_that_exists_is_not_created_again(container):
    fails(409, "ContainerAlreadyExists", container.create_container)


@check
def a_container_name_has_rules(account):
    fails(400, "InvalidResourceName", account.create_container, "Upper_Case")


@check
def a_short_container_name_is_out_of_range(account):
    fails(400, "OutOfRangeInput", account.create_container, "ab")


@check
def a_deleted_container_is_not_found(container):
    container.delete_container()
    same(container.exists(), False)
    fails(404, "ContainerNotFound", container.get_container_properties)


@check
def containers_are_listed_by_prefix(account, container):
    same(names(account.list_containers(name_starts_with=container.container_name)), [container.container_name])


@check
def containers_are_listed_in_pages(account):
    pages = account.list_containers(name_starts_with="check-00", results_per_page=2).by_page()
    same(len(list(next(pages))), 2)
    same(len(list(next(pages))), 2)


@check
def containers_are_listed_with_metadata(account, container):
    container.set_container_metadata({"shelf": "1"})
    [found] = account.list_containers(name_starts_with=container.container_name, include_metadata=True)
    same(found.metadata, {"shelf": "1"})


@check
def deleted_containers_are_not_kept(account, container):
    container.delete_container()
    listed = account.list_containers(name_starts_with=container.container_name, include_deleted=True)
    same(names(listed), [])


@check
def system_containers_are_listed(account):
    list(account.list_containers(include_system=True))


@check
def a_deleted_container_is_restored(account, container):
    container.delete_container()
    account.undelete_container(container.container_name, "01D60F8BB59A4652")


@check
def a_container_keeps_its_access_policies(container):
    policy = sdk.AccessPolicy(permission="rl", expiry=now() + HOUR)
    container.set_container_access_policy({"readers": policy})
    found = container.get_container_access_policy()
    same([one.id for one in found["signed_identifiers"]], ["readers"])
    same(found["public_access"], None)


@check
def a_container_may_not_be_public_on_this_account(container):
    fails(409, "PublicAccessNotPermitted", container.set_container_access_policy, {}, public_access="blob")


@check
def a_container_is_changed_only_if_unmodified(container):
    before = now() - HOUR
    fails(412, "ConditionNotMet", container.delete_container, if_unmodified_since=before)
    container.set_container_metadata({"a": "1"}, if_modified_since=before)


@check
def the_account_has_a_kind(account):
    found = account.get_account_information()
    same((found["sku_name"], found["account_kind"], found["is_hns_enabled"]), ("Standard_LRS", "StorageV2", False))


@check
def cors_rules_and_the_website_of_an_account_are_read_back(account):
    rule = sdk.CorsRule(["https://a.example"], ["GET", "HEAD"], allowed_headers=["range"], max_age_in_seconds=60)
    website = sdk.StaticWebsite(enabled=True, index_document="index.html")
    account.set_service_properties(cors=[rule], static_website=website)
    found = account.get_service_properties()
    same([(rule.allowed_origins, rule.max_age_in_seconds) for rule in found["cors"]], [("https://a.example", 60)])
    same((found["static_website"].enabled, found["static_website"].index_document), (True, "index.html"))
    account.set_service_properties(cors=[])
    found = account.get_service_properties()
    same((found["cors"], found["static_website"].enabled), ([], True))


@check
def what_the_service_logs_is_set(account):
    account.set_service_properties(analytics_logging=sdk.BlobAnalyticsLogging(read=True))


@check
def the_statistics_of_the_service_are_read(place):
    host = place.url.split("/")[2]
    credential = {"account_name": place.name, "account_key": place.key}
    BlobServiceClient(place.url, credential=credential, secondary_hostname=host, retry_total=0).get_service_stats()


@check
def a_container_has_a_default_encryption_scope(account):
    scope = sdk.ContainerEncryptionScope(default_encryption_scope="scope")
    account.create_container("check-scope", container_encryption_scope=scope)


# Block blobs

@check
def a_blob_is_read_as_it_was_written(blob):
    same(bytes_of(blob), b"content")


@check
def an_empty_blob_is_read(place):
    place.new().upload_blob(b"")
    same(bytes_of(place.new()), b"")


@check
def a_name_with_all_kinds_of_characters_is_kept(container):
    name = "ä/+&%25 #1?x=~'(!)*;:@[]$,é.xml"
    container.upload_blob(name, b"x")
    same(bytes_of(container.get_blob_client(name)), b"x")
    assert name in names(container.list_blobs())


@check
def a_blob_keeps_its_properties(place):
    settings = ContentSettings(
        content_type="video/mp4", content_encoding="identity", content_language="es",
        content_disposition="inline", cache_control="max-age=2")
    place.new().upload_blob(b"x", content_settings=settings, metadata={"Owner": "a b"})
    found = place.new().get_blob_properties()
    for name in ("content_type", "content_encoding", "content_language", "content_disposition", "cache_control"):
        same(getattr(found.content_settings, name), getattr(settings, name))
    same({key.lower(): value for key, value in found.metadata.items()}, {"owner": "a b"})
    same((found.size, found.blob_type, found.server_encrypted), (1, "BlockBlob", True))


@check
def a_blob_has_the_md5_of_its_content(blob):
    same(bytes(blob.get_blob_properties().content_settings.content_md5), hashlib.md5(b"content").digest())


@check
def a_blob_without_a_type_is_an_octet_stream(blob):
    same(blob.get_blob_properties().content_settings.content_type, "application/octet-stream")


@check
def a_written_blob_has_an_etag_and_a_time(blob):
    answer = blob.upload_blob(b"new", overwrite=True)
    found = blob.get_blob_properties()
    same((found.etag, found.last_modified), (answer["etag"], answer["last_modified"]))


@check
def an_existing_blob_is_not_overwritten_unasked(blob):
    fails(409, "BlobAlreadyExists", blob.upload_blob, b"new")


@check
def content_that_arrives_damaged_is_refused(blob):
    settings = ContentSettings(content_md5=bytearray(16))
    fails(400, "Md5Mismatch", blob.upload_blob, b"new", overwrite=True, content_settings=settings)


@check
def a_malformed_md5_is_refused(blob):
    settings = ContentSettings(content_md5=bytearray(5))
    fails(400, "InvalidMd5", blob.upload_blob, b"new", overwrite=True, content_settings=settings)
    fails(400, "InvalidMd5", blob.set_http_headers, settings)


@check
def content_is_validated_in_transit(blob):
    blob.upload_blob(b"x" * 100, overwrite=True, validate_content=True)
    same(bytes_of(blob, validate_content=True), b"x" * 100)


@check
def a_missing_blob_is_not_found(place):
    fails(404, "BlobNotFound", place.new().download_blob)
    same(place.new().exists(), False)


@check
def a_deleted_blob_is_gone(blob):
    blob.delete_blob()
    same(blob.exists(), False)
    fails(404, "BlobNotFound", blob.delete_blob)


@check
def properties_that_are_not_sent_are_cleared(blob):
    blob.set_http_headers(ContentSettings(content_type="text/plain"))
    found = blob.get_blob_properties().content_settings
    same((found.content_type, found.cache_control, found.content_md5), ("text/plain", None, None))


@check
def a_tier_is_set(blob):
    blob.set_standard_blob_tier("Cool")
    found = blob.get_blob_properties()
    same((found.blob_tier, found.blob_tier_inferred), ("Cool", None))


@check
def a_tier_is_set_while_writing(place):
    place.new().upload_blob(b"x", standard_blob_tier=sdk.StandardBlobTier.COLD)
    same(place.new().get_blob_properties().blob_tier, "Cold")


@check
def an_archived_blob_is_not_read(blob):
    blob.set_standard_blob_tier("Archive")
    fails(409, "BlobArchived", blob.download_blob)


@check
def an_unknown_tier_is_refused(blob):
    fails(400, "InvalidBlobTier", blob.set_standard_blob_tier, "Lukewarm")


# Blocks

@check
def blocks_become_a_blob_in_the_order_of_the_list(place):
    blob = place.new()
    for text in "abc":
        blob.stage_block(block_id(text), text.encode() * 10)
    blob.commit_block_list([BlobBlock(block_id(text)) for text in "cab"])
    same(bytes_of(blob), b"c" * 10 + b"a" * 10 + b"b" * 10)


@check
def blocks_are_listed_by_their_kind(place):
    blob = place.new()
    blob.stage_block(block_id("a"), b"1")
    blob.commit_block_list([BlobBlock(block_id("a"))])
    blob.stage_block(block_id("b"), b"22")
    sizes = lambda kind: [[(block.id, block.size) for block in part] for part in blob.get_block_list(kind)]  # noqa: E731
    both = [[(block_id("a"), 1)], [(block_id("b"), 2)]]
    same(sizes("all"), both)
    same(sizes("committed"), [both[0], []])
    same(sizes("uncommitted"), [[], both[1]])


@check
def an_unknown_kind_of_block_list_is_refused(blob):
    fails(400, "InvalidQueryParameterValue", blob.get_block_list, "nonsense")


@check
def a_block_that_was_not_uploaded_cannot_be_committed(blob):
    fails(400, "InvalidBlockList", blob.commit_block_list, [BlobBlock(block_id("x"))])


@check
def block_ids_of_a_blob_have_one_length(place):
    place.new().stage_block(block_id("a"), b"1")
    fails(400, "InvalidBlobOrBlock", place.new().stage_block, block_id("longer"), b"1")


@check
def a_commit_discards_other_blocks(place):
    blob = place.new()
    blob.stage_block(block_id("a"), b"1")
    blob.stage_block(block_id("b"), b"2")
    blob.commit_block_list([BlobBlock(block_id("a"))], metadata={"m": "1"}, tags={"t": "2"})
    same(blob.get_block_list("uncommitted"), ([], []))
    same((blob.get_blob_properties().metadata, blob.get_blob_tags()), ({"m": "1"}, {"t": "2"}))


@check
def a_large_upload_goes_in_blocks(place):
    data = bytes(range(256)) * 2048
    client = BlobClient(
        place.url, place.container.container_name, "large", retry_total=0, max_single_put_size=1000,
        max_block_size=100_000, credential={"account_name": place.name, "account_key": place.key})
    client.upload_blob(data, max_concurrency=3, content_settings=ContentSettings(content_type="video/mp4"))
    same(len(client.get_block_list("committed")[0]), 6)
    same(bytes_of(client, max_concurrency=3), data)
    same(client.get_blob_properties().content_settings.content_type, "video/mp4")


@check
def a_block_is_copied_from_a_url(place):
    source = f"{place.blob.url}?{place.blob_sas('r')}"
    place.new().stage_block_from_url(block_id("a"), source, source_offset=1, source_length=3)
    place.new().commit_block_list([BlobBlock(block_id("a"))])
    same(bytes_of(place.new()), b"ont")


@check
def a_blob_is_not_found_while_its_blocks_are_uncommitted(place):
    place.new().stage_block(block_id("a"), b"1")
    fails(404, "BlobNotFound", place.new().get_blob_properties)


# Ranges and conditions

@check
def a_range_is_read(blob):
    same(bytes_of(blob, offset=2, length=3), b"nte")
    same(bytes_of(blob, offset=5), b"nt")


@check
def a_range_is_cut_at_the_end(blob):
    same(bytes_of(blob, offset=5, length=100), b"nt")


@check
def a_range_behind_the_end_is_refused_with_the_length(blob):
    error = fails(416, "InvalidRange", blob.download_blob, offset=100, length=5)
    same(error.response.headers.get("content-range"), "bytes */7")


@check
def a_range_has_an_md5_of_its_own(blob):
    same(bytes_of(blob, offset=1, length=3, validate_content=True), b"ont")


@check
def a_blob_is_read_if_its_etag_matches(blob):
    etag = blob.get_blob_properties().etag
    same(bytes_of(blob, etag=etag, match_condition=MatchConditions.IfNotModified), b"content")
    fails(412, "ConditionNotMet", blob.download_blob, etag='"0x1"', match_condition=MatchConditions.IfNotModified)


@check
def a_blob_that_is_known_is_not_read_again(blob):
    etag = blob.get_blob_properties().etag
    fails(304, "ConditionNotMet", blob.download_blob, etag=etag, match_condition=MatchConditions.IfModified)


@check
def a_blob_is_read_only_if_modified_since(blob):
    fails(304, "ConditionNotMet", blob.get_blob_properties, if_modified_since=now() + HOUR)
    same(blob.get_blob_properties(if_modified_since=now() - HOUR).size, 7)


@check
def a_blob_is_written_only_if_its_etag_matches(blob):
    condition = {"etag": '"0x1"', "match_condition": MatchConditions.IfNotModified, "overwrite": True}
    fails(412, "ConditionNotMet", blob.upload_blob, b"new", **condition)
    blob.upload_blob(b"new", **{**condition, "etag": blob.get_blob_properties().etag})
    same(bytes_of(blob), b"new")


@check
def a_blob_is_deleted_only_if_unmodified(blob):
    fails(412, "ConditionNotMet", blob.delete_blob, if_unmodified_since=now() - HOUR)


@check
def metadata_is_changed_only_if_the_etag_matches(blob):
    condition = {"etag": '"0x1"', "match_condition": MatchConditions.IfNotModified}
    fails(412, "ConditionNotMet", blob.set_blob_metadata, {"a": "1"}, **condition)


@check
def a_blob_is_read_if_its_tags_match(blob):
    bytes_of(blob, if_tags_match_condition="\"state\" = 'final'")


@check
def a_copy_is_made_if_the_tags_of_the_source_match(place):
    place.new().start_copy_from_url(
        f"{place.blob.url}?{place.blob_sas('r')}", source_if_tags_match_condition="\"state\" = 'final'")


# Metadata and tags

@check
def metadata_replaces_metadata(blob):
    blob.set_blob_metadata({"one": "1"})
    blob.set_blob_metadata({"two": "2"})
    same(blob.get_blob_properties().metadata, {"two": "2"})


@check
def metadata_changes_the_etag(blob):
    before = blob.get_blob_properties().etag
    assert blob.set_blob_metadata({"one": "1"})["etag"] != before, "the etag is the same"


@check
def metadata_over_8_kb_is_too_large(blob):
    fails(400, "MetadataTooLarge", blob.set_blob_metadata, {"long": "x" * 8200})


@check
def a_metadata_name_is_an_identifier(blob):
    fails(400, "InvalidMetadata", blob.set_blob_metadata, {"1st": "x"})


@check
def tags_are_set_and_read(blob):
    blob.set_blob_tags({"state": "final", "year": "2026"})
    same(blob.get_blob_tags(), {"state": "final", "year": "2026"})
    same(blob.get_blob_properties().tag_count, 2)


@check
def tags_do_not_change_the_etag(blob):
    before = blob.get_blob_properties().etag
    blob.set_blob_tags({"state": "final"})
    same(blob.get_blob_properties().etag, before)


@check
def tags_are_written_with_the_blob(place):
    place.new().upload_blob(b"x", tags={"a b": "c/d"})
    same(place.new().get_blob_tags(), {"a b": "c/d"})


@check
def eleven_tags_are_too_many(blob):
    fails(400, "InvalidTags", blob.set_blob_tags, {f"t{n}": "x" for n in range(11)})


@check
def blobs_are_found_by_tags_in_the_account(account):
    list(account.find_blobs_by_tags("\"state\"='final'"))


@check
def blobs_are_found_by_tags_in_a_container(container):
    list(container.find_blobs_by_tags("\"state\"='final'"))


# Leases

@check
def a_leased_blob_is_written_only_with_its_lease(blob):
    lease = blob.acquire_lease(15)
    fails(412, "LeaseIdMissing", blob.upload_blob, b"new", overwrite=True)
    fails(412, "LeaseIdMismatchWithBlobOperation", blob.set_blob_metadata, {}, lease=str(uuid.uuid4()))
    blob.upload_blob(b"new", overwrite=True, lease=lease)
    found = blob.get_blob_properties().lease
    same((found.status, found.state, found.duration), ("locked", "leased", "fixed"))


@check
def a_lease_is_changed_renewed_and_released(blob):
    lease = blob.acquire_lease(-1)
    proposed = str(uuid.uuid4())
    lease.change(proposed)
    same(lease.id, proposed)
    lease.renew()
    lease.release()
    same(blob.get_blob_properties().lease.state, "available")


@check
def a_lease_is_broken(blob):
    lease = blob.acquire_lease(60)
    same(lease.break_lease(lease_break_period=0), 0)
    same(blob.get_blob_properties().lease.state, "broken")
    fails(409, "LeaseIsBrokenAndCannotBeRenewed", lease.renew)


@check
def a_second_lease_is_refused(blob):
    blob.acquire_lease(-1)
    fails(409, "LeaseAlreadyPresent", blob.acquire_lease, 15)


@check
def a_lease_of_five_seconds_is_refused(blob):
    fails(400, "InvalidHeaderValue", blob.acquire_lease, 5)


@check
def a_leased_container_is_deleted_only_with_its_lease(container):
    lease = container.acquire_lease(-1)
    fails(412, "LeaseIdMissing", container.delete_container)
    container.delete_container(lease=lease)


# Snapshots and versions

@check
def a_snapshot_is_made(blob):
    blob.create_snapshot()


@check
def a_snapshot_is_read(place):
    moment = "2026-11-20T10:00:00.0000000Z"
    bytes_of(place.container.get_blob_client(place.blob.blob_name, snapshot=moment))


@check
def a_version_is_read(place):
    bytes_of(place.blob, version_id="2026-11-20T10:00:00.0000000Z")


@check
def only_the_snapshots_of_a_blob_are_deleted(blob):
    blob.delete_blob(delete_snapshots="only")


@check
def a_blob_is_deleted_with_the_snapshots_it_does_not_have(blob):
    blob.delete_blob(delete_snapshots="include")
    same(blob.exists(), False)


@check
def a_deleted_blob_is_restored(blob):
    blob.delete_blob()
    blob.undelete_blob()


# Append and page blobs

@check
def an_append_blob_is_created(place):
    place.new().create_append_blob()


@check
def an_append_blob_is_uploaded(place):
    place.new().upload_blob(b"x", blob_type="AppendBlob")


@check
def blocks_are_appended(place):
    blob = place.new()
    blob.create_append_blob()
    for block in (b"one", b"two"):
        blob.append_block(block)
    same(blob.download_blob().readall(), b"onetwo")


@check
def a_block_is_appended_from_a_url(place):
    blob = place.new()
    blob.create_append_blob()
    blob.append_block_from_url(f"{place.blob.url}?{place.blob_sas('r')}")


@check
def an_append_blob_is_sealed(place):
    blob = place.new()
    blob.create_append_blob()
    blob.seal_append_blob()
    fails(409, "BlobIsSealed", lambda: blob.append_block(b"x"))


@check
def a_page_blob_is_created(place):
    place.new().create_page_blob(512)


@check
def pages_are_written(place):
    blob = place.new()
    blob.create_page_blob(1024)
    blob.upload_page(b"x" * 512, 512, 512)
    same(blob.download_blob().readall(), b"\0" * 512 + b"x" * 512)


@check
def pages_are_written_from_a_url(place):
    blob = place.new()
    blob.create_page_blob(512)
    blob.upload_pages_from_url(f"{place.blob.url}?{place.blob_sas('r')}", 0, 512, 0)


@check
def page_ranges_are_listed(blob):
    list(blob.list_page_ranges())


@check
def a_page_blob_is_copied_incrementally(place):
    place.new().start_copy_from_url(f"{place.blob.url}?{place.blob_sas('r')}", incremental_copy=True)


# Batches and queries

@check
def blobs_are_deleted_in_a_batch(place):
    list(place.container.delete_blobs(place.blob.blob_name))


@check
def tiers_are_set_in_a_batch(place):
    list(place.container.set_standard_blob_tier_blobs("Cool", place.blob.blob_name))


@check
def a_blob_is_queried(blob):
    blob.query_blob("SELECT * FROM BlobStorage").readall()


# Immutability

@check
def a_blob_has_an_immutability_policy(blob):
    blob.set_immutability_policy(sdk.ImmutabilityPolicy(expiry_time=now() + HOUR, policy_mode="Unlocked"))


@check
def a_blob_has_a_legal_hold(blob):
    blob.set_legal_hold(True)


@check
def a_blob_is_written_with_a_legal_hold(place):
    place.new().upload_blob(b"x", legal_hold=True)


# Copies

@check
def a_blob_is_copied(place):
    place.blob.set_blob_metadata({"owner": "me"})
    answer = place.new().start_copy_from_url(place.blob.url)
    assert answer["copy_status"] in ("success", "pending"), answer
    found = place.new().get_blob_properties()
    same((found.copy.id, found.metadata), (answer["copy_id"], {"owner": "me"}))


@check
def a_blob_is_copied_at_once(place):
    answer = place.new().start_copy_from_url(f"{place.blob.url}?{place.blob_sas('r')}", requires_sync=True)
    same((answer["copy_status"], bytes_of(place.new())), ("success", b"content"))


@check
def a_blob_is_uploaded_from_a_url(place):
    place.new().upload_blob_from_url(f"{place.blob.url}?{place.blob_sas('r')}", metadata={"a": "1"})
    same((bytes_of(place.new()), place.new().get_blob_properties().metadata), (b"content", {"a": "1"}))


@check
def a_copy_of_a_missing_blob_fails(place):
    source = place.new("missing").url
    fails(404, "CannotVerifyCopySource", place.new().start_copy_from_url, source)


@check
def a_copy_whose_source_has_another_etag_fails(place):
    source = f"{place.blob.url}?{place.blob_sas('r')}"
    condition = {"source_etag": '"0x1"', "source_match_condition": MatchConditions.IfNotModified}
    fails(412, "SourceConditionNotMet", place.new().start_copy_from_url, source, **condition)


@check
def a_finished_copy_cannot_be_aborted(place):
    answer = place.new().start_copy_from_url(place.blob.url)
    fails(409, "NoPendingCopyOperation", place.new().abort_copy, answer["copy_id"])


@check
def an_abort_names_its_copy(place):
    url = f"{place.blob.url}?comp=copy&{place.blob_sas('w')}"
    request = urllib.request.Request(
        url, method="PUT", headers={"x-ms-version": "2021-12-02", "x-ms-copy-action": "abort", "content-length": "0"})
    try:
        urllib.request.urlopen(request)
    except urllib.error.HTTPError as error:
        same((error.code, error.headers["x-ms-error-code"]), (400, "MissingRequiredQueryParameter"))
    else:
        raise AssertionError("it succeeds")


# Signatures

@check
def a_signed_url_reads_a_blob(place):
    same(bytes_of(place.signed("r")), b"content")


@check
def a_signed_url_does_what_it_permits(place):
    fails(403, "AuthorizationPermissionMismatch", place.signed("r").upload_blob, b"x", overwrite=True)


@check
def a_signature_of_another_key_fails(place):
    other = Place.__new__(Place)
    other.__dict__.update(place.__dict__, key=block_id("another key"))
    fails(403, "AuthenticationFailed", other.signed("r").download_blob)


@check
def an_expired_signature_fails(place):
    sas = sdk.generate_blob_sas(
        place.name, place.container.container_name, place.blob.blob_name, account_key=place.key,
        permission="r", expiry=now() - HOUR)
    expired = BlobClient.from_blob_url(f"{place.blob.url}?{sas}", retry_total=0)
    fails(403, "AuthenticationFailed", expired.download_blob)


@check
def a_signed_url_changes_the_headers_of_the_answer(place):
    found = place.signed("r", content_type="text/x-other").get_blob_properties()
    same(found.content_settings.content_type, "text/x-other")


@check
def a_signature_for_https_is_not_good_for_http(place):
    fails(403, "AuthorizationProtocolMismatch", place.signed("r", protocol="https").download_blob)


@check
def a_signature_is_for_some_addresses(place):
    bytes_of(place.signed("r", ip="127.0.0.1"))


@check
def a_signature_of_a_container_lists_it(place):
    sas = sdk.generate_container_sas(
        place.name, place.container.container_name, account_key=place.key, permission="rl", expiry=now() + HOUR)
    client = ContainerClient.from_container_url(f"{place.container.url}?{sas}", retry_total=0)
    same(names(client.list_blobs()), [place.blob.blob_name])


@check
def a_signature_under_a_policy_ends_with_it(place):
    policy = sdk.AccessPolicy(permission="r", expiry=now() + HOUR)
    place.container.set_container_access_policy({"readers": policy})
    sas = sdk.generate_blob_sas(
        place.name, place.container.container_name, place.blob.blob_name, account_key=place.key, policy_id="readers")
    client = BlobClient.from_blob_url(f"{place.blob.url}?{sas}", retry_total=0)
    same(bytes_of(client), b"content")
    place.container.set_container_access_policy({})
    fails(403, "AuthenticationFailed", client.download_blob)


@check
def a_signature_of_the_account_lists_containers(place):
    sas = sdk.generate_account_sas(
        place.name, place.key, sdk.ResourceTypes(service=True), sdk.AccountSasPermissions(list=True), now() + HOUR)
    client = BlobServiceClient(place.url, credential=sas, retry_total=0)
    assert place.container.container_name in names(client.list_containers())


@check
def a_signature_of_the_account_is_for_its_resource_types(place):
    sas = sdk.generate_account_sas(
        place.name, place.key, sdk.ResourceTypes(service=True), sdk.AccountSasPermissions(read=True), now() + HOUR)
    client = BlobClient.from_blob_url(f"{place.blob.url}?{sas}", retry_total=0)
    fails(403, "AuthorizationResourceTypeMismatch", client.download_blob)


@check
def a_signature_with_a_delegation_key_reads_a_blob(place):
    # The library sends tokens by https only, so that the key comes by a request of the same form.
    start, expiry = (f"{moment:%Y-%m-%dT%H:%M:%SZ}" for moment in (now(), now() + HOUR))
    body = f"<KeyInfo><Start>{start}</Start><Expiry>{expiry}</Expiry></KeyInfo>"
    request = urllib.request.Request(
        f"{place.url.rstrip('/')}/?restype=service&comp=userdelegationkey", data=body.encode(), method="POST",
        headers={"authorization": f"Bearer {place.token()}", "x-ms-version": "2021-12-02"})
    root = ElementTree.fromstring(urllib.request.urlopen(request).read().decode("utf-8-sig"))
    key = sdk.UserDelegationKey()
    for field in root:
        name = "".join("_" + c.lower() if c.isupper() else c for c in field.tag).lstrip("_")
        setattr(key, name, field.text)
    sas = sdk.generate_blob_sas(
        place.name, place.container.container_name, place.blob.blob_name, user_delegation_key=key,
        permission="r", expiry=now() + HOUR / 2)
    same(bytes_of(BlobClient.from_blob_url(f"{place.blob.url}?{sas}", retry_total=0)), b"content")


@check
def a_request_without_a_signature_is_refused(place):
    client = BlobClient.from_blob_url(place.blob.url, retry_total=0)
    fails(409, "PublicAccessNotPermitted", client.download_blob)
    fails(401, "NoAuthenticationInformation", client.delete_blob)


# Listing

def fill(container):
    for name in ("a/1", "a/2", "b/1", "c"):
        container.upload_blob(name, b"x")


@check
def blobs_are_listed_in_order(container):
    fill(container)
    same(names(container.list_blobs()), ["a folder/blob ñ.bin", "a/1", "a/2", "b/1", "c"])


@check
def blobs_are_listed_by_prefix(container):
    fill(container)
    same(names(container.list_blobs(name_starts_with="a/")), ["a/1", "a/2"])


@check
def blobs_are_listed_in_pages(container):
    fill(container)
    pages = [names(page) for page in container.list_blobs(results_per_page=2).by_page()]
    same([len(page) for page in pages], [2, 2, 1])


@check
def a_page_continues_where_the_last_one_ended(container):
    fill(container)
    pages = container.list_blobs(results_per_page=3).by_page()
    next(pages)
    rest = container.list_blobs().by_page(continuation_token=pages.continuation_token)
    same(names(next(rest)), ["b/1", "c"])


@check
def folders_are_listed_by_a_delimiter(container):
    fill(container)
    same(names(container.walk_blobs(delimiter="/")), ["a folder/", "a/", "b/", "c"])
    same(names(container.walk_blobs(name_starts_with="a/", delimiter="/")), ["a/1", "a/2"])


@check
def names_are_listed_alone(container):
    fill(container)
    same(list(container.list_blob_names(name_starts_with="a/")), ["a/1", "a/2"])


@check
def listed_blobs_have_metadata_and_tags(place):
    place.new().upload_blob(b"x", metadata={"m": "1"}, tags={"t": "2"})
    [found] = place.container.list_blobs(name_starts_with="new", include=["metadata", "tags", "copy"])
    same((found.metadata, found.tags), ({"m": "1"}, {"t": "2"}))


@check
def uncommitted_blobs_are_listed_if_asked_for(place):
    place.new().stage_block(block_id("a"), b"1")
    same(names(place.container.list_blobs(name_starts_with="new")), [])
    same(names(place.container.list_blobs(name_starts_with="new", include=["uncommittedblobs"])), ["new"])


@check
def deleted_blobs_and_snapshots_are_not_kept(place):
    place.blob.delete_blob()
    same(names(place.container.list_blobs(include=["deleted", "snapshots"])), [])


@check
def versions_are_listed(container):
    list(container.list_blobs(include=["versions"]))


@check
def immutability_policies_are_listed(container):
    list(container.list_blobs(include=["immutabilitypolicy"]))


@check
def legal_holds_are_listed(container):
    list(container.list_blobs(include=["legalhold"]))


@check
def permissions_of_blobs_are_listed(container):
    list(container.list_blobs(include=["permissions"]))


@check
def an_unknown_word_to_include_is_refused(container):
    fails(400, "InvalidQueryParameterValue", container.list_blobs(include=["nonsense"]).__next__)


@check
def a_listing_starts_from_a_name(container):
    fill(container)
    same(names(container.list_blobs(start_from="a/2")), ["a/2", "b/1", "c"])


@check
def a_listing_of_a_missing_container_is_not_found(account):
    fails(404, "ContainerNotFound", account.get_container_client("missing").list_blobs().__next__)


# Keys of customers

def key_headers():
    """The library sends keys by https only; these are its headers."""
    digest = base64.b64encode(hashlib.sha256(bytes(32)).digest()).decode()
    return {
        "x-ms-encryption-key": base64.b64encode(bytes(32)).decode(),
        "x-ms-encryption-key-sha256": digest,
        "x-ms-encryption-algorithm": "AES256",
    }


@check
def a_blob_with_a_customers_key_is_read_only_with_it(place):
    place.new().upload_blob(b"x", headers=key_headers())
    fails(409, "BlobUsesCustomerSpecifiedEncryption", place.new().download_blob)
    same(bytes_of(place.new(), headers=key_headers()), b"x")


@check
def a_block_is_staged_with_a_customers_key(place):
    place.new().stage_block(block_id("a"), b"1", headers=key_headers())


@check
def a_structured_body_is_stored_as_its_content(place):
    place.new().upload_blob(b"x", headers={"x-ms-structured-body": "XSM/1.0; properties=crc64"})


@check
def a_blob_is_written_in_an_encryption_scope(place):
    place.new().upload_blob(b"x", encryption_scope="scope")
    same(place.new().get_blob_properties().encryption_scope, "scope")


@check
def a_block_is_staged_in_an_encryption_scope(place):
    place.new().stage_block(block_id("a"), b"1", encryption_scope="scope")


def why(error):
    """What the service says it does not implement; else the library's words."""
    text = error.response.text() if error.response is not None else ""
    feature = re.search(r"This emulator does not implement (.+?)\.</Message>", text)
    return feature[1] if feature else str(error.message or error).splitlines()[0]


def run(number, function, *access):
    place = Place(*access, number)
    own = {"place": place, "account": place.account, "container": place.container, "blob": place.blob}
    function(*[own[name] for name in inspect.signature(function).parameters])


def main(*access):
    report = {"right": [], "wrong": [], "refused": []}
    for number, function in enumerate(CHECKS, 1):
        named = {"number": number, "check": function.__name__}
        try:
            run(number, function, *access)
            report["right"].append(number)
        except HttpResponseError as error:
            kind = "refused" if error.status_code == 501 else "wrong"
            report[kind].append({**named, "why": why(error)})
        except Exception as error:  # noqa: BLE001, a check that breaks is wrong
            report["wrong"].append({**named, "why": f"{type(error).__name__}: {error}"})
    print(json.dumps(report))


if __name__ == "__main__":
    main(*sys.argv[1:])
