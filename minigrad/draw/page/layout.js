// Layers of a directed graph, after Sugiyama: rank, order, place.

// items: [{width, height, source: bool}] in topological order; links: [{from, to}] (indices).
// Returns {width, height, at: [{x, y}] (centres), routes: [[{x, y}]] (one per link)}.
function layered(items, links, vertical) {
  const GAP = vertical ? 44 : 64, SEPARATION = 18;
  const across = (n) => (vertical ? n.width : n.height);
  const along = (n) => (vertical ? n.height : n.width);
  const nodes = items.map((n) => ({ across: across(n), along: along(n), rank: 0, ins: [], outs: [] }));

  // Rank: after all inputs; a leaf right before its first use.
  for (const { from, to } of links) nodes[to].rank = Math.max(nodes[to].rank, nodes[from].rank + 1);
  const first = new Map();
  for (const { from, to } of links)
    if (items[from].source) first.set(from, Math.min(first.get(from) ?? Infinity, nodes[to].rank));
  for (const [i, rank] of first) nodes[i].rank = rank - 1;

  // Links over several ranks pass through a small stand-in in each.
  const chains = links.map(({ from, to }) => {
    const chain = [nodes[from]];
    for (let rank = nodes[from].rank + 1; rank < nodes[to].rank; rank++) {
      const stand = { across: 8, along: 0, rank, ins: [], outs: [], stand: true };
      nodes.push(stand);
      chain.push(stand);
    }
    chain.push(nodes[to]);
    for (let i = 1; i < chain.length; i++) {
      chain[i - 1].outs.push(chain[i]);
      chain[i].ins.push(chain[i - 1]);
    }
    return chain;
  });
  const layers = [];
  for (const n of nodes) (layers[n.rank] ??= []).push(n);
  for (let r = 0; r < layers.length; r++) layers[r] ??= [];

  // Order: from the output back, then the mean place of the neighbours, the best of some sweeps.
  const seen = new Set();
  const placed = layers.map(() => []);
  for (const end of [...nodes].reverse()) {
    const stack = [end];
    while (stack.length) {
      const n = stack.pop();
      if (seen.has(n)) continue;
      seen.add(n);
      placed[n.rank].push(n);
      stack.push(...[...n.ins].reverse());
    }
  }
  const number = () => layers.forEach((layer) => layer.forEach((n, i) => (n.order = i)));
  const mean = (list, key) => list.reduce((sum, n) => sum + n[key], 0) / list.length;
  const crossings = () => {
    let count = 0;
    for (const layer of layers) {
      const pairs = layer.flatMap((n) => n.outs.map((m) => [n.order, m.order]));
      for (let i = 0; i < pairs.length; i++)
        for (let j = 0; j < i; j++)
          if ((pairs[i][0] - pairs[j][0]) * (pairs[i][1] - pairs[j][1]) < 0) count++;
    }
    return count;
  };
  layers.forEach((_, r) => (layers[r] = placed[r]));
  number();
  let best = layers.map((layer) => [...layer]), least = crossings();
  for (let sweep = 0; sweep < 10 && least; sweep++) {
    const forward = sweep % 2 === 0;
    for (const layer of forward ? layers : [...layers].reverse()) {
      for (const n of layer) {
        const near = forward ? n.ins : n.outs;
        n.wish = near.length ? mean(near, "order") : n.order;
      }
      layer.sort((a, b) => a.wish - b.wish || a.order - b.order);
      layer.forEach((n, i) => (n.order = i));
    }
    const count = crossings();
    if (count < least) [best, least] = [layers.map((layer) => [...layer]), count];
  }
  best.forEach((layer, r) => (layers[r] = layer));
  number();

  // Place: each layer as near to its neighbours as the order and the sizes allow.
  for (const layer of layers) {
    let edge = 0;
    for (const n of layer) {
      n.place = edge + n.across / 2;
      edge += n.across + SEPARATION;
    }
  }
  for (let sweep = 0; sweep < 16; sweep++) {
    const forward = sweep % 2 === 0;
    for (const layer of forward ? layers : [...layers].reverse()) {
      const offsets = [0];
      for (let i = 1; i < layer.length; i++)
        offsets.push(offsets[i - 1] + (layer[i - 1].across + layer[i].across) / 2 + SEPARATION);
      const wishes = layer.map((n, i) => {
        const near = sweep > 11 || !n.ins.length || !n.outs.length ? [...n.ins, ...n.outs]
          : forward ? n.ins : n.outs;
        return (near.length ? mean(near, "place") : n.place) - offsets[i];
      });
      isotonic(wishes).forEach((wish, i) => (layer[i].place = wish + offsets[i]));
    }
  }

  let start = 0;
  for (const layer of layers) {
    const thick = Math.max(0, ...layer.map((n) => n.along));
    for (const n of layer) n.depth = start + thick / 2;
    start += thick + GAP;
  }
  const low = Math.min(...nodes.map((n) => n.place - n.across / 2));
  const high = Math.max(...nodes.map((n) => n.place + n.across / 2));
  const point = (depth, place) =>
    vertical ? { x: place - low, y: depth } : { x: depth, y: place - low };

  // Links leave and arrive side by side, in the order of their other ends.
  const port = (n, near, other) => {
    const rank = [...near].sort((a, b) => a.place - b.place).indexOf(other);
    const room = Math.min(14, (n.across * 0.6) / Math.max(near.length, 1));
    return n.place + (rank - (near.length - 1) / 2) * room;
  };
  const used = new Map();
  const routes = chains.map((chain) => {
    const points = [];
    const source = chain[0], target = chain.at(-1);
    const twin = used.get(`${source.rank}:${source.order}:${target.rank}:${target.order}`) ?? 0;
    used.set(`${source.rank}:${source.order}:${target.rank}:${target.order}`, twin + 1);
    points.push(point(source.depth + source.along / 2, source.place + twin * 12));
    for (const n of chain.slice(1, -1)) points.push(point(n.depth, n.place));
    points.push(point(target.depth - target.along / 2, port(target, target.ins, chain.at(-2)) + twin * 14));
    return points;
  });
  const length = start - GAP, breadth = high - low;
  return {
    width: vertical ? breadth : length,
    height: vertical ? length : breadth,
    at: items.map((_, i) => point(nodes[i].depth, nodes[i].place)),
    routes,
  };
}

// The non-decreasing sequence nearest to `wishes` (pool adjacent violators).
function isotonic(wishes) {
  const pools = [];
  for (const wish of wishes) {
    let pool = { sum: wish, count: 1 };
    while (pools.length && pools.at(-1).sum / pools.at(-1).count > pool.sum / pool.count) {
      const last = pools.pop();
      pool = { sum: last.sum + pool.sum, count: last.count + pool.count };
    }
    pools.push(pool);
  }
  return pools.flatMap(({ sum, count }) => Array(count).fill(sum / count));
}
