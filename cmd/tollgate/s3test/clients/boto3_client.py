"""The checks of boto3. Reads the session as JSON from the variable S3TEST and
writes a line of JSON for each check: {"check": name, "error": text or ""}."""

import hashlib
import json
import os
import sys
import urllib.error
import urllib.request

import boto3
from boto3.s3.transfer import TransferConfig
from botocore.config import Config
from botocore.exceptions import ClientError

session = json.loads(os.environ["S3TEST"])
bucket, spare, page_keys = session["bucket"], session["spare"], session["page_keys"]
MIB = 1 << 20
PRESIGNED = session["presigned_key"]


def connect(secure=False, signature="s3v4", **keys):
    # Without a signature version boto3 presigns with version 2.
    return boto3.client(
        "s3",
        endpoint_url=session["secure"] if secure else session["endpoint"],
        verify=session["root_file"],
        region_name=session["region"],
        aws_access_key_id=keys.get("access_key", session["access_key"]),
        aws_secret_access_key=keys.get("secret_key", session["secret_key"]),
        config=Config(signature_version=signature, s3={"addressing_style": "path"}, retries={"total_max_attempts": 1}),
    )


s3 = connect()


def check(name, run):
    error = ""
    try:
        run()
    except Exception as e:  # whatever it is, it is this check's
        error = f"{type(e).__name__}: {e}" or repr(e)
    print(json.dumps({"check": name, "error": error}), flush=True)


def same(got, want, what):
    if got != want:
        raise AssertionError(f"{what}: got {got!r:.2000}, want {want!r:.2000}")


def read(client, key, **more):
    return client.get_object(Bucket=bucket, Key=key, **more)["Body"].read()


def put(key, body=None, **more):
    s3.put_object(Bucket=bucket, Key=key, Body=key.encode() if body is None else body, **more)


def refused(code, run):
    try:
        got = run()
    except ClientError as e:
        same(e.response["Error"]["Code"], code, "code")
        return
    raise AssertionError(f"succeeds with {got!r}, want {code}")


def fetch(method, url, body=None, headers=None):
    request = urllib.request.Request(url, data=body, method=method, headers=headers or {})
    try:
        with urllib.request.urlopen(request, timeout=30) as answer:
            return answer.status, answer.read()
    except urllib.error.HTTPError as e:
        return e.code, e.read()


def spoil(url):
    name = "Signature="
    at = url.index(name) + len(name)
    while url[at] == "%":  # an encoded character stays, so that the rest is a signature
        at += len("%2B")
    return url[:at] + ("1" if url[at] == "0" else "0") + url[at + 1 :]


def buckets():
    names = lambda: [b["Name"] for b in s3.list_buckets()["Buckets"]]
    for name in (bucket, spare):
        s3.create_bucket(Bucket=name)
        s3.head_bucket(Bucket=name)
        same(name in names(), True, name)
    s3.delete_bucket(Bucket=spare)
    same((bucket in names(), spare in names()), (True, False), "buckets")
    refused("404", lambda: s3.head_bucket(Bucket=spare))


def digest_of(client, key, size):
    path = os.path.join(session["home"], "download")
    client.download_file(bucket, key, path, Config=TransferConfig(multipart_threshold=8 * MIB))
    with open(path, "rb") as f:
        same(hashlib.file_digest(f, "sha256").hexdigest(), session["sums"][key], f"SHA-256 of {size} by ranges")
    same(hashlib.sha256(read(client, key)).hexdigest(), session["sums"][key], f"SHA-256 of {size}")


def round_trip(name, client=None):
    client = client or s3
    key = "size/" + name
    client.upload_file(os.path.join(session["dir"], key), bucket, key)
    digest_of(client, key, name)


def odd_key(name):
    key = "odd/" + name
    put(key, name.encode())
    same(read(s3, key), name.encode(), "content")
    same(s3.head_object(Bucket=bucket, Key=key)["ContentLength"], len(name.encode()), "length")
    found = [o["Key"] for o in s3.list_objects_v2(Bucket=bucket, Prefix=key).get("Contents", [])]
    same(key in found, True, f"{key} in {found}")


def multipart():
    key = "multi part+"
    with open(os.path.join(session["dir"], "size/5MiB+1"), "rb") as f:
        whole = f.read()
    upload = s3.create_multipart_upload(Bucket=bucket, Key=key, ChecksumAlgorithm="CRC32")["UploadId"]
    parts = []
    for number, part in enumerate((whole[: 5 * MIB], whole[5 * MIB :]), 1):
        out = s3.upload_part(Bucket=bucket, Key=key, UploadId=upload, PartNumber=number, Body=part)
        parts.append({k: v for k, v in out.items() if k == "ETag" or k.startswith("Checksum") and k != "ChecksumType"} | {"PartNumber": number})
    listed = s3.list_parts(Bucket=bucket, Key=key, UploadId=upload)["Parts"]
    same([p["Size"] for p in listed], [5 * MIB, 1], "sizes of the parts")
    s3.complete_multipart_upload(Bucket=bucket, Key=key, UploadId=upload, MultipartUpload={"Parts": parts})
    same(hashlib.sha256(read(s3, key)).hexdigest(), session["sums"]["size/5MiB+1"], "SHA-256")


def abort():
    key = "given up"
    uploads = lambda: [u["UploadId"] for u in s3.list_multipart_uploads(Bucket=bucket).get("Uploads", [])]
    upload = s3.create_multipart_upload(Bucket=bucket, Key=key)["UploadId"]
    s3.upload_part(Bucket=bucket, Key=key, UploadId=upload, PartNumber=1, Body=b"part")
    same(uploads(), [upload], "uploads")
    s3.abort_multipart_upload(Bucket=bucket, Key=key, UploadId=upload)
    same(uploads(), [], "uploads")
    refused("NoSuchKey", lambda: read(s3, key))


def ranges():
    put("range", b"0123456789")
    for wanted, content in {"2-5": b"2345", "7-": b"789", "-3": b"789", "0-0": b"0"}.items():
        same(read(s3, "range", Range="bytes=" + wanted), content, wanted)
    refused("InvalidRange", lambda: read(s3, "range", Range="bytes=20-30"))


def copy():
    source, target = "copy/from é a+b%2F c", "copy/to é a+b%2F d"
    put(source)
    s3.copy_object(Bucket=bucket, Key=target, CopySource={"Bucket": bucket, "Key": source})
    same(read(s3, target), source.encode(), "content")
    # In parts: UploadPartCopy with ranges.
    s3.copy({"Bucket": bucket, "Key": "size/64MiB"}, bucket, "copy/64MiB", Config=TransferConfig(multipart_threshold=8 * MIB, multipart_chunksize=32 * MIB))
    same(hashlib.sha256(read(s3, "copy/64MiB")).hexdigest(), session["sums"]["size/64MiB"], "SHA-256")


def pages(version, **more):
    keys, prefixes, count = [], [], 0
    for page in s3.get_paginator(version).paginate(Bucket=bucket, PaginationConfig={"PageSize": session["page_size"]}, **more):
        keys += [o["Key"] for o in page.get("Contents", [])]
        prefixes += [p["Prefix"] for p in page.get("CommonPrefixes", [])]
        count += 1
    return keys, prefixes, count


def listing(version):
    keys, prefixes, count = pages(version, Prefix="page/")
    same((sorted(keys), prefixes, count), (sorted(page_keys), [], 3), "keys, prefixes, pages")


def delimiter():
    for version in ("list_objects", "list_objects_v2"):
        keys, prefixes, _ = pages(version, Prefix="page/", Delimiter="/")
        want = sorted(k for k in page_keys if "/" not in k[len("page/") :])
        same((sorted(keys), sorted(prefixes)), (want, ["page/sub two/", "page/sub/"]), version)


def batch_delete():
    goes = ["batch/a&b<c>", "batch/plain", "batch/\"q\" 'q'", "batch/é+%2F"]
    for key in goes + ["batch/stays"]:
        put(key)
    out = s3.delete_objects(Bucket=bucket, Delete={"Objects": [{"Key": k} for k in goes]})
    same((sorted(d["Key"] for d in out.get("Deleted", [])), out.get("Errors", [])), (sorted(goes), []), "deleted")
    same(pages("list_objects_v2", Prefix="batch/")[0], ["batch/stays"], "left")


def metadata():
    sent = {"note": "two  spaces, a comma; a=b"}
    put("metadata", b"x", ContentType="text/x-odd; charset=utf-8", CacheControl="max-age=60", Metadata=sent)
    got = s3.head_object(Bucket=bucket, Key="metadata")
    same((got["ContentType"], got["CacheControl"], got["Metadata"]), ("text/x-odd; charset=utf-8", "max-age=60", sent), "headers")


def conditional():
    put("condition", b"x")
    etag = s3.head_object(Bucket=bucket, Key="condition")["ETag"]
    same(read(s3, "condition", IfNoneMatch='"0123456789abcdef0123456789abcdef"'), b"x", "content")
    refused("304", lambda: read(s3, "condition", IfNoneMatch=etag))


def presigned_get(client=None):
    client = client or s3
    put(PRESIGNED, b"presigned")
    params = {"Bucket": bucket, "Key": PRESIGNED, "ResponseContentType": "text/odd", "ResponseContentDisposition": 'attachment; filename="a b.txt"'}
    url = client.generate_presigned_url("get_object", Params=params, ExpiresIn=600)
    same(fetch("GET", url), (200, b"presigned"), url)
    for name, method, other in (("signature", "GET", spoil(url)), ("method", "PUT", url), ("argument", "GET", url + "&acl=")):
        same(fetch(method, other)[0], 403, "another " + name)


def presigned_put():
    url = s3.generate_presigned_url("put_object", Params={"Bucket": bucket, "Key": PRESIGNED + "!", "ContentType": "text/odd"}, ExpiresIn=600)
    typed = {"Content-Type": "text/odd"}
    same(fetch("PUT", spoil(url), b"refused", typed)[0], 403, "another signature")
    same(fetch("PUT", url, b"refused", {"Content-Type": "text/other"})[0], 403, "another content type")
    same(fetch("PUT", url, b"put by URL", typed), (200, b""), url)
    same(read(s3, PRESIGNED + "!"), b"put by URL", "content")


def presigned_post():
    key = "form/é a+b"
    post = s3.generate_presigned_post(bucket, key, Conditions=[["content-length-range", 1, 100]], ExpiresIn=600)

    def send(content, **fields):
        mark = "mark-of-the-form"
        parts = [f'--{mark}\r\nContent-Disposition: form-data; name="{n}"\r\n\r\n{v}\r\n' for n, v in {**post["fields"], **fields}.items()]
        parts.append(f'--{mark}\r\nContent-Disposition: form-data; name="file"; filename="x"\r\nContent-Type: text/plain\r\n\r\n{content}\r\n--{mark}--\r\n')
        return fetch("POST", post["url"], "".join(parts).encode(), {"Content-Type": "multipart/form-data; boundary=" + mark})

    status, body = send("by form")
    same((status // 100, body), (2, body), "POST")
    same(read(s3, key), b"by form", "content")
    same(send("by form", key="form/another")[0], 403, "another key")
    status, body = send("x" * 101)
    same((status, b"EntityTooLarge" in body), (400, True), f"too long: {body!r}")
    refused("NoSuchKey", lambda: read(s3, "form/another"))


def over_tls():
    secure = connect(secure=True)
    for name in ("0B", "1B", "5MiB+1", "64MiB"):
        round_trip(name, secure)


def version_2():
    old = connect(signature="s3")
    old.put_object(Bucket=bucket, Key="version 2+", Body=b"x", Metadata={"note": "signed"})
    same(read(old, "version 2+"), b"x", "content")
    presigned_get(old)


def wrong(code, **keys):
    other = connect(**keys)
    refused(code, lambda: other.list_objects_v2(Bucket=bucket))
    refused(code, lambda: other.put_object(Bucket=bucket, Key="refused", Body=b"x"))
    refused("NoSuchKey", lambda: read(s3, "refused"))


def main():
    names = session["checks"]
    check(names["buckets"], buckets)
    for name in session["sizes"]:
        check("put and get " + name, lambda: round_trip(name))
    for key in session["odd_keys"]:
        check("key " + key, lambda: odd_key(key))
    for key in page_keys:
        put(key)
    for name, run in {
        "multipart": multipart,
        "abort": abort,
        "range": ranges,
        "copy": copy,
        "list_v1": lambda: listing("list_objects"),
        "list_v2": lambda: listing("list_objects_v2"),
        "delimiter": delimiter,
        "batch_delete": batch_delete,
        "metadata": metadata,
        "conditional": conditional,
        "missing": lambda: refused("NoSuchKey", lambda: read(s3, "missing")),
        "presigned_get": presigned_get,
        "presigned_put": presigned_put,
        "post": presigned_post,
        "tls": over_tls,
        "v2": version_2,
        "secret": lambda: wrong("SignatureDoesNotMatch", secret_key=session["secret_key"] + "x"),
        "access_key": lambda: wrong("InvalidAccessKeyId", access_key="0123456789abcdef0123456789abcdef"),
    }.items():
        check(names[name], run)


sys.exit(main())
