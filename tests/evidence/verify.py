"""Verifies a pack of evidence with nothing of Ceven: PyPI's cryptography for Ed25519 and rfc8785 for canonical JSON.

Usage: verify.py PACK.zip. Prints what it found; exits with 1 when something is wrong.
"""
import base64
import hashlib
import json
import sys
import zipfile

import rfc8785
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey


class Wrong(Exception):
    pass


def check_signature(statement, kind):
    unsigned = {name: value for name, value in statement.items() if name != "signature"}
    if statement.get("type") != kind:
        raise Wrong(f"not a {kind}")
    key = Ed25519PublicKey.from_public_bytes(base64.b64decode(statement["key"]))
    try:
        key.verify(base64.b64decode(statement["signature"]), rfc8785.dumps(unsigned))
    except InvalidSignature as error:
        raise Wrong(f"the signature of the {kind} is not right") from error


def check_log(text, key):
    lines = text.split("\n")
    if lines.pop() != "":
        raise Wrong("the last line has no end")
    *entries, last = [json.loads(line) for line in lines]
    check_signature(last, "ceven.audit.head")
    if last["key"] != key:
        raise Wrong("two keys")
    before = "".join(line + "\n" for line in lines[:-1])
    if hashlib.sha256(before.encode()).hexdigest() != last["digest"] or last["entries"] != len(entries):
        raise Wrong("the head is of other lines")
    previous = None
    for entry in entries:
        rest = {name: value for name, value in entry.items() if name != "hash"}
        if hashlib.sha256(rfc8785.dumps(rest)).hexdigest() != entry["hash"]:
            raise Wrong(f"the hash of entry {entry['seq']} does not fit")
        if previous and entry["seq"] == previous["seq"] + 1 and entry["prev_hash"] != previous["hash"]:
            raise Wrong(f"entry {entry['seq']} does not follow the one before")
        previous = entry
    return entries


def check(path):
    with zipfile.ZipFile(path) as pack:
        files = {name: pack.read(name) for name in pack.namelist()}
    evidence = json.loads(files["evidence.json"])
    check_signature(evidence, "ceven.evidence")
    for name, digest in evidence["files"].items():
        if hashlib.sha256(files[name]).hexdigest() != digest:
            raise Wrong(f"{name} is not the file that was signed")
    if set(files) != {"evidence.json", *evidence["files"]}:
        raise Wrong("there are files that nobody signed")
    entries = check_log(files["audit.ndjson"].decode(), evidence["key"])
    # What the statement says of each tool, the log must say too.
    for tool in evidence["tools"]:
        logged = [
            entry["after"]["step"]["name"]
            for entry in entries
            if entry["action"] == "deprovision.step" and entry["after"]["connector"]["id"] == tool["connector"]["id"]
        ]
        missing = [step["name"] for step in tool["steps"] if step["name"] not in logged]
        if missing:
            raise Wrong(f"{tool['connector']['name']}: {missing} are not in the log")
    return evidence, entries


def main():
    try:
        evidence, entries = check(sys.argv[1])
    except (Wrong, KeyError, ValueError, zipfile.BadZipFile) as error:
        print(f"wrong: {error}")
        return 1
    print(f"{evidence['offboarding']['status']}: {len(evidence['tools'])} tools, {len(entries)} entries")
    return 0


if __name__ == "__main__":
    sys.exit(main())
