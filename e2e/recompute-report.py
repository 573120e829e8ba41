#!/usr/bin/env python3
"""Counts a report again from the exported events, and compares.

    e2e/recompute-report.py EVENTS.jsonl REPORT.json

The events come from `plimsoll report events`, the report from `plimsoll report
NAME --format json` with the same `--as-of` and `--client`. Written from the
definitions in docs/guide/reports.md, with nothing but Python's own library and
exact fractions; it shares nothing with the program that it checks.

Exits 0 where every figure agrees, 1 with each that does not, 2 where the two
files cannot be compared.
"""

import datetime
import json
import re
import sys
from bisect import bisect_left
from collections import Counter, defaultdict
from fractions import Fraction

DAY = 86_400
SOON = 7 * DAY
FEW = 20
LISTED = 1000
PRIORITIES = ["critical", "high", "medium", "low", "none", "unknown"]
AGES = [7, 14, 30, 60, 90, 180]
POINTS = [1, 2, 3, 7, 14, 30, 60, 90]
SUCCESS = {"succeeded", "already-satisfied", "repaired-target"}
EPOCH = datetime.datetime(1970, 1, 1, tzinfo=datetime.timezone.utc)
STAMP = re.compile(r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(?:\.(\d{1,9}))?Z")


class Unusable(Exception):
    """The files cannot be compared."""


def instant(text):
    """Nanoseconds since 1970, exactly."""
    match = STAMP.fullmatch(text)
    if not match:
        raise Unusable(f"{text!r} is no time in UTC")
    whole = datetime.datetime.fromisoformat(match[1]).replace(tzinfo=datetime.timezone.utc) - EPOCH
    return (whole.days * DAY + whole.seconds) * 10**9 + int((match[2] or "").ljust(9, "0"))


def second(text):
    return instant(text) // 10**9


class Finding:
    """One life of one finding of one host."""

    def __init__(self, host, key, opened):
        self.host, self.key, self.opened = host, key, opened
        self.priority, self.exploited, self.bounds = "unknown", False, None
        self.end, self.closed = None, False

    @property
    def first(self):
        return self.bounds[0] if self.bounds else None

    @property
    def start(self):
        return self.first["start"] if self.first and self.first["start"] is not None else self.opened


class Host:
    def __init__(self, line):
        self.id, self.name = line["host"], line["name"]
        self.enrolled = second(line["enrolled"])
        self.retired = second(line["retired"]) if line["retired"] else None
        self.gone = instant(line["retired"]) if line["retired"] else None


def read(path):
    """Hosts with their transitions, and parts in rollouts."""
    hosts, changes, head, end = [], [], None, None
    with open(path, encoding="utf-8") as lines:
        for number, text in enumerate(lines, 1):
            line = json.loads(text)
            kind = line["event"]
            if head is None and kind != "export":
                raise Unusable(f"{path}: the first line is no export")
            if end is not None:
                raise Unusable(f"{path}:{number}: goes on after its end")
            if kind == "export":
                head = line
            elif kind == "host":
                hosts.append((Host(line), []))
            elif kind == "transition":
                if not hosts or hosts[-1][0].id != line["host"]:
                    raise Unusable(f"{path}:{number}: a transition that does not follow its host")
                hosts[-1][1].append(line)
            elif kind == "change":
                changes.append(line)
            elif kind == "end":
                end = line
    if head is None or end is None:
        raise Unusable(f"{path}: is cut: it has no end")
    if head["schema"] != "plimsoll-report-events/1":
        raise Unusable(f"{path}: is {head['schema']}")
    counts = {"hosts": len(hosts), "transitions": sum(len(transitions) for _, transitions in hosts), "changes": len(changes)}
    if any(end[name] != number for name, number in counts.items()):
        raise Unusable(f"{path}: has {counts}, its end says {end}")
    return head, hosts, changes


class Count:
    """All figures of one window."""

    def __init__(self, window):
        self.window = window
        self.begin, self.now = second(window["from"]), second(window["to"])
        self.cut = instant(window["to"])
        self.findings, self.moved, self.changes = [], [], []
        self.opened = self.closed = self.again = 0
        self.since, self.policies = None, set()
        self.hosts, self.host_seconds = 0, 0

    def host(self, host, transitions):
        self.hosts += host.retired is None
        until = self.now if host.retired is None else host.retired
        self.host_seconds += max(0, until - max(host.enrolled, self.begin))
        last = self.cut if host.gone is None else host.gone
        alive, ended = {}, set()
        for transition in transitions:
            if instant(transition["at"]) > last:
                continue
            at = second(transition["at"])
            lately = at >= self.begin
            for key in map(identity, transition["closed"]):
                finding = alive.pop(key, None)
                if finding is not None:
                    finding.end, finding.closed = at, True
                    ended.add(key)
                    self.closed += lately
            for key in map(identity, transition["opened"]):
                if key not in alive:
                    alive[key] = Finding(host, key, at)
                    self.findings.append(alive[key])
                    self.opened += lately
                    self.again += lately and key in ended
            if transition["obliged"]:
                if self.since is None or instant(transition["at"]) < instant(self.since):
                    self.since = transition["at"]
                if lately:
                    self.policies.update(transition["policies"])
            for entry in transition["obliged"]:
                finding = alive.get(identity(entry))
                if finding is not None:
                    self.oblige(finding, entry, transition, lately)
        if host.retired is not None:
            for finding in alive.values():
                finding.end = host.retired

    def oblige(self, finding, entry, transition, lately):
        bounds = [{"rule": bound["rule"], "due": second(bound["due"]), "start": second(bound["start"]) if bound["start"] else None, "told": bound["due"]} for bound in entry["bounds"]]
        if finding.bounds is not None and lately:
            for old in finding.bounds:
                same = [new for new in bounds if new["rule"] == old["rule"]] or bounds
                if not same or same[0]["due"] > old["due"]:
                    self.moved.append((transition, finding, old, same[0] if same else None))
        finding.bounds, finding.priority, finding.exploited = bounds, entry["priority"], entry["exploited"]

    def finish(self):
        alive = [finding for finding in self.findings if finding.end is None]
        late = [finding for finding in alive if finding.first and finding.first["due"] < self.now]
        soon = [finding for finding in alive if finding.first and self.now <= finding.first["due"] <= self.now + SOON]
        return {
            "window": self.window,
            "hosts": self.hosts,
            "hosts_overdue": len({finding.host.id for finding in late}),
            "due_dates_since": self.since,
            "policies": sorted(self.policies),
            "open": self.open(alive, late, soon),
            "flow": {"opened": self.opened, "closed": self.closed, "opened_again": self.again},
            "on_time": self.on_time(),
            "time_to_patch": self.time_to_patch(),
            "started_before": sum(finding.start < self.begin and not (finding.end is not None and finding.end < self.begin) for finding in self.findings),
            "ageing": self.ageing(alive),
            "exposure": self.exposure(),
            "exploited": {
                "open": sum(finding.exploited for finding in alive),
                "overdue": sum(finding.exploited for finding in late),
                "closed": sum(finding.exploited and finding.closed and finding.end >= self.begin for finding in self.findings),
            },
            "rollouts": self.rollouts(),
            "time_spent": self.time_spent(),
            "late": self.listed(late),
            "approaching": self.listed(soon),
            "moved_later": len(self.moved),
            "moved": self.moves(),
        }

    def by_priority(self, findings):
        for priority in PRIORITIES:
            some = [finding for finding in findings if finding.priority == priority]
            if some:
                yield priority, some

    def open(self, alive, late, soon):
        lines = []
        for priority, some in self.by_priority(alive):
            undated = sum(finding.first is None for finding in some)
            exceeded = sum(finding.priority == priority for finding in late)
            approaching = sum(finding.priority == priority for finding in soon)
            lines.append({"priority": priority, "open": len(some), "within": len(some) - undated - exceeded - approaching, "approaching": approaching, "exceeded": exceeded, "undated": undated})
        return lines

    def ageing(self, alive):
        lines = []
        for priority, some in self.by_priority(alive):
            counts = [0] * 7
            for finding in some:
                age = max(0, self.now - finding.start) // DAY
                counts[next((place for place, end in enumerate(AGES) if age <= end), 6)] += 1
            lines.append({"priority": priority, "counts": counts})
        return lines

    def on_time(self):
        rules = defaultdict(lambda: dict(due=0, met=0, late=0, open=0))
        for finding in self.findings:
            for bound in finding.bounds or []:
                due = bound["due"]
                gone = finding.end is not None and not finding.closed
                if not self.begin <= due < self.now or gone and finding.end <= due:
                    continue
                rule = rules[bound["rule"]]
                rule["due"] += 1
                rule["open" if not finding.closed else "met" if finding.end <= due else "late"] += 1
        return [{"rule": rule, **counts, "share": percent(counts["met"], counts["due"])} for rule, counts in sorted(rules.items())]

    def time_to_patch(self):
        within = [finding for finding in self.findings if self.begin <= finding.start < self.now]
        return [self.survival(None, within), *(self.survival(priority, some) for priority, some in self.by_priority(within))]

    def survival(self, priority, findings):
        watched = [(max(0, (self.now if finding.end is None else finding.end) - finding.start), finding.closed) for finding in findings]
        done = [time for time, closed in watched if closed]
        others = [time for time, closed in watched if not closed]
        curve, estimate = [], Fraction(1)
        times = sorted(time for time, _ in watched)
        for time, ended in sorted(Counter(done).items()):
            at_risk = len(times) - bisect_left(times, time)
            estimate *= 1 - Fraction(ended, at_risk)
            curve.append((time, estimate))

        def until(share):
            return next((days(time) for time, left in curve if left <= share), None)

        def at(day):
            return next((left for time, left in reversed(curve) if time <= day * DAY), Fraction(1))

        longest = max((time for time, _ in watched), default=0)
        points = [day for day in POINTS if day * DAY <= longest] if len(watched) >= FEW else []
        return {
            "priority": priority,
            "started": len(watched),
            "closed": len(done),
            "mean_days": days(Fraction(sum(done), len(done))) if done else None,
            "median_days": until(Fraction(1, 2)),
            "p90_days": until(Fraction(1, 10)),
            "p95_days": until(Fraction(1, 20)),
            "mean_open_days": days(Fraction(sum(others), len(others))) if others else None,
            "patched": [{"days": day, "share": Rounded((1 - at(day)) * 100, 1)} for day in points],
        }

    def exposure(self):
        whole = overdue = 0
        for finding in self.findings:
            end = self.now if finding.end is None else finding.end
            since = max(finding.opened, self.begin)
            whole += max(0, end - since)
            if finding.first:
                overdue += max(0, end - max(since, finding.first["due"]))
        rate = Rounded(Fraction(whole, self.host_seconds), 2) if self.host_seconds else None
        return {"finding_days": days(whole), "overdue_days": days(overdue), "per_host_day": rate}

    def rollouts(self):
        ended = [(attempt, place == 0 and change["first_ended"]) for change in self.changes for place, attempt in enumerate(change["attempts"]) if second(attempt["ended"]) >= self.begin]
        good = [attempt["state"] in SUCCESS for attempt, _ in ended]
        first = [attempt["state"] in SUCCESS for attempt, is_first in ended if is_first]
        back = sum(attempt["state"] == "rolled-back" for attempt, _ in ended)
        refused = sum(attempt["state"] == "refused" for attempt, _ in ended)
        scanned = [change["scanner"]["says"] for change in self.changes if change.get("scanner") and second(change["scanner"]["since"]) >= self.begin]
        agrees, disagrees = scanned.count("agrees"), scanned.count("disagrees")
        return {
            "attempts": len(ended),
            "succeeded": sum(good),
            "rolled_back": back,
            "refused": refused,
            "failed": len(ended) - sum(good) - back - refused,
            "failed_share": percent(len(ended) - sum(good), len(ended)),
            "rolled_back_share": percent(back, sum(good) + back),
            "first_attempts": len(first),
            "first_succeeded": sum(first),
            "first_share": percent(sum(first), len(first)),
            "confirmed": len(self.seen()),
            "scanner_agrees": agrees,
            "scanner_disagrees": disagrees,
            "scanner_agrees_share": percent(agrees, agrees + disagrees),
        }

    def seen(self):
        return [change for change in self.changes if change["confirmed"] and second(change["confirmed"]) >= self.begin]

    def time_spent(self):
        seen = self.seen()
        if not seen:
            return None
        spent = {"of": "all hosts", "hosts": len(seen)}
        ends = ["published", "detected", "drafted", "accepted", "began", "ended", "confirmed"]
        for phase, start, end in zip(["detect", "decide", "approval", "window", "install", "confirm"], ends, ends[1:]):
            known = [max(0, (instant(change[end]) - instant(change[start])) // 10**9) for change in seen if change[start] and change[end]]
            spent[phase] = sum(known) // len(known) if known else None
        return spent

    def listed(self, findings):
        order = sorted(findings, key=lambda finding: (finding.first["due"], finding.host.name, finding.host.id, finding.key))
        return [
            {
                "due": Second(finding.first["due"]),
                "name": finding.host.name,
                "host": finding.host.id,
                "advisory": finding.key[0],
                "component": finding.key[1],
                "priority": finding.priority,
                "exploited": finding.exploited,
                "rule": finding.first["rule"],
                "opened": Second(finding.opened),
            }
            for finding in order[:LISTED]
        ]

    def moves(self):
        order = sorted(self.moved, key=lambda move: (instant(move[0]["at"]), move[1].host.name, move[1].host.id, move[1].key, move[2]["rule"]))
        return [
            {
                "at": transition["at"],
                "name": finding.host.name,
                "host": finding.host.id,
                "advisory": finding.key[0],
                "component": finding.key[1],
                "rule": old["rule"],
                "from": old["told"],
                "to": new and new["told"],
                "policies": transition["policies"],
            }
            for transition, finding, old, new in order[:LISTED]
        ]


class Rounded:
    """An exact figure that is told with so many decimals."""

    def __init__(self, exact, decimals):
        self.exact, self.decimals = Fraction(exact), decimals

    def __eq__(self, told):
        # The nearest of that many decimals; at a tie either.
        if isinstance(told, bool) or not isinstance(told, (int, float)):
            return False
        unit = Fraction(1, 10**self.decimals)
        written = Fraction(repr(told)) if isinstance(told, float) else Fraction(told)
        return written % unit == 0 and abs(written - self.exact) <= unit / 2 + Fraction(1, 10**9)

    def __repr__(self):
        return f"{float(self.exact):.{self.decimals + 3}f}"


class Second:
    """A time of which only the second counts."""

    def __init__(self, seconds):
        self.seconds = seconds

    def __eq__(self, told):
        return isinstance(told, str) and second(told) == self.seconds

    def __repr__(self):
        return str(EPOCH + datetime.timedelta(seconds=self.seconds))


def identity(finding):
    return finding["advisory"], finding["component"]


def days(seconds):
    return Rounded(Fraction(seconds) / DAY, 2)


def percent(part, whole):
    return Rounded(Fraction(part * 100, whole), 1) if whole >= FEW else None


def differences(counted, told, place, agreed):
    """Places where what was counted and what is told differ."""
    if isinstance(counted, dict) and isinstance(told, dict):
        for name in sorted(counted.keys() | told.keys()):
            if name not in counted or name not in told:
                yield f"{place}.{name}", counted.get(name, "nothing"), told.get(name, "nothing")
            else:
                yield from differences(counted[name], told[name], f"{place}.{name}", agreed)
    elif isinstance(counted, list) and isinstance(told, list):
        if len(counted) != len(told):
            yield f"{place}, entries", len(counted), len(told)
        for number, (one, other) in enumerate(zip(counted, told)):
            yield from differences(one, other, f"{place}[{number}]", agreed)
    elif isinstance(counted, bool) != isinstance(told, bool) or not counted == told:
        yield place, counted, told
    else:
        agreed.append(place)


def main(words):
    if len(words) != 2 or words[0].startswith("-"):
        print(__doc__.strip(), file=sys.stderr)
        return 2
    try:
        head, hosts, changes = read(words[0])
        with open(words[1], encoding="utf-8") as file:
            report = json.load(file)
        if report.get("schema") != "plimsoll-report/1":
            raise Unusable(f"{words[1]}: is {report.get('schema')}")
        window = report["measures"]["window"]
        if instant(head["as_of"]) != instant(window["to"]):
            raise Unusable(f"the events are as of {head['as_of']}, the report as of {window['to']}")
        if head["client"] != report["client"]:
            raise Unusable(f"the events are of client {head['client']}, the report of {report['client']}")
        count = Count(window)
        for host, transitions in hosts:
            count.host(host, transitions)
        count.changes = changes
        counted = count.finish()
    except (Unusable, OSError, KeyError, TypeError, ValueError) as error:
        print(f"cannot be compared: {type(error).__name__}: {error}" if not isinstance(error, Unusable) else f"cannot be compared: {error}", file=sys.stderr)
        return 2
    agreed = []
    wrong = list(differences(counted, report["measures"], "measures", agreed))
    for place, mine, theirs in wrong:
        print(f"differs: {place}: counted {mine!r}, the report says {theirs!r}")
    print(f"{len(agreed)} figures agree, {len(wrong)} differ; {len(hosts)} hosts, {len(count.findings)} findings, {len(changes)} parts in rollouts")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
