/**
 * The script of the page. The page is complete without it: it adds texts at the pointer (or for the
 * arrow keys), opens a load that is linked to, sets colors, and prints with all details.
 *
 * @module
 */

/** Plain browser JavaScript; it sends no request. */
export const PAGE_SCRIPT: string = `
(() => {
"use strict";
const tip = document.body.appendChild(document.createElement("div"));
tip.className = "tip";
tip.setAttribute("role", "status");
let leave = () => {};
for (const svg of document.querySelectorAll("svg[data-tips]")) {
  const { axis, from, to, at, tips } = svg.dataset;
  const numbers = at.split(" ").map((place) => place / 1000);
  // Of bars: the row, the left end, the right end.
  const bars = axis === "xy";
  const places = bars ? numbers.filter((_, i) => i % 3 === 0) : numbers;
  const texts = tips.split("\\n").map((text) => text.replaceAll("\\t", "\\n"));
  const top = +from, height = to - from;
  // The browser would show the title as a second text at the pointer.
  const title = svg.querySelector("title");
  svg.setAttribute("aria-label", title.textContent);
  svg.setAttribute("aria-describedby", title.id.replace(/t$/, "d"));
  svg.removeAttribute("aria-labelledby");
  title.remove();
  svg.tabIndex = 0;
  const cursor = document.createElementNS("http://www.w3.org/2000/svg", "line");
  cursor.setAttribute("class", "cursor");
  let shown = -1;
  const show = (i, pointer) => {
    leave = hide;
    shown = i;
    const box = svg.getBoundingClientRect();
    const [x, y] = axis === "x" ? [places[i], 0] : [0, places[i]];
    const end = axis === "x" ? [x, 1] : bars ? [numbers[3 * i + 2], y] : [1, y];
    cursor.setAttribute("x1", 100 * (bars ? numbers[3 * i + 1] : x) + "%");
    cursor.setAttribute("x2", 100 * end[0] + "%");
    cursor.setAttribute("y1", top + y * height);
    cursor.setAttribute("y2", top + end[1] * height);
    svg.append(cursor);
    tip.textContent = texts[i];
    const left = (axis === "x" ? box.left + x * box.width : pointer ?? box.left) + 12;
    const free = document.documentElement.clientWidth - tip.offsetWidth - 8;
    const above = axis === "x" ? box.top + top : box.top + top + y * height + 12;
    tip.style.left = Math.max(8, left > free ? left - tip.offsetWidth - 24 : left) + "px";
    tip.style.top = Math.min(Math.max(8, above), innerHeight - tip.offsetHeight - 8) + "px";
  };
  const hide = () => {
    shown = -1;
    cursor.remove();
    tip.textContent = "";
  };
  svg.addEventListener("pointermove", (event) => {
    const box = svg.getBoundingClientRect();
    const x = (event.clientX - box.left) / box.width;
    const place = axis === "x" ? x : (event.clientY - box.top - top) / height;
    const far = (i) => {
      const off = Math.abs(places[i] - place);
      if (!bars) return off;
      // In pixels; the row counts more than the place in it.
      const [from, to] = [numbers[3 * i + 1], numbers[3 * i + 2]];
      return 8 * off * height + Math.max(0, from - x, x - to) * box.width;
    };
    let near = 0;
    for (let i = 1; i < places.length; i++) if (far(i) < far(near)) near = i;
    leave();
    show(near, event.clientX);
  });
  svg.addEventListener("pointerleave", hide);
  svg.addEventListener("blur", hide);
  svg.addEventListener("keydown", (event) => {
    const step = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1 }[event.key];
    if (event.key === "Escape") hide();
    if (!step) return;
    event.preventDefault();
    show(Math.min(places.length - 1, Math.max(0, shown + step)));
  });
}
addEventListener("scroll", () => leave(), { passive: true, capture: true });
const loads = [...document.querySelectorAll("details.load")];
const openTarget = () => {
  const target = loads.find((load) => "#" + load.id === location.hash);
  if (target) {
    target.open = true;
    target.scrollIntoView();
  }
};
addEventListener("hashchange", openTarget);
openTarget();
/* Folded loads are printed as well, also by browsers whose style sheets cannot say so. */
let folded = [];
addEventListener("beforeprint", () => {
  folded = loads.filter((load) => !load.open);
  for (const load of folded) load.open = true;
});
addEventListener("afterprint", () => {
  for (const load of folded) load.open = false;
});
/* What scrolls can be reached by keys, what does not is no stop on the way. */
const reach = new ResizeObserver((boxes) => {
  for (const { target } of boxes) {
    const { scrollWidth, clientWidth, scrollHeight, clientHeight } = target;
    if (scrollWidth > clientWidth || scrollHeight > clientHeight) target.tabIndex = 0;
    else target.removeAttribute("tabindex");
  }
});
for (const box of document.querySelectorAll(".scroll,.contents")) reach.observe(box);
const button = (text, parent, click) => {
  const made = document.createElement("button");
  made.type = "button";
  made.textContent = text;
  made.addEventListener("click", () => click(made));
  parent.append(made);
  return made;
};
if (loads.length > 1) {
  const tools = document.createElement("p");
  tools.className = "tools";
  for (const [text, open] of [["Open all loads", true], ["Close all loads", false]]) {
    button(text, tools, () => {
      for (const load of loads) load.open = open;
    });
  }
  loads[0].before(tools);
}
const foot = document.querySelector("footer");
const extras = document.createElement("p");
extras.className = "tools";
const root = document.documentElement;
const modes = ["auto", "light", "dark"];
let mode = 0;
button("Colors: auto", extras, (made) => {
  mode = (mode + 1) % 3;
  root.dataset.theme = modes[mode];
  made.textContent = "Colors: " + modes[mode];
});
button("Print with all details", extras, () => {
  root.dataset.print = "all";
  print();
  delete root.dataset.print;
});
foot.before(extras);
})();
`;

/** What the content security policy allows: base64 of the SHA-256 of {@linkcode PAGE_SCRIPT}. */
export const PAGE_SCRIPT_SHA256 = "Qa7t6vGZDC5ICq2OlfGEuIuJB8ZPm6nVDf+gDTM4OQw=";
