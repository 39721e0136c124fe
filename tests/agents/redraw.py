#!/usr/bin/env python3
"""Turns a capture of a terminal into a recording for the gates' tests.

    redraw.py PROGRAM "VERSION" EXPECT COLSxROWS ROW,COL ALTERNATE TITLE < capture > NAME.screen

The capture is what `tmux capture-pane -p -e -N` prints. The recording keeps
structure, widths, marks and attributes; the programs' prose is replaced by
words of ours of the same length, but for the short strings that a profile's
patterns look for and what the recording session itself typed. Each row
stands behind `|`; a row behind `:` holds the attributes of the one above:
d dim, p pale (a grey of full colour), i inverse, D and P both.
"""

import re
import sys
import unicodedata

OURS = """half a thought first line second hello there please TALK SLOW ASK typed while busy Noted Asking Looking Done
with it screen could show this Type here Do That is all Cellphone new for Agent urgent from Run cellphone inbox
touch asked by the script Runs what says""".split()
KEPT = [
    "esc to interrupt", "Esc to cancel", "Enter to confirm", "Do you want to proceed?", "Do you trust",
    "Would you like to", "enter to confirm", "Press enter to", "esc to cancel", "Type your message or @path/to/file",
    "Queued (press", "Worked for", "OpenAI Codex", "Working", "Action Required", "Allow execution of", "Ready",
    "Press ", " to cancel", "Allow once", "Yes", "No", "Retrying in",
]
WORDS = {
    3: ["oak", "elm", "ash"], 4: ["reed", "fern", "moss"], 5: ["maple", "birch", "alder"],
    6: ["willow", "poplar", "laurel"], 7: ["juniper", "hemlock", "cypress"], 8: ["hawthorn", "magnolia", "chestnut"],
    9: ["jacaranda", "sassafras"], 10: ["cottonwood", "sandalwood"],
}


def style_of(codes, style):
    codes = [int(c or 0) for c in re.split("[;:]", codes)]
    faint, shade, inverse = style
    while codes:
        code = codes.pop(0)
        if code == 0:
            faint, shade, inverse = False, "", False
        elif code == 2:
            faint = True
        elif code == 22:
            faint = False
        elif code == 7:
            inverse = True
        elif code == 27:
            inverse = False
        elif code == 90:
            shade = "d"
        elif 30 <= code <= 37 or code == 39 or 91 <= code <= 97:
            shade = ""
        elif code in (38, 48, 58):
            if codes and codes.pop(0) == 5:
                colour = codes.pop(0)
                new = "d" if colour == 8 or 236 <= colour <= 248 else "p" if colour in (59, 102, 145, 249, 250) else ""
            else:
                rgb = [codes.pop(0) for _ in range(3)]
                new = "p" if max(rgb) - min(rgb) <= 16 and 90 <= max(rgb) <= 200 else ""
            if code == 38:
                shade = new
    return faint, shade, inverse


def letter(style):
    faint, shade, inverse = style
    base = "d" if faint or shade == "d" else shade
    return {"": "i", "d": "D", "p": "P"}[base] if inverse else base or "."


def rows_of(capture):
    style, rows = (False, "", False), []
    for line in capture.split("\n"):
        text, attributes, at = "", "", 0
        for found in re.finditer("\x1b\\[([0-9;:]*)m", line):
            piece = line[at : found.start()]
            text, attributes = text + piece, attributes + letter(style) * len(piece)
            style, at = style_of(found.group(1), style), found.end()
        piece = line[at:]
        rows.append((text + piece, attributes + letter(style) * len(piece)))
    return rows


def redrawn(text):
    kept = [False] * len(text)
    for phrase in KEPT:
        for found in re.finditer(re.escape(phrase), text):
            kept[found.start() : found.end()] = [True] * len(phrase)

    def other(found):
        word = found.group(0)
        if any(kept[found.start() : found.end()]) or word in OURS:
            return word
        choice = WORDS.get(len(word))
        if not choice:
            return "".join(WORDS[10][0][i % 10] for i in range(len(word)))
        new = choice[sum(map(ord, word)) % len(choice)]
        return new.upper() if word.isupper() else new.capitalize() if word[0].isupper() else new

    return re.sub("[A-Za-z]{3,}", other, text)


def main():
    program, version, expect, size, cursor, alternate, title = sys.argv[1:]
    rows = rows_of(sys.stdin.read())
    while len(rows) > int(size.split("x")[1]):
        rows.pop()
    print(f"# {program} {version}, redrawn: structure, widths and attributes are the program's, the prose is ours")
    print(f"size {size}\ncursor {cursor}\nalternate {alternate}\ntitle {redrawn(title) if title else ''}\nexpect {expect}")
    for text, attributes in rows:
        wide = [c for c in text if unicodedata.east_asian_width(c) in "WF"]
        print("|" + redrawn(text).rstrip() if not attributes.strip(".") and not wide else "|" + redrawn(text))
        if attributes.strip("."):
            print(":" + attributes.rstrip("."))


main()
