// Keeps the page up to date; while a part of it has the focus, it is left alone.
const live = document.getElementById("live");
let shown = "";
setInterval(async () => {
  if (document.hidden || live.contains(document.activeElement) || live.querySelector("details[open]")) return;
  const answer = await fetch("/_sim/live").catch(() => null);
  if (!answer?.ok) return;
  const text = await answer.text();
  if (text !== shown) live.innerHTML = shown = text;
}, 1000);
