// What a person does: the token, the question before an act, and the request.

import { $, toast } from "./dom.js";

const KEY = "driftline-token";
let token = sessionStorage.getItem(KEY), enabled = false, after = null, wish = null;

export const mayAct = () => enabled;

export function allow(acts) {
  enabled = acts;
  $("readonly").hidden = acts;
  $("readonly").title = "The console was started without a token: DRIFTLINE_CONSOLE_TOKEN or --token-file";
  $("key").hidden = !acts;
  named();
}

function named() { $("key").textContent = token ? "Lock actions" : "Unlock actions"; }

export function forget() { token = null; sessionStorage.removeItem(KEY); named(); }

/** A request with the token; asks for the token first where there is none. Rejects with what the console says. */
export async function request(path, body) {
  const answer = await fetch(path, {
    method: body ? "POST" : "GET",
    headers: { Authorization: `Bearer ${token}`, ...(body ? { "Content-Type": "application/json" } : {}) },
    body: body ? JSON.stringify(body) : undefined,
  });
  const said = await answer.json().catch(() => ({}));
  if (answer.ok) return said;
  if (answer.status === 401 || answer.status === 403) forget();
  throw new Error(typeof said.detail === "string" ? said.detail : `the console answered ${answer.status}`);
}

/** Do something once there is a token. */
export function unlocked(then) {
  if (token) return then();
  after = then;
  $("unlock-trouble").textContent = "";
  $("unlock-token").value = "";
  $("unlock").showModal();
}

const QUESTIONS = {
  retrain: ["Retrain now?", "The trainer gets a job on the labelled records since the onset of the newest open alarm, or, without one, on the newest 2,000. The new version still has to pass the gate.", "Retrain"],
  promote: ["Put version {} into service?", "Consumers swap to it between two batches. The gate is not asked again.", "Promote"],
  "roll-back": ["Roll back?", "The version that was in service before answers again.", "Roll back"],
  pause: ["Pause the policy?", "Drift is still told, and no retraining is asked for until somebody resumes it.", "Pause"],
  resume: ["Resume the policy?", "The monitor asks for retrainings again.", "Resume"],
  acknowledge: ["Acknowledge this event?", "It is marked as seen, for everybody. Nothing else changes.", "Acknowledge"],
};

export function ask(act, subject = null) {
  unlocked(() => {
    const [title, text, verb] = QUESTIONS[act];
    wish = { act, subject };
    $("ask-title").textContent = title.replace("{}", subject);
    $("ask-text").textContent = text;
    $("ask-yes").textContent = verb;
    $("ask-yes").disabled = false;
    $("ask-note").value = "";
    $("ask-trouble").textContent = "";
    $("ask").showModal();
  });
}

$("ask-form").addEventListener("submit", async (event) => {
  event.preventDefault();
  $("ask-yes").disabled = true;
  try {
    const done = await request("api/acts", { ...wish, note: $("ask-note").value });
    $("ask").close();
    toast(`Done: ${done.detail}`);
  } catch (error) {
    $("ask-trouble").textContent = error.message;
  }
  $("ask-yes").disabled = false;
});
$("unlock-form").addEventListener("submit", async (event) => {
  event.preventDefault();
  token = $("unlock-token").value.trim();
  try {
    const me = await request("api/me");
    sessionStorage.setItem(KEY, token);
    $("unlock").close();
    toast(`Unlocked for ${me.name}`);
    named();
    const then = after;
    after = null;
    then?.();
  } catch (error) {
    $("unlock-trouble").textContent = error.message;
    $("unlock-token").select();
  }
});
$("ask-no").addEventListener("click", () => $("ask").close());
$("unlock-no").addEventListener("click", () => { after = null; $("unlock").close(); });
$("key").addEventListener("click", () => (token ? (forget(), toast("Locked")) : unlocked(() => {})));
for (const button of document.querySelectorAll("button[data-act]")) button.addEventListener("click", () => ask(button.dataset.act));
