// What a person does: step, play, read all steps, compare a derivation, print.

// The table of all steps is written when somebody wants to see it.
function ledger() {
  if (!find("ledger").open) return;
  const list = find("ledger").querySelector("ol");
  list.replaceChildren(...steps.map((step, i) => {
    const { title, lines } = words(step);
    const row = htmlOf("button", { class: step.phase, type: "button" }, htmlOf("b", {}, title),
      htmlOf("span", {}, lines.filter((l) => l).map((l) => l.trim()).join("; ").replaceAll("; = ", " = ").replaceAll(".; ", ". ")));
    row.addEventListener("click", () => go(i));
    return htmlOf("li", {}, row);
  }));
  list.start = 0;
  list.children[at]?.firstChild.setAttribute("aria-current", "step");
}
find("ledger").addEventListener("toggle", ledger);

// --- a hand derivation, laid over the graph ----------------------------------------------

const VERDICTS = { correct: "right", rounded: "right, rounded", wrong: "wrong", carried: "follows from an earlier slip", missing: "missing" };

function compared() {
  const panel = find("compared"), report = DATA.report;
  if (!report) return;
  const first = report.rows.find((row) => row.first);
  panel.append(htmlOf("h2", { class: report.ok ? "right" : "wrong" }, report.ok ? "Every step is right"
    : `${first.quantity} is the first ${first.verdict === "missing" ? "missing" : "wrong"} step`));
  if (first && first.remark) panel.append(htmlOf("p", { class: "cause" }, first.remark));
  const table = htmlOf("table", { class: "rows" }, htmlOf("tr", {},
    ...["quantity", "yours", "autodiff", "verdict"].map((h) => htmlOf("th", { scope: "col" }, h))));
  for (const row of report.rows) {
    const name = row.vertex == null ? row.quantity : htmlOf("button", { type: "button" }, row.quantity);
    if (row.vertex != null) name.addEventListener("click", () => showRow(row));
    table.append(htmlOf("tr", { class: row.verdict, title: row.remark }, htmlOf("td", {}, name), htmlOf("td", {}, row.yours),
      htmlOf("td", {}, row.engine), htmlOf("td", {}, VERDICTS[row.verdict] ?? row.verdict)));
  }
  panel.append(table);
}

function showRow(row) {
  const v = vertices[row.vertex];
  choose(itemOf(v));
  sight(itemElement(v));
}

// --- playing ---------------------------------------------------------------------------

let timer = 0;
function play(on = !timer) {
  clearInterval(timer);
  timer = 0;
  if (on) {
    if (at === steps.length - 1) go(0);
    timer = setInterval(() => {
      go(at + 1);
      if (at === steps.length - 1) play(false);
    }, 1300);
  }
  const button = find("play");
  button.setAttribute("aria-pressed", String(on));
  button.setAttribute("aria-label", on ? "Pause" : "Play");
  button.classList.toggle("on", on);
  button.querySelector("span").textContent = on ? "Pause" : "Play";
}
const jump = (step) => {
  play(false);
  go(step);
};
const KEYS = {
  ArrowRight: () => jump(at + 1),
  ArrowLeft: () => jump(at - 1),
  Home: () => jump(0),
  End: () => jump(steps.length - 1),
  b: () => jump(steps.findIndex((s) => s.phase === "seed")),
  " ": () => play(),
  "+": () => zoom(1.3),
  "=": () => zoom(1.3),
  "-": () => zoom(1 / 1.3),
  0: whole,
  "/": () => find("search").focus(),
  Escape: () => {
    chosen = null;
    about(null);
    document.activeElement.blur();
  },
};
const PANS = {
  ArrowRight: () => pan(-80, 0),
  ArrowLeft: () => pan(80, 0),
  ArrowDown: () => pan(0, -80),
  ArrowUp: () => pan(0, 80),
};
addEventListener("keydown", (event) => {
  const tag = event.target.tagName;
  if (event.ctrlKey || event.altKey || event.metaKey || (tag === "INPUT" && event.key !== "Escape")) return;
  if (event.key === " " && (tag === "BUTTON" || tag === "SUMMARY")) return;
  const act = (event.shiftKey && PANS[event.key]) || KEYS[event.key];
  if (act) {
    event.preventDefault();
    act();
  }
});
find("first").addEventListener("click", KEYS.Home);
find("back").addEventListener("click", KEYS.ArrowLeft);
find("next").addEventListener("click", KEYS.ArrowRight);
find("last").addEventListener("click", KEYS.End);
find("play").addEventListener("click", () => play());
find("slider").addEventListener("input", () => jump(Number(find("slider").value)));
const hashed = () => {
  const found = /^#step=(\d+)$/.exec(location.hash);
  return found ? Number(found[1]) : 0;
};
addEventListener("hashchange", () => go(hashed()));
narrow.addEventListener("change", () => {
  draw();
  go(at, true);
  about(chosen);
});

// On paper: the graph with all gradients, and every step.
let before = null;
addEventListener("beforeprint", () => {
  onPaper = true;
  before = { at, open: find("ledger").open };
  play(false);
  find("ledger").open = true;
  ledger();
  draw();
  go(steps.length - 1, true);
});
addEventListener("afterprint", () => {
  onPaper = false;
  find("ledger").open = before.open;
  draw();
  go(before.at, true);
  about(chosen);
});

at = hashed();
arrange();
editor();
compared();
go(at);
if (DATA.wrt.length) choose(itemOf(vertices[DATA.wrt[0]]));
// For the console, and for tests.
window.explorer = { setMode, judged, question, get losses() { return losses; }, np, nd, linked, computed, go, change, restore, whyFixed, vertices, get steps() { return steps; }, get at() { return at; }, get look() { return look; } };
