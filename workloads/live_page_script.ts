/**
 * The script of the live page: reads the events, puts what they bring in its place, and sends the stop
 * button's request. The server has made and escaped all markup.
 *
 * @module
 */

/** Plain browser JavaScript; it speaks to the server that it came from and to nobody else. */
export const LIVE_SCRIPT: string = `
"use strict";
const $ = (id) => document.getElementById(id);
const KEY = "token";
const given = new URLSearchParams(location.search).get("token");
// For a reload: the address does not show the token any more.
const kept = sessionStorage.getItem(KEY);
const token = given ?? kept ?? "";
if ($("stop") === null) {
  // The page that asks for the token. A wrong one is not tried again.
  sessionStorage.removeItem(KEY);
  if (given === null && kept !== null) location.replace("/?token=" + encodeURIComponent(kept));
} else {
  sessionStorage.setItem(KEY, token);
  history.replaceState(null, "", "/");
  follow();
}

async function follow() {
  const headers = { authorization: "Bearer " + token };
  const shown = {};
  const lost = (text) => {
    $("lost").hidden = text === "";
    if ($("lost").textContent !== text) $("lost").textContent = text;
  };
  const put = (id, markup) => {
    if (shown[id] === markup) return;
    shown[id] = markup;
    // Whoever reads a table with the keyboard stays in it.
    const inside = $(id).contains(document.activeElement);
    $(id).innerHTML = markup;
    if (inside) $(id).querySelector("[tabindex]")?.focus({ preventScroll: true });
  };
  const show = ({ title, said, parts, stopping }) => {
    document.title = title;
    // Said once when it changes, not at every update.
    if ($("said").textContent !== said) $("said").textContent = said;
    for (const [id, markup] of Object.entries(parts)) put(id, markup);
    stop(stopping);
  };

  let asked = false;
  let state = "no";
  const stop = (now) => {
    if (now !== state) asked = false;
    state = now;
    const over = state === "over" || state === "at once";
    $("stop").hidden = asked || over;
    $("stop").textContent = state === "draining" ? "Stop at once" : "Stop";
    $("sure").hidden = $("go-on").hidden = !asked || over;
    $("sure").textContent = state === "draining" ? "Yes, cancel what is in flight" : "Yes, stop sending";
    $("stop-note").textContent = {
      no: asked ? "What was measured is kept and reported." : "",
      draining: asked ? "Requests in flight will not be counted." : "Stopping: requests in flight finish",
      "at once": "Stopping at once",
      over: "",
    }[state];
  };
  $("stop").addEventListener("click", () => {
    asked = true;
    stop(state);
    $("sure").focus();
  });
  $("go-on").addEventListener("click", () => {
    asked = false;
    stop(state);
    $("stop").focus();
  });
  $("sure").addEventListener("click", async () => {
    asked = false;
    try {
      const answer = await fetch("/stop", { method: "POST", headers });
      if (!answer.ok) throw new Error(await answer.text());
      stop((await answer.json()).stopping);
    } catch (error) {
      stop(state);
      $("stop-note").textContent = "Not stopped: " + error.message;
    }
    if (!$("stop").hidden) $("stop").focus();
  });

  let over = false;
  let newest = 0;
  const read = (event) => {
    const name = /^event: (.*)$/m.exec(event)?.[1];
    const data = /^data: (.*)$/m.exec(event)?.[1];
    if (data === undefined) return;
    if (name === "full") throw new Error("Too many pages look at this run: close one of them");
    newest = performance.now();
    lost("");
    if (name === "over") over = true;
    show(JSON.parse(data));
  };
  setInterval(() => {
    const silent = Math.round((performance.now() - newest) / 1000);
    if (!over && newest > 0 && silent >= 5 && $("lost").hidden) lost("No news for " + silent + " s");
  }, 1000);
  for (let wait = 1; !over; wait = Math.min(10, wait * 2)) {
    let why = "The connection was lost: the run has ended, or cannot be reached any more.";
    try {
      const answer = await fetch("/events", { headers });
      if (answer.status === 401) {
        // Its port is another run's now.
        lost("This run has ended. Another one listens here: open the address that it printed.");
        return stop("over");
      }
      if (!answer.ok) throw new Error(await answer.text());
      const reader = answer.body.pipeThrough(new TextDecoderStream()).getReader();
      let text = "";
      for (let part = await reader.read(); !part.done; part = await reader.read()) {
        const events = (text + part.value).split("\\n\\n");
        text = events.pop();
        events.forEach(read);
        wait = 1;
      }
    } catch (error) {
      if (!(error instanceof TypeError)) why = error.message;
    }
    if (over) return;
    lost(why + " Trying again.");
    await new Promise((resolve) => setTimeout(resolve, wait * 1000));
  }
}
`;
