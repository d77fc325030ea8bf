"""Runs every function of amspy, an independent client of Media Services v2, against an emulator.

    amspy_functions.py MEDIA_URL TOKEN_URL ACCOUNT KEY

Prints one line of JSON: the names of the functions that work, and of the others with the reason. A function works if the
service answers as amspy's own samples expect. Only the two addresses in amspy's module are set; its code is as published.
"""

import inspect
import json
import pathlib
import re
import sys

sys.path.insert(0, str(pathlib.Path(__file__).parent / "python"))

import amspy  # noqa: E402
from amspy import amsrest, restfns  # noqa: E402

KEY_ID = "nb:kid:UUID:{0}{0}{0}{0}{0}{0}{0}{0}-1111-4111-8111-111111111111"
PRESET = """{
  "Version": 1.0,
  "Codecs": [{ "Type": "H264Video", "H264Layers": [{ "Bitrate": 1000, "Width": 640, "Height": 360 }] }],
  "Outputs": [{ "FileName": "{Basename}.mp4", "Format": { "Type": "MP4Format" } }]
}"""
OPTION = '{"Name": "policy"}'


class Refused(Exception):
    """The service says that it does not implement this."""


def expect(response, *statuses):
    feature = re.search(r"This emulator does not implement (.+?)\.\"", response.text)
    if feature:
        raise Refused(feature[1])
    assert response.status_code in statuses, f"{response.status_code} {response.text[:200]}"
    return response


def made(response):
    return expect(response, 201).json()["d"]["Id"]


def listed(response):
    return expect(response, 200).json()["d"]["results"]


class Tour:
    """One method for each function of amspy, of the same name, in an order in which each finds what it needs."""

    def __init__(self, media, token, account, key):
        self.account, self.account_key = account, key
        amsrest.ams_rest_endpoint = media.rstrip("/")
        amsrest.ams_auth_endpoint = token

    def get_access_token(self):
        self.token = expect(amspy.get_access_token(self.account, self.account_key), 200).json()["access_token"]

    def get_url(self):
        self.root = expect(amspy.get_url(self.token, amsrest.ams_rest_endpoint, False), 301).headers["location"]

    def create_media_asset(self):
        self.asset = made(amspy.create_media_asset(self.token, "amspy"))

    def list_media_asset(self):
        assert self.asset in [one["Id"] for one in listed(amspy.list_media_asset(self.token))]
        assert expect(amspy.list_media_asset(self.token, self.asset), 200).json()["d"]["Name"] == "amspy"

    def create_asset_accesspolicy(self):
        self.policy = made(amspy.create_asset_accesspolicy(self.token, "NewUploadPolicy", "440", "2"))
        self.reading = made(amspy.create_asset_accesspolicy(self.token, "NewViewPolicy", "440"))

    def list_asset_accesspolicy(self):
        assert self.policy in [one["Id"] for one in listed(amspy.list_asset_accesspolicy(self.token))]

    def create_sas_locator(self):
        locator = expect(amspy.create_sas_locator(self.token, self.asset, self.policy), 201).json()["d"]
        self.locator, self.base, self.signature = (
            locator["Id"], locator["BaseUri"], locator["ContentAccessComponent"])

    def list_sas_locator(self):
        assert self.locator in [one["Id"] for one in listed(amspy.list_sas_locator(self.token))]

    def upload_block_blob(self):
        url = f"{self.base}/movie.mp4{self.signature}"
        expect(amspy.upload_block_blob(self.token, url, b"content", 7), 201)

    def create_media_assetfile(self):
        self.file = made(amspy.create_media_assetfile(self.token, self.asset, "movie.mp4", "true", "false"))

    def update_media_assetfile(self):
        expect(amspy.update_media_assetfile(self.token, self.asset, self.file, 7, "movie.mp4"), 204)
        file = expect(restfns.do_get(f"{self.root}Files('{self.file}')", "", self.token), 200).json()["d"]
        assert file["ContentFileSize"] == "7", file

    def delete_sas_locator(self):
        expect(amspy.delete_sas_locator(self.token, self.locator), 204)

    def list_media_processor(self):
        by_name = {one["Name"]: one["Id"] for one in listed(amspy.list_media_processor(self.token))}
        self.processor = by_name["Media Encoder Standard"]

    def encode_mezzanine_asset(self):
        self.job = made(amspy.encode_mezzanine_asset(self.token, self.processor, self.asset, "encoded", PRESET))
        task = listed(restfns.do_get(f"{self.root}Jobs('{self.job}')/Tasks", "", self.token))[0]
        assert json.loads(task["Configuration"]) == json.loads(PRESET), task

    def validate_mp4_asset(self):
        made(amspy.validate_mp4_asset(self.token, self.processor, self.asset, "validated"))

    def create_media_job(self):
        asset = f"{self.root}Assets('{self.asset}')"
        body = {"<inputAsset>": "JobInputAsset(0)", "<outputAsset>": "JobOutputAsset(0)"}
        task = "".join(f"{tag}{text}</{tag[1:]}" for tag, text in body.items())
        content = json.dumps({
            "Name": "job",
            "InputMediaAssets": [{"__metadata": {"uri": asset}}],
            "Tasks": [{
                "Configuration": "H264 Multiple Bitrate 720p", "MediaProcessorId": self.processor,
                "TaskBody": f'<?xml version="1.0" encoding="utf-8"?><taskBody>{task}</taskBody>'}],
        })
        made(amspy.create_media_job(self.token, self.processor, self.asset, content))

    def list_media_job(self):
        assert self.job in [one["Id"] for one in listed(amspy.list_media_job(self.token))]

    def list_content_key(self):
        # amspy makes no content keys, so that this one comes from the portal, as in its samples.
        self.keys = [KEY_ID.format(digit) for digit in (1, 2)]
        for key in self.keys:
            body = {"Id": key, "ContentKeyType": 4, "EncryptedContentKey": "x", "ProtectionKeyId": "y"}
            made(restfns.do_post(f"{self.root}ContentKeys", "", json.dumps(body), self.token))
        found = [one["Id"] for one in listed(amspy.list_content_key(self.token))]
        assert set(self.keys) <= set(found), found

    def link_asset_content_key(self):
        expect(amspy.link_asset_content_key(self.token, self.asset, self.keys[0], self.root), 204)

    def delete_content_key(self):
        expect(amspy.delete_content_key(self.token, self.keys[1]), 204)

    def create_contentkey_authorization_policy(self):
        self.rights = made(amspy.create_contentkey_authorization_policy(self.token, OPTION))

    def create_contentkey_authorization_policy_options(self):
        answer = expect(amspy.create_contentkey_authorization_policy_options(self.token), 201)
        self.option = answer.json()["d"]["Id"]

    def link_contentkey_authorization_policy(self):
        expect(amspy.link_contentkey_authorization_policy(self.token, self.rights, self.option, self.root), 204)

    def list_contentkey_authorization_policy(self):
        found = listed(amspy.list_contentkey_authorization_policy(self.token))
        assert [one["Id"] for one in found] == [self.rights], found

    def list_contentkey_authorization_policy_options(self):
        found = listed(amspy.list_contentkey_authorization_policy_options(self.token))
        assert [one["Id"] for one in found] == [self.option], found

    def add_authorization_policy(self):
        expect(amspy.add_authorization_policy(self.token, self.keys[0], self.rights), 204)

    def get_delivery_url(self):
        answer = expect(amspy.get_delivery_url(self.token, self.keys[0], "2"), 200)
        url = answer.json()["d"]["GetKeyDeliveryUrl"]
        assert url.startswith(f"https://{self.account}.keydelivery."), url

    def create_asset_delivery_policy(self):
        self.delivery = made(amspy.create_asset_delivery_policy(self.token, self.account))
        self.spare = made(amspy.create_asset_delivery_policy(self.token, self.account))

    def list_asset_delivery_policy(self):
        assert self.delivery in [one["Id"] for one in listed(amspy.list_asset_delivery_policy(self.token))]

    def link_asset_delivery_policy(self):
        expect(amspy.link_asset_delivery_policy(self.token, self.asset, self.delivery, self.root), 204)

    def delete_asset_delivery_policy(self):
        expect(amspy.delete_asset_delivery_policy(self.token, self.spare), 204)

    def delete_contentkey_authorization_policy(self):
        expect(amspy.delete_contentkey_authorization_policy(self.token, self.rights), 204)

    def delete_contentkey_authorization_policy_options(self):
        expect(amspy.delete_contentkey_authorization_policy_options(self.token, self.option), 204)

    def create_ondemand_streaming_locator(self):
        made(amspy.create_ondemand_streaming_locator(self.token, self.asset, self.reading))
        self.second = made(amspy.create_media_asset(self.token, "second"))
        made(amspy.create_ondemand_streaming_locator(self.token, self.second, self.reading, "2026-01-01T00:00:00"))

    def list_streaming_endpoint(self):
        self.endpoint = listed(amspy.list_streaming_endpoint(self.token))[0]["Id"]

    def scale_streaming_endpoint(self):
        expect(amspy.scale_streaming_endpoint(self.token, self.endpoint, "1"), 202)

    def create_streaming_endpoint(self):
        expect(amspy.create_streaming_endpoint(self.token, "second"), 202)

    def delete_streaming_endpoint(self):
        expect(amspy.delete_streaming_endpoint(self.token, self.endpoint), 202)

    def delete_media_asset(self):
        expect(amspy.delete_media_asset(self.token, self.second), 204)

    def delete_asset_accesspolicy(self):
        expect(amspy.delete_asset_accesspolicy(self.token, self.policy), 204)

    def translate_asset_options(self):
        assert amspy.translate_asset_options("1") == "StorageEncrypted"

    def translate_job_state(self):
        assert amspy.translate_job_state("3") == "Finished"


def main(media, token, account, key):
    tour = Tour(media, token, account, key)
    functions = {name for name, value in vars(amspy).items() if inspect.isfunction(value)}
    steps = [name for name, value in vars(Tour).items() if inspect.isfunction(value) and name != "__init__"]
    report = {"works": [], "fails": []}

    def fail(name, refused, why):
        report["fails"].append({"function": name, "refused": refused, "why": why})

    for name in functions - set(steps):
        fail(name, False, "it is not run")
    for name in steps:
        try:
            assert name in functions, "amspy has no such function"
            getattr(tour, name)()
            report["works"].append(name)
        except Refused as refusal:
            fail(name, True, str(refusal))
        except Exception as error:  # noqa: BLE001, a function that breaks does not work
            fail(name, False, f"{type(error).__name__}: {error}")
    print(json.dumps(report))


if __name__ == "__main__":
    main(*sys.argv[1:])
