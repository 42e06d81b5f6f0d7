"""A client of ingress in another language, built from /openapi.json and proto/vectors alone.

Python's standard library knows no RSA: signatures are made by the openssl program. Reads {"url", "vectors", "site"} from
standard input, checks itself against the vectors, sends one event twice, asks for its state, and prints the answers.
"""

import base64
import datetime
import hashlib
import hmac
import json
import pathlib
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
import uuid


def compact(value):
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False).encode()


def base64url(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def rs256(private_key, data):
    with tempfile.NamedTemporaryFile("w", suffix=".pem") as file:
        file.write(private_key)
        file.flush()
        command = ["openssl", "dgst", "-sha256", "-sign", file.name]
        return subprocess.run(command, input=data, capture_output=True, check=True).stdout


def token(private_key, header, claims):
    signing_input = f"{base64url(compact(header))}.{base64url(compact(claims))}"
    return f"{signing_input}.{base64url(rs256(private_key, signing_input.encode()))}"


def signature(secret, body):
    return "sha256=" + hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()


def check_vectors(folder):
    read = lambda name: json.loads((folder / name).read_text())
    for case in read("hmac.json")["cases"]:
        same = signature(case["secret"], base64.b64decode(case["body_base64"])) == case["signature"]
        assert same == case["valid"], f"hmac.json: {case['name']}"
    keys = read("keys.json")["keys"]
    signing = [case for case in read("tokens.json")["signing"] if case["header"]["alg"] == "RS256"]
    assert signing, "tokens.json has no RS256 case"
    for case in signing:
        made = token(keys[case["key"]]["private_key"], case["header"], case["claims"])
        assert made == case["token"], f"tokens.json: {case['name']}"


def fresh_token(site):
    now = int(time.time())
    claims = {
        "iss": site["issuer"],
        "sub": site["siteId"],
        "aud": site["audience"],
        "iat": now,
        "exp": now + 120,
        "jti": str(uuid.uuid4()),
    }
    return token(site["privateKey"], {"alg": "RS256", "typ": "JWT", "kid": site["kid"]}, claims)


def utc_now():
    return datetime.datetime.now(datetime.timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")


def call(url, method="GET", headers=None, body=None):
    request = urllib.request.Request(url, body, headers or {}, method=method)
    try:
        with urllib.request.urlopen(request, timeout=10) as response:
            return response.status, dict(response.headers), json.load(response)
    except urllib.error.HTTPError as error:
        return error.code, dict(error.headers), json.load(error)


def send(base, operation, site, event):
    body = compact(event)
    known = {"X-Signature": signature(site["hmacSecret"], body), "X-Idempotency-Key": event["idempotency_key"]}
    needed = [part["name"] for part in operation["parameters"] if part.get("required")]
    headers = {name: known[name] for name in needed}
    headers["Authorization"] = f"Bearer {fresh_token(site)}"
    headers["Content-Type"] = "application/json"
    return call(f"{base}/ingest", "POST", headers, body)


def main():
    given = json.load(sys.stdin)
    check_vectors(pathlib.Path(given["vectors"]))
    base, site = given["url"], given["site"]
    _, _, description = call(f"{base}/openapi.json")
    operation = description["paths"]["/ingest"]["post"]
    example = operation["requestBody"]["content"]["application/json"]["examples"]["post.published"]["value"]
    event = {**example, "idempotency_key": str(uuid.uuid4()), "occurred_at": utc_now(), "sent_at": utc_now()}
    first = send(base, operation, site, event)
    repeat = send(base, operation, site, {**event, "sent_at": utc_now()})
    state = call(
        f"{base}/ingest/{event['idempotency_key']}", headers={"Authorization": f"Bearer {fresh_token(site)}"}
    )
    answers = {"first": first, "repeat": repeat, "state": state}
    answers = {name: {"status": status, "body": body} for name, (status, _, body) in answers.items()}
    print(json.dumps({"key": event["idempotency_key"], **answers}))


main()
