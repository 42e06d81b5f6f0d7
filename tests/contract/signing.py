"""Schemathesis hooks: signs what Schemathesis makes up, so that it gets past the signatures to what is behind them."""

import base64
import datetime
import hashlib
import hmac
import json
import os
import random
import time
import uuid

import requests
import schemathesis
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding
from schemathesis.core.parameters import ParameterLocation

SITE = json.loads(os.environ["PRESSFERRY_SITE"])
KEY = serialization.load_pem_private_key(SITE["privateKey"].encode(), password=None)


def base64url(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def token():
    now = int(time.time())
    claims = {
        "iss": SITE["issuer"],
        "sub": SITE["siteId"],
        "aud": SITE["audience"],
        "iat": now,
        "exp": now + 120,
        "jti": str(uuid.uuid4()),
    }
    parts = [{"alg": "RS256", "typ": "JWT", "kid": SITE["kid"]}, claims]
    signing_input = ".".join(base64url(json.dumps(part).encode()) for part in parts)
    return f"{signing_input}.{base64url(KEY.sign(signing_input.encode(), padding.PKCS1v15(), hashes.SHA256()))}"


class Signer(requests.auth.AuthBase):
    """Signs the bytes as they go out; what is meant to be missing or wrong stays so."""

    def __init__(self, spoiled):
        self.spoiled = spoiled

    def __call__(self, request):
        if "authorization" not in self.spoiled:
            request.headers["Authorization"] = f"Bearer {token()}"
        if request.method == "POST" and "x-signature" not in self.spoiled:
            body = request.body or b""
            body = body.encode() if isinstance(body, str) else body
            digest = hmac.new(SITE["hmacSecret"].encode(), body, hashlib.sha256).hexdigest()
            request.headers["X-Signature"] = f"sha256={digest}"
        return request


def is_negative(case, location):
    component = case.meta.components.get(location) if case.meta else None
    return component is not None and component.mode.is_negative


def spoiled_headers(case):
    """The names of the headers that Schemathesis means to be wrong; all that are signed with, where it does not say which."""
    if not is_negative(case, ParameterLocation.HEADER):
        return set()
    name = getattr(case.meta.phase.data, "parameter", None)
    return {name.lower()} if name else {"x-signature", "x-idempotency-key"}


accepted_keys = []


@schemathesis.hook
def before_call(context, case, kwargs):
    spoiled = spoiled_headers(case)
    kwargs["auth"] = Signer(spoiled)
    if case.method == "GET" and "idempotency_key" in (case.path_parameters or {}):
        # Every other one asks for an event that is there.
        if accepted_keys and not is_negative(case, ParameterLocation.PATH) and random.random() < 0.5:
            case.path_parameters["idempotency_key"] = random.choice(accepted_keys)
        return
    if is_negative(case, ParameterLocation.BODY) or not isinstance(case.body, dict):
        return
    # A schema cannot say "now", nor "never used before".
    now = datetime.datetime.now(datetime.timezone.utc).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
    case.body["occurred_at"] = now
    if "sent_at" in case.body:
        case.body["sent_at"] = now
    case.body["idempotency_key"] = str(uuid.uuid4())
    if "x-idempotency-key" not in spoiled:
        case.headers["X-Idempotency-Key"] = case.body["idempotency_key"]


@schemathesis.hook
def after_call(context, case, response):
    if case.method == "POST" and response.status_code == 202 and isinstance(case.body, dict):
        accepted_keys.append(case.body["idempotency_key"])
