// Small things that every part of the page uses: elements, numbers and times as people read them.

export const $ = (id) => document.getElementById(id);

/** An element; names and values from records only ever become text. */
export function h(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value === null || value === undefined || value === false) continue;
    if (name === "class") element.className = value;
    else if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else element.setAttribute(name, value === true ? "" : value);
  }
  element.append(...children.filter((child) => child !== null && child !== undefined && child !== ""));
  return element;
}

export const number = (value) => Math.round(value).toLocaleString("en");
export const rate = (value) => (value >= 100 ? number(value) : value.toFixed(value >= 10 ? 0 : 1));
export const percent = (value, digits = 1) => (value === null || value === undefined ? "–" : `${(value * 100).toFixed(digits)}\u00a0%`);

/** An interval of shares, as "80.1–88.3 %". */
export const between = (low, high) => `${(low * 100).toFixed(1)}\u2060–\u2060${(high * 100).toFixed(1)}\u00a0%`;

export function clock(ms, seconds = true) {
  const time = new Date(ms);
  const text = time.toLocaleTimeString("en-GB", seconds ? {} : { hour: "2-digit", minute: "2-digit" });
  return time.toDateString() === new Date().toDateString() ? text : `${time.toISOString().slice(0, 10)} ${text}`;
}

/** A moment, as a time element with the full date to hover over. */
export const when = (ms) => h("time", { class: "when", datetime: new Date(ms).toISOString(), title: new Date(ms).toLocaleString() }, clock(ms));

/** Replace an element's children only if what they are made of has changed; keeps focus and open details. */
const made = new WeakMap();
export function refill(element, key, make) {
  if (made.get(element) === key) return;
  made.set(element, key);
  const focused = element.contains(document.activeElement) ? document.activeElement.dataset.key : null;
  const open = new Set([...element.querySelectorAll("details[open]")].map((one) => one.dataset.key));
  element.replaceChildren(...make());
  for (const one of element.querySelectorAll("details")) if (open.has(one.dataset.key)) one.open = true;
  if (focused) element.querySelector(`[data-key="${CSS.escape(focused)}"]`)?.focus();
}

/** Items by key: what is there already stays, what has changed is made anew, and the order is the items'. */
export function keyed(element, items, keyOf, make) {
  const there = new Map([...element.children].map((child) => [child.dataset.item, child]));
  let before = null;
  for (const item of items) {
    const key = keyOf(item);
    let child = there.get(key);
    if (child) there.delete(key);
    else { child = make(item); child.dataset.item = key; }
    const place = before ? before.nextSibling : element.firstChild;
    if (place !== child) element.insertBefore(child, place);
    before = child;
  }
  for (const gone of there.values()) gone.remove();
}

let hiding = 0;
export function toast(text) {
  const element = $("toast");
  element.textContent = text;
  element.hidden = false;
  clearTimeout(hiding);
  hiding = setTimeout(() => (element.hidden = true), 6000);
}
