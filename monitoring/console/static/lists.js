// Events, jobs, versions, dead letters, services and the audit.

import { ask, mayAct, request, unlocked } from "./acts.js";
import { $, clock, h, keyed, number, percent, refill, when } from "./dom.js";
import { choose } from "./heat.js";

const FIRST = 20, MORE = 50;
const older = [];
let limit = FIRST, newest = { total: 0, newest: [] };

export function events(section) {
  if (section) newest = section;
  const seen = new Set(newest.newest.map((event) => event.id));
  const shown = [...newest.newest, ...older.filter((event) => !seen.has(event.id))].slice(0, limit);
  $("events-empty").hidden = newest.total > 0;
  $("events-note").textContent = newest.total ? `${number(newest.total)} in all` : "";
  $("events-more").hidden = shown.length >= newest.total;
  keyed($("events"), shown, (one) => JSON.stringify([one.id, one.severity, one.summary, one.state, one.acknowledged, mayAct()]), event);
}

function event(one) {
  const acknowledged = one.acknowledged;
  return h("li", {},
    h("div", { class: "row" },
      h("span", { class: `pill ${one.severity === "alarm" ? "bad" : "warn"}` }, `${one.kind} ${one.severity}`), when(one.at),
      one.state === "closed" ? h("span", { class: "pill good" }, one.closed_because === "recovered" ? "over: recovered" : "closed by a new version") : "",
      h("span", { class: "push" }, acknowledged ? h("span", { class: "pill", title: `by ${acknowledged.by}, ${clock(acknowledged.at)}` }, "acknowledged")
        : mayAct() && one.state !== "closed" ? h("button", { type: "button", "data-key": `ack ${one.id}`, onclick: () => ask("acknowledge", one.id) }, "Acknowledge") : "")),
    h("p", { class: "say" }, one.summary),
    h("p", { class: "sub" }, `version ${one.version}, found by ${one.detector}`, one.shape ? `, ${one.shape}` : "", one.cause ? `, ${one.cause === "sensor" ? "a sensor's fault" : "the world itself"}` : "", one.onset ? `, since ${clock(one.onset)}` : "", one.onset_record ? ` (record ${one.onset_record})` : ""),
    one.parts.length ? h("p", { class: "sub" }, one.parts.join("; ")) : "",
    one.blame.length ? h("div", { class: "blame" }, ...one.blame.map((blame) => blame.feature.startsWith("(") ? h("span", { class: "pill" }, `${blame.feature.replace(/[()]/g, "")}: ${blame.detail}`) : h("button", { type: "button", title: "show its distribution", "data-key": `blame ${one.id} ${blame.feature}`, onclick: () => { choose(blame.feature); $("h-detail").scrollIntoView({ block: "center" }); } }, `${blame.feature}${blame.detail ? `: ${blame.detail}` : ` ${blame.score.toFixed(2)}`}`))) : "");
}

$("events-more").addEventListener("click", async () => {
  limit += MORE;
  const known = newest.newest.length + older.length;
  if (known < limit) {
    const answer = await fetch(`api/events?before=${known}&count=${MORE}`);
    if (answer.ok) older.push(...(await answer.json()));
  }
  events();
});

const STATES = { open: ["under way", "work"], promoted: ["promoted", "good"], recalled: ["recalled", "good"], refused: ["refused", "warn"], failed: ["failed", "bad"], "rolled-back": ["rolled back", "warn"] };
let jobsShown = { total: 0, jobs: [] }, working = new Map();

export function jobs(section, services) {
  if (section) jobsShown = section;
  $("jobs-empty").hidden = jobsShown.jobs.length > 0;
  $("jobs-note").textContent = jobsShown.total ? `${number(jobsShown.total)} in all` : "";
  if (services) working = new Map(services.filter((one) => one.job).map((one) => [one.job, one]));
  refill($("jobs"), JSON.stringify([jobsShown.jobs, [...working], [...logs].map(([id, lines]) => [id, lines.length])]), () => jobsShown.jobs.map((job) => {
    const live = working.get(job.id);
    const [name, tone] = STATES[job.state] ?? [job.state, ""];
    return h("li", {},
      h("div", { class: "row" }, h("span", { class: `pill ${tone}` }, job.version && job.state !== "open" ? `${name}: version ${job.version}` : name), when(job.at), h("span", { class: "push when" }, job.seconds ? `${job.seconds.toFixed(1)} s` : "")),
      h("p", { class: "say short", title: job.reason }, job.reason),
      h("p", { class: "sub" }, `asked for by the ${job.by}, on ${number(job.labelled)} labelled records`),
      job.state === "open" ? under(live) : "",
      job.reasons.length ? h("p", { class: "sub" }, job.reasons.join("; ")) : "",
      log(job, live));
  }));
  for (const list of document.querySelectorAll(".log.live")) list.scrollTop = list.scrollHeight;
}

const STAGES = { gather: "reading its window", recall: "asking archived versions", rollback: "comparing with the version before", fit: "fitting", evaluate: "evaluating on held-out rows", refit: "fitting all rows", export: "exporting", latency: "measuring its latency" };

/** How far a training is, in words. */
export const told = (progress) => !progress?.stage ? "" : `${STAGES[progress.stage] ?? progress.stage}${progress.epoch ? `, epoch ${progress.epoch} of ${progress.epochs}` : ""}${typeof progress.val_loss === "number" ? `, held-out loss ${progress.val_loss.toFixed(3)}` : ""}`;

function under(live) {
  if (!live) return h("p", { class: "sub" }, "waits to be taken, or its trainer cannot be seen from here");
  const { epoch, epochs } = live.progress, bar = h("i");
  if (epoch) bar.style.width = `${(100 * epoch) / epochs}%`;
  return h("div", {}, h("p", { class: "sub" }, told(live.progress) || "taken"), h("div", { class: epoch ? "progress" : "progress waits", "aria-hidden": "true" }, bar));
}

// Logs of ended jobs that were asked for; and which logs a person has opened or shut, over what is drawn anew.
const logs = new Map(), wanted = new Map();

function log(job, live) {
  if (!live && !job.lines) return "";
  // Whoever has watched a job to its end goes on seeing what it came through.
  if (live && !wanted.has(job.id)) wanted.set(job.id, true);
  const open = wanted.get(job.id) ?? false;
  if (open && !live) readLog(job.id);
  const lines = live ? live.log : logs.get(job.id);
  return h("details", { open, "data-key": `log ${job.id}` },
    h("summary", { "data-key": `log of ${job.id}`, onclick: (event) => { const opens = !event.currentTarget.parentElement.open; wanted.set(job.id, opens); if (opens && !live) readLog(job.id); } }, live ? "Log, as it grows" : `Log (${number(job.lines)} lines)`),
    lines ? h("ol", { class: live ? "log live" : "log", tabindex: "0", "aria-label": "Log of the job" }, ...lines.map((line) => h("li", {}, h("span", { class: "when" }, clock(line.at)), line.text))) : h("p", { class: "sub" }, "…"));
}

async function readLog(id) {
  if (logs.has(id)) return;
  logs.set(id, []);
  try {
    const answer = await fetch(`api/jobs/${encodeURIComponent(id)}/log`);
    logs.set(id, answer.ok ? await answer.json() : [{ at: Date.now(), text: (await answer.json()).detail }]);
  } catch { logs.delete(id); return; }
  jobs();
}

export function versions(section) {
  $("versions-empty").hidden = section.versions.length > 0 || Boolean(section.trouble);
  $("versions-note").textContent = section.trouble || (section.total > section.versions.length ? `the newest ${section.versions.length} of ${number(section.total)}` : "");
  refill($("versions"), JSON.stringify([section, mayAct()]), () => section.versions.map((one) => {
    const champion = one.version === section.champion;
    return h("li", { class: champion ? "version champion" : "version" },
      h("div", { class: "row" }, h("h3", {}, `Version ${one.version}`), champion ? h("span", { class: "pill good" }, "in service") : one.version === section.previous ? h("span", { class: "pill" }, "before") : one.promoted ? "" : h("span", { class: "pill warn" }, "refused")),
      h("p", { class: "score" }, percent(one.accuracy), h("small", {}, one.before === null || one.before === undefined ? " held out" : ` held out, forerunner ${percent(one.before)}`)),
      h("p", { class: "sub" }, `${number(one.rows)} rows of ${one.source}, `, when(one.at)),
      one.reasons.length ? h("details", { "data-key": `v${one.version}` }, h("summary", {}, "The gate's verdict"), h("ul", {}, ...one.reasons.map((reason) => h("li", {}, reason)))) : "",
      h("div", { class: "row" }, h("a", { href: `card/${one.version}`, "aria-label": `Model card of version ${one.version}` }, "Model card"),
        h("span", { class: "push" }, !mayAct() ? "" : champion
          ? (section.previous ? h("button", { type: "button", "data-key": "roll-back", onclick: () => ask("roll-back") }, `Roll back to ${section.previous}`) : "")
          : h("button", { type: "button", "data-key": `promote ${one.version}`, "aria-label": `Promote version ${one.version}`, onclick: () => ask("promote", String(one.version)) }, "Promote"))));
  }));
}

const opened = new Map();

export function letters(section) {
  if (section) letters.last = section;
  const shown = letters.last;
  $("letters-empty").hidden = shown.total > 0;
  $("letters-note").textContent = shown.total ? `${number(shown.total)} in all` : "";
  const most = Math.max(...shown.reasons.map(([, count]) => count), 1);
  refill($("reasons"), JSON.stringify(shown.reasons), () => shown.reasons.map(([reason, count]) => {
    const bar = h("i");
    bar.style.width = `${(count / most) * 100}%`;
    return h("li", {}, h("span", {}, reason), bar, h("span", {}, number(count)));
  }));
  refill($("letters"), JSON.stringify([shown.samples.slice(0, 12), mayAct(), [...opened]]), () => shown.samples.slice(0, 12).map((one) => {
    const open = opened.get(one.number);
    return h("li", {},
      h("div", { class: "row" }, h("span", { class: "pill warn" }, one.reason), when(one.at),
        h("span", { class: "push" }, !mayAct() || open ? "" : h("button", { type: "button", "data-key": `letter ${one.number}`, "aria-label": `Show the value of dead letter ${one.number}`, onclick: () => unlocked(() => reveal(one.number)) }, "Show value"))),
      h("p", { class: "sub" }, `${one.place ? `at ${one.place}, ` : ""}partition ${one.partition}, offset ${number(one.offset)}, ${number(one.bytes)} bytes`),
      open ? h("div", {}, h("p", { class: "say" }, open.detail), h("pre", { class: "value", tabindex: "0", "aria-label": "refused value" }, open.payload, open.cut ? "…" : "")) : h("p", { class: "value" }, "•".repeat(Math.min(Math.max(one.bytes, 6), 28))));
  }));
}

async function reveal(numberOf) {
  try { opened.set(numberOf, await request(`api/letters/${numberOf}`)); }
  catch (error) { opened.set(numberOf, { detail: error.message, payload: "", cut: false }); }
  letters();
}

export function services(list) {
  $("services-empty").hidden = list.length > 0;
  refill($("services"), JSON.stringify(list), () => list.map((one) => h("li", { class: "row" }, h("i", { class: one.ready ? "dot" : "dot off" }), h("strong", {}, one.name), h("span", { class: "when" }, one.ready ? `ready, ${number(one.read)} read${one.lag ? `, ${number(one.lag)} behind` : ""}` : one.message))));
}

const LATE = 15_000;

/** What can be known of the services from the topics alone: when each was last heard of. */
export function signs(needed, head, jobs, events) {
  if (!needed) return;
  if (!head.cluster.ok) return refill($("signs"), "away", () => [h("li", {}, "nothing, for they cannot be read either")]);
  const { newest, now } = head;
  const ago = (at) => (at === null ? null : now - at < 2_000 ? "just now" : now - at < 90_000 ? `${Math.round((now - at) / 1000)} s ago` : `at ${clock(at)}`);
  const verdict = jobs.find((job) => job.state !== "open"), waiting = jobs.find((job) => job.state === "open");
  // Answers are late only where records come that wait for them.
  const silent = newest.records !== null && (newest.answers ?? 0) < newest.records - LATE;
  const rows = [
    ["producers", newest.records === null ? null : now - newest.records < LATE, newest.records === null ? "no record yet" : `last record ${ago(newest.records)}, ${newest.labels === null ? "no label yet" : `last label ${ago(newest.labels)}`}`],
    ["consumer", newest.answers === null ? (newest.records === null ? null : false) : !silent, newest.answers === null ? "no answer yet" : `last answer ${ago(newest.answers)}, by version ${head.answering}; ${head.behind ? `about ${number(head.behind)} records` : "nothing"} waiting`],
    ["monitor", null, events.length ? `last drift event at ${clock(events[0].at)}; it is silent while nothing drifts` : "no drift event; it is silent while nothing drifts"],
    ["trainer", null, waiting ? `a job waits for its verdict since ${clock(waiting.at)}` : verdict ? `last verdict: ${verdict.state}` : "no job yet, so nothing to say"],
  ];
  refill($("signs"), JSON.stringify(rows), () => rows.map(([name, good, text]) => h("li", { class: "row" },
    h("i", { class: `dot${good === null ? " unknown" : good ? "" : " off"}` }), h("strong", {}, name), h("span", { class: "when" }, text))));
}

export function audit(list) {
  $("audit-empty").hidden = list.length > 0;
  refill($("audit"), JSON.stringify(list), () => list.map((one) => h("li", {}, h("div", { class: "row" }, h("span", { class: `pill ${{ done: "good", failed: "bad" }[one.result] ?? ""}` }, one.result), h("strong", {}, `${one.kind}${one.kind === "promote" ? ` ${one.subject}` : ""}`), h("span", { class: "when" }, `${one.actor}, ${clock(one.at)}`)), one.detail ? h("p", { class: "sub" }, one.detail) : "", one.note ? h("p", { class: "sub" }, `“${one.note}”`) : "")));
}
