// Two ways to learn: predict the next number before it is shown, and descend along the gradient.

let mode = "watch";
const lesson = find("lesson");
const still_ = () => lesson.replaceChildren();

function setMode(wanted) {
  mode = wanted;
  for (const button of find("modes").querySelectorAll("button"))
    button.setAttribute("aria-pressed", String(button.value === mode));
  document.body.classList.toggle("predicting", mode === "predict");
  play(false);
  if (mode === "predict") {
    go(0);
    ask();
  } else if (mode === "descend") descend();
  else still_();
  about(chosen);
}

// --- predict -------------------------------------------------------------------------------

const numbersOf = (v) => v.x ?? (isNumber(v.value) ? v.value : null);
const gradientsOf = (v) => v.g ?? (isNumber(v.gradient) ? v.gradient : null);

// What the step after `at` computes: {words, truth, names, slips, v}; null where nothing can be asked.
function question(step) {
  if (step?.phase === "forward" && step.items.length === 1) {
    const v = step.items[0];
    const truth = v.parts || !v.op ? null : numbersOf(v);
    if (truth == null || Array.isArray(truth)) return null;
    const inputs = v.ins.map((e) => e.source);
    const slips = inputs.filter((u) => !u.parts && numbersOf(u) != null && !Array.isArray(numbersOf(u)))
      .map((u) => [`that is ${u.name}; ${v.op} is still to be applied`, numbersOf(u)]);
    return { v, truth, slips, title: `What is ${v.name}?`, formula: v.formula, text: v.text, gradient: false };
  }
  if (step?.phase !== "backward" || step.link.parts.length !== 1) return null;
  const e = step.link.parts[0], { source, target } = e;
  const truth = e.part ?? (isNumber(e.share) ? e.share : null);
  if (truth == null || Array.isArray(truth) || target.kind === "box" || gradientsOf(target) == null) return null;
  const up = gradientsOf(target), slips = [];
  const name = gradientName(target), local = partial(target.name, source.name);
  if (isNumber(e.local)) {
    slips.push([`the factor ${name} from upstream is missing`, e.local]);
    slips.push([`it is divided by ${local}, not multiplied`, nd.map((a) => a / e.local, up)]);
  }
  if (e.rule) {
    const xs = target.ins.map((i) => i.source.x), x = e.source.x;
    const attempt = (cause, f) => {
      try {
        slips.push([cause, nd.fit(f(), nd.shapeOf(x))]);
      } catch { /* the shapes do not fit: nobody makes that slip */ }
    };
    if (xs.length === 1) {
      attempt(`${local} is taken at ${source.name} where ${target.name} belongs`, () => e.rule(target.g, x, ...xs));
      attempt(`${local} is taken at ${target.name} where ${source.name} belongs`, () => e.rule(target.g, target.x, target.x));
    }
    attempt(`the factor ${name} from upstream is missing`, () => e.rule(filled(target.x, 1), target.x, ...xs));
  }
  slips.push([`the local factor ${local} is missing`, up]);
  if (step.of > 1 && gradientsOf(source) != null)
    slips.push([`that is all that arrives at ${source.name}; asked is the part through ${target.name}`, gradientsOf(source)]);
  return { v: source, truth, slips, gradient: true, title: step.of > 1
    ? `What does ${target.name} add to ${gradientName(source)}?` : `What is ${gradientName(source)}?`,
  line: `${name} × ${local}` };
}

// What may be used in an answer: all that is on the screen.
function known(step) {
  const values = [], gradients = [];
  for (const s of steps.slice(0, at + 1)) {
    if (s.phase === "forward") for (const v of s.items) if (!v.parts && numbersOf(v) != null) values.push([v, numbersOf(v)]);
    if (s.phase === "seed") gradients.push([output, gradientsOf(output)]);
    if (s.phase === "backward" && s.count === s.of && gradientsOf(s.link.source) != null) gradients.push([s.link.source, gradientsOf(s.link.source)]);
  }
  return vocabulary(values, gradients.filter(([, g]) => !Array.isArray(g)));
}

// Of an array one entry is asked for: the largest.
function largest(x) {
  const data = nd.dataOf(x);
  let best = 0;
  data.forEach((value, i) => {
    if (Math.abs(value) > Math.abs(data[best])) best = i;
  });
  return best;
}

const FACTORS = [[2, "twice"], [0.5, "half of"], [3, "3 times"], [1 / 3, "a third of"], [4, "4 times"], [0.25, "a quarter of"], [10, "10 times"], [0.1, "a tenth of"]];

// {right, words} of an answer, judged as the grader does: by what reproduces it.
function judged(text, q) {
  let answer;
  try {
    answer = evaluated(text, known());
  } catch (error) {
    const why = error instanceof RangeError ? "it is nested too deeply" : error.message;
    return { right: false, words: `That cannot be read: ${why}.` };
  }
  const literal = /^\s*[-−+]?(\d*)\.?(\d*)(?:e[-+]?\d+)?\s*$/i.exec(text);
  const digits = literal ? `${literal[1]}${literal[2]}`.replace(/^0+/, "").length : 0;
  const place = literal && !/e/i.test(text) && digits >= 2 ? 0.5000001 * 10 ** -literal[2].length : 0;
  const size = (x) => Math.max(...Array.from(nd.dataOf(x), Math.abs).filter(Number.isFinite), 0);
  const near = (a, b) => Object.is(a, b) || (a !== a && b !== b) || a === b || (Number.isFinite(a - b) && Math.abs(a - b) <= Math.max(place, 1e-6 * Math.max(Math.abs(a), Math.abs(b)), 1e-9 * size(q.truth)));
  const whole = !one(answer);
  const like = (truth) => {
    const [a, b] = [nd.dataOf(answer), nd.dataOf(truth)];
    if (!whole) return b.length > q.entry && near(a[0], b[q.entry]);
    return String(nd.shapeOf(answer)) === String(nd.shapeOf(truth)) && a.every((value, i) => near(value, b[i]));
  };
  if (whole && nd.volume(nd.shapeOf(answer)) !== nd.volume(nd.shapeOf(q.truth)))
    return { right: false, words: `Your answer has the shape (${nd.shapeOf(answer).join(", ")}), ${q.v.name} has (${nd.shapeOf(q.truth).join(", ")}).` };
  if (like(q.truth)) return { right: true, words: "Right." };
  if (size(q.truth) > 0) {
    if (like(nd.map((x) => -x, q.truth))) return { right: false, words: "The sign is wrong." };
    for (const [cause, x] of q.slips) if (like(x)) return { right: false, words: `${cause[0].toUpperCase()}${cause.slice(1)}.` };
    const n = nd.volume(nd.shapeOf(q.v.x ?? 0));
    const counts = n > 1 ? [[n, `${n} times`], [1 / n, `1/${n} of`]] : [];
    for (const [k, word] of [...FACTORS, ...counts])
      if (like(nd.map((x) => k * x, q.truth))) return { right: false, words: `It is ${word} what it should be.` };
  }
  return { right: false, words: "That is not it; no single slip explains it." };
}

function ask() {
  if (mode !== "predict") return;
  const step = steps[at + 1];
  if (!step) return lesson.replaceChildren(htmlOf("h2", {}, "Done"), htmlOf("p", {}, "All numbers are on the screen."));
  const q = question(step);
  if (!q) {
    const on = htmlOf("button", { type: "button", class: "on" }, "Go on");
    on.addEventListener("click", () => advance());
    lesson.replaceChildren(htmlOf("p", {}, step.phase === "seed" ? "The backward pass starts: the output by itself is 1."
      : step.phase === "forward" ? "The next values are given." : "The next step has nothing to work out by hand."), on);
    return;
  }
  q.entry = one(q.truth) ? 0 : largest(q.truth);
  const words = htmlOf("h2", {}, q.title);
  const hint = q.line ? typeset(q.line, [q.v, ...vertices.slice(0, 300)]) : q.formula && parsed(q.formula) ? displayed(...typesetName(q.v), mathOf("mo", "="), ...parsed(q.formula)) : q.text ?? "";
  const input = htmlOf("input", { type: "text", id: "answer", autocomplete: "off", spellcheck: "false", "aria-label": `Your answer: ${q.title}`, placeholder: "number or formula" });
  const check = htmlOf("button", { type: "submit" }, "Check"), show = htmlOf("button", { type: "button" }, "Show");
  const verdict = htmlOf("output", { class: "verdict", "aria-live": "assertive" });
  const form = htmlOf("form", {}, input, check, show);
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    const { right, words } = judged(input.value, q);
    verdict.textContent = right ? `Right: ${number(nd.dataOf(q.truth)[q.entry], 6)}` : words;
    verdict.className = `verdict ${right ? "right" : "wrong"}`;
    lesson.querySelector(".before")?.remove(); // which was said of the last answer
    if (right) advance(verdict.textContent);
  });
  show.addEventListener("click", () => advance());
  const entry = one(q.truth) ? "" : htmlOf("p", { class: "note" },
    `An array, ${nd.shapeOf(q.truth).join("×")}: give its entry [${indexOf(q.entry, nd.shapeOf(q.truth)).join(", ")}], or a formula of all of it (@, .T, sum).`);
  lesson.replaceChildren(words, htmlOf("p", { class: "ask" }, hint), entry, form, verdict);
}
function advance(words = "") {
  go(at + 1);
  ask();
  if (words) lesson.append(htmlOf("p", { class: "verdict right before" }, words));
  lesson.querySelector("#answer, .on")?.focus();
}

// --- descend ---------------------------------------------------------------------------------

let losses = [];
function descend() {
  if (whyFixed || !one(output.x)) {
    const why = whyFixed || `${output.name} has several entries; a loss is one number.`;
    return lesson.replaceChildren(htmlOf("h2", {}, "Gradient descent"), htmlOf("p", { class: "note" }, why));
  }
  const leaves = vertices.filter((v) => v.kind === "leaf" && v.g != null);
  losses = [scalar(output.x)];
  const rate = htmlOf("input", { type: "range", id: "rate", min: -4, max: 2, step: 0.05, value: -1, "aria-label": "Learning rate" });
  const eta = () => 10 ** Number(rate.value);
  const shown = htmlOf("output", { for: "rate" }), verdict = htmlOf("output", { class: "verdict", "aria-live": "polite" });
  const chart = htmlOf("div", { class: "chart" }), rows = htmlOf("div", { class: "updates" });
  const buttons = ["Step", "10 steps", "Start again"].map((name) => htmlOf("button", { type: "button" }, name));
  const step = () => {
    const before = leaves.map((v) => [v, v.x, v.g]);
    change(before.map(([v, x, g]) => [v, nd.map((a, b) => a - eta() * b, x, g)]));
    losses.push(scalar(output.x));
    rows.replaceChildren(...before.slice(0, 6).map(([v, x, g]) => htmlOf("p", {}, one(x)
      ? typeset(`${v.name} = ${number(scalar(x))} − ${number(eta(), 3)} × ${inBrackets(scalar(g))} = ${number(scalar(v.x))}`, [v])
      : typeset(`${v.name} − ${number(eta(), 3)} × ${gradientName(v)}`, [v]))));
  };
  const report = () => {
    const last = losses.at(-1), first = losses[0], grown = last > losses.at(-2);
    const away = !Number.isFinite(last) || last > Math.max(10 * Math.abs(first), first + 1e-12);
    verdict.textContent = away ? "It diverges: the learning rate is too large for this curvature."
      : grown ? "The loss has grown: the step was too long." : `${losses.length - 1} steps: ${summaryLine()}`;
    verdict.className = `verdict ${away || grown ? "wrong" : ""}`;
    chart.replaceChildren(curveOf(losses, away));
  };
  const run = (n) => {
    for (let k = 0; k < n && Number.isFinite(losses.at(-1)); k++) step();
    report();
  };
  buttons[0].addEventListener("click", () => run(1));
  buttons[1].addEventListener("click", () => run(10));
  buttons[2].addEventListener("click", () => {
    restore();
    losses = [scalar(output.x)];
    rows.replaceChildren();
    report();
  });
  const sayRate = () => {
    shown.textContent = number(eta(), 3);
    rate.setAttribute("aria-valuetext", number(eta(), 3));
  };
  rate.addEventListener("input", sayRate);
  sayRate();
  lesson.replaceChildren(htmlOf("h2", {}, "Gradient descent"),
    htmlOf("p", { class: "rate" }, htmlOf("label", { for: "rate" }, "learning rate"), rate, shown),
    htmlOf("p", { class: "buttons" }, ...buttons), verdict, chart, rows);
  go(steps.length - 1);
  report();
}

// The losses as a line; by orders of magnitude where they span many.
function curveOf(values, away) {
  const width = 320, height = 120, left = 46, finite = values.filter(Number.isFinite);
  const least = Math.min(...finite), most = Math.max(...finite), log = least > 0 && most / least > 50;
  const scale = log ? Math.log10 : (x) => x, low = scale(least), high = scale(most);
  const x = (i) => left + (i / Math.max(values.length - 1, 1)) * (width - left - 10);
  const y = (v) => (Number.isFinite(v) ? height - 20 - ((scale(v) - low) / (high - low || 1)) * (height - 34) : 6);
  const points = values.map((v, i) => `${x(i)},${y(v)}`).join(" ");
  const text = (at, words, cls = "") => {
    const t = svgOf("text", { ...at, class: cls });
    t.textContent = words;
    return t;
  };
  return svgOf("svg", { viewBox: `0 0 ${width} ${height}`, role: "img", class: away ? "away" : "",
    "aria-label": `Loss over ${values.length - 1} steps, from ${number(values[0])} to ${number(values.at(-1))}${log ? ", logarithmic" : ""}` },
  svgOf("path", { class: "axis", d: `M${left} 8V${height - 20}H${width - 8}` }),
  text({ x: left - 5, y: 16, "text-anchor": "end" }, number(most, 3), "tick"), text({ x: left - 5, y: height - 20, "text-anchor": "end" }, number(least, 3), "tick"),
  text({ x: width - 10, y: height - 6, "text-anchor": "end" }, `${values.length - 1} steps${log ? ", logarithmic" : ""}`, "tick"),
  svgOf("polyline", { class: "loss", points }), svgOf("circle", { class: "last", cx: x(values.length - 1), cy: y(values.at(-1)), r: 3.5 }));
}

for (const button of find("modes").querySelectorAll("button")) button.addEventListener("click", () => setMode(button.value));
