// Everything works without this file but the copy buttons, which it brings into being. Listeners stand on the document,
// so that parts of a page can be replaced.
const status = document.createElement("p");
status.className = "hidden";
status.setAttribute("role", "status");
document.body.append(status);

const showCopyButtons = () => {
  if (!navigator.clipboard) return;
  for (const button of document.querySelectorAll("[data-copy]")) button.hidden = false;
};
showCopyButtons();
document.addEventListener("click", async (event) => {
  const button = event.target.closest("[data-copy]");
  if (!button) return;
  const text = document.getElementById(button.dataset.copy)?.textContent ?? "";
  try {
    await navigator.clipboard.writeText(text);
    button.textContent = "Copied";
    status.textContent = "Copied";
  } catch {
    button.textContent = "Select and copy by hand";
  }
  setTimeout(() => {
    button.textContent = "Copy";
    status.textContent = "";
  }, 2000);
});

// "/" goes to the search field, as in every tool people use all day.
document.addEventListener("keydown", (event) => {
  const field = document.querySelector("[data-search]");
  const isTyping = event.target.closest("input, textarea, select");
  if (event.key === "/" && field && !isTyping && !event.ctrlKey && !event.metaKey && !event.altKey) {
    event.preventDefault();
    field.focus();
  }
});

// A form is sent once, however often its button is pressed; coming back with the back button frees it again. Some forms
// take a while: their button says so.
document.addEventListener("submit", (event) => {
  const form = event.target;
  if (form.method !== "post") return;
  if (form.dataset.sent) event.preventDefault();
  form.dataset.sent = "yes";
  event.submitter?.setAttribute("aria-busy", "true");
});
addEventListener("pageshow", () => {
  for (const form of document.querySelectorAll("form[data-sent]")) delete form.dataset.sent;
  for (const button of document.querySelectorAll("[aria-busy]")) button.removeAttribute("aria-busy");
});

// A page that is an answer to a form, and shows a secret once, is not to be asked for again: reloading it would mint
// another one.
const once = document.querySelector("[data-once]");
if (once) history.replaceState(null, "", once.dataset.once);

// What is under way is shown as it goes: each event fetches the page again and replaces the parts that may have changed,
// but not under someone's hands. What a part has to say is read out when it is another thing than before.
const follow = () => {
  const source = document.querySelector("[data-live]");
  if (!source) return;
  const events = new EventSource(source.dataset.live);
  let [isBusy, isBehind] = [false, false];
  const replace = (part, fresh) => {
    if (!fresh || part.isEqualNode(fresh)) return;
    if (part.contains(document.activeElement)) {
      isBehind = true;
      return;
    }
    if (part.dataset.say !== fresh.dataset.say) status.textContent = fresh.dataset.say ?? "";
    part.replaceWith(fresh);
  };
  const refresh = async () => {
    isBehind = isBusy;
    if (isBusy) return;
    isBusy = true;
    try {
      const answer = await fetch(location.href, { headers: { accept: "text/html" } });
      if (!answer.ok || answer.redirected) return events.close();
      const page = new DOMParser().parseFromString(await answer.text(), "text/html");
      const isOver = !page.querySelector("[data-live]");
      for (const part of document.querySelectorAll("[data-part]")) replace(part, page.getElementById(part.id));
      showCopyButtons();
      if (isOver) events.close();
    } catch {
      isBehind = true;
    } finally {
      isBusy = false;
    }
  };
  events.onmessage = refresh;
  setInterval(() => isBehind && refresh(), 1000);
};
follow();

// Times are UTC. One that lies ahead is told in the reader's own zone as well.
const zone = new Intl.DateTimeFormat(undefined, {
  weekday: "short", day: "numeric", month: "short", year: "numeric", hour: "2-digit", minute: "2-digit", timeZoneName: "short",
});
const local = (at) => (Number.isNaN(at.getTime()) ? "" : `for you: ${zone.format(at)}`);
for (const part of document.querySelectorAll("[data-local]")) {
  if (part.dataset.local && !part.closest("[data-live]")) part.textContent = ` (${local(new Date(part.dataset.local))})`;
}
document.addEventListener("input", (event) => {
  if (!event.target.matches("[data-utc]")) return;
  event.target.parentElement.querySelector("[data-local]").textContent = local(new Date(`${event.target.value}Z`));
});

// What was typed into a form is not lost when the session had ended meanwhile: it waits in this tab until the form's page
// is opened again. Secrets and words that confirm are typed again.
const DRAFT = "ceven draft";
const KEPT = "input:not([type=password], [type=hidden], [name=confirm]), select";
const path = (address) => new URL(address, location.href).pathname;
document.addEventListener("submit", (event) => {
  const form = event.target;
  if (form.method !== "post" || location.pathname.startsWith("/login")) return;
  const fields = [...form.querySelectorAll(KEPT)].map(({ name, type, value, checked }) => ({ name, type, value, checked }));
  const draft = { page: location.pathname, form: path(form.action), fields };
  if (fields.length > 0) sessionStorage.setItem(DRAFT, JSON.stringify(draft));
});
const restore = () => {
  const draft = JSON.parse(sessionStorage.getItem(DRAFT));
  if (!draft) return;
  if (document.querySelector("[data-keep-typed]")) {
    sessionStorage.setItem(DRAFT, JSON.stringify({ ...draft, isKept: true }));
    return;
  }
  if (location.pathname.startsWith("/login")) return;
  sessionStorage.removeItem(DRAFT);
  const form = [...document.forms].find((one) => one.method === "post" && path(one.action) === draft.form);
  if (!draft.isKept || draft.page !== location.pathname || !form) return;
  for (const { name, type, value, checked } of draft.fields) {
    const fields = [...form.querySelectorAll(KEPT)].filter((field) => field.name === name && field.type === type);
    const isTicked = type === "radio" || type === "checkbox";
    const field = isTicked ? fields.find((one) => one.value === value) : fields[0];
    if (!field) continue;
    if (isTicked) field.checked = checked;
    else field.value = value;
    if (value && !isTicked) for (let part = field.closest("details"); part; part = part.parentElement.closest("details")) part.open = true;
  }
  const note = document.createElement("p");
  note.className = "notice ok";
  note.setAttribute("role", "status");
  note.textContent = "What you had typed is here again, but for secrets. Nothing was sent.";
  form.prepend(note);
};
restore();
