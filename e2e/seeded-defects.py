#!/usr/bin/env python3
"""Puts defects into a copy of the tree, one at a time, and sees that the tests turn red.

    e2e/seeded-defects.py                 all of them (a minute or two each)
    e2e/seeded-defects.py --only PART     those whose name contains PART; more than once: any of the parts
    e2e/seeded-defects.py --list          their names

The copy is of what is committed, in a folder that is removed at the end; it
is built in a target folder of its own, kept for the next time. Ends with 0
where every defect was caught, with 1 where one was not, with 2 where a defect
no longer fits the code or does not compile: then the list is to be mended.
"""
import argparse
import json
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile
import time

HERE = pathlib.Path(__file__).resolve().parent
TREE = HERE.parent


def defects():
    """Each with `name`, `file`, `before` (once in it), `after`, and `test`: what follows `cargo test`."""
    return json.loads((HERE / "seeded-defects.json").read_text())


def cargo(tree, target, words):
    environment = {**os.environ, "CARGO_TARGET_DIR": str(target), "PLIMSOLL_TEST_DATA": os.environ.get("PLIMSOLL_TEST_DATA", str(TREE.parent / "shared/data"))}
    return subprocess.run(["cargo", "test", "--locked", *words], cwd=tree, env=environment, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace")


def play(defect, tree, target):
    """What came of one: its word, and what to show where that is bad."""
    path = tree / defect["file"]
    former = path.read_text()
    if former.count(defect["before"]) != 1:
        return "does not fit", f"`before` stands {former.count(defect['before'])} times in {defect['file']}, once is meant"
    choice, _, rest = defect["test"].partition(" -- ")
    try:
        path.write_text(former.replace(defect["before"], defect["after"]))
        built = cargo(tree, target, [*choice.split(), "--no-run"])
        if built.returncode != 0:
            return "does not compile", built.stdout[-2000:]
        ran = cargo(tree, target, [*choice.split(), "--no-fail-fast", "--", *rest.split()])
    finally:
        path.write_text(former)
        # A file as old as before would count as built already.
        os.utime(path)
    if ran.returncode == 0:
        return "NOT CAUGHT", ran.stdout[-1000:]
    return "caught", ", ".join(sorted({line.split()[1] for line in ran.stdout.splitlines() if line.startswith("test ") and line.endswith("FAILED")})) or "the tests ended early"


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--only", default=[], action="append", metavar="PART")
    parser.add_argument("--list", action="store_true")
    arguments = parser.parse_args()
    chosen = [defect for defect in defects() if not arguments.only or any(part in defect["name"] for part in arguments.only)]
    if arguments.list:
        print("\n".join(defect["name"] for defect in chosen))
        return 0
    if not chosen:
        print(f"no defect's name contains {' or '.join(arguments.only)}; --list shows them", file=sys.stderr)
        return 2
    folder = pathlib.Path(tempfile.mkdtemp(prefix="plimsoll-defects-"))
    target = pathlib.Path(os.environ.get("CARGO_TARGET_DIR", TREE / "target")) / "seeded-defects"
    tree, worst = folder / "tree", 0
    try:
        subprocess.run(["git", "worktree", "add", "--quiet", "--detach", str(tree)], cwd=TREE, check=True)
        for number, defect in enumerate(chosen, 1):
            began = time.monotonic()
            word, shown = play(defect, tree, target)
            print(f"{number:3} of {len(chosen)}  {time.monotonic() - began:5.0f} s  {word:<10}  {defect['name']}: {shown}", flush=True)
            worst = max(worst, {"caught": 0, "NOT CAUGHT": 1}.get(word, 2))
    finally:
        subprocess.run(["git", "worktree", "remove", "--force", str(tree)], cwd=TREE, check=False)
        shutil.rmtree(folder, ignore_errors=True)
    return worst


if __name__ == "__main__":
    sys.exit(main())
