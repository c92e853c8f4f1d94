/* The site works without this file; it adds: search in the dictionary, light and dark by hand, lineage highlighted, columns opened by link. */
"use strict";
(function () {
  const root = document.documentElement;
  const store = {
    get(key) { try { return localStorage.getItem(key); } catch { return null; } },
    set(key, value) { try { localStorage.setItem(key, value); } catch { /* a file share may refuse storage */ } },
  };

  // Light and dark
  const theme = document.getElementById("theme");
  const chosen = store.get("govlake-theme");
  if (chosen) root.dataset.theme = chosen;
  if (theme) {
    theme.hidden = false;
    theme.addEventListener("click", () => {
      const dark = root.dataset.theme ? root.dataset.theme === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
      root.dataset.theme = dark ? "light" : "dark";
      store.set("govlake-theme", root.dataset.theme);
    });
  }

  // The same place in the other language
  const language = document.getElementById("language");
  if (language) {
    const plain = language.getAttribute("href");
    language.addEventListener("click", () => {
      store.set("govlake-language", language.lang.startsWith("zh") ? "zh" : "en");
      language.setAttribute("href", plain + location.search + location.hash);
    });
  }
  document.addEventListener("keydown", (event) => {
    const typing = /^(INPUT|SELECT|TEXTAREA)$/.test(document.activeElement.tagName);
    if (event.key === "/" && !typing && !event.ctrlKey && !event.metaKey) {
      event.preventDefault();
      (document.getElementById("q") || document.getElementById("find")).focus();
    }
  });

  // A link to a column opens it
  function open() {
    const target = location.hash && document.getElementById(decodeURIComponent(location.hash.slice(1)));
    if (target && target.tagName === "DETAILS") { target.open = true; target.scrollIntoView(); }
  }
  addEventListener("hashchange", open);
  open();

  // Print shows what is folded away, but not a table's whole lineage
  let folded = [];
  addEventListener("beforeprint", () => { folded = [...document.querySelectorAll("details.figures:not([open])")]; folded.forEach((one) => { one.open = true; }); });
  addEventListener("afterprint", () => { folded.forEach((one) => { one.open = false; }); });

  // Search
  const box = document.getElementById("q");
  if (box) {
    const level = document.getElementById("class");
    const found = document.getElementById("found");
    const entries = [...document.querySelectorAll(".entry")].map((entry) => ({
      entry, name: entry.querySelector("h3").textContent.toLowerCase(),
      rows: [...entry.querySelectorAll("tr")].map((row) => ({ row, name: row.textContent.toLowerCase(), level: row.className })),
    }));
    const sections = [...document.querySelectorAll("#dictionary > section")];
    const search = () => {
      const parts = box.value.trim().toLowerCase().split(/\s+/).filter(Boolean);
      const wanted = level.value;
      let columns = 0, tables = 0;
      for (const { entry, name, rows } of entries) {
        const whole = parts.length > 0 && parts.every((part) => name.includes(part));
        let shown = 0;
        for (const one of rows) {
          const fits = (whole || parts.every((part) => one.name.includes(part) || (one.name + " " + name).includes(part) && parts.some((other) => one.name.includes(other)))) && (!wanted || one.level === wanted);
          one.row.hidden = !fits;
          if (fits) shown += 1;
        }
        entry.hidden = shown === 0;
        columns += shown;
        tables += shown ? 1 : 0;
      }
      for (const section of sections) section.hidden = !section.querySelector(".entry:not([hidden])");
      found.textContent = !parts.length && !wanted ? "" : columns ? found.dataset.some.replace("{n}", columns).replace("{m}", tables) : found.dataset.none;
    };
    box.value = new URLSearchParams(location.search).get("q") || "";
    box.addEventListener("input", search);
    level.addEventListener("change", search);
    if (box.value) search();
    if (!location.hash) box.focus({ preventScroll: true });
  }

  // Lineage
  const graph = document.getElementById("graph");
  if (graph) {
    const edges = graph.dataset.edges.split(" ").filter(Boolean).map((edge) => edge.split(">"));
    const up = {}, down = {};
    for (const [from, to] of edges) { (up[to] = up[to] || []).push(from); (down[from] = down[from] || []).push(to); }
    const walk = (start, way) => {
      const seen = new Set([start]);
      for (const node of seen) for (const next of way[node] || []) seen.add(next);
      return seen;
    };
    const canvas = graph.querySelector("svg");
    const at = (id) => document.getElementById("n-" + id);
    const light = (id) => {
      const above = walk(id, up), below = walk(id, down);
      graph.classList.add("lit");
      for (const node of graph.querySelectorAll(".node")) {
        node.classList.toggle("on", above.has(node.dataset.node) || below.has(node.dataset.node));
        node.classList.toggle("me", node.dataset.node === id);
      }
      const frame = graph.getBoundingClientRect();
      const place = (box) => ({ left: box.left - frame.left + graph.scrollLeft, right: box.right - frame.left + graph.scrollLeft, middle: (box.top + box.bottom) / 2 - frame.top });
      canvas.setAttribute("width", graph.scrollWidth);
      canvas.setAttribute("height", graph.scrollHeight);
      canvas.replaceChildren(...edges.filter(([from, to]) => (above.has(from) && above.has(to)) || (below.has(from) && below.has(to))).map(([from, to]) => {
        const a = place(at(from).getBoundingClientRect()), b = place(at(to).getBoundingClientRect());
        const forward = a.right <= b.left;
        const [x1, x2] = forward ? [a.right, b.left] : a.left >= b.right ? [a.left, b.right] : [a.right, b.right];
        const bend = forward ? (x2 - x1) / 2 : a.left >= b.right ? (x2 - x1) / 2 : 24;
        const path = document.createElementNS("http://www.w3.org/2000/svg", "path");
        path.setAttribute("d", `M${x1},${a.middle} C${x1 + bend},${a.middle} ${x2 - (forward || a.left >= b.right ? bend : -bend)},${b.middle} ${x2},${b.middle}`);
        return path;
      }));
    };
    const dim = () => { graph.classList.remove("lit"); canvas.replaceChildren(); };
    for (const node of graph.querySelectorAll(".node")) {
      node.addEventListener("pointerenter", () => light(node.dataset.node));
      node.addEventListener("focus", () => light(node.dataset.node));
      node.addEventListener("pointerleave", dim);
      node.addEventListener("blur", dim);
    }
  }
})();
