// Formulas as MathML: those that Python wrote, and lines of words set here.

const MATH = "http://www.w3.org/1998/Math/MathML";
const ALLOWED = new Set("math mrow mi mn mo mtext mspace mfrac msup msub msubsup msqrt mroot mover munder munderover mtable mtr mtd".split(" "));

const mathOf = (tag, ...children) => {
  const element = document.createElementNS(MATH, tag);
  element.append(...children);
  return element;
};

// What Python wrote, element by element: nothing else, and no attribute, gets into the page.
function copied(node) {
  if (node.nodeType === Node.TEXT_NODE) return [node.data];
  if (!ALLOWED.has(node.localName)) return [];
  return [mathOf(node.localName, ...[...node.childNodes].flatMap(copied))];
}
function parsed(text) {
  const made = new DOMParser().parseFromString(`<math xmlns="${MATH}">${text}</math>`, "application/xml");
  if (made.querySelector("parsererror")) return null;
  return [...made.documentElement.childNodes].flatMap(copied);
}
const typesetName = (v) => (v.math && parsed(v.math)) || [mathOf("mi", v.name)];

function displayed(...children) {
  const math = mathOf("math", ...children);
  math.setAttribute("displaystyle", "true");
  return math;
}

// A line such as "∂L/∂w = −0.94 × 0.25" with the names of `known` vertices in it.
function typeset(line, known) {
  const names = new Map([[grouped(subject), [mathOf("mi", subject)]]]);
  for (const v of known) names.set(grouped(v.name), typesetName(v));
  const longest = [...names.keys()].filter(Boolean).sort((a, b) => b.length - a.length);
  const nameAt = (at) => longest.find((name) => line.startsWith(name, at) && !/[\p{L}\d_]/u.test(line[at + name.length] ?? ""));
  const again = (name) => names.get(name).map((node) => node.cloneNode?.(true) ?? node);
  const parts = [];
  for (let at = 0; at < line.length; ) {
    if (line[at] === "∂") {
      const of = nameAt(at + 1), by = of !== undefined && line.startsWith("/∂", at + 1 + of.length) && nameAt(at + 3 + of.length);
      if (by) {
        parts.push(mathOf("mfrac", mathOf("mrow", mathOf("mo", "∂"), ...again(of)), mathOf("mrow", mathOf("mo", "∂"), ...again(by))));
        at += 3 + of.length + by.length;
        continue;
      }
    }
    const start = at === 0 || !/[\p{L}\d_]/u.test(line[at - 1]);
    const name = start ? nameAt(at) : undefined;
    const token = name ?? /^(?:[−-]?\d[\d.]*(?:e[+−-]?\d+)?|[=×·+(),/]|−| +|[\p{L}\d_]+(?: [\p{L}\d_]+)*|.)/u.exec(line.slice(at))[0];
    if (name !== undefined) parts.push(...again(name));
    else if (/^[−-]?\d/.test(token)) parts.push(mathOf("mn", token));
    else if (/^[=×·+(),/−]$/.test(token)) parts.push(mathOf("mo", token));
    else parts.push(mathOf("mtext", token.replaceAll(" ", "\u00a0")));
    at += token.length;
  }
  return displayed(...parts);
}
