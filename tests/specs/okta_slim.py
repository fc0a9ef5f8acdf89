#!/usr/bin/env python3
"""Cuts Okta's OpenAPI files down to what judges a request: paths, methods, query parameters, body members.

Use: okta_slim.py MANAGEMENT.yaml OAUTH.yaml > okta-slim.json (needs PyYAML). The files are Okta's
management-minimal.yaml and oauth-minimal.yaml, or cut-outs of them.
"""
import json
import sys

import yaml

METHODS = ("get", "post", "put", "patch", "delete")


def resolve(spec, value):
    while isinstance(value, dict) and "$ref" in value:
        target = spec
        for part in value["$ref"].removeprefix("#/").split("/"):
            target = target.get(part, {})
        value = target
    return value


def members(spec, schema):
    """Names of all members of a schema; None when it says nothing of them."""
    schema = resolve(spec, schema)
    found = set(schema.get("properties", {}))
    for part in schema.get("allOf", []) + schema.get("oneOf", []) + schema.get("anyOf", []):
        found |= set(members(spec, part) or ())
    return sorted(found) or None


paths = {}
for name in sys.argv[1:]:
    with open(name, encoding="utf-8") as file:
        spec = yaml.safe_load(file)
    for path, item in spec["paths"].items():
        if path.startswith(("/api/v1/users", "/oauth2/v1/token", "/oauth2/v1/global-token-revocation")):
            for method in METHODS:
                if method in item:
                    operation = item[method]
                    given = [resolve(spec, p) for p in item.get("parameters", []) + operation.get("parameters", [])]
                    described = {"query": sorted(p["name"] for p in given if p.get("in") == "query")}
                    content = resolve(spec, operation.get("requestBody", {})).get("content", {})
                    for media_type, body in content.items():
                        described["body"] = {media_type: members(spec, body.get("schema", {}))}
                    paths.setdefault(path, {})[method.upper()] = described
print(json.dumps(paths, indent=1, sort_keys=True))
