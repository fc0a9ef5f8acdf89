// Keeps the page up to date; while someone is at a part of it by keyboard, it is left alone.
const live = document.getElementById("live");
let shown = "";
setInterval(async () => {
  if (document.hidden || live.querySelector(":focus-visible") || live.querySelector("details[open]")) return;
  const answer = await fetch("/_sim/live").catch(() => null);
  if (!answer?.ok) return;
  const text = await answer.text();
  if (text !== shown) live.innerHTML = shown = text;
}, 1000);
