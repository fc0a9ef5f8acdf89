"""What the files under config/ say of each other is so."""
import json
import pathlib
import re
import sys
import tomllib

import jsonschema
import yaml

config = pathlib.Path("config")
settings = tomllib.loads((config / "ceven.toml").read_text())
compose = yaml.safe_load((config / "compose.yaml").read_text())
caddyfile = (config / "Caddyfile").read_text()
texts = {path: path.read_text() for path in [*config.iterdir(), pathlib.Path("README.md")] if path.is_file()}
checks = 0


def check(fact, words):
    global checks
    if not fact:
        raise SystemExit(f"not so: {words}")
    checks += 1


schema = jsonschema.Draft7Validator(json.loads(pathlib.Path(sys.argv[1]).read_text()))
schema.validate(compose)
wrong = {**compose, "services": {"ceven": {**compose["services"]["ceven"], "heathcheck": {}}}}
check(not schema.is_valid(wrong), "the schema finds a wrong key")

# Every variable that is named anywhere is a setting.
for path, text in texts.items():
    for variable in re.findall(r"CEVEN_[A-Z_]*[A-Z]__[A-Z_]*[A-Z]", text):
        *sections, name = variable.removeprefix("CEVEN_").lower().split("__")
        known = settings
        for section in sections:
            known = known.get(section, {})
        check(name in known or name.removesuffix("_file") in known, f"{path} names a setting {variable}")

# Every file and every test that the README names is there.
readme = texts[pathlib.Path("README.md")]
for target in re.findall(r"\]\(([^)#:]+)\)", readme):
    check(pathlib.Path(target).exists(), f"the README links to {target}")
for path in re.findall(r"`((?:actors|benches|config|migrations|src|tests)/[\w./-]*)`", readme):
    check(pathlib.Path(path).exists(), f"the README names {path}")
tests = "".join(path.read_text() for path in pathlib.Path("tests/it").rglob("*.rs"))
for name in re.findall(r"`([a-z0-9]+(?:_[a-z0-9]+){3,})`", readme):
    check(f"fn {name}(" in tests, f"the README names a test {name}")

# Every address that a guide gives is served.
served = pathlib.Path("src/openapi/operations.rs").read_text()
for path, text in texts.items():
    for address in re.findall(r"https://api\.ceven\.io/api/v1(/[\w/-]+)", text):
        check(f'"{address}"' in served or f'"{address}/' in served, f"{path} gives the address {address}")

services = compose["services"]
for name, service in services.items():
    for other in service.get("depends_on", {}):
        check("healthcheck" in services[other], f"{name} waits for {other}, which can say that it is ready")
    for secret in service.get("secrets", []):
        check(secret in compose["secrets"], f"{name} has a secret {secret}")
    for network in service["networks"]:
        check(network in compose["networks"], f"{name} is in a network {network}")
    for volume in service.get("volumes", []):
        source = volume.split(":")[0]
        is_file = source.startswith("./") and (config / source).is_file()
        check(is_file or source in compose["volumes"], f"{name} mounts {source}")
    for variable, value in service.get("environment", {}).items():
        if variable.endswith("_FILE"):
            check(value.removeprefix("/run/secrets/") in service["secrets"], f"{name} can read {value}")
    check(service["cap_drop"] == ["ALL"], f"{name} has no rights that it does not need")
for variable in services["caddy"]["environment"]:
    check("{$" + variable + ":" in caddyfile, f"the Caddyfile knows {variable}")
check("ports" not in services["ceven"] and "ports" not in services["postgres"], "only Caddy is reached from outside")
check("edge" not in services["postgres"]["networks"] and compose["networks"]["data"]["internal"], "PostgreSQL reaches nothing")
ranges = [part["subnet"] for part in compose["networks"]["edge"]["ipam"]["config"]]
check(services["ceven"]["environment"]["CEVEN_SECURITY__TRUSTED_PROXIES"] in ranges, "Ceven believes Caddy")
grace = int(services["ceven"]["stop_grace_period"].removesuffix("s"))
check(grace * 1000 > settings["server"]["drain_timeout_ms"], "requests in progress are waited for")
limit = int(re.search(r"max_size (\d+)MiB", caddyfile)[1]) << 20
check(limit > settings["server"]["group_body_bytes"] >= settings["server"]["body_bytes"], "the edge's limit is the looser one")
dockerfile = (config / "Dockerfile").read_text()
user = re.search(r"^USER (\d+)$", dockerfile, re.M)[1]
check(user == services["ceven"]["user"] and user != "0", "Ceven is not root")
print(f"deployment: {checks} facts checked")
