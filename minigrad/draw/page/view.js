// Where one looks: the graph is fitted on opening; wheel, keys, buttons, fingers and the map move it.

const SMALLEST = 0.005, GREATEST = 4, READABLE = 0.8;
const look = { x: 0, y: 0, scale: 1, own: false }; // own: a person chose it
let dragged = false;

// The size of the window on the graph, asked for once: the browser lays out the page to answer.
let size = null;
const frame = () => (size ??= { width: find("stage").clientWidth, height: find("stage").clientHeight });
new ResizeObserver(() => (size = null)).observe(find("stage"));

// Where nothing lies over the graph; before there is a window, as large as one.
const room = () => ({ width: frame().width || 900, height: (frame().height || 646) - 46 });

// The whole graph, as large as it can be; on a phone, its width and no smaller than can be read,
// unless all of it is asked for.
function fit(all = !narrow.matches) {
  const { width, height } = room();
  const across = width / (plan.width + 2 * MARGIN), down = height / (plan.height + 2 * MARGIN);
  look.scale = Math.min(LARGEST, all ? Math.min(across, down) : Math.max(READABLE, Math.min(across, 1)));
  const left = (width - plan.width * look.scale) / 2, top = (height - plan.height * look.scale) / 2;
  look.x = !all && across < look.scale ? MARGIN : left;
  look.y = !all && down < look.scale ? MARGIN : top;
  look.own = all && narrow.matches;
}

function placeWorld() {
  if (onPaper) {
    const [width, height] = [plan.width + 2 * MARGIN, plan.height + 2 * MARGIN];
    for (const [key, value] of Object.entries({ width, height, viewBox: `${-MARGIN} ${-MARGIN} ${width} ${height}` }))
      picture.setAttribute(key, value);
    return;
  }
  if (!look.own) fit();
  world.setAttribute("transform", `translate(${look.x} ${look.y}) scale(${look.scale})`);
  inSight();
  drawMap();
}

function zoom(factor, x = frame().width / 2, y = frame().height / 2) {
  const scale = Math.max(SMALLEST, Math.min(GREATEST, look.scale * factor));
  look.x = x - ((x - look.x) * scale) / look.scale;
  look.y = y - ((y - look.y) * scale) / look.scale;
  look.scale = scale;
  look.own = true;
  placeWorld();
}

function pan(x, y) {
  const { width, height } = frame(), edge = 60;
  look.x = Math.max(edge - plan.width * look.scale, Math.min(width - edge, look.x + x));
  look.y = Math.max(edge - plan.height * look.scale, Math.min(height - edge, look.y + y));
  look.own = true;
  placeWorld();
}

// On a phone what can be read comes first, and all of it when asked again.
function whole() {
  fit(!narrow.matches || !look.own);
  placeWorld();
}

// Moves no further than it takes to have `element` in sight.
function sight(element) {
  const place = element.getBoundingClientRect(), stage = find("stage").getBoundingClientRect();
  const by = (low, high, from, to) => (low < from + 8 ? from - low + 40 : high > to - 8 ? to - high - 40 : 0);
  const x = by(place.left, place.right, stage.left, stage.right);
  const y = by(place.top, place.bottom, stage.top, stage.bottom);
  if (x || y) pan(x, y);
}

// --- wheel and fingers -----------------------------------------------------------------

const stageElement = find("stage");
stageElement.addEventListener("wheel", (event) => {
  // A notebook goes on scrolling, until its reader turns to the graph.
  if (embedded && !event.ctrlKey && !stageElement.contains(document.activeElement)) return;
  event.preventDefault();
  if (event.shiftKey) return pan(-event.deltaX - event.deltaY, 0);
  const box = stageElement.getBoundingClientRect(), unit = [1, 20, 400][event.deltaMode];
  zoom(Math.exp(-event.deltaY * unit * (event.ctrlKey ? 0.01 : 0.0015)), event.clientX - box.left, event.clientY - box.top);
}, { passive: false });

const fingers = new Map();
stageElement.addEventListener("pointerdown", (event) => {
  if (event.button || event.target.closest("#tools, #map")) return;
  if (!fingers.size) dragged = false;
  fingers.set(event.pointerId, { x: event.clientX, y: event.clientY, far: 0 });
});
addEventListener("pointermove", (event) => {
  const finger = fingers.get(event.pointerId);
  if (!finger) return;
  const others = [...fingers].filter(([id]) => id !== event.pointerId).map(([, f]) => f);
  const x = event.clientX - finger.x, y = event.clientY - finger.y;
  finger.far += Math.hypot(x, y);
  if (others.length) {
    const other = others[0], box = stageElement.getBoundingClientRect();
    const before = Math.hypot(finger.x - other.x, finger.y - other.y);
    const after = Math.hypot(event.clientX - other.x, event.clientY - other.y);
    zoom(after / (before || 1), (event.clientX + other.x) / 2 - box.left, (event.clientY + other.y) / 2 - box.top);
    pan(x / 2, y / 2);
    dragged = true;
  } else if (finger.far > 5) {
    dragged = true;
    stageElement.classList.add("moving");
    pan(x, y);
  }
  [finger.x, finger.y] = [event.clientX, event.clientY];
});
for (const end of ["pointerup", "pointercancel"])
  addEventListener(end, (event) => {
    fingers.delete(event.pointerId);
    stageElement.classList.remove("moving");
  });

// --- the map: all of the graph, and the part in sight ------------------------------------

function drawMap() {
  const map = find("map"), { width, height } = frame();
  const hidden = look.x < -1 || look.y < -1 || look.x + plan.width * look.scale > width + 1
    || look.y + plan.height * look.scale > height + 1;
  map.hidden = !hidden;
  if (!hidden) return;
  const scale = (narrow.matches ? 80 : 150) / Math.max(plan.width, plan.height, 1);
  if (map.plan !== plan) {
    map.plan = plan;
    const d = faces.map((f, i) => outlineOf(f, plan.at[i])).join("");
    const svg = svgOf("svg", { width: plan.width * scale, height: plan.height * scale, viewBox: `0 0 ${plan.width} ${plan.height}`, "aria-hidden": "true" },
      svgOf("path", { d }), svgOf("rect", { class: "seen" }));
    map.replaceChildren(svg);
  }
  const seen = { x: -look.x, y: -look.y, width, height };
  for (const [key, value] of Object.entries(seen)) map.querySelector(".seen").setAttribute(key, value / look.scale);
}
function follow(event) {
  const box = find("map").querySelector("svg").getBoundingClientRect(), { width, height } = frame();
  const x = ((event.clientX - box.left) / box.width) * plan.width, y = ((event.clientY - box.top) / box.height) * plan.height;
  pan(width / 2 - x * look.scale - look.x, height / 2 - y * look.scale - look.y);
}
find("map").addEventListener("pointerdown", (event) => {
  find("map").setPointerCapture(event.pointerId);
  follow(event);
});
find("map").addEventListener("pointermove", (event) => {
  if (event.buttons) follow(event);
});

// --- search ------------------------------------------------------------------------------

let found = [], turn = 0;
function search(text) {
  const wanted = text.trim().toLowerCase();
  const says = (v) => [v.name, v.op, v.text].some((part) => part && part.toLowerCase().includes(wanted));
  const exact = (v) => v.name.toLowerCase() === wanted;
  found = wanted ? vertices.filter(says).sort((a, b) => exact(b) - exact(a)) : [];
  turn = 0;
  find("matches").textContent = !wanted ? "" : found.length ? `1 of ${found.length}` : "none";
  markFound();
  if (found.length) meet();
}
let foundItems = new Set();
function markFound() {
  foundItems = new Set(found.map(itemOf));
  marked();
}
// Shows the match that is next, and opens the box that it is in.
function meet() {
  const v = found[turn];
  if (v.box && !v.box.open) {
    v.box.open = true;
    chosen = null;
    arrange();
    markFound();
  }
  find("matches").textContent = `${turn + 1} of ${found.length}`;
  choose(v);
  const element = itemElement(v);
  if (look.scale < READABLE / 2) zoom(READABLE / look.scale);
  sight(element);
}
find("search").addEventListener("input", (event) => search(event.target.value));
find("search").addEventListener("keydown", (event) => {
  if (event.key === "Enter" && found.length) {
    turn = (turn + (event.shiftKey ? found.length - 1 : 1)) % found.length;
    meet();
  }
  if (event.key === "Escape") {
    event.target.value = "";
    search("");
  }
});
find("closer").addEventListener("click", () => zoom(1.3));
find("farther").addEventListener("click", () => zoom(1 / 1.3));
find("whole").addEventListener("click", whole);
addEventListener("resize", () => {
  size = null;
  if (look.own) return placeWorld();
  draw();
  go(at, true);
  about(chosen);
});
