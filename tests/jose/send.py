"""Signs tokens with joserfc, in every shape that Ceven accepts and in many that it refuses, and sends them to a server.

Usage: send.py CEVEN FOLDER. It is the issuer itself: the server fetches discovery and keys from it.
"""
import base64
import hashlib
import hmac
import http.server
import json
import os
import socket
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
import warnings

from joserfc import jws
from joserfc.jwk import ECKey, OctKey, OKPKey, RSAKey

# Weak keys and old algorithms are what is sent.
warnings.filterwarnings("ignore", module="joserfc")
warnings.filterwarnings("ignore", message="Key size")
ALGORITHMS = ["RS256", "RS384", "RS512", "PS256", "HS256", "ES256", "EdDSA", "none"]
REGISTRY = jws.JWSRegistry(algorithms=ALGORITHMS, strict_check_header=False)
CLIENT = "0oaclient"
LOGOUT, EVENTS = "/api/v1/sso/okta/universal-logout", "/api/v1/sso/okta/security-events"
CAEP = "https://schemas.openid.net/secevent/caep/event-type/"
RISC = "https://schemas.openid.net/secevent/risc/event-type/"
SSF = "https://schemas.openid.net/secevent/ssf/event-type/"


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Issuer:
    """A tenant with keys, on a listener of its own."""

    def __init__(self):
        self.keys = []
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        issuer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                documents = {
                    "/.well-known/openid-configuration": {
                        "issuer": issuer.url,
                        "authorization_endpoint": f"{issuer.url}/oauth2/v1/authorize",
                        "token_endpoint": f"{issuer.url}/oauth2/v1/token",
                        "jwks_uri": f"{issuer.url}/oauth2/v1/keys",
                    },
                    "/oauth2/v1/keys": {"keys": issuer.keys},
                }
                document = documents.get(self.path)
                body = json.dumps(document).encode()
                self.send_response(200 if document else 404)
                self.send_header("content-length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", self.port), Handler)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def publish(self, key, **changes):
        public = {**key.as_dict(private=False), **changes}
        self.keys.append({name: value for name, value in public.items() if value is not None})


class Server:
    """A real server with one organization that is connected to the issuer."""

    def __init__(self, ceven, folder, issuer):
        self.port, self.admin_port = free_port(), free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.folder, self.ceven = folder, ceven
        self.environment = {
            "PATH": os.environ["PATH"],
            "CEVEN_SERVER__LISTEN": f"127.0.0.1:{self.port}",
            "CEVEN_ADMIN__LISTEN": f"127.0.0.1:{self.admin_port}",
            "CEVEN_SECURITY__OUTBOUND_ALLOW": "127.0.0.0/8",
            "CEVEN_OUTBOUND__KEYS_COOL_DOWN_MS": "0",
            "CEVEN_REVOCATION__BAD_TOKENS_PER_ADDRESS": "100000",
            "CEVEN_LOG__FILTER": "error",
        }
        self.process = subprocess.Popen([ceven, "serve"], cwd=folder, env=self.environment)
        for _ in range(600):
            if self.answers():
                break
            time.sleep(0.05)
        self.verb("org", "create", "--name", "Acme", "--slug", "acme")
        self.token = self.verb("token", "mint", "--org", "acme", "--label", "okta")["token"]
        self.verb("okta", "set", "--org", "acme", "--issuer", issuer.url, "--client-id", CLIENT)

    def answers(self):
        try:
            return urllib.request.urlopen(f"http://127.0.0.1:{self.admin_port}/readyz").status == 200
        except OSError:
            return False

    def verb(self, *arguments):
        command = [self.ceven, *arguments, "--json"]
        return json.loads(subprocess.run(command, cwd=self.folder, env=self.environment, check=True, stdout=subprocess.PIPE).stdout)

    def send(self, method, path, body, media_type, bearer):
        request = urllib.request.Request(self.url + path, body, method=method)
        if media_type:
            request.add_header("content-type", media_type)
        if bearer:
            request.add_header("authorization", f"Bearer {bearer}")
        try:
            with urllib.request.urlopen(request) as answer:
                return answer.status, answer.read()
        except urllib.error.HTTPError as error:
            return error.code, error.read()

    def scim(self, method, path, body=None):
        data = json.dumps(body).encode() if body else None
        status, text = self.send(method, "/api/v1/scim/v2" + path, data, "application/scim+json" if body else None, self.token)
        assert status < 300, text
        return json.loads(text)


class Judge:
    """Counts what is as it should be."""

    def __init__(self, server, issuer, key):
        self.server, self.issuer, self.key = server, issuer, key
        self.passed, self.failed, self.number = 0, 0, 0

    def expect(self, name, found, wanted):
        if found == wanted:
            self.passed += 1
        else:
            self.failed += 1
            print(f"failed: {name}: {found}, not {wanted}")

    def person(self):
        """A new user; id, name and id at Okta."""
        self.number += 1
        name = f"u{self.number}@acme.example"
        user = {"userName": name, "externalId": f"00u{self.number}", "emails": [{"value": f"mail-{name}"}]}
        return self.server.scim("POST", "/Users", user)["id"], name, f"00u{self.number}"

    def is_active(self, user):
        return self.server.scim("GET", f"/Users/{user}")["active"]

    def logout_claims(self, **changes):
        self.number += 1
        now = int(time.time())
        claims = {"jti": f"logout {self.number}", "iss": self.issuer.url, "sub": CLIENT, "aud": self.server.url + LOGOUT,
                  "iat": now, "nbf": now - 300, "exp": now + 300}
        return without_none({**claims, **changes})

    def event_claims(self, event, details=None, **changes):
        self.number += 1
        claims = {"jti": f"event {self.number}", "iss": self.issuer.url, "aud": self.server.url + EVENTS,
                  "iat": int(time.time()), "events": {event: details or {}}}
        return without_none({**claims, **changes})

    def log_out(self, token, body):
        return self.server.send("POST", LOGOUT, json.dumps(body).encode(), "application/json", token)[0]

    def push(self, token):
        status, text = self.server.send("POST", EVENTS, token.encode(), "application/secevent+jwt", None)
        return (status, json.loads(text)["err"]) if status == 400 else (status, text.decode())


def without_none(values):
    return {name: value for name, value in values.items() if value is not None}


def sign(key, claims, typ="global-token-revocation+jwt", alg="RS256", **header):
    header = without_none({"alg": alg, "typ": typ, **header})
    payload = claims if isinstance(claims, bytes) else json.dumps(claims).encode()
    return jws.serialize_compact(header, payload, key, registry=REGISTRY)


def sign_hmac(secret, claims):
    """HS256 by hand: the library refuses a public key as a secret, as it should."""
    header = {"alg": "HS256", "typ": "global-token-revocation+jwt"}
    encode = lambda data: base64.urlsafe_b64encode(data).rstrip(b"=")
    message = b".".join(encode(json.dumps(part).encode()) for part in (header, claims))
    return (message + b"." + encode(hmac.new(secret, message, hashlib.sha256).digest())).decode()


def email(name):
    return {"sub_id": {"format": "email", "email": name}}


def accepted_logouts(judge):
    issuer, key, now = judge.issuer, judge.key, int(time.time())
    big, other = RSAKey.generate_key(4096, {"kid": "big"}), RSAKey.generate_key(3072, {"kid": "next"})
    issuer.publish(ECKey.generate_key("P-256", {"kid": "ec"}))
    issuer.publish(big)
    issuer.publish(other, use="sig", alg="RS256")
    shapes = {
        "as Okta documents it": {},
        "a kid": {"header": {"kid": "k1"}},
        "4096 bits": {"key": big, "header": {"kid": "big"}},
        "a key published later": {"key": other, "header": {"kid": "next"}},
        "a later key without kid": {"key": other},
        "typ in capitals": {"typ": "Global-Token-Revocation+JWT"},
        "more in the header": {"header": {"cty": "json", "x": 1}},
        "aud as a list": {"claims": {"aud": [judge.server.url + LOGOUT]}},
        "no nbf": {"claims": {"nbf": None}},
        "more claims": {"claims": {"auth_time": now, "nested": {"a": [1, {"b": None}]}}},
        "299 s ahead": {"claims": {"iat": now + 295, "nbf": now + 295, "exp": now + 595}},
        "299 s late": {"claims": {"iat": now - 590, "nbf": now - 890, "exp": now - 290}},
        "times with fractions": {"claims": {"iat": now + 0.5, "exp": now + 299.25}},
        "jti of 255 characters": {"claims": {"jti": "j" * 255}},
        "jti beyond ASCII": {"claims": {"jti": "jeton № 1 – é"}},
        "spaces in the JSON": {"spaced": True},
    }
    for name, shape in shapes.items():
        user, login, _ = judge.person()
        claims = judge.logout_claims(**shape.get("claims", {}))
        if shape.get("spaced"):
            claims = json.dumps(claims, indent=3).encode()
        typ = shape.get("typ", "global-token-revocation+jwt")
        token = sign(shape.get("key", key), claims, typ, **shape.get("header", {}))
        judge.expect(name, (judge.log_out(token, email(login)), judge.is_active(user)), (204, False))
        judge.expect(f"{name}, again", judge.log_out(token, email(login)), 401)
    subjects = {
        "email": lambda user, login, _: {"format": "email", "email": login.upper()},
        "another email": lambda user, login, _: {"format": "email", "email": f"mail-{login}"},
        "iss_sub with Okta's id": lambda user, _, okta: {"format": "iss_sub", "iss": issuer.url, "sub": okta},
        "iss_sub with SCIM's id": lambda user, _, okta: {"format": "iss_sub", "iss": issuer.url, "sub": user},
        "opaque": lambda user, _, okta: {"format": "opaque", "id": okta},
    }
    for name, subject in subjects.items():
        for member in ("sub_id", "subject"):
            person = judge.person()
            token = sign(key, judge.logout_claims())
            found = judge.log_out(token, {member: subject(*person)}), judge.is_active(person[0])
            judge.expect(f"{member} {name}", found, (204, False))


def refused_logouts(judge):
    issuer, key, now = judge.issuer, judge.key, int(time.time())
    user, login, _ = judge.person()
    stranger = RSAKey.generate_key(2048, {"kid": "k1"})
    small = RSAKey.generate_key(1024, {"kid": "small"})
    issuer.publish(small)
    encryption = RSAKey.generate_key(2048, {"kid": "encryption"})
    issuer.publish(encryption, use="enc")
    elliptic, edwards = ECKey.generate_key("P-256", {"kid": "ec2"}), OKPKey.generate_key("Ed25519", {"kid": "ed"})
    issuer.publish(elliptic)
    issuer.publish(edwards)
    pem, modulus = key.as_pem(private=False), key.as_dict(private=False)["n"].encode()
    claims = judge.logout_claims
    tokens = {
        "RS384": sign(key, claims(), alg="RS384"),
        "RS512": sign(key, claims(), alg="RS512"),
        "PS256": sign(key, claims(), alg="PS256"),
        "ES256": sign(elliptic, claims(), alg="ES256", kid="ec2"),
        "EdDSA": sign(edwards, claims(), alg="EdDSA", kid="ed"),
        "HS256 with the PEM": sign_hmac(pem, claims()),
        "HS256 with the modulus": sign_hmac(modulus, claims()),
        "none": sign(OctKey.import_key("x" * 32), claims(), alg="none"),
        "another's key": sign(stranger, claims()),
        "another's key with our kid": sign(stranger, claims(), kid="k1"),
        "another's key in the header": sign(stranger, claims(), jwk=stranger.as_dict(private=False)),
        "jku": sign(stranger, claims(), jku=f"{issuer.url}/oauth2/v1/keys"),
        "1024 bits": sign(small, claims(), kid="small"),
        "a key for encryption": sign(encryption, claims(), kid="encryption"),
        "an unknown kid": sign(key, claims(), kid="nobody"),
        "crit": sign(key, claims(), crit=["kid"], kid="k1"),
        "an ID token": sign(key, claims(aud=CLIENT, sub="00u1"), "JWT"),
        "no typ": sign(key, claims(), None),
        "a security event": sign(key, judge.event_claims(CAEP + "session-revoked"), "secevent+jwt"),
        "another issuer": sign(key, claims(iss=issuer.url + "/oauth2/default")),
        "another client": sign(key, claims(sub="0oaother")),
        "another audience": sign(key, claims(aud=judge.server.url + EVENTS)),
        "two audiences": sign(key, claims(aud=[judge.server.url + LOGOUT, "https://other.example"])),
        "expired": sign(key, claims(iat=now - 700, nbf=now - 700, exp=now - 400)),
        "ahead": sign(key, claims(iat=now + 400, exp=now + 700)),
        "valid too long": sign(key, claims(exp=now + 700)),
        "no exp": sign(key, claims(exp=None)),
        "no iat": sign(key, claims(iat=None)),
        "no jti": sign(key, claims(jti=None)),
        "jti too long": sign(key, claims(jti="j" * 256)),
        "jti twice": sign(key, json.dumps(claims()).replace("{", '{"jti":"x",', 1).encode()),
        "a list": sign(key, b"[]"),
    }
    head, _, signature = sign(key, claims()).split(".")
    forged = base64.urlsafe_b64encode(json.dumps(claims()).encode()).rstrip(b"=").decode()
    tokens["other claims"] = f"{head}.{forged}.{signature}"
    for name, token in tokens.items():
        judge.expect(f"refused: {name}", judge.log_out(token, email(login)), 401)
    judge.expect("nobody is out", judge.is_active(user), True)
    bodies = {404: email("nobody@acme.example"), 400: {"sub_id": {"format": "iss_sub", "iss": "https://other.okta.com", "sub": "1"}}}
    for status, body in bodies.items():
        judge.expect(f"a body that is {status}", judge.log_out(sign(key, claims()), body), status)


def events(judge):
    issuer, key, now = judge.issuer, judge.key, int(time.time())
    okta = {"reason_admin": {"en": "Signed out"}, "event_timestamp": now * 1000}
    accepted = {  # what happens, how the subject is named, whether the user is still active afterwards
        "session-revoked as Okta sends it": (CAEP + "session-revoked", "event", True),
        "session-revoked of SSF 1.0": (CAEP + "session-revoked", "sub_id", True),
        "sessions-revoked": (RISC + "sessions-revoked", "sub_id", True),
        "credential-change": (CAEP + "credential-change", "event", True),
        "credential-compromise": (RISC + "credential-compromise", "sub_id", True),
        "account-disabled": (RISC + "account-disabled", "sub_id", False),
        "account-disabled, a complex subject": (RISC + "account-disabled", "user", False),
        "account-purged": (RISC + "account-purged", "event", False),
        "an event of no concern": (CAEP + "device-compliance-change", "sub_id", True),
        "an unknown event": ("https://example.com/something", "event", True),
    }
    for name, (event, place, stays) in accepted.items():
        user, login, okta_id = judge.person()
        subject = {"format": "iss_sub", "iss": issuer.url, "sub": okta_id}
        if place == "event":
            claims = judge.event_claims(event, {**okta, "subject": subject})
        elif place == "user":
            named = {"user": {"format": "email", "email": login}, "session": {"format": "opaque", "id": "s"}}
            claims = judge.event_claims(event, sub_id=named, txn="1")
        else:
            claims = judge.event_claims(event, {"event_timestamp": now}, sub_id=subject, txn="1")
        token = sign(key, claims, "secevent+jwt", kid="k1")
        for turn in ("", ", again"):
            judge.expect(name + turn, (judge.push(token), judge.is_active(user)), ((202, ""), stays))
    verification = judge.event_claims(SSF + "verification", sub_id={"format": "opaque", "id": "stream"})
    judge.expect("verification", judge.push(sign(key, verification, "SecEvent+JWT")), (202, ""))
    several = judge.event_claims(CAEP + "session-revoked", aud=["https://other.example", judge.server.url + EVENTS])
    judge.expect("several audiences", judge.push(sign(key, several, "secevent+jwt")), (202, ""))
    claims = lambda **changes: judge.event_claims(RISC + "account-disabled", **changes)
    refused = {
        "exp": (claims(exp=now + 60), "invalid_request"),
        "sub": (claims(sub="00u1"), "invalid_request"),
        "two events": (claims(events={CAEP + "session-revoked": {}, RISC + "account-disabled": {}}), "invalid_request"),
        "no event": (claims(events={}), "invalid_request"),
        "no jti": (claims(jti=None), "invalid_request"),
        "ahead": (claims(iat=now + 400), "invalid_request"),
        "another issuer": (claims(iss="https://other.okta.com"), "invalid_issuer"),
        "another audience": (claims(aud="https://other.example"), "invalid_audience"),
    }
    for name, (body, code) in refused.items():
        judge.expect(f"event: {name}", judge.push(sign(key, body, "secevent+jwt")), (400, code))
    stranger = RSAKey.generate_key(2048, {"kid": "k1"})
    for name, token, code in [
        ("another's key", sign(stranger, claims(), "secevent+jwt", kid="k1"), "authentication_failed"),
        ("an unknown kid", sign(key, claims(), "secevent+jwt", kid="nobody"), "invalid_key"),
        ("PS256", sign(key, claims(), "secevent+jwt", alg="PS256"), "invalid_request"),
        ("a logout token", sign(key, judge.logout_claims()), "invalid_request"),
        ("an ID token", sign(key, claims(), "JWT"), "invalid_request"),
    ]:
        judge.expect(f"event: {name}", judge.push(token), (400, code))


def main():
    ceven, folder = sys.argv[1:]
    issuer = Issuer()
    key = RSAKey.generate_key(2048, {"kid": "k1"})
    issuer.publish(key, use="sig", alg="RS256")
    server = Server(ceven, folder, issuer)
    try:
        judge = Judge(server, issuer, key)
        accepted_logouts(judge)
        refused_logouts(judge)
        events(judge)
    finally:
        server.process.terminate()
        server.process.wait()
    print(f"{judge.passed} passed, {judge.failed} failed")
    return 1 if judge.failed else 0


sys.exit(main())
