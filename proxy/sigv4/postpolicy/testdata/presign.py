"""Prints forms that botocore presigns, as vectors: python3 presign.py > botocore.json

The clock is held at 2026-11-22T12:00:00Z, nothing is sent anywhere.
"""
import datetime, json
import botocore.auth, botocore.signers, botocore.compat
import boto3
from botocore.config import Config

NOW = datetime.datetime(2026, 11, 22, 12, 0, 0)


for module in (botocore.auth, botocore.signers, botocore.compat):
    if hasattr(module, "get_current_datetime"):
        module.get_current_datetime = lambda remove_tzinfo=True: NOW if remove_tzinfo else NOW.replace(tzinfo=datetime.timezone.utc)


def client(version, token=None):
    return boto3.client(
        "s3", region_name="eu-west-1", endpoint_url="http://127.0.0.1:9",
        aws_access_key_id="AKIAIOSFODNN7EXAMPLE", aws_secret_access_key="wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
        aws_session_token=token, config=Config(signature_version=version))


CASES = [
    ("plain", "s3v4", None, "photo.jpg", {}, []),
    ("filename", "s3v4", None, "user/${filename}", {}, []),
    ("ranged", "s3v4", None, "a/b c.txt", {"acl": "private", "Content-Type": "text/plain"},
     [{"acl": "private"}, ["starts-with", "$Content-Type", "text/"], ["content-length-range", 1, 64]]),
    ("metadata", "s3v4", None, "ü/$&.txt", {"x-amz-meta-note": "schön \"quoted\" \\ <tag>", "success_action_status": "201"},
     [["eq", "$x-amz-meta-note", "schön \"quoted\" \\ <tag>"], {"success_action_status": "201"}]),
    ("session", "s3v4", "SESSION", "photo.jpg", {}, []),
    ("version2", "s3", None, "photo.jpg", {}, []),
    ("version2filename", "s3", None, "v2/${filename}", {"acl": "private"}, [{"acl": "private"}]),
]

out = []
for name, version, token, key, fields, conditions in CASES:
    made = client(version, token).generate_presigned_post("upload-bucket", key, Fields=dict(fields), Conditions=list(conditions), ExpiresIn=3600)
    out.append({"name": name, "url": made["url"], "key": key, "fields": [[k, v] for k, v in made["fields"].items()]})
print(json.dumps(out, indent=1))
