/**
 * The script that makes a table of a load's requests, to search and to sort, from the columns that the
 * page carries. Without it the page has the slowest ones.
 *
 * @module
 */

/** Plain browser JavaScript; it sends no request. */
export const REQUESTS_SCRIPT: string = `
(() => {
"use strict";
const STEP = 50;
const make = (name, text, parent) => {
  const made = document.createElement(name);
  if (text !== undefined) made.textContent = text;
  if (parent) parent.append(made);
  return made;
};
/* The columns as html_requests.ts wrote them. */
const unpack = ({ count, columns }) => {
  const text = atob(columns);
  let at = 0;
  const next = () => {
    let value = 0, unit = 1, byte;
    do {
      byte = text.charCodeAt(at++);
      value += (byte & 127) * unit;
      unit *= 128;
    } while (byte > 127);
    return value;
  };
  const read = (one) => Array.from({ length: +count }, one);
  const running = () => {
    let sum = 0;
    return read(() => {
      const change = next();
      return sum += change % 2 ? -(change + 1) / 2 : change / 2;
    });
  };
  const known = (value) => value === 0 ? undefined : value - 1;
  const plain = () => {
    if (next() === 1) return read(() => known(next()));
    const value = known(next());
    return read(() => value);
  };
  const ms = (values) => values.map((us) => us === undefined ? undefined : us / 1000);
  const index = running(), moment = running(), user = plain(), sent = plain();
  const [ttft, tpot, e2e] = [ms(plain()), ms(plain()), ms(plain())];
  const at2 = ms(moment).map((one, i) => sent[i] === undefined ? undefined : one / 1000);
  return { index, user, sent: at2, ttft, tpot, e2e, prompt: plain(), output: plain(), kind: plain(), message: plain() };
};
const draw = (box) => {
  const kinds = box.dataset.kinds.split(" ");
  const messages = box.dataset.messages.split("\\n");
  const columns = unpack(box.dataset);
  const failed = (i) => kinds[columns.kind[i]] !== "ok";
  const outcomeOf = (i) => {
    const message = messages[columns.message[i]];
    return kinds[columns.kind[i]] + (message ? ": " + message : "");
  };
  const HEADS = [["index", "request"], ["user", "user"], ["sent", "sent at, s"], ["ttft", "TTFT, ms"],
    ["tpot", "TPOT, ms"], ["e2e", "E2E, ms"], ["prompt", "tokens in"], ["output", "out"]];
  /* One number of digits for a column, so that its numbers stand under each other. */
  const formats = HEADS.map(([name]) => {
    const isTime = ["sent", "ttft", "tpot", "e2e"].includes(name);
    const middle = columns[name].filter((one) => one !== undefined).sort((a, b) => a - b);
    const usual = middle[middle.length >> 1] || 0;
    const digits = !isTime ? 0 : name === "sent" || usual < 10 ? 3 : usual < 100 ? 2 : usual < 1000 ? 1 : 0;
    const { format } = new Intl.NumberFormat("en-US", { minimumFractionDigits: digits, maximumFractionDigits: digits });
    return (value) => value === undefined ? "n/a" : format(value);
  });
  let [by, down, shown] = ["e2e", true, STEP];
  const tools = make("p");
  tools.className = "tools";
  const search = make("input");
  search.type = "search";
  search.placeholder = "request, user 3, or words of a failure";
  search.size = 34;
  make("label", "Find ", tools).append(search);
  const only = make("input");
  only.type = "checkbox";
  const onlyLabel = make("label");
  onlyLabel.append(only, " only failures");
  if (columns.kind.some((_, i) => failed(i))) tools.append(onlyLabel);
  const said = make("span", "", tools);
  said.className = "note";
  said.setAttribute("role", "status");
  const scroll = make("div");
  scroll.className = "scroll";
  scroll.tabIndex = 0;
  scroll.setAttribute("role", "group");
  const table = make("table", undefined, scroll);
  const caption = box.querySelector("caption").textContent.replace("Slowest requests", "Requests");
  scroll.setAttribute("aria-label", caption);
  make("caption", caption, table).className = "hidden";
  const head = make("tr", undefined, make("thead", undefined, table));
  const body = make("tbody", undefined, table);
  const more = make("button", "Show more");
  more.type = "button";
  const heads = HEADS.map(([name, title]) => {
    const cell = make("th", undefined, head);
    cell.scope = "col";
    const button = make("button", title, cell);
    button.type = "button";
    button.addEventListener("click", () => {
      down = by === name ? !down : name !== "index" && name !== "sent" && name !== "user";
      by = name;
      fill();
    });
    return cell;
  });
  const last = make("th", "outcome", head);
  last.scope = "col";
  last.className = "left";
  const matches = (i, words) => {
    if (only.checked && !failed(i)) return false;
    if (words === "") return true;
    const user = /^user\\s*(\\d+)$/.exec(words);
    if (user) return columns.user[i] === +user[1];
    if (/^[#\\d]\\d*$/.test(words)) return columns.index[i] === +words.replace("#", "");
    return outcomeOf(i).toLowerCase().includes(words);
  };
  const fill = () => {
    const words = search.value.trim().toLowerCase();
    const values = columns[by];
    const found = columns.index.map((_, i) => i).filter((i) => matches(i, words));
    found.sort((a, b) => {
      const [x, y] = [values[a], values[b]];
      if (x === undefined || y === undefined) return (x === undefined) - (y === undefined);
      return down ? y - x : x - y;
    });
    heads.forEach((cell, at) => {
      const sorted = HEADS[at][0] === by;
      if (sorted) cell.setAttribute("aria-sort", down ? "descending" : "ascending");
      else cell.removeAttribute("aria-sort");
    });
    const drawn = found.slice(0, shown);
    body.replaceChildren(...drawn.map((i) => {
      const row = make("tr");
      HEADS.forEach(([name], at) => {
        const cell = make(at === 0 ? "th" : "td", formats[at](columns[name][i]), row);
        if (at === 0) cell.scope = "row";
      });
      const cell = make("td", undefined, row);
      cell.className = "left";
      make(failed(i) ? "b" : "span", outcomeOf(i), cell).className = failed(i) ? "bad" : "";
      return row;
    }));
    said.textContent = drawn.length + " of " + found.length + " shown";
    more.hidden = drawn.length === found.length;
  };
  for (const control of [search, only]) {
    control.addEventListener("input", () => {
      shown = STEP;
      fill();
    });
  }
  more.addEventListener("click", () => {
    shown += 4 * STEP;
    fill();
  });
  fill();
  box.querySelector(".scroll").replaceWith(tools, scroll, more);
};
for (const box of document.querySelectorAll("details.requests")) {
  box.addEventListener("toggle", () => draw(box), { once: true });
}
})();
`;

/** What the content security policy allows: base64 of the SHA-256 of {@linkcode REQUESTS_SCRIPT}. */
export const REQUESTS_SCRIPT_SHA256 = "b36JPFNCn/bj7LBaCJasaG2QVlZu1q37XpP6JLDFovY=";
