#!/usr/bin/env python3
"""Trees to take snapshots of: the same bytes on every run.
  tree.py mail ROOT AGENTS MESSAGES DAYS   messages of 1 kB in day folders, so many for each agent
  tree.py mixed ROOT MEGABYTES             files of all sizes, half of them text"""
import os
import random
import sys

R = random.Random(7)
ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
WORDS = ["%s%s%s" % (a, b, c) for a in ("re", "un", "pre", "con", "de", "in", "sub", "trans")
         for b in ("port", "form", "act", "struct", "mit", "duc", "cept", "view", "scrib", "vert")
         for c in ("ing", "ed", "ion", "or", "ive", "able", "s", "ment", "ary", "")]


def message(agent, day, n):
    ulid = "01" + "".join(R.choice(ALPHABET) for _ in range(24))
    subject = "-".join(R.choice(WORDS) for _ in range(3))
    stamp = "%sT%02d%02d%02d.%06dZ" % (day.replace("-", ""), n // 3600 % 24, n // 60 % 60, n % 60, R.randrange(10**6))
    sender = "Agent-%d" % R.randrange(1, 20)
    head = ("---\nid: %s\nfrom: %s\nto: [Agent-%d]\nsubject: %s\nkind: agent_to_agent\npriority: normal\n"
            "date: %sT00:00:00.000000Z\n---\n" % (ulid, sender, agent, subject, day))
    text = head
    while len(text) < 1000:
        text += R.choice(WORDS) + " "
    return "%s-%s-%s-%s.md" % (stamp, sender, subject, ulid), text[:1000]


def mail(root, agents, messages, days):
    for agent in range(1, agents + 1):
        for d in range(days):
            day = "20%02d-%02d-%02d" % (24 + d // 336, d // 28 % 12 + 1, d % 28 + 1)
            folder = "%s/agent_workspaces/Agent-%d/archive/%s" % (root, agent, day)
            os.makedirs(folder, exist_ok=True)
            for n in range(messages // days):
                name, text = message(agent, day, n)
                with open(folder + "/" + name, "w") as f:
                    f.write(text)


def mixed(root, megabytes):
    left = megabytes << 20
    n = 0
    while left > 0:
        size = min(left, int(2 ** R.uniform(8, 25)))
        folder = "%s/agent_workspaces/Agent-1/files/%03d" % (root, n // 100)
        os.makedirs(folder, exist_ok=True)
        if n % 2:
            block = " ".join(R.choice(WORDS) for _ in range(8192)).encode()
            data = (block * (size // len(block) + 1))[:size]
            # No two files alike, and no file that repeats itself from end to end.
            data = b"".join(data[i:i + 65536] + b"%d" % R.getrandbits(64) for i in range(0, len(data), 65536))[:size]
        else:
            data = R.randbytes(size)
        with open("%s/%06d" % (folder, n), "wb") as f:
            f.write(data)
        left -= size
        n += 1


if sys.argv[1] == "mail":
    mail(sys.argv[2], *map(int, sys.argv[3:6]))
else:
    mixed(sys.argv[2], int(sys.argv[3]))
