// The page: listens to the console, and tells in one sentence how the loop is.

import { allow, mayAct } from "./acts.js";
import { $, between, clock, number, percent, rate } from "./dom.js";
import * as heat from "./heat.js";
import * as line from "./line.js";
import * as lists from "./lists.js";

const state = { head: null, registry: null, services: [], events: null, jobs: null };
// Newest of each section between two frames: a page in the background, or a slow one, draws the present and not the past.
const waiting = new Map();
let source = null, boot = null, frame = 0, lost = false;

const SECTIONS = {
  head: (section) => { state.head = section; loop(); },
  line: line.show,
  heat: heat.show,
  events: (section) => { state.events = section; lists.events(section); loop(); },
  jobs: (section) => { state.jobs = section; lists.jobs(section, state.services); loop(); },
  registry: (section) => { state.registry = section; lists.versions(section); loop(); },
  services: (section) => { state.services = section.services; lists.services(state.services); lists.jobs(null, state.services); loop(); },
  letters: lists.letters,
  acts: (section) => lists.audit(section.acts),
};

function listen() {
  source?.close();
  source = new EventSource("api/stream");
  source.addEventListener("hello", (event) => {
    const hello = JSON.parse(event.data);
    if (boot && boot !== hello.boot) waiting.clear();
    boot = hello.boot;
    lost = false;
    allow(hello.acts);
    connected();
    if (state.registry) lists.versions(state.registry);
    if (state.events) lists.events();
  });
  for (const name of Object.keys(SECTIONS)) source.addEventListener(name, (event) => { waiting.set(name, event.data); later(); });
  source.onerror = () => {
    lost = true;
    connected();
    // A browser tries again by itself after a broken line, and not after an answer that is no stream.
    if (source.readyState === EventSource.CLOSED) setTimeout(listen, 1500);
  };
}

/** One section a frame: none makes another wait. */
function later() {
  if (frame) return;
  frame = requestAnimationFrame(() => {
    frame = 0;
    const [name, data] = waiting.entries().next().value ?? [];
    if (name === undefined) return;
    waiting.delete(name);
    SECTIONS[name](JSON.parse(data));
    if (waiting.size) later();
  });
}

function connected() {
  const link = $("link"), cluster = state.head?.cluster;
  link.dataset.state = lost ? "lost" : boot ? "live" : "wait";
  const text = lost ? "reconnecting" : boot ? "live" : "connecting";
  if (link.textContent !== text) link.textContent = text;
  const trouble = lost ? "The console does not answer. What you see is as it was; the page reconnects by itself."
    : cluster && !cluster.ok && cluster.message !== "connecting" ? `Kafka is away, so nothing new can be seen: ${cluster.message}` : "";
  $("banner").hidden = !trouble;
  if ($("banner").textContent !== trouble) $("banner").textContent = trouble;
}

function station(id, tone, big, small) {
  const element = $(id);
  if (element.dataset.tone !== tone) element.dataset.tone = tone;
  const [first, second] = [element.querySelector(".big"), element.querySelector(".small")];
  if (first.textContent !== big) first.textContent = big;
  if (second.textContent !== small) second.textContent = small;
}

function loop() {
  const { head, registry, services } = state;
  if (!head) return;
  connected();
  $("stream").textContent = `${head.stream}: ${number(head.features)} features, ${number(head.classes)} classes`;
  document.title = `${head.stream} · driftline console`;
  const champion = registry?.champion ?? null, jobs = state.jobs?.jobs ?? [];
  const open = jobs.find((job) => job.state === "open" && (!champion || job.at > Date.now() - 36e5));
  const standing = (state.events?.newest ?? []).filter((one) => one.severity === "alarm" && !one.acknowledged && one.standing);
  const trainer = services.find((one) => one.job), flowing = head.rates.records > 0;
  station("st-stream", flowing ? "" : "off", `${rate(head.rates.records)} /s`, `${number(head.totals.records)} records${head.totals.letters ? `, ${number(head.totals.letters)} refused` : ""}${head.totals.skipped ? `, ${number(head.totals.skipped)} passed over by this page` : ""}`);
  station("st-model", champion ? "" : "off", champion ? `version ${champion}` : "none yet", `${rate(head.rates.answers)} answers/s${head.answering && head.answering !== champion ? `, still of version ${head.answering}` : ""}`);
  station("st-truth", head.accuracy === null ? "off" : "", percent(head.accuracy), head.accuracy === null ? `no labels yet${estimated(head.estimate)}` : `of the last ${number(head.window)} labelled${estimated(head.estimate)}`);
  station("st-monitor", standing.length ? "bad" : head.paused ? "warn" : "good", standing.length ? "drift" : head.paused ? "paused" : "quiet", standing.length ? `${standing[0].kind} alarm at ${clock(standing[0].at)}${head.paused ? ", and the policy is paused" : ""}` : head.paused ? `policy paused by ${head.paused.actor}` : "no open alarm");
  station("st-trainer", open ? "work" : "", open ? "training" : "idle", open ? (trainer ? lists.told(trainer.progress) || "job taken" : "job waits to be taken") : jobs.length ? `last job ${jobs[0].state}` : "no job yet");
  const element = document.querySelector(".loop");
  element.classList.toggle("flows", flowing);
  element.style.setProperty("--pace", `${Math.max(0.35, 2 - Math.log10(1 + head.rates.records) * 0.6).toFixed(1)}s`);
  const newest = jobs.find((job) => job.version === champion && ["promoted", "recalled"].includes(job.state));
  $("way-back").textContent = newest ? `version ${newest.version} ${newest.state}${newest.seconds ? `, ${newest.seconds.toFixed(1)} s after the job` : ""}` : "a better model goes back into service";
  $("way-back").parentElement.classList.toggle("fresh", Boolean(newest));
  let focusGone = false;
  for (const [act, may] of Object.entries({ pause: !head.paused, resume: Boolean(head.paused), retrain: Boolean(champion) })) {
    const button = document.querySelector(`button[data-act="${act}"]`), hide = !mayAct() || !may;
    focusGone ||= hide && button === document.activeElement;
    button.hidden = hide;
  }
  lists.signs(services.length === 0, head, jobs, state.events?.newest ?? []);
  paused(head.paused);
  // Who has paused by keyboard stands before the button that resumes, and the other way round.
  if (focusGone) document.querySelector("button[data-act]:not([hidden])")?.focus({ preventScroll: true });
  headline(head, champion, standing, open);
}

const estimated = (estimate) => (estimate ? `; estimate ${percent(estimate.accuracy)}${estimate.low === null ? "" : ` (${between(estimate.low, estimate.high)})`}` : "");

function paused(act) {
  $("paused").hidden = !act;
  if (!act) return;
  const text = `${act.actor} paused it at ${clock(act.at)}${act.note ? ` (“${act.note}”)` : ""}. Drift is still told; no retraining is asked for until somebody resumes it.`;
  if ($("paused-text").textContent !== text) $("paused-text").textContent = text;
}

// Points of accuracy below the held-out figure from which the page does not say that all is well; how long a version that
// has just taken over is given to fill the window.
const SHORT = 0.1, RECOVERING_MS = 600_000;

const promised = (version) => state.registry?.versions.find((one) => one.version === version)?.accuracy ?? 0;

function headline(head, champion, standing, open) {
  let tone = "calm", title, lead;
  if (!head.cluster.ok) {
    [title, lead] = head.cluster.message === "connecting" ? ["Connecting to Kafka…", "The page fills as soon as the stream can be read."] : ["Kafka is away", "Services go on by themselves when it is back, and so does this page."];
    tone = head.cluster.message === "connecting" ? "calm" : "bad";
  } else if (!champion) {
    [title, lead] = ["No model in service yet", "Records wait in Kafka. `driftline train DATA.csv` puts the first version into service."];
    tone = "warn";
  } else if (open) {
    // The policy also asks when no drift stands: to learn from more rows, or to challenge a version that falls short.
    const found = open.by === "policy" && standing.length;
    [title, lead] = [found ? "Drift found; a new version is in training" : "A new version is in training", open.reason];
    tone = "work";
  } else if (standing.length) {
    [title, lead] = [`The world has changed: ${standing[0].kind} drift`, `${standing[0].summary}${head.paused ? " The policy is paused, so no retraining is asked for." : ""}`];
    tone = "bad";
  } else if (!head.totals.records) {
    [title, lead] = ["Ready, and no record yet", `Version ${champion} waits for the first record of ${head.stream}.`];
  } else if (head.accuracy !== null && promised(champion) - head.accuracy > SHORT) {
    const job = state.jobs?.jobs.find((one) => one.version === champion);
    const fresh = job && Date.now() - (job.at + 1000 * (job.seconds ?? 0)) < RECOVERING_MS;
    title = fresh ? `Version ${champion} has taken over; accuracy is coming back` : `Less right than promised: ${percent(head.accuracy)}`;
    lead = `${percent(head.accuracy)} of the last ${number(head.window)} labelled answers are right${fresh ? ", most of them of the version before" : ""}; on held-out rows version ${champion} had ${percent(promised(champion))}.`;
    tone = fresh ? "work" : "warn";
  } else {
    title = head.accuracy === null ? `Version ${champion} answers; no labels yet` : `All is well: ${percent(head.accuracy)} right`;
    lead = `Version ${champion} answers ${rate(head.rates.answers)} records a second, and the monitor sees no open drift.`;
  }
  if ($("headline").textContent !== title) $("headline").textContent = title;
  if ($("lead").textContent !== lead) $("lead").textContent = lead;
  $("headline").dataset.tone = tone;
}

listen();
