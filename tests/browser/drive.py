"""Drives the page in a real Chromium, as a person would, and looks at it.

    drive.py CELLPHONE ROOT [SHOTS]     the daemon of ROOT runs; with SHOTS, pictures of every page go there

Ends with 0 when everything holds, else with the first thing that does not.
"""

import functools
import http.server
import json
import pathlib
import shutil
import subprocess
import sys
import threading
import time

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import expect, sync_playwright

PROGRAM, ROOT = sys.argv[1], sys.argv[2]
SHOTS = pathlib.Path(sys.argv[3]) if len(sys.argv) > 3 else None
PAGES = ["", "mail", "mail?in=sent", "write", "log", "layout", "snapshots", "drills", "api/v1"]
HOSTILE = "<img src=x onerror=\"window.pwned=1\"><script>window.pwned=1</script>\"'><b>"


def cellphone(agent, *args):
    done = subprocess.run([PROGRAM, "--root", ROOT, "--as", agent, "--json", *args], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def until(what, condition):
    end = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < end, what
        time.sleep(0.05)


def chromium():
    return next(path for path in map(shutil.which, ["chromium", "chromium-browser", "google-chrome"]) if path)


class Window:
    """A browser's page that keeps what went wrong in it."""

    def __init__(self, context):
        self.page = context.new_page()
        self.wrong = []
        self.page.on("pageerror", lambda e: self.wrong.append(f"error: {e}"))
        self.page.on("console", lambda m: m.type == "error" and self.wrong.append(f"console: {m.text}"))
        self.page.on("dialog", lambda d: (self.wrong.append(f"dialog: {d.message}"), d.dismiss()))
        self.page.on("request", lambda r: r.url.startswith(BASE) or self.wrong.append(f"fetched from elsewhere: {r.url}"))

    def sound(self):
        assert self.page.evaluate("window.pwned") is None, "a script of a message ran"
        assert not self.wrong, self.wrong


def sign_in(window):
    window.page.goto(cellphone(ME, "open")["url"])
    window.page.get_by_role("button", name="Sign in").click()
    window.page.wait_for_url(BASE)


def judge(window, name, path):
    """A page is accessible, fits the window, does not jump, and is small."""
    page = window.page
    page.goto(BASE + path, wait_until="load")
    shift = page.evaluate(
        "new Promise(done => { let all = 0; new PerformanceObserver(list => { for (const e of list.getEntries()) all += e.value; })"
        ".observe({ type: 'layout-shift', buffered: true }); setTimeout(() => done(all), 150); })"
    )
    size = page.evaluate(
        "['navigation', 'resource'].flatMap(kind => performance.getEntriesByType(kind)).reduce((all, e) => all + e.encodedBodySize, 0)"
    )
    assert shift == 0, f"{name} {path}: moves by {shift} while it loads"
    # Nothing is compressed on the way, so that this bound is a stricter one.
    assert path == "api/v1" or 5_000 < size <= 60_000, f"{name} {path}: {size} bytes"
    wide = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
    assert wide <= 0, f"{name} {path}: {wide} pixels too wide"
    found = Axe().run(page).response["violations"]
    assert not found, f"{name} {path}: " + json.dumps([(v["id"], [n["html"] for n in v["nodes"]][:3]) for v in found])
    if SHOTS:
        page.screenshot(path=SHOTS / f"{name}-{path.replace('/', '_').replace('?', '_') or 'swarm'}.png")
    window.sound()


def a_person_reads_writes_and_sees_it_live(browser):
    context = browser.new_context()
    window = Window(context)
    page = window.page
    sign_in(window)
    # Nobody touches it: what happens is shown.
    card = page.locator(".card", has=page.get_by_role("link", name="Agent-3", exact=True))
    expect(card.get_by_text("Unread").locator("xpath=..")).to_contain_text("0")
    cellphone("Agent-1", "send", "--to", "Agent-3", "-s", "live", "-m", "x")
    expect(card.get_by_text("Unread").locator("xpath=..")).to_contain_text("1")
    expect(page.get_by_text(HOSTILE[:20])).to_be_visible()
    window.sound()

    sent = cellphone("Agent-1", "send", "--to", ME, "-s", HOSTILE, "-m", f"**bold**\n\n{HOSTILE}\n\n[x](javascript:window.pwned=1)")
    page.keyboard.press("g")
    page.keyboard.press("m")
    page.wait_for_url(BASE + "mail")
    page.keyboard.press("j")
    expect(page.locator("[data-row]").first).to_be_focused()
    page.keyboard.press("Enter")
    page.wait_for_url(f"**/mail/{sent['id']}")
    expect(page.locator(".body strong")).to_have_text("bold")
    expect(page.locator(".letter .facts").first).to_contain_text("verified")
    assert page.locator(".body a").count() == 0, "a link leads into a script"
    # Opened, it is read.
    until("it is seen", lambda: cellphone(ME, "read", sent["id"], "--peek")["state"] == "cur")
    window.sound()
    page.get_by_label("Reply to Agent-1").fill("Thank you,\nwell done")
    page.get_by_role("button", name="Reply", exact=True).click()
    expect(page.get_by_role("status")).to_contain_text("Sent.")
    answer = [m for m in cellphone("Agent-1", "inbox") if m["in_reply_to"] == sent["id"]]
    assert len(answer) == 1 and cellphone("Agent-1", "read", answer[0]["id"], "--peek")["body"] == "Thank you,\nwell done"

    page.goto(BASE + "write?to=@all")
    page.get_by_label("Subject").fill("To all <b>of you</b>")
    page.get_by_label("Message").fill("- one\n- two")
    page.get_by_role("button", name="Preview").click()
    preview = page.get_by_label("Preview", exact=True)
    expect(preview.locator(".people li")).to_have_count(8)
    expect(preview.locator(".body li")).to_have_count(2)
    assert not [m for m in cellphone("Agent-2", "inbox") if m["subject"].startswith("To all")], "a preview sends nothing"
    page.get_by_role("button", name="Send").click()
    expect(page.get_by_role("status")).to_contain_text("Sent.")
    assert len([m for m in cellphone("Agent-2", "inbox") if m["subject"] == "To all <b>of you</b>"]) == 1
    # What cannot be sent stays in the form, with the reason.
    page.goto(BASE + "write")
    page.get_by_label("To", exact=True).fill("Nobody-9")
    page.get_by_label("Subject").fill("kept")
    page.get_by_label("Message").fill("kept too")
    page.get_by_role("button", name="Send").click()
    expect(page.get_by_role("alert")).to_contain_text("Nobody-9")
    expect(page.get_by_label("Message")).to_have_value("kept too")
    page.goto(f"{BASE}search?q=bold")
    expect(page.locator("[data-row]").first).to_contain_text("<img")
    page.goto(f"{BASE}log?message={sent['id']}")
    expect(page.locator("tbody")).to_contain_text("delivered")
    window.sound()
    page.get_by_role("button", name="Sign out").click()
    page.wait_for_url("**/sign-in")
    page.goto(BASE)
    page.wait_for_url("**/sign-in")
    context.close()


def an_agent_is_dragged_to_its_place(browser):
    context = browser.new_context()
    window = Window(context)
    page = window.page
    sign_in(window)
    page.goto(BASE + "layout")
    expect(page.locator(".monitor")).to_have_count(2)
    place = lambda: next(a for a in cellphone(ME, "coords", "list") if a["agent"] == "Agent-1")["chat"]
    before = place()
    mark = page.locator('[data-mark="Agent-1"] .grip').bounding_box()
    scale = page.evaluate("document.querySelector('svg.layout').getScreenCTM().a")
    page.mouse.move(mark["x"] + mark["width"] / 2, mark["y"] + mark["height"] / 2)
    page.mouse.down()
    page.mouse.move(mark["x"] + mark["width"] / 2 + 60, mark["y"] + mark["height"] / 2 + 30, steps=5)
    page.mouse.up()
    expect(page.get_by_role("status")).to_contain_text("It is set")
    after = place()
    for was, now, by in [(before[0], after[0], 60), (before[1], after[1], 30)]:
        assert abs(now - was - by / scale) <= 2, (before, after, scale)
    # What `coords set` would refuse is refused here, with its reason, and nothing moves.
    page.locator('[data-place="Agent-1"] [name=x]').fill("5")
    page.locator('[data-place="Agent-1"] [name=y]').fill("90000")
    page.locator('[data-place="Agent-1"] button').click()
    expect(page.get_by_role("alert")).to_contain_text("90000")
    assert place() == after
    window.sound()
    context.close()


def everything_works_without_scripts(browser):
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(cellphone(ME, "open")["url"])
    page.get_by_role("button", name="Sign in").click()
    page.wait_for_url(BASE)
    expect(page.locator(".card")).to_have_count(9)
    sent = cellphone("Agent-2", "send", "--to", ME, "-s", "without scripts", "-m", "x", "--ack")
    page.goto(BASE + "mail")
    page.locator("[data-row]").first.click()
    page.get_by_role("button", name="Mark as read").click()
    assert cellphone(ME, "read", sent["id"], "--peek")["state"] == "cur"
    page.get_by_role("button", name="Acknowledge").click()
    expect(page.get_by_role("status")).to_contain_text("receipt")
    page.get_by_role("button", name="Archive").click()
    expect(page.get_by_role("status")).to_contain_text("archive")
    assert cellphone(ME, "read", sent["id"], "--peek")["state"] == "archive"
    context.close()


def every_page_is_fit_to_be_used(browser):
    # Each size and each colour once: they do not depend on each other.
    for name, size, scheme in [("wide", (1280, 800), "light"), ("phone", (390, 844), "dark")]:
        context = browser.new_context(viewport={"width": size[0], "height": size[1]}, color_scheme=scheme)
        window = Window(context)
        sign_in(window)
        letter = next(m["id"] for m in cellphone(ME, "inbox", "--all") if m["subject"] == HOSTILE)
        for path in [*PAGES, f"mail/{letter}"]:
            judge(window, name, path)
        context.close()
    signed_out = Window(browser.new_context())
    judge(signed_out, "out", "sign-in")


def a_page_of_another_site_changes_nothing(browser):
    context = browser.new_context()
    window = Window(context)
    sign_in(window)
    proof = window.page.locator("main").get_attribute("data-proof")
    form = (
        f'<form id="f" method="post" action="{BASE}write"><input name="to" value="Agent-5"><input name="subject" value="evil">'
        f'<input name="body" value="evil"><input name="action" value="send"><input name="proof" value="{proof}"></form>'
        '<script>f.submit()</script>'
    )
    folder = pathlib.Path(ROOT).parent / "evil"
    folder.mkdir()
    (folder / "form.html").write_text(form)
    (folder / "plain.html").write_text("<p>evil</p>")
    (folder / "frame.html").write_text("<iframe src='" + BASE + "'></iframe>")
    handler = functools.partial(http.server.SimpleHTTPRequestHandler, directory=folder)
    handler.log_message = lambda *_: None
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    # By another name it is another site, by the same one it is the same site: cookies do not know ports.
    for host in ["localhost", "127.0.0.1"]:
        with window.page.expect_response(BASE + "write") as answer:
            window.page.goto(f"http://{host}:{server.server_port}/form.html", wait_until="commit")
        assert answer.value.status == 403, answer.value.status
        window.page.wait_for_url(BASE + "write")
    window.page.goto(f"http://127.0.0.1:{server.server_port}/plain.html")
    read = window.page.evaluate(f"fetch('{BASE}api/v1/messages', {{ credentials: 'include' }}).then(() => 'read', () => 'refused')")
    assert read == "refused", read
    window.page.goto(f"http://127.0.0.1:{server.server_port}/frame.html")
    assert not [f for f in window.page.frames if f.url.startswith(BASE) and f.locator(".card").count()], "it was framed"
    server.shutdown()
    assert not [m for m in cellphone("Agent-5", "inbox") if m["subject"] == "evil"]
    context.close()


STATUS = cellphone("Agent-1", "status")
BASE = STATUS["daemon"]["http"]["address"] + "/"
ME = next(agent["name"] for agent in STATUS["agents"] if agent["role"] == "human")
(pathlib.Path(ROOT) / "agent_workspaces/Agent-2/status.yaml").write_text("status: '" + HOSTILE.replace("'", "''") + "'\n")

coordinates = {
    "version": 1,
    "origin": "top-left",
    "agents": {name: {"chat_input_coordinates": at, "monitor": "DP-1"} for name, at in [("Agent-1", [400, 800]), ("Agent-2", [2500, 700])]},
    "monitors": {"DP-1": {"x": 0, "y": 0, "width": 1920, "height": 1080, "primary": True}, "DP-<2>": {"x": 1920, "y": 0, "width": 1280, "height": 1024}},
    "validation_rules": {"max_y": 2000},
}
(pathlib.Path(ROOT) / "config/coordinates.json").write_text(json.dumps(coordinates))
cellphone(ME, "trust", "--yes")

# A busy machine is no fault of the page.
expect.set_options(timeout=30_000)
with sync_playwright() as playwright:
    browser = playwright.chromium.launch(executable_path=chromium(), args=["--no-sandbox"])
    for step in [
        a_person_reads_writes_and_sees_it_live,
        an_agent_is_dragged_to_its_place,
        everything_works_without_scripts,
        every_page_is_fit_to_be_used,
        a_page_of_another_site_changes_nothing,
    ]:
        step(browser)
        print(step.__name__)
    browser.close()
