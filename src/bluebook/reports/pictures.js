// Draws each .picture once it is seen: its graph's text goes to the component, what is odd about it is marked,
// and the view is fitted to the whole graph.
const Blueprint = customElements.get("ueb-blueprint");
const style = document.getElementById("picture-style").content;
const MARGIN = 40, TALLEST = 0.75, LEAST_ZOOM = -12, MOST_ZOOM = 7;
const NOTE = 60; // above a node for what is said of it
const LEGIBLE = 0.5; // two graphs that would be smaller beside each other stand one above the other
const drawn = new Map(); // figure -> its graph

const unpacked = (packed) => {
  const bytes = Uint8Array.from(atob(packed), (letter) => letter.charCodeAt(0));
  return new Response(new Blob([bytes]).stream().pipeThrough(new DecompressionStream("deflate"))).text();
};

// Elements are renewed in turns: a node, its pins, the node again with the pins' width, then the links.
const settled = async (graph) => {
  for (let turn = 0; turn < 3; turn++) {
    await graph.updateComplete;
    const nodes = graph.getNodes();
    const parts = [...nodes, ...nodes.flatMap((node) => node.getPinElements()), ...graph.getLinks()];
    await Promise.all(parts.map((part) => part.updateComplete));
  }
  for (const node of graph.getNodes()) node.computeSizes();
};

const mark = (graph, side, [nodes, wires, values]) => {
  const kind = side === "expected" ? "missing" : "extra";
  const byName = new Map(graph.getNodes().map((node) => [node.getNodeName(), node]));
  const note = (name, mark, said) => Object.assign(byName.get(name).dataset, { mark, said });
  nodes.forEach((name) => note(name, kind, kind));
  Object.entries(values).forEach(([name, said]) => note(name, "value", said));
  const ends = (a, b) => [a, b].map((pin) => `${pin.nodeElement.getNodeName()} ${pin.getPinId()}`).sort().join();
  const byEnds = new Map(graph.getLinks().map((link) => [ends(link.origin, link.target), link]));
  for (const [from, output, to, input] of wires) {
    byEnds.get([`${from} ${output}`, `${to} ${input}`].sort().join()).dataset.mark = kind;
  }
};

const bounds = (graph) => {
  const nodes = graph.getNodes();
  const all = (side) => nodes.map((node) => node[side]());
  return {
    left: Math.min(...all("leftBoundary")), right: Math.max(...all("rightBoundary")),
    top: Math.min(...all("topBoundary")) - (graph.querySelector("[data-said]") ? NOTE : 0),
    bottom: Math.max(...all("bottomBoundary")),
  };
};

// Our layout's columns are as wide as the widest node might be; here the widths are known.
const GAP = 90;
const compact = (graph) => {
  const columns = Map.groupBy(graph.getNodes(), (node) => node.locationX);
  let x = null;
  for (const [from, nodes] of [...columns].sort(([a], [b]) => a - b)) {
    x ??= from;
    for (const node of nodes) node.addLocation(x - from, 0);
    x += Math.max(...nodes.map((node) => node.sizeX)) + GAP;
  }
};

// A node may have grown after its wires were drawn.
const rewire = (graph) => {
  for (const link of graph.getLinks()) {
    link.setOriginLocation();
    link.setTargetLocation();
  }
};

const centre = (graph) => {
  const { left, right, top, bottom } = bounds(graph);
  const box = graph.template.viewportElement.getBoundingClientRect();
  graph.template.viewportSize = [box.width, box.height];
  graph.template.centerViewport((left + right) / 2, (top + bottom) / 2, false);
  return graph.updateComplete;
};

// The largest scale at which all of it fits, in a canvas no taller than need be.
const fit = async (canvas, graph) => {
  if (!graph.getNodes().length) return;
  const { left, right, top, bottom } = bounds(graph);
  const [width, height] = [right - left + 2 * MARGIN, bottom - top + 2 * MARGIN];
  if (width * LEGIBLE > canvas.clientWidth) canvas.closest(".sides")?.classList.add("wide");
  const room = TALLEST * window.innerHeight;
  graph.setZoom(0);
  while (
    graph.getZoom() > LEAST_ZOOM &&
    (width * graph.getScale() > canvas.clientWidth || height * graph.getScale() > room)
  ) {
    graph.setZoom(graph.getZoom() - 1);
  }
  canvas.style.height = `${Math.round(Math.min(room, Math.max(120, height * graph.getScale())))}px`;
  await graph.updateComplete;
  await centre(graph);
};

const draw = async (figure) => {
  const canvas = figure.querySelector(".canvas");
  const shadow = canvas.attachShadow({ mode: "open" });
  const graph = new Blueprint();
  shadow.append(style.cloneNode(true), graph);
  // The component takes a click for one outside it where it sees the canvas instead of what was clicked.
  canvas.addEventListener("click", (event) => event.stopPropagation());
  graph.addEventListener("blueprint-focus", () => {
    for (const other of drawn.values()) if (other !== graph) other.setFocused(false);
  });
  drawn.set(figure, graph);
  await Promise.all([graph.updateComplete, ...[...document.fonts].map((font) => font.load())]);
  const text = await unpacked(figure.dataset.graph);
  if (text) graph.template.getPasteInputObject().pasted(text);
  graph.unselectAll();
  await settled(graph);
  const found = [
    graph.getNodes().length,
    graph.getNodes().reduce((sum, node) => sum + node.getPinEntities().length, 0),
    graph.getLinks().length,
  ].join(" ");
  if (found !== figure.dataset.counts) {
    const names = "nodes, pins, wires";
    figure.querySelector(".trouble").textContent =
      `Not all of it is drawn: ${found} ${names}, of ${figure.dataset.counts}.`;
  }
  if (figure.dataset.side) compact(graph);
  await settled(graph);
  rewire(graph);
  if (figure.dataset.odd) mark(graph, figure.dataset.side, JSON.parse(figure.dataset.odd));
  let width = 0;
  new ResizeObserver(() => {
    if (canvas.clientWidth && canvas.clientWidth !== width) {
      width = canvas.clientWidth;
      fit(canvas, graph);
    }
  }).observe(canvas);
  await fit(canvas, graph);
  figure.dataset.drawn = found;
};

const seen = new IntersectionObserver(
  (entries) => {
    for (const { isIntersecting, target } of entries) {
      if (!isIntersecting || drawn.has(target)) continue;
      seen.unobserve(target);
      draw(target).catch((error) => {
        target.querySelector(".trouble").textContent = `This graph could not be drawn: ${error.message}`;
        target.dataset.drawn = "failed";
      });
    }
  },
  { rootMargin: "300px" },
);

for (const figure of document.querySelectorAll(".picture")) {
  seen.observe(figure);
  figure.addEventListener("click", async (event) => {
    const graph = drawn.get(figure);
    const step = event.target.closest?.("button")?.dataset.zoom;
    if (!graph || !step) return;
    if (step === "fit") {
      await fit(figure.querySelector(".canvas"), graph);
    } else {
      graph.setZoom(Math.min(MOST_ZOOM, graph.getZoom() + Number(step)));
      await graph.updateComplete;
      await centre(graph);
    }
  });
}
