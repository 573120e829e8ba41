// What the pages do beyond links and forms. Every part is an addition: without
// this file the console still works.
"use strict";
(() => {
  const root = document.documentElement;
  const pick = (selector) => document.querySelector(selector);

  // Theme: a switch between light and dark that remembers.
  const theme = pick("#theme");
  if (theme) {
    const dark = () => (root.dataset.theme ?? (matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light")) === "dark";
    const tell = () => theme.setAttribute("aria-label", dark() ? "Change to light" : "Change to dark");
    theme.hidden = false;
    tell();
    theme.addEventListener("click", () => {
      root.dataset.theme = dark() ? "light" : "dark";
      try {
        localStorage.setItem("plimsoll-theme", root.dataset.theme);
      } catch {
        // It then holds for this page only.
      }
      tell();
      document.dispatchEvent(new Event("plimsoll:theme"));
    });
  }

  // The menu of sections stands open where there is room; older browsers
  // cannot show the content of a closed one by style alone.
  const sections = pick("#sections");
  if (sections && !CSS.supports("selector(::details-content)")) {
    const wide = matchMedia("(min-width: 901px)");
    const fit = () => { sections.open = wide.matches; };
    wide.addEventListener("change", fit);
    fit();
  }

  // Search: "/" goes there, arrows walk the hits, Escape leaves.
  const search = pick("#search");
  const hits = pick("#search-hits");
  const typing = (element) => element instanceof HTMLElement && (element.isContentEditable || /^(INPUT|TEXTAREA|SELECT)$/.test(element.tagName));
  document.addEventListener("keydown", (event) => {
    if (event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.key === "/" && search && !typing(event.target)) {
      event.preventDefault();
      search.focus();
      search.select();
      return;
    }
    if (!hits || !event.target.closest?.(".search")) return;
    const links = [...hits.querySelectorAll("a")];
    const place = links.indexOf(document.activeElement);
    if (event.key === "ArrowDown" && links.length) {
      event.preventDefault();
      links[Math.min(place + 1, links.length - 1)].focus();
    } else if (event.key === "ArrowUp" && links.length) {
      event.preventDefault();
      if (place <= 0) search.focus(); else links[place - 1].focus();
    } else if (event.key === "Escape") {
      hits.replaceChildren();
      search.focus();
    }
  });
  document.addEventListener("click", (event) => {
    if (hits && !event.target.closest(".search")) hits.replaceChildren();
    for (const menu of document.querySelectorAll("details.menu[open]")) {
      if (!menu.contains(event.target)) menu.open = false;
    }
  });

  // Filters: what is not set stays out of the address.
  document.addEventListener("htmx:configRequest", (event) => {
    const { parameters } = event.detail;
    for (const name of Object.keys(parameters)) {
      if (parameters[name] === "") delete parameters[name];
    }
  });
  document.addEventListener("submit", (event) => {
    if (event.target.method !== "get") return;
    for (const field of event.target.elements) {
      if (field.name && field.value === "") field.disabled = true;
    }
    // A page that is shown again from the browser's memory needs them back.
    setTimeout(() => { for (const field of event.target.elements) field.disabled = false; }, 0);
  });

  // Files go to the API as they are; the page then shows what became of them.
  for (const form of document.querySelectorAll("form[data-upload]")) {
    form.hidden = false;
    form.addEventListener("submit", async (event) => {
      event.preventDefault();
      const told = form.querySelector(".upload-state");
      told.textContent = "Sending…";
      try {
        const answer = await fetch(form.dataset.upload, { method: "PUT", headers: { "content-type": "application/octet-stream" }, body: form.elements.namedItem("file").files[0] });
        if (answer.ok) return location.reload();
        const said = await answer.json().catch(() => ({}));
        told.textContent = said.detail ? `${said.place ? `${said.place}: ` : ""}${said.detail}; ${said.next}` : `The server answered ${answer.status}.`;
      } catch {
        told.textContent = "The server did not answer; try again.";
      }
    });
  }

  // Copying.
  for (const button of document.querySelectorAll("[data-copy]")) {
    const source = document.getElementById(button.dataset.copy);
    const told = button.parentElement.querySelector(".copied");
    if (!source || !navigator.clipboard) continue;
    button.hidden = false;
    button.addEventListener("click", async () => {
      try {
        await navigator.clipboard.writeText(source.textContent.trim());
        told.textContent = "Copied.";
      } catch {
        told.textContent = "The browser refused; select it and copy by hand.";
      }
    });
  }

  // Live: the server says that something changed, and the part in view fetches
  // itself. It waits while somebody reads or types there.
  const live = () => pick("#live[hx-get]");
  const state = pick("#live-state");
  let waiting = false;
  const busy = (part) => {
    const selection = getSelection();
    return part.contains(document.activeElement)
      || part.querySelector("details[open]") !== null
      || (selection && !selection.isCollapsed && part.contains(selection.anchorNode));
  };
  const refresh = () => {
    const part = live();
    if (!part) return;
    if (document.hidden || busy(part)) {
      waiting = true;
      if (state) state.textContent = "Newer facts are at hand; they show when you leave this part.";
      return;
    }
    waiting = false;
    if (state) state.textContent = "";
    document.body.dispatchEvent(new Event("plimsoll:changed"));
  };
  const retry = () => { if (waiting) setTimeout(refresh, 50); };
  document.addEventListener("visibilitychange", retry);
  document.addEventListener("focusout", retry);
  document.addEventListener("toggle", retry, true);

  if (live() && "EventSource" in window) {
    // At most one refresh in 2 s, however fast the fleet changes.
    let timer = 0;
    const soon = () => { timer ||= setTimeout(() => { timer = 0; refresh(); }, 2000); };
    const source = new EventSource("/console/live");
    source.addEventListener("changed", soon);
    source.addEventListener("error", () => {
      if (source.readyState === EventSource.CLOSED && state) state.textContent = "Not live: load the page again to see what is new.";
    });
    addEventListener("pagehide", () => source.close());
  }
  // A session that has ended answers with the sign-in page, which has no such
  // part: go there instead of showing nothing.
  document.addEventListener("htmx:beforeSwap", (event) => {
    if (event.detail.target.id === "live" && !event.detail.serverResponse.includes('id="live"')) {
      event.detail.shouldSwap = false;
      location.reload();
    }
  });
  document.addEventListener("htmx:responseError", (event) => {
    if (event.detail.xhr.status === 401) location.reload();
    else if (state) state.textContent = "The server did not answer; what you see may be old.";
  });
})();
