#!/usr/bin/env python3
"""Asks a real server everything its own OpenAPI document allows, and much that
it does not: no 5xx, no answer that breaks its schema, no bad input accepted.

    e2e/api-cases.py BINARY [--seconds N] [--seed N] [--keep]

Starts `BINARY up` with a database of its own and runs schemathesis (pinned in
e2e/requirements.txt, installed into a virtual environment below the target
folder) twice: as a person in a session, for what tokens may not do, and as a
program with an administrator's token. Exits 0 where nothing was found, 1 with
what was, 2 where it could not run; without Python's venv or PyPI it says that
it skips, and fails where CI is set.
"""

import argparse
import json
import os
import pathlib
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import urllib.parse
import urllib.request

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parent

# Agents sign what they send, and providers' pages answer a browser: neither is
# for a program that guesses. The others would end the very session that asks.
OUT = ["^/agent/", "^/sign-in/"]
ENDS_SESSION = ["^/api/v1/session", "^/api/v1/account/(sessions|password)", "^/api/v1/account/proofs/"]
PEOPLE = "^/api/v1/(account|people|tokens)"

# A schema cannot say what a filter's grammar, another object's state or a
# guessable password is: such requests fit it and are refused all the same. And
# the cookie of a session goes along with every request of a person, so that
# leaving it out cannot be tried; `http::matrix` asks every route as nobody.
LEFT_OUT = {"token": ["positive_data_acceptance"], "session": ["positive_data_acceptance", "ignored_auth"]}

ADVISORY = """id = "TEST-2026-1"
summary = "libpng trusts its input"
severity = "high"
cves = ["CVE-2026-33416"]
published = 2026-03-01
[[affected]]
stream = "debian:12"
name = "libpng1.6"
fixed = "1.6.39-2+deb12u4"
"""


def skip(why):
    if os.environ.get("CI"):
        print(f"failed: {why}", file=sys.stderr)
        sys.exit(2)
    print(f"skipped: {why}")
    sys.exit(0)


def schemathesis():
    """The program, installed where it is not yet."""
    wanted = (HERE / "requirements.txt").read_text()
    target = pathlib.Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target"))
    folder = target / "e2e-python"
    mark, program = folder / "installed", folder / "bin" / "schemathesis"
    if program.is_file() and mark.is_file() and mark.read_text() == wanted:
        return program
    shutil.rmtree(folder, ignore_errors=True)
    steps = [
        [sys.executable, "-m", "venv", str(folder)],
        [str(folder / "bin" / "pip"), "install", "--quiet", "--disable-pip-version-check", "-r", str(HERE / "requirements.txt")],
    ]
    for step in steps:
        try:
            done = subprocess.run(step, capture_output=True, text=True, timeout=300)
        except (OSError, subprocess.TimeoutExpired) as error:
            skip(f"{step[-1]}: {error}")
        if done.returncode != 0:
            lines = (done.stderr or done.stdout).strip().splitlines()
            skip(f"schemathesis could not be installed: {lines[-1] if lines else 'no reason given'}")
    mark.write_text(wanted)
    return program


class Server:
    """A running `plimsoll up` on data of its own."""

    def __init__(self, binary, folder):
        sources, database = folder / "sources" / "advisories", folder / "advisories.db"
        sources.mkdir(parents=True)
        (sources / "TEST-2026-1.toml").write_text(ADVISORY)
        subprocess.run([binary, "db", "build", "--from", str(sources.parent), "--to", str(database)], check=True, capture_output=True)
        self.log = open(folder / "server.log", "w")
        words = [binary, "up", "--json", "--listen", "127.0.0.1:0", "--data", str(folder / "data"), "--db", str(database)]
        self.process = subprocess.Popen(words, stdout=subprocess.PIPE, stderr=self.log, text=True)
        ready = json.loads(self.process.stdout.readline() or "{}")
        if "url" not in ready:
            raise RuntimeError(f"the server did not start; see {folder / 'server.log'}")
        self.url, self.token, self.sign_in = ready["url"], ready["token"], ready["sign_in"]

    def ask(self, method, path, body, headers=None):
        request = urllib.request.Request(self.url + path, method=method, data=json.dumps(body).encode())
        for name, value in (headers or {"authorization": f"Bearer {self.token}"}).items():
            request.add_header(name, value)
        request.add_header("content-type", "application/json")
        with urllib.request.urlopen(request) as answer:
            return json.load(answer)

    def furnish(self):
        """Something to find: a host with a finding, a group, an application."""
        component = {"purl": "pkg:deb/debian/libpng1.6@1.6.39-2", "stream": "debian:12", "name": "libpng1.6", "version": "1.6.39-2",
                     "source": "libpng1.6", "source_version": "1.6.39-2", "kind": "package"}
        self.ask("POST", "/api/v1/hosts", {"name": "switch", "components": [component]})
        group = self.ask("POST", "/api/v1/groups", {"name": "all", "query": "name = *"})
        self.ask("POST", "/api/v1/applications", {"name": "shop", "group": group["id"]})

    def session(self):
        """The cookie of the first administrator, by the one-time link."""
        class Stay(urllib.request.HTTPRedirectHandler):
            def redirect_request(self, *_):
                return None
        body = urllib.parse.urlencode({"token": self.sign_in.rsplit("/", 1)[1], "next": "/console"}).encode()
        request = urllib.request.Request(self.url + "/console/sign-in/link", data=body, headers={"origin": self.url})
        try:
            answer = urllib.request.build_opener(Stay).open(request)
        except urllib.error.HTTPError as answered:
            answer = answered
        return answer.headers["set-cookie"].split(";")[0]

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        try:
            return self.process.wait(timeout=30)
        except subprocess.TimeoutExpired:
            self.process.kill()
            return None
        finally:
            self.log.close()


def document(server, scheme, path):
    """The server's own document, with the one way to sign in that a run uses:
    the other would look like a route that needs none."""
    with urllib.request.urlopen(server.url + "/openapi.json") as answer:
        whole = json.load(answer)
    for methods in whole["paths"].values():
        for operation in methods.values():
            ways = operation["security"]
            operation["security"] = [way for way in ways if scheme in way] or ways
            # Bytes are bytes; schemathesis knows how to send these.
            content = operation.get("requestBody", {}).get("content", {})
            if "application/zstd" in content:
                content["application/octet-stream"] = content.pop("application/zstd")
    path.write_text(json.dumps(whole))
    return path


def run(program, server, arguments, headers, out, more, report):
    scheme = "token" if "Authorization" in headers else "session"
    described = document(server, scheme, report.with_suffix(".json"))
    words = [str(program), "run", str(described), "--url", server.url, "--continue-on-failure",
             "--checks", "all", "--exclude-checks", ",".join(LEFT_OUT[scheme]), "--generation-with-security-parameters", "false",
             "--request-timeout", "20", "--generation-database", "none", "--exclude-path-regex", "|".join(out), "--no-color", "--seed", str(arguments.seed), "--max-time", str(arguments.seconds),
             # More workers make CPython 3.11 trip over its own parser in threads.
             "--workers", "1", "--warnings", "off", "--report", "junit", "--report-junit-path", str(report)]
    for name, value in headers.items():
        words += ["--header", f"{name}:{value}"]
    # It leaves a folder of its own where it runs.
    done = subprocess.run(words + more, capture_output=True, text=True, cwd=report.parent)
    return done.returncode, done.stdout + done.stderr


def main():
    words = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    words.add_argument("binary")
    words.add_argument("--seconds", type=int, default=150, help="bound of both runs together")
    words.add_argument("--seed", type=int, default=1)
    words.add_argument("--keep", action="store_true", help="keep the folder with logs")
    arguments = words.parse_args()
    arguments.seconds = max(20, arguments.seconds // 2)
    program = schemathesis()
    folder = pathlib.Path(tempfile.mkdtemp(prefix="plimsoll-api-cases-"))
    server = Server(os.path.abspath(arguments.binary), folder)
    found = 0
    try:
        as_person = {"cookie": server.session(), "origin": server.url}
        # The token that `up` prints may less than an administrator.
        grants = [{"role": role} for role in ("administrator", "operator", "policy-author", "auditor")]
        wish = {"name": "generated cases", "grants": grants, "days": 1}
        server.token = server.ask("POST", "/api/v1/account/tokens", wish, as_person)["secret"]
        server.furnish()
        as_program = {"Authorization": f"Bearer {server.token}", "origin": server.url}
        # The person first: the proof that their sign-in gave counts for five minutes.
        runs = [("a person", as_person, OUT + ENDS_SESSION, ["--include-path-regex", PEOPLE]), ("a program", as_program, OUT, [])]
        for who, headers, out, more in runs:
            code, said = run(program, server, arguments, headers, out, more, folder / f"{who[2:]}.xml")
            (folder / f"{who[2:]}.log").write_text(said)
            summary = re.findall(r"^.*(?:generated|passed|failed|No issues).*$", said, re.M)
            print(f"as {who}: exit {code}", *summary[-4:], sep="\n  ")
            if "No test cases were generated" in said:
                print("nothing was asked: give it more --seconds")
                found = found or 2
            if code != 0:
                # The end names each failure with the request that shows it.
                print(said[-20_000:])
                found = 1 if code == 1 else 2
    finally:
        ended = server.stop()
    log = (folder / "server.log").read_text()
    if ended != 0 or "panicked" in log:
        print(f"the server ended with {ended}:\n{log[-4000:]}")
        found = found or 1
    if arguments.keep:
        print(f"kept: {folder}")
    else:
        shutil.rmtree(folder, ignore_errors=True)
    sys.exit(found)


if __name__ == "__main__":
    main()
