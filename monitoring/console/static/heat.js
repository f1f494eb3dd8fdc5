// Drift of each feature over time as a heat map, and one feature's distributions.

import { $, clock, h, number, percent } from "./dom.js";

const ROW = 24, PER_PAGE = 16, REORDER_EVERY = 5000;
const canvas = $("cells");
let head = null, cells = null, names = [], current = null, order = [], page = 0, chosen = null, ordered = -Infinity, fetching = false, again = false;
let drawn = "", detailAt = 0;

/** The section as the stream tells it: the newest two columns, and whether all must be fetched anew. */
export async function show(section) {
  $("heat-empty").hidden = section.names > 0;
  $("map").hidden = $("pager").hidden = !section.names;
  if (!section.names) { head = null; $("heat-note").textContent = ""; return; }
  $("heat-note").textContent = `${number(section.names)} features against version ${section.version}; ${section.drifted ? number(section.drifted) : "none"} drifted (index from ${section.threshold})`;
  current = section.now ? bytesOf(section.now) : null;
  const fits = head && head.revision === section.revision && names.length === section.names && section.count - head.count <= 1;
  if (!fits) { head = null; await fetchAll(); return; }
  const newest = bytesOf(section.newest);
  if (section.count > head.count) {
    const grown = new Uint8Array(section.count * names.length);
    grown.set(cells);
    cells = grown;
  }
  cells.set(newest, cells.length - newest.length);
  Object.assign(head, { count: section.count, start: section.start, width: section.width, threshold: section.threshold });
  sorted();
  redraw();
  if (chosen && performance.now() - detailAt > 2500) detail(chosen, false);
}

const bytesOf = (text) => Uint8Array.from(atob(text), (c) => c.charCodeAt(0));

async function fetchAll() {
  if (fetching) { again = true; return; }
  fetching = true;
  try {
    const answer = await fetch("api/heat");
    if (!answer.ok) return;
    const bytes = new Uint8Array(await answer.arrayBuffer());
    const end = bytes.indexOf(10);
    head = JSON.parse(new TextDecoder().decode(bytes.subarray(0, end)));
    names = head.names;
    cells = bytes.slice(end + 1);
    ordered = -Infinity;
    sorted();
    redraw();
  } catch { /* the stream says when the console is back */ } finally {
    fetching = false;
    if (again) { again = false; fetchAll(); }
  }
}

/** Most drifted first, over all that is shown; kept for some seconds, so that no row runs away from a finger. */
function sorted() {
  if (performance.now() - ordered < REORDER_EVERY) return;
  ordered = performance.now();
  const n = names.length, most = new Uint16Array(n);
  for (let column = 0; column < head.count; column++) {
    for (let i = 0; i < n; i++) {
      const value = cells[column * n + i];
      if (value !== 255 && value > most[i]) most[i] = value;
    }
  }
  const now = (head.count - 1) * n, wanted = $("heat-filter").value.trim().toLowerCase();
  order = [...names.keys()].filter((i) => !wanted || names[i].toLowerCase().includes(wanted));
  order.sort((a, b) => 2 * most[b] + known(cells[now + b]) - 2 * most[a] - known(cells[now + a]) || a - b);
}

const known = (value) => (value === 255 || value === undefined ? 0 : value);

let scheduled = false;
export function redraw() {
  if (scheduled) return;
  scheduled = true;
  requestAnimationFrame(() => { scheduled = false; draw(); });
}

function draw() {
  if (!head) return;
  const pages = Math.max(Math.ceil(order.length / PER_PAGE), 1);
  page = Math.min(page, pages - 1);
  const rows = order.slice(page * PER_PAGE, (page + 1) * PER_PAGE), n = names.length, last = (head.count - 1) * n;
  const index = (i) => known(current ? current[i] : cells[last + i]) / 254;
  const key = rows.map((i) => `${i}:${index(i).toFixed(2)}`).join() + chosen;
  if (key !== drawn) {
    drawn = key;
    const list = $("names");
    while (list.children.length > rows.length) list.lastChild.remove();
    rows.forEach((i, at) => {
      let button = list.children[at]?.firstChild;
      if (!button) {
        button = h("button", { type: "button", onclick: (event) => choose(event.currentTarget.dataset.name) }, h("span"), h("span"));
        list.append(h("li", {}, button));
      }
      button.dataset.name = names[i];
      button.children[0].textContent = names[i];
      button.children[1].textContent = index(i) >= 0.995 ? "≥ 1" : index(i).toFixed(2);
      button.setAttribute("aria-pressed", names[i] === chosen);
      button.setAttribute("aria-label", `${names[i]}, drift index ${index(i).toFixed(2)}`);
      button.classList.toggle("hot", index(i) >= (head.threshold ?? 0.2));
    });
    $("heat-page").textContent = `${order.length ? page * PER_PAGE + 1 : 0}–${page * PER_PAGE + rows.length} of ${number(order.length)}`;
    $("heat-back").disabled = page === 0;
    $("heat-next").disabled = page >= pages - 1;
  }
  const ratio = window.devicePixelRatio || 1, width = canvas.clientWidth, height = rows.length * ROW;
  canvas.style.height = `${height}px`;
  canvas.width = Math.round(width * ratio);
  canvas.height = Math.round(height * ratio);
  const g = canvas.getContext("2d"), style = getComputedStyle(document.documentElement);
  const cold = rgb(style.getPropertyValue("--sunk").trim()), ramp = [];
  for (let value = 0; value < 255; value++) ramp.push(shade(cold, value / 254));
  g.setTransform(ratio, 0, 0, ratio, 0, 0);
  const wide = width / head.count;
  rows.forEach((i, row) => {
    // Equal neighbours are one rectangle.
    for (let from = 0; from < head.count;) {
      const value = cells[from * n + i];
      let to = from + 1;
      while (to < head.count && (cells[to * n + i] === value || cells[to * n + i] === 255)) to++;
      g.fillStyle = value === 255 ? ramp[0] : ramp[value];
      g.fillRect(from * wide, row * ROW + 2, (to - from) * wide + 0.5, ROW - 4);
      from = to;
    }
  });
  const axis = $("heat-axis");
  const text = head.count ? [head.start, head.start + head.count * head.width].map((ms) => clock(ms, false)) : ["no records yet", ""];
  if (axis.textContent !== text.join("")) axis.replaceChildren(...text.map((one) => h("span", {}, one)));
}

function rgb(hex) { return [1, 3, 5].map((at) => parseInt(hex.slice(at, at + 2), 16)); }
function shade(cold, share) {
  const mid = [242, 165, 65], hot = [198, 40, 40];
  const [from, to, t] = share < 0.35 ? [cold, mid, share / 0.35] : [mid, hot, (share - 0.35) / 0.65];
  return `rgb(${from.map((value, i) => Math.round(value + (to[i] - value) * t)).join(" ")})`;
}

export function choose(name) {
  chosen = name;
  drawn = "";
  redraw();
  detail(name, true);
}

async function detail(name, asked) {
  detailAt = performance.now();
  let found;
  try {
    const answer = await fetch(`api/feature?name=${encodeURIComponent(name)}`);
    if (!answer.ok) throw new Error((await answer.json()).detail);
    found = await answer.json();
  } catch (error) {
    if (asked) $("detail").replaceChildren(h("p", { class: "empty" }, `${name}: ${error.message}`));
    return;
  }
  if (name !== chosen) return;
  const sum = (counts) => Math.max(counts.reduce((a, b) => a + b, 0), 1);
  const reference = found.reference.map((count) => count / sum(found.reference));
  const current = found.current.map((count) => count / sum(found.current));
  const most = Math.max(...reference, ...current, 0.01);
  $("h-detail").textContent = found.name;
  $("detail-note").textContent = `drift index ${found.psi.toFixed(2)}`;
  const rows = found.labels.map((label, i) => {
    const ref = h("i", { class: "ref" }), cur = h("i", { class: "cur" });
    ref.style.width = `${(reference[i] / most) * 100}%`;
    cur.style.width = `${(current[i] / most) * 100}%`;
    return h("tr", { class: Math.abs(current[i] - reference[i]) > 0.06 ? "moved" : null },
      h("th", { scope: "row" }, label), h("td", {}, h("div", { class: "bars", "aria-hidden": "true" }, ref, cur)),
      h("td", { class: "num" }, percent(reference[i], 0)), h("td", { class: "num" }, percent(current[i], 0)));
  });
  $("detail").replaceChildren(h("table", { class: "dist" },
    h("caption", {}, h("span", { class: "key-ref" }), `training of version ${found.version}   `, h("span", { class: "key-cur" }), `the newest ${number(found.rows)} records`),
    h("thead", {}, h("tr", {}, h("th", { scope: "col" }, "values"), h("th", { scope: "col" }, ""), h("th", { scope: "col", class: "num" }, "then"), h("th", { scope: "col", class: "num" }, "now"))),
    h("tbody", {}, ...rows)));
  $("detail").querySelector("thead th:nth-child(2)").replaceWith(h("td"));
}

$("heat-filter").addEventListener("input", () => { ordered = -Infinity; page = 0; if (head) { sorted(); redraw(); } });
$("heat-back").addEventListener("click", () => { page--; redraw(); });
$("heat-next").addEventListener("click", () => { page++; redraw(); });
canvas.addEventListener("click", (event) => {
  const i = order[page * PER_PAGE + Math.floor(event.offsetY / ROW)];
  if (i !== undefined) choose(names[i]);
});
new ResizeObserver(redraw).observe($("map"));
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", redraw);
