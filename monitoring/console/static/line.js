// The line over time: accuracy, its estimate, the records, and what happened.

import { $, between, clock, number, percent } from "./dom.js";

const canvas = $("line"), tip = $("line-tip");
// The estimate is asked for every second or two, so a column of one second may be without it, and the band goes on.
const ASKED_MS = 10_000;
const LEFT = 44, RIGHT = 12, TOP = 22, BOTTOM = 24;
let data = null, cursor = null, scheduled = false;

export function show(line) {
  data = line;
  const empty = !line.accuracy.some((value) => value !== null);
  $("line-empty").hidden = !empty;
  $("legend-estimate").hidden = !line.estimate.some((value) => value !== null);
  $("legend-pause").hidden = !line.pauses.length;
  const last = line.accuracy.length - 1;
  canvas.setAttribute("aria-valuemax", Math.max(last, 0));
  if (cursor === null) told(last, false);
  redraw();
}

export function redraw() {
  if (scheduled) return;
  scheduled = true;
  requestAnimationFrame(() => { scheduled = false; draw(); });
}

function draw() {
  if (!data) return;
  const ratio = window.devicePixelRatio || 1, width = canvas.clientWidth, height = canvas.clientHeight;
  if (canvas.width !== Math.round(width * ratio)) canvas.width = Math.round(width * ratio);
  if (canvas.height !== Math.round(height * ratio)) canvas.height = Math.round(height * ratio);
  const g = canvas.getContext("2d"), style = getComputedStyle(document.documentElement);
  const colour = (name) => style.getPropertyValue(`--${name}`).trim();
  g.setTransform(ratio, 0, 0, ratio, 0, 0);
  g.clearRect(0, 0, width, height);
  const n = data.accuracy.length;
  if (!n) return;
  const known = [...data.accuracy, ...data.estimate, ...data.low].filter((value) => value !== null);
  const low = known.length ? Math.max(0, Math.floor((Math.min(...known) - 0.05) * 10) / 10) : 0;
  const right = width - RIGHT, base = height - BOTTOM;
  const x = (i) => LEFT + (n === 1 ? 0 : (i / (n - 1)) * (right - LEFT));
  const y = (value) => base - ((value - low) / (1 - low || 1)) * (base - TOP);

  g.font = "12px system-ui, sans-serif";
  g.lineWidth = 1;
  g.strokeStyle = colour("line");
  g.fillStyle = colour("soft");
  g.textBaseline = "middle";
  g.textAlign = "right";
  const step = 1 - low > 0.5 ? 0.2 : 0.1;
  for (let value = 1; value >= low - 1e-9; value -= step) {
    g.beginPath(); g.moveTo(LEFT, y(value)); g.lineTo(right, y(value)); g.stroke();
    g.fillText(`${Math.round(value * 100)} %`, LEFT - 7, y(value));
  }
  const most = Math.max(...data.records, 1), bar = Math.max((right - LEFT) / n, 1);
  g.fillStyle = colour("line");
  for (let i = 0; i < n; i++) {
    const tall = (data.records[i] / most) * 34;
    if (tall) g.fillRect(Math.max(x(i) - bar / 2, LEFT), base - tall, Math.max(bar - 0.6, 0.6), tall);
  }
  g.fillStyle = colour("soft");
  g.textBaseline = "top";
  const ticks = Math.max(Math.min(Math.floor((right - LEFT) / 110), n - 1), 1);
  for (let k = 0; k <= ticks; k++) {
    const i = Math.round((k / ticks) * (n - 1));
    g.textAlign = k === 0 ? "left" : k === ticks ? "right" : "center";
    g.fillText(clock(data.start + i * data.width, data.width * n < 3.6e6), x(i), base + 8);
  }
  const trace = (values, stroke, dash, fill) => {
    g.setLineDash(dash); g.strokeStyle = stroke; g.lineWidth = 2.2; g.lineJoin = "round";
    g.beginPath();
    let first = null, last = null;
    values.forEach((value, i) => {
      if (value === null) return;
      if (first === null) { first = i; g.moveTo(x(i), y(value)); } else g.lineTo(x(i), y(value));
      last = i;
    });
    g.stroke(); g.setLineDash([]);
    if (fill && first !== null) {
      g.lineTo(x(last), base); g.lineTo(x(first), base); g.closePath();
      g.globalAlpha = 0.09; g.fillStyle = stroke; g.fill(); g.globalAlpha = 1;
    }
    if (last !== null) { g.fillStyle = stroke; g.beginPath(); g.arc(x(last), y(values[last]), 3.5, 0, 7); g.fill(); }
  };
  // Where the interval is unknown the band ends, and begins anew where it is known again.
  const band = (low, high, fill) => {
    g.fillStyle = fill;
    g.globalAlpha = 0.16;
    const known = [...low.keys()].filter((i) => low[i] !== null);
    for (let from = 0; from < known.length;) {
      let to = from;
      while (to + 1 < known.length && (known[to + 1] - known[to]) * data.width <= Math.max(ASKED_MS, data.width)) to++;
      const run = known.slice(from, to + 1), ends = run.length === 1 ? [run[0] - 0.5, run[0] + 0.5] : null;
      g.beginPath();
      for (const i of ends ?? run) g.lineTo(x(i), y(high[ends ? run[0] : i]));
      for (const i of (ends ?? run).toReversed()) g.lineTo(x(i), y(low[ends ? run[0] : i]));
      g.closePath(); g.fill();
      from = to + 1;
    }
    g.globalAlpha = 1;
  };
  const end = data.start + n * data.width;
  for (const [from, to] of data.pauses) {
    const [left, past] = [from, to ?? end].map((at) => x(Math.max(Math.min((at - data.start) / data.width, n - 1), 0)));
    if (past <= left) continue;
    g.fillStyle = colour("warn");
    g.globalAlpha = 0.1; g.fillRect(left, TOP, past - left, base - TOP);
    g.globalAlpha = 1; g.fillRect(left, TOP - 3, past - left, 3);
  }
  band(data.low, data.high, colour("job"));
  marks(g, x, n, base, colour);
  trace(data.estimate, colour("job"), [5, 4], false);
  trace(data.accuracy, colour("accent"), [], true);
  if (cursor !== null && cursor < n) {
    g.strokeStyle = colour("ink"); g.lineWidth = 1;
    g.beginPath(); g.moveTo(x(cursor), TOP); g.lineTo(x(cursor), base); g.stroke();
  }
}

const SIGNS = { drift: "bad", warning: "warn", job: "job", model: "good" };

function marks(g, x, n, base, colour) {
  // At most one sign of a kind in each pixel column: ten thousand events are one stroke, not ten thousand.
  const seen = new Set();
  for (const [at, kind] of data.marks) {
    const place = (at - data.start) / data.width;
    if (place < 0 || place > n) continue;
    const px = Math.round(x(Math.min(place, n - 1)));
    if (seen.has(`${kind}${px}`)) continue;
    seen.add(`${kind}${px}`);
    g.strokeStyle = g.fillStyle = colour(SIGNS[kind]);
    g.globalAlpha = 0.55; g.lineWidth = 1.2; g.setLineDash([3, 3]);
    g.beginPath(); g.moveTo(px, TOP - 4); g.lineTo(px, base); g.stroke();
    g.globalAlpha = 1; g.setLineDash([]);
    g.beginPath();
    if (kind === "job") g.rect(px - 4, 7, 8, 8);
    else if (kind === "model") { g.moveTo(px - 6, 16); g.lineTo(px + 6, 16); g.lineTo(px, 6); }
    else { g.moveTo(px - 6, 7); g.lineTo(px + 6, 7); g.lineTo(px, 17); }
    g.fill();
  }
}

function told(i, visible) {
  if (!data || i < 0 || i >= data.accuracy.length) { tip.hidden = true; return; }
  const from = data.start + i * data.width;
  const lines = [clock(from), `accuracy ${percent(data.accuracy[i])}`];
  if (data.estimate[i] !== null) lines.push(`estimate ${percent(data.estimate[i])}${data.low[i] === null ? "" : ` (${between(data.low[i], data.high[i])})`}`);
  lines.push(`${number(data.records[i])} records in ${data.width / 1000} s`);
  if (data.pauses.some(([begun, ended]) => begun < from + data.width && (ended ?? Infinity) >= from)) lines.push("policy paused");
  const here = data.marks.filter(([at]) => at >= from && at < from + data.width).map((mark) => mark[2]);
  lines.push(...here.slice(0, 3), ...(here.length > 3 ? [`and ${here.length - 3} more`] : []));
  canvas.setAttribute("aria-valuenow", i);
  canvas.setAttribute("aria-valuetext", lines.join("; "));
  tip.hidden = !visible;
  if (!visible) return;
  tip.textContent = lines.join("\n");
  const n = data.accuracy.length, px = LEFT + (n === 1 ? 0 : (i / (n - 1)) * (canvas.clientWidth - LEFT - RIGHT));
  tip.style.left = `${px > canvas.clientWidth / 2 ? px - tip.offsetWidth - 10 : px + 10}px`;
}

function move(i) { cursor = Math.max(0, Math.min(i, data.accuracy.length - 1)); told(cursor, true); redraw(); }
function leave() { cursor = null; tip.hidden = true; redraw(); }
canvas.addEventListener("pointermove", (event) => {
  if (!data?.accuracy.length) return;
  const share = (event.offsetX - LEFT) / (canvas.clientWidth - LEFT - RIGHT);
  move(Math.round(share * (data.accuracy.length - 1)));
});
canvas.addEventListener("pointerleave", leave);
canvas.addEventListener("blur", leave);
canvas.addEventListener("keydown", (event) => {
  if (!data?.accuracy.length) return;
  const last = data.accuracy.length - 1, now = cursor ?? last;
  const to = { ArrowLeft: now - 1, ArrowRight: now + 1, PageUp: now - 20, PageDown: now + 20, Home: 0, End: last }[event.key];
  if (to === undefined) return;
  event.preventDefault();
  move(to);
});
new ResizeObserver(redraw).observe(canvas);
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", redraw);
