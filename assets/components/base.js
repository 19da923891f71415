// Shared by the components: colour tables, elements, and the reader of the binary blob.
// Each component is this file followed by its own.

const STOPS = {
  magma: "000004 0a0822 1d1147 36106b 51127c 6a1c81 832681 9c2e7f b73779 d0416f e75263 f56b5c fc8961 fea772 fec488 fde2a3 fcfdbf",
  cividis: "00224e 002e6a 1a386f 32436d 434e6c 535a6d 61656f 6f7073 7d7c78 8c8878 9b9476 aba072 bcae6c cdbb63 dec958 f0d846 fee838",
  viridis: "440154 48186a 472d7b 424086 3b528b 33638d 2c728e 26828e 21918c 1fa088 28ae80 3fbc73 5ec962 84d44b addc30 d8e219 fde725",
  berlin: "9eb0ff 79abed 519fd3 3685ad 286886 1d4b61 14303e 111a20 190c09 2b0e01 411201 5b1d08 7d341e 9e513f be6f63 df8f89 ffadad",
};

function table(name) {
  const stops = STOPS[name].split(" ").map((h) => [0, 2, 4].map((i) => parseInt(h.slice(i, i + 2), 16)));
  const out = new Uint8Array(768);
  for (let i = 0; i < 256; i++) {
    const t = (i / 255) * (stops.length - 1), a = Math.floor(t), b = Math.min(a + 1, stops.length - 1);
    for (let c = 0; c < 3; c++) out[i * 3 + c] = Math.round(stops[a][c] + (stops[b][c] - stops[a][c]) * (t - a));
  }
  return out;
}
function el(tag, cls, text) {
  const e = document.createElement(tag);
  if (cls) e.className = cls;
  if (text != null) e.textContent = text;
  return e;
}

// Make an element show what another one shows; a click begun on it is not lost.
function renew(node, shown) {
  for (const name of node.getAttributeNames()) if (!shown.hasAttribute(name)) node.removeAttribute(name);
  for (const { name, value } of shown.attributes) node.setAttribute(name, value);
  node.replaceChildren(...shown.childNodes);
}

// Make these the children, touching only what differs.
function arrange(parent, nodes) {
  const keep = new Set(nodes);
  for (const child of [...parent.children]) if (!keep.has(child)) child.remove();
  nodes.forEach((node, i) => { if (parent.children[i] !== node) parent.insertBefore(node, parent.children[i] || null); });
}

// One element for each thing, however often more is known of it: `made` has them by their id.
function kept(made, id, shows, make) {
  const mark = JSON.stringify(shows), before = made.get(id);
  if (before?.mark === mark) return before.node;
  const node = before?.node || make();
  if (before) renew(node, make());
  made.set(id, { mark, node });
  return node;
}

// All elements but those of these are no longer kept.
function forget(made, ids) {
  const there = new Set(ids);
  for (const id of made.keys()) if (!there.has(id)) made.delete(id);
}

function parse(data) {
  const bytes = data instanceof Uint8Array ? data : new Uint8Array(data);
  const length = new DataView(bytes.buffer, bytes.byteOffset, 4).getUint32(0, true);
  const head = JSON.parse(new TextDecoder().decode(bytes.subarray(4, 4 + length)));
  return { head, body: bytes.subarray(4 + length) };
}

async function decode(body, [offset, length], n) {
  const blob = new Blob([body.subarray(offset, offset + length)], { type: "image/png" });
  const bitmap = await createImageBitmap(blob, { colorSpaceConversion: "none", premultiplyAlpha: "none" });
  const canvas = typeof OffscreenCanvas === "function" ? new OffscreenCanvas(n, n) : Object.assign(document.createElement("canvas"), { width: n, height: n });
  const context = canvas.getContext("2d", { willReadFrequently: true });
  context.drawImage(bitmap, 0, 0);
  bitmap.close();
  return context.getImageData(0, 0, n, n);
}

// A component as Streamlit mounts it: one instance a place, told of each change of its data.
// Streamlit calls for every change and, where two follow close upon each other, cleans up after the
// first only when the second has been shown: only what ends the last call ends the instance, and
// not before it is clear that no further one comes.
const ENDS_MS = 1000;

function mounted(Kind) {
  const there = new WeakMap();
  return ({ data, parentElement, setTriggerValue }) => {
    if (!data || !data.length) return undefined;
    let place = there.get(parentElement);
    if (!place) there.set(parentElement, (place = { one: new Kind(parentElement), calls: 0 }));
    const call = ++place.calls;
    place.one.update(data, setTriggerValue);
    return () => {
      setTimeout(() => {
        if (place.calls !== call) return;
        there.delete(parentElement);
        place.one.destroy();
      }, ENDS_MS);
    };
  };
}
