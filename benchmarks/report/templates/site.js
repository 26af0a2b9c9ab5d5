// Sorting, filtering, tabs, views and search; without it everything still can be read.
"use strict";
document.documentElement.classList.add("js");

const all = (what, within = document) => [...within.querySelectorAll(what)];

function make(name, attributes, ...inside) {
  const element = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
  element.append(...inside);
  return element;
}

// Tables

function value(cell) {
  if (!cell) return "";
  return cell.dataset.value ?? cell.textContent.trim();
}

function asNumber(text) {
  const plain = text.replaceAll(",", "").replace(/%$/, "");
  return plain !== "" && !Number.isNaN(Number(plain)) ? Number(plain) : null;
}

function compare(a, b) {
  const [x, y] = [asNumber(a), asNumber(b)];
  if (x !== null && y !== null) return x - y;
  if (x !== null || y !== null) return x !== null ? -1 : 1;
  return a.localeCompare(b, "en", { numeric: true });
}

function sortBy(table, index, heading) {
  const descending = heading.getAttribute("aria-sort") === "ascending";
  for (const other of heading.parentElement.children) other.removeAttribute("aria-sort");
  heading.setAttribute("aria-sort", descending ? "descending" : "ascending");
  const body = table.tBodies[0];
  const rows = [...body.rows].map((row) => [value(row.cells[index]), row]);
  const sign = descending ? -1 : 1;
  rows.sort(([a], [b]) => sign * compare(a, b));
  body.append(...rows.map(([, row]) => row));
}

for (const table of all("table.sortable")) {
  [...table.tHead.rows[0].cells].forEach((heading, index) => {
    if (!heading.textContent.trim()) return;
    const button = make("button", { type: "button" }, ...heading.childNodes);
    button.addEventListener("click", () => sortBy(table, index, heading));
    heading.append(button);
  });
}

function matches(text, words) {
  return words.every((word) => text.includes(word));
}

function words(input) {
  return input.value.toLowerCase().split(/\s+/).filter(Boolean);
}

for (const input of all("input[data-filter]")) {
  const rows = [...document.getElementById(input.dataset.filter).tBodies[0].rows];
  const told = input.closest(".filter").querySelector("output");
  const texts = rows.map((row) => row.textContent.toLowerCase());
  input.addEventListener("input", () => {
    const wanted = words(input);
    let shown = 0;
    rows.forEach((row, i) => {
      row.hidden = !matches(texts[i], wanted);
      shown += !row.hidden;
    });
    told.textContent = wanted.length ? `${shown} of ${rows.length}` : "";
  });
}

// What scrolls says so at its edges, has a name and can be reached by keyboard

const headings = all("h1, h2, h3, h4, figcaption, summary");

function nameOf(box) {
  const before = headings.filter((one) => one.compareDocumentPosition(box) & Node.DOCUMENT_POSITION_FOLLOWING);
  return before.at(-1)?.textContent.trim() ?? document.title;
}

function edges(box) {
  const left = box.scrollLeft, hidden = box.scrollWidth - box.clientWidth;
  const sideways = hidden > 1;
  box.classList.toggle("more-left", sideways && left > 1);
  box.classList.toggle("more-right", sideways && left < hidden - 1);
  if (box.tagName === "NAV") return;
  const scrolls = sideways || box.scrollHeight > box.clientHeight + 2;
  if (scrolls === box.hasAttribute("tabindex")) return;
  if (scrolls) {
    box.tabIndex = 0;
    box.setAttribute("role", "region");
    box.setAttribute("aria-label", nameOf(box));
  } else for (const name of ["tabindex", "role", "aria-label"]) box.removeAttribute(name);
}

const sizes = new ResizeObserver((changed) => changed.forEach(({ target }) => edges(target)));
for (const box of all(".scroll, .code pre, .tree, .raw, nav.main")) {
  sizes.observe(box);
  box.addEventListener("scroll", () => edges(box), { passive: true });
}

// Tabs

all(".tabs").forEach((tabs, number) => {
  const panels = all(":scope > [data-tab]", tabs);
  const list = make("div", { class: "choose", role: "tablist", "aria-label": tabs.dataset.label });
  const buttons = panels.map((panel, i) => {
    panel.id ||= `tab-${number}-${i}`;
    const id = `${panel.id}-by`;
    panel.setAttribute("role", "tabpanel");
    panel.setAttribute("aria-labelledby", id);
    const button = make("button", { type: "button", role: "tab", id, "aria-controls": panel.id }, panel.dataset.tab);
    button.addEventListener("click", () => choose(i));
    list.append(button);
    return button;
  });
  const choose = (chosen) => buttons.forEach((button, i) => {
    button.setAttribute("aria-selected", i === chosen);
    button.tabIndex = i === chosen ? 0 : -1;
    panels[i].hidden = i !== chosen;
  });
  list.addEventListener("keydown", (event) => {
    const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
    const at = buttons.indexOf(document.activeElement);
    const to = { Home: 0, End: buttons.length - 1 }[event.key] ?? (step && (at + step + buttons.length) % buttons.length);
    if (to === undefined || to === null) return;
    event.preventDefault();
    choose(to);
    buttons[to].focus();
  });
  for (const title of all(":scope > [data-tab] > .tab-title", tabs)) title.hidden = true;
  tabs.prepend(list);
  choose(0);
});

// Three panels, or one

const VIEWS = [["", "All"], ["pytorch", "PyTorch"], ["keras", "Keras"], ["jax", "JAX"]];
for (const place of all("[data-views]")) {
  const views = place.querySelector(".four") ? [...VIEWS, ["numpy", "NumPy"]] : VIEWS;
  const group = make("div", { class: "choose", role: "group", "aria-label": "Which framework's source to show" });
  const show = (view) => {
    if (view) place.dataset.view = view;
    else delete place.dataset.view;
    [...group.children].forEach((button, i) => button.setAttribute("aria-pressed", views[i][0] === view));
  };
  for (const [view, name] of views) {
    const button = make("button", { type: "button" }, name);
    button.addEventListener("click", () => show(view));
    group.append(button);
  }
  const wrap = make("input", { type: "checkbox" });
  wrap.checked = true;
  wrap.addEventListener("change", () => {
    place.classList.toggle("unwrapped", !wrap.checked);
    all(".code pre", place).forEach(edges);
  });
  place.prepend(group, make("label", { class: "wrapping" }, wrap, " wrap long lines"));
  show(matchMedia("(max-width: 70rem)").matches ? "pytorch" : "");
}

// Copying

for (const code of all(".code[data-copy]")) {
  if (!navigator.clipboard) break;
  const button = make("button", { type: "button", class: "copy" }, "copy");
  button.addEventListener("click", async () => {
    await navigator.clipboard.writeText(code.querySelector("pre").textContent);
    button.textContent = "copied";
    setTimeout(() => { button.textContent = "copy"; }, 1500);
  });
  code.querySelector("figcaption").append(button);
}

// Searching a page of entries

function mark(wanted) {
  if (!CSS.highlights) return;
  CSS.highlights.delete("found");
  if (!wanted.length) return;
  const ranges = [];
  const texts = document.createTreeWalker(document.querySelector("main"), NodeFilter.SHOW_TEXT);
  while (texts.nextNode()) {
    const text = texts.currentNode.data.toLowerCase();
    for (const word of wanted) {
      for (let at = text.indexOf(word); at >= 0; at = text.indexOf(word, at + word.length)) {
        const range = new Range();
        range.setStart(texts.currentNode, at);
        range.setEnd(texts.currentNode, at + word.length);
        ranges.push(range);
      }
    }
  }
  CSS.highlights.set("found", new Highlight(...ranges));
}

for (const input of all("input[data-entries]")) {
  const entries = all(input.dataset.entries);
  const told = input.closest(".filter").querySelector("output");
  const texts = entries.map((entry) => entry.textContent.toLowerCase());
  input.addEventListener("input", () => {
    const wanted = words(input);
    entries.forEach((entry, i) => { entry.hidden = !matches(texts[i], wanted); });
    for (const chapter of all(".chapter")) chapter.hidden = !all(".entry:not([hidden])", chapter).length;
    const shown = entries.filter((entry) => !entry.hidden).length;
    told.textContent = wanted.length ? `${shown} of ${entries.length}` : "";
    mark(wanted);
  });
}

// What is linked to and lies in something closed is opened

function reveal() {
  const target = location.hash && document.getElementById(decodeURIComponent(location.hash.slice(1)));
  if (!target) return;
  for (let at = target; at; at = at.parentElement) if (at.tagName === "DETAILS") at.open = true;
  target.scrollIntoView();
}
addEventListener("hashchange", reveal);
reveal();

// Searching the site

const find = document.getElementById("find");
if (find && window.PAGES) {
  const results = find.parentElement.querySelector("ul");
  const root = find.dataset.root;
  const close = () => { results.hidden = true; };
  find.addEventListener("input", () => {
    const wanted = words(find);
    const hits = window.PAGES.filter(([title, kind]) => matches(`${title} ${kind}`.toLowerCase(), wanted)).slice(0, 12);
    results.replaceChildren(...hits.map(([title, kind, to]) => make("li", {}, make("a", { href: root + to }, title, make("span", {}, kind)))));
    if (!hits.length) results.append(make("li", {}, "nothing of that name"));
    results.hidden = !wanted.length;
  });
  find.parentElement.addEventListener("keydown", (event) => {
    if (event.key === "Escape") { close(); find.focus(); }
    const links = all("a", results);
    if (results.hidden || !links.length) return;
    const at = links.indexOf(document.activeElement);
    if (event.key === "Enter" && at < 0) links[0].click();
    const to = { ArrowDown: at + 1, ArrowUp: at - 1 }[event.key];
    if (to === undefined) return;
    event.preventDefault();
    if (to < 0) find.focus();
    else links[Math.min(to, links.length - 1)].focus();
  });
  document.addEventListener("click", (event) => { if (!find.parentElement.contains(event.target)) close(); });
  document.addEventListener("keydown", (event) => {
    if (event.key === "/" && !/^(INPUT|TEXTAREA)$/.test(document.activeElement.tagName)) { event.preventDefault(); find.focus(); }
  });
}
