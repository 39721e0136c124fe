// What a page gains where scripts run: it shows what happens as it happens,
// marks what was opened as read, sends a form once, and answers keys.
"use strict";
(() => {
  const main = () => document.getElementById("main");
  const proof = () => main().dataset.proof;
  let due = null;
  let last = 0;

  // Nothing is taken from under a hand that types or selects.
  const busy = () => {
    const at = document.activeElement;
    const writes = at && main().contains(at) && /^(INPUT|TEXTAREA|SELECT)$/.test(at.tagName);
    return writes || String(document.getSelection()) !== "";
  };

  const refresh = async () => {
    due = null;
    if (busy() || document.hidden) { soon(2000); return; }
    last = Date.now();
    const answer = await fetch(location.href, { headers: { Accept: "text/html" } }).catch(() => null);
    if (!answer || !answer.ok) return;
    const fresh = new DOMParser().parseFromString(await answer.text(), "text/html");
    const now = fresh.getElementById("main");
    if (!now || busy()) return;
    const at = document.activeElement;
    const where = at && main().contains(at) ? at.getAttribute("href") : null;
    const said = main().querySelector("[role=status].good");
    main().replaceWith(document.importNode(now, true));
    if (said) main().prepend(said);
    const nav = fresh.querySelector(".top nav");
    if (nav && !document.querySelector(".top nav").contains(document.activeElement)) document.querySelector(".top nav").replaceWith(document.importNode(nav, true));
    if (where) main().querySelector(`[href="${CSS.escape(where)}"]`)?.focus();
    opened();
  };
  const soon = (wait) => { if (!due) due = setTimeout(refresh, Math.max(wait, 1000 - (Date.now() - last))); };

  const opened = () => {
    const letter = main().querySelector("[data-read]");
    if (!letter) return;
    const id = letter.dataset.read;
    letter.removeAttribute("data-read");
    fetch(`/api/v1/messages/${encodeURIComponent(id)}/read`, { method: "POST", headers: { "X-CSRF-Token": proof() } }).catch(() => {});
  };

  // Said once: a page that is shown anew, or kept, does not say it again.
  const here = new URL(location.href);
  if (here.searchParams.has("done")) {
    here.searchParams.delete("done");
    history.replaceState(null, "", here);
  }

  // A browser has few connections for one address: a page that nobody sees keeps none.
  let events = null;
  const listen = () => {
    if (events || document.hidden) return;
    events = new EventSource("/api/v1/events");
    events.onmessage = () => soon(150);
    events.onopen = () => { document.getElementById("offline").hidden = true; soon(0); };
    events.onerror = () => { document.getElementById("offline").hidden = false; };
  };
  const hush = () => { events?.close(); events = null; };
  if (main().dataset.live === "true") {
    listen();
    addEventListener("pagehide", hush);
    addEventListener("pageshow", listen);
    document.addEventListener("visibilitychange", () => (document.hidden ? hush() : listen()));
    setInterval(() => soon(0), 30000);
  }

  // An agent is dragged by as many pixels of the screen as the pointer moves over the drawing.
  const drawing = document.querySelector("svg.layout");
  if (drawing && main().querySelector("[data-place]")) {
    drawing.classList.add("movable");
    let held = null;
    const place = (event) => new DOMPoint(event.clientX, event.clientY).matrixTransform(drawing.getScreenCTM().inverse());
    const moved = (event) => { const to = place(event); return [Math.round(to.x - held.from.x), Math.round(to.y - held.from.y)]; };
    drawing.addEventListener("pointerdown", (event) => {
      const mark = event.target.closest(".mark");
      const form = mark && main().querySelector(`[data-place="${CSS.escape(mark.dataset.mark)}"]`);
      if (!form) return;
      event.preventDefault();
      held = { mark, form, from: place(event), at: mark.transform.baseVal.consolidate().matrix };
      held.at = [held.at.e, held.at.f];
      mark.classList.add("held");
      drawing.setPointerCapture(event.pointerId);
    });
    drawing.addEventListener("pointermove", (event) => {
      if (!held) return;
      const [x, y] = moved(event);
      held.mark.setAttribute("transform", `translate(${held.at[0] + x} ${held.at[1] + y})`);
    });
    drawing.addEventListener("pointerup", (event) => {
      if (!held) return;
      const [x, y] = moved(event);
      const { form, mark } = held;
      held = null;
      mark.classList.remove("held");
      if (!x && !y) return;
      form.elements.x.value = Number(form.elements.x.value) + x;
      form.elements.y.value = Number(form.elements.y.value) + y;
      form.requestSubmit();
    });
    drawing.addEventListener("pointercancel", () => location.reload());
  }
  opened();

  document.addEventListener("submit", (event) => {
    const form = event.target;
    if (!("once" in form.dataset)) return;
    if (form.dataset.sent) { event.preventDefault(); return; }
    form.dataset.sent = "yes";
  });

  let after = "";
  document.addEventListener("keydown", (event) => {
    const at = event.target;
    if (event.ctrlKey || event.altKey || event.metaKey) return;
    if (at.isContentEditable || /^(INPUT|TEXTAREA|SELECT)$/.test(at.tagName)) {
      if (event.key === "Escape") at.blur();
      return;
    }
    if (after === "g") {
      after = "";
      const link = document.querySelector(`.top nav [data-key="${CSS.escape(event.key)}"]`);
      if (link) { event.preventDefault(); link.click(); }
      return;
    }
    const rows = [...main().querySelectorAll("[data-row]")];
    const here = rows.indexOf(document.activeElement);
    if (event.key === "g") after = "g";
    else if (event.key === "j") rows[Math.min(here + 1, rows.length - 1)]?.focus();
    else if (event.key === "k") rows[Math.max(here - 1, 0)]?.focus();
    else if (event.key === "c") location.href = "/write";
    else if (event.key === "/") { const field = main().querySelector("[type=search]"); if (field) { event.preventDefault(); field.focus(); } }
  });
})();
