"""What a client sees of Ceven through Caddy."""
import http.client
import json
import socket
import ssl
import sys
import urllib.parse

edge, plain, backend, authority, token = sys.argv[1:]
API, WWW = "api.ceven.test", "www.ceven.test"
CLIENT, FORGED = "127.0.0.7", "203.0.113.66"
context = ssl.create_default_context(cafile=authority)
checks = 0


def check(fact, words):
    global checks
    if not fact:
        raise SystemExit(f"not so: {words}")
    checks += 1


class Edge(http.client.HTTPSConnection):
    """Goes to Caddy from the client's address, whatever the host."""

    def connect(self):
        plain = socket.create_connection(("127.0.0.1", int(edge)), timeout=60, source_address=(CLIENT, 0))
        self.sock = context.wrap_socket(plain, server_hostname=self.host)


def ask(host, method, path, body=None, headers=None, connection=None):
    connection = connection or Edge(host, timeout=60)
    data = json.dumps(body).encode() if isinstance(body, (dict, list)) else body
    connection.request(method, path, data, {"content-type": "application/json", **(headers or {})})
    answer = connection.getresponse()
    text = answer.read()
    is_json = "json" in (answer.getheader("content-type") or "")
    return answer, json.loads(text) if is_json and text and b"\n" not in text.strip() else text


# Plain http leads to https.
connection = http.client.HTTPConnection("127.0.0.1", int(plain), timeout=60)
connection.request("GET", "/app", headers={"host": WWW})
answer = connection.getresponse()
check(answer.status == 308 and answer.getheader("location").startswith(f"https://{WWW}"), "http is redirected to https")

# SCIM through the edge, with a forged address.
bearer = {"authorization": f"Bearer {token}", "x-forwarded-for": FORGED, "forwarded": f"for={FORGED}", "x-real-ip": FORGED}
answer, config = ask(API, "GET", "/api/v1/scim/v2/ServiceProviderConfig", headers=bearer)
check(answer.status == 200 and answer.getheader("content-type").startswith("application/scim+json"), "SCIM answers")
check(answer.getheader("strict-transport-security") == "max-age=31536000; includeSubDomains", "HSTS")
check(answer.getheader("server") is None, "no Server header")
answer, user = ask(API, "POST", "/api/v1/scim/v2/Users", {"userName": "ada@acme.example"}, bearer)
check(answer.status == 201, "a user is created")
check(answer.getheader("location") == f"https://{API}/api/v1/scim/v2/Users/{user['id']}", "Location names the public host")
# Many times: a server that hangs up on a body it refuses is a bad gateway now and then.
for _ in range(60):
    answer, refused = ask(API, "POST", "/api/v1/scim/v2/Users", b'{"userName":"' + b"x" * (2 << 20) + b'"}', bearer)
    check(answer.status == 413 and refused["status"] == "413", f"Ceven itself says that a body of 2 MiB is too large: {answer.status}")
members = [{"value": user["id"], "display": "x" * 4000} for _ in range(2000)]
answer, _ = ask(API, "POST", "/api/v1/scim/v2/Groups", {"displayName": "Everyone", "members": members}, bearer)
check(answer.status == 201, "a group's body of 8 MiB passes")
answer, _ = ask(API, "POST", "/api/v1/scim/v2/Groups", b" " * (18 << 20), bearer)
check(answer.status == 413, "18 MiB are refused at the edge")

# Sign-in at the console.
login = {"org": "acme", "email": "ops@acme.example", "password": "correct horse battery staple"}
answer, _ = ask(WWW, "POST", "/api/v1/auth/login", login, {"origin": "https://evil.example"})
check(answer.status == 403, "another site cannot sign its visitor in")
answer, me = ask(WWW, "POST", "/api/v1/auth/login", login, {"origin": f"https://{WWW}", "x-forwarded-for": FORGED})
check(answer.status == 200, "sign-in through the edge")
cookie = answer.getheader("set-cookie")
check(cookie.startswith("__Host-ceven_session="), "the cookie is for this host alone")
check("; Secure" in cookie and "; HttpOnly" in cookie and "Path=/;" in cookie and "omain=" not in cookie, "as __Host- demands")
admin = {"cookie": cookie.split(";")[0], "x-ceven-csrf": me["csrf_token"]}
answer, page = ask(WWW, "GET", "/app", headers=admin)
check(answer.status == 200 and b"Dashboard" in page, "pages")
answer, page = ask(WWW, "GET", "/app/sso", headers=admin)
check(f"https://{API}/api/v1/scim/v2".encode() in page, "the guide names the public host")

# Whose address the log has.
answer, log = ask(WWW, "GET", "/api/v1/sso/audit-export", headers=admin)
entries = [json.loads(line) for line in log.splitlines() if b'"action"' in line]
found = {entry["action"]: entry["ip"] for entry in entries}
check(found["user.create"] == CLIENT and found["session.start"] == CLIENT, f"the log has the client's address: {found}")
host, port = backend.split(":")
connection = http.client.HTTPConnection(host, int(port), timeout=60, source_address=("127.0.0.8", 0))
answer, _ = ask(API, "POST", "/api/v1/scim/v2/Users", {"userName": "bob@acme.example"}, bearer, connection)
check(answer.status == 201, "the backend itself answers")
answer, log = ask(WWW, "GET", "/api/v1/sso/audit-export?action=user.create", headers=admin)
last = [json.loads(line) for line in log.splitlines() if b'"action"' in line][-1]
check(last["ip"] == "127.0.0.8", "who is no trusted proxy is not believed")
check(FORGED not in log.decode(), "the forged address is nowhere")

# Server-sent events pass one by one: the first comes while the stream goes on, the next when something happens.
tool = {"kind": "webhook", "name": "Nobody", "settings": {"url": "http://127.0.0.9:9/", "secret": "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"}}
answer, _ = ask(WWW, "POST", "/api/v1/connectors", tool, admin)
check(answer.status == 201, "a tool that never answers")
answer, begun = ask(WWW, "POST", f"/api/v1/users/{user['id']}/offboard", {}, admin)
check(answer.status == 202, "an offboarding that does not end")
stream = Edge(WWW, timeout=60)
stream.request("GET", f"/api/v1/offboardings/{begun['offboarding_id']}/events", headers=admin)
events = stream.getresponse()
check(events.getheader("content-type") == "text/event-stream", "events")


def until(status):
    while True:
        line = events.readline()
        if not line:
            raise SystemExit("the stream ended early")
        if line.startswith(b"data:") and json.loads(line[5:])["status"] == status:
            return


until("running")
check(True, "the first event passes while the stream is open")
answer, _ = ask(WWW, "POST", f"/api/v1/offboardings/{begun['offboarding_id']}/cancel", {}, admin)
check(answer.status == 200, "cancelled")
until("cancelled")
check(True, "the next event passes when it happens")
print(f"edge: {checks} checks passed")
