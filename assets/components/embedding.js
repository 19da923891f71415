// Features in a plane: points, arrows from clean to attacked, groups to switch off, a card, a loop.
// Tens of thousands of points are written as pixels, one pass a frame. Opening a point and what a
// loop holds are told to the server, and which thumbnail is wanted; the rest happens here.

const REACH = 9, MOST = 7, FIRST = 140; // pixels a pointer may be off; groups told apart; ms of rest before a thumbnail is asked for
const WAYS = { kind: "Clean or attacked", label: "True class", reads: "Reading", attack: "Attack", eps: "ε", status: "What the attack did" };

const rgb = (css) => {
  const context = rgb.context || (rgb.context = Object.assign(document.createElement("canvas"), { width: 1, height: 1 }).getContext("2d", { willReadFrequently: true }));
  context.clearRect(0, 0, 1, 1);
  context.fillStyle = css;
  context.fillRect(0, 0, 1, 1);
  return [...context.getImageData(0, 0, 1, 1).data];
};

// What of a disc, or of a ring, covers each pixel around its middle: 0 to 255.
function stamp(radius, ring) {
  const reach = Math.ceil(radius + 1), side = 2 * reach + 1, cover = new Uint8Array(side * side);
  for (let y = -reach; y <= reach; y++) for (let x = -reach; x <= reach; x++) {
    const d = Math.hypot(x, y), outer = Math.min(Math.max(radius + 0.5 - d, 0), 1);
    const inner = ring ? Math.min(Math.max(radius - ring + 0.5 - d, 0), 1) : 0;
    cover[(y + reach) * side + x + reach] = Math.round(255 * (outer - inner));
  }
  return { reach, side, cover };
}

class Embedding {
  constructor(parent) {
    this.root = el("div", "root");
    parent.append(this.root);
    this.bar = el("div", "bar");
    this.stage = el("div", "stage");
    this.base = el("canvas", "base");
    this.over = el("canvas", "over");
    this.card = el("div", "card");
    this.card.hidden = true;
    this.legend = el("div", "legend");
    this.legend.setAttribute("role", "group");
    this.legend.setAttribute("aria-label", "Groups shown");
    this.live = el("p", "sr");
    this.live.setAttribute("aria-live", "polite");
    this.base.tabIndex = 0;
    this.base.setAttribute("role", "application");
    this.stage.append(this.base, this.over, this.card);
    this.root.append(this.bar, this.stage, this.legend, this.live);
    this.by = "kind";
    this.arrows = true;
    this.thumbs = new Map();
    this.off = new Set();
    this.pointers = new Map();
    this.listen();
  }

  listen() {
    const on = (type, act, options) => this.base.addEventListener(type, act, options);
    on("wheel", (e) => { e.preventDefault(); this.zoom(Math.exp(-e.deltaY * (e.ctrlKey ? 0.01 : 0.0015)), ...this.spot(e)); }, { passive: false });
    on("pointerdown", (e) => this.down(e));
    on("pointermove", (e) => this.move(e));
    on("pointerup", (e) => this.up(e));
    on("pointercancel", (e) => { this.pointers.delete(e.pointerId); this.loop = null; this.overlay(); });
    on("pointerleave", () => { if (!this.pointers.size) this.point(-1); });
    on("keydown", (e) => this.key(e));
    this.heard = (e) => {
      const { name, picture } = e.detail;
      if (this.thumbs.has(name)) return;
      this.thumbs.set(name, URL.createObjectURL(new Blob([picture])));
      if (this.at >= 0 && this.imageOf(this.at) === name) this.show(this.at);
    };
    document.addEventListener("radar-thumb", this.heard);
    this.sized = new ResizeObserver(() => this.resize());
    this.sized.observe(this.stage);
  }

  destroy() {
    document.removeEventListener("radar-thumb", this.heard);
    this.sized.disconnect();
    clearTimeout(this.asking);
    cancelAnimationFrame(this.frame);
    for (const url of this.thumbs.values()) URL.revokeObjectURL(url);
    this.root.remove();
  }

  update(data, tell) {
    this.tell = tell;
    const { head, body } = parse(data);
    if (head.id === this.id) return;
    this.id = head.id;
    this.head = head;
    this.ground = null; // the theme may be another
    const read = (name, Kind) => { const [o, l] = head.images[name]; return new Kind(body.slice(o, o + l).buffer); };
    this.xy = read("xy", Float32Array);
    this.clean = read("clean", Int32Array);
    this.image = read("image", Int32Array);
    this.codes = {};
    for (const name of ["label", "reads", "attack", "eps", "status"]) this.codes[name] = read(name, Uint16Array);
    this.n = this.clean.length;
    this.chosen = null;
    this.at = -1;
    this.off.clear();
    const lets = (name) => head.names[name].length > 1;
    this.ways = Object.keys(WAYS).filter((w) => w === "kind" || lets(w));
    if (!this.ways.includes(this.by)) this.by = "kind";
    this.index();
    this.controls();
    this.colour();
    this.view = null;
    this.resize();
  }

  // Points by the cell of a grid that they lie in, for what is near a pointer.
  index() {
    const box = [Infinity, Infinity, -Infinity, -Infinity];
    for (let i = 0; i < this.n; i++) for (let a = 0; a < 2; a++) {
      const v = this.xy[2 * i + a];
      if (v < box[a]) box[a] = v;
      if (v > box[2 + a]) box[2 + a] = v;
    }
    this.box = box;
    const G = 96, span = Math.max(box[2] - box[0], box[3] - box[1]) || 1;
    const cell = (i) => Math.min(G - 1, Math.floor((this.xy[2 * i] - box[0]) / span * G)) + G * Math.min(G - 1, Math.floor((this.xy[2 * i + 1] - box[1]) / span * G));
    const start = new Int32Array(G * G + 1), items = new Int32Array(this.n);
    for (let i = 0; i < this.n; i++) start[cell(i) + 1]++;
    for (let c = 0; c < G * G; c++) start[c + 1] += start[c];
    const next = start.slice();
    for (let i = 0; i < this.n; i++) items[next[cell(i)]++] = i;
    this.grid = { G, span, start, items };
  }

  controls() {
    const choose = el("label", "by", "Colour"), list = el("select");
    for (const way of this.ways) {
      const option = el("option", "", WAYS[way]);
      option.value = way;
      option.selected = way === this.by;
      list.append(option);
    }
    list.onchange = () => { this.by = list.value; this.off.clear(); this.colour(); this.draw(); };
    choose.append(list);
    const toggle = (text, title, get, act) => {
      const b = el("button", "tool", text);
      b.type = "button";
      b.title = title;
      const mark = () => b.setAttribute("aria-pressed", String(get()));
      b.onclick = () => { act(); mark(); };
      mark();
      return b;
    };
    const act = (text, title, does) => {
      const b = el("button", "tool", text);
      b.type = "button";
      b.title = title;
      b.setAttribute("aria-label", title);
      b.onclick = does;
      return b;
    };
    this.bar.replaceChildren(
      choose,
      toggle("Arrows", "Arrows from clean to attacked", () => this.arrows, () => { this.arrows = !this.arrows; this.draw(); }),
      toggle("Lasso", "Draw a loop around points to list them", () => this.lasso, () => { this.lasso = !this.lasso; this.base.classList.toggle("lasso", this.lasso); }),
      act("+", "Zoom in", () => this.zoom(1.4)), act("−", "Zoom out", () => this.zoom(1 / 1.4)), act("All", "Show all points", () => this.fit()),
    );
    this.base.setAttribute("aria-label", `${this.n.toLocaleString("en")} points in a plane. Arrow keys move, plus and minus zoom, 0 shows all, N and P go from point to point, Enter opens the case.`);
  }

  groupsOf() {
    const attacked = (i) => this.clean[i] !== i;
    if (this.by === "kind") return { of: (i) => (attacked(i) ? 1 : 0), names: ["clean", "attacked"] };
    const codes = this.codes[this.by], names = this.head.names[this.by];
    return { of: (i) => codes[i], names: names.map((n) => n || (this.by === "label" ? "no label" : "clean")) };
  }

  // A colour a group, the largest first; beyond seven, the rest share the last one.
  colour() {
    const { of, names } = this.groupsOf(), count = new Int32Array(names.length);
    for (let i = 0; i < this.n; i++) count[of(i)]++;
    const ranks = [...names.keys()];
    const some = names.length > MOST ? MOST - 1 : names.length;
    if (names.length > MOST) ranks.sort((a, b) => count[b] - count[a]);
    const rank = new Uint8Array(names.length);
    ranks.forEach((name, r) => { rank[name] = Math.min(r, some); });
    this.group = new Uint8Array(this.n);
    for (let i = 0; i < this.n; i++) this.group[i] = rank[of(i)];
    this.groups = ranks.slice(0, some).map((r) => [names[r], count[r]]);
    if (names.length > MOST) this.groups.push([`${names.length - some} others`, ranks.slice(some).reduce((sum, r) => sum + count[r], 0)]);
    this.paint = this.groups.map((_, g) => rgb(this.head.palette[g]));
    this.legend.replaceChildren(...this.groups.map(([name, many], g) => {
      const b = el("button", "group"), mark = el("span", "swatch");
      b.type = "button";
      mark.style.setProperty("--c", this.head.palette[g]);
      if (name === "clean") mark.classList.add("ring");
      b.append(mark, el("span", "name", name), el("span", "number", many.toLocaleString("en")));
      b.setAttribute("aria-pressed", String(!this.off.has(g)));
      b.onclick = () => {
        if (!this.off.delete(g)) this.off.add(g);
        b.setAttribute("aria-pressed", String(!this.off.has(g)));
        this.point(-1);
        this.draw();
      };
      return b;
    }), el("p", "key", "○ clean   ● attacked"));
  }

  resize() {
    const w = Math.floor(this.stage.clientWidth), h = Math.floor(this.stage.clientHeight);
    if (!this.n || w < 2 || h < 2) return;
    const ratio = Math.min(window.devicePixelRatio || 1, 2);
    if (this.w === w && this.h === h && this.ratio === ratio && this.view) return;
    Object.assign(this, { w, h, ratio });
    for (const c of [this.base, this.over]) { c.width = w * ratio; c.height = h * ratio; }
    this.image2 = new ImageData(w * ratio, h * ratio);
    this.pixels = new Uint32Array(this.image2.data.buffer);
    const r = (this.n > 5000 ? 2.1 : this.n > 1200 ? 2.8 : 3.6) * ratio;
    this.stamps = [stamp(r, Math.max(1, r * 0.42)), stamp(r)];
    if (this.view) this.draw(); else this.fit();
  }

  fit() {
    const [a, b, c, d] = this.box, pad = 28;
    const k = Math.min((this.w - 2 * pad) / (c - a || 1), (this.h - 2 * pad) / (d - b || 1));
    this.whole = k;
    this.view = { x: (a + c) / 2, y: (b + d) / 2, k };
    this.draw();
  }
  zoom(by, px = this.w / 2, py = this.h / 2) {
    const v = this.view, k = Math.min(Math.max(v.k * by, this.whole * 0.3), this.whole * 400), f = 1 / v.k - 1 / k;
    v.x += (px - this.w / 2) * f;
    v.y -= (py - this.h / 2) * f;
    v.k = k;
    this.draw();
  }
  pan(dx, dy) { this.view.x -= dx / this.view.k; this.view.y += dy / this.view.k; this.draw(); }
  screen(i) { const v = this.view; return [(this.xy[2 * i] - v.x) * v.k + this.w / 2, this.h / 2 - (this.xy[2 * i + 1] - v.y) * v.k]; }
  shown(i) { return !this.off.has(this.group[i]); }

  draw() {
    if (this.frame || !this.view) return;
    this.frame = requestAnimationFrame(() => { this.frame = 0; this.render(); });
  }

  render() {
    const begun = performance.now(), { pixels, xy, clean, group, n, ratio } = this, v = this.view;
    const W = this.base.width, H = this.base.height, ground = this.ground || (this.ground = rgb(getComputedStyle(this.root).getPropertyValue("--st-background-color") || "#fff"));
    pixels.fill((255 << 24) | (ground[2] << 16) | (ground[1] << 8) | ground[0]);
    const k = v.k * ratio, ox = W / 2 - v.x * k, oy = H / 2 + v.y * k, chosen = this.chosen;
    const hidden = new Uint8Array(this.groups.length);
    for (const g of this.off) hidden[g] = 1;
    // Two channels in one product; each as its colour and cover of 256.
    const pairs = this.paint.map((c) => [(c[2] << 16) | c[0], c[1] << 8]);
    const blend = (at, rb, g, a) => {
      const p = pixels[at], q = 256 - a;
      pixels[at] = -16777216 | (((Math.imul(p & 0xff00ff, q) + Math.imul(rb, a)) >>> 8) & 0xff00ff) | (((Math.imul(p & 0xff00, q) + Math.imul(g, a)) >>> 8) & 0xff00);
    };
    const line = (x0, y0, x1, y1, [rb, g], a, skip) => {
      const dx = x1 - x0, dy = y1 - y0, steps = Math.max(Math.abs(dx), Math.abs(dy)) + 1;
      let from = 0, to = 1; // of the part that is on the screen
      for (const [d, s, most] of [[dx, x0, W - 1], [dy, y0, H - 1]]) {
        if (d === 0) { if (s < 0 || s > most) return; continue; }
        const a1 = -s / d, b1 = (most - s) / d;
        from = Math.max(from, Math.min(a1, b1));
        to = Math.min(to, Math.max(a1, b1));
      }
      if (from >= to) return;
      // In 65536ths of a pixel, in whole numbers.
      const sx = Math.round(dx / steps * 65536 * skip), sy = Math.round(dy / steps * 65536 * skip);
      let x = Math.round((x0 + dx * from) * 65536), y = Math.round((y0 + dy * from) * 65536);
      for (let n = Math.floor(steps * (to - from) / skip); n >= 0; n--, x += sx, y += sy) {
        const px = x >> 16, py = y >> 16;
        if (px >= 0 && py >= 0 && px < W && py < H) blend(py * W + px, rb, g, a);
      }
    };
    if (this.arrows) {
      const strength = n > 5000 ? 60 : n > 1200 ? 70 : 110, head = 6 * ratio;
      for (let i = 0; i < n; i++) {
        const j = clean[i];
        if (j === i || hidden[group[i]] || hidden[group[j]]) continue;
        const x1 = xy[2 * i] * k + ox, y1 = oy - xy[2 * i + 1] * k, x0 = xy[2 * j] * k + ox, y0 = oy - xy[2 * j + 1] * k;
        if (Math.max(x0, x1) < 0 || Math.max(y0, y1) < 0 || Math.min(x0, x1) > W || Math.min(y0, y1) > H) continue;
        const c = pairs[group[i]], a = chosen && !chosen[i] ? (strength / 3) | 0 : strength;
        line(x0, y0, x1, y1, c, a, n > 5000 ? 3 : 1);
        const length = Math.hypot(x1 - x0, y1 - y0);
        if (length < 3 * head || n > 5000) continue;
        const ux = (x1 - x0) / length, uy = (y1 - y0) / length, tx = x1 - ux * 4 * ratio, ty = y1 - uy * 4 * ratio;
        for (const s of [0.5, -0.5]) line(tx, ty, tx - head * (ux + s * uy), ty - head * (uy - s * ux), c, Math.min(255, 2 * a), 1);
      }
    }
    // In an order that mixes them, so that no group lies above all others.
    const stride = n % 7919 ? 7919 % n || 1 : 1;
    for (let m = 0, i = 0; m < n; m++, i = (i + stride) % n) {
      if (hidden[group[i]]) continue;
      const { reach, side, cover } = this.stamps[clean[i] === i ? 0 : 1], c = this.paint[group[i]], [rb, g] = pairs[group[i]];
      const cx = Math.round(xy[2 * i] * k + ox), cy = Math.round(oy - xy[2 * i + 1] * k);
      if (cx < -reach || cy < -reach || cx >= W + reach || cy >= H + reach) continue;
      const full = (255 << 24) | (c[2] << 16) | (c[1] << 8) | c[0], faint = chosen && !chosen[i];
      const top = Math.max(0, cy - reach), bottom = Math.min(H - 1, cy + reach), left = Math.max(0, cx - reach), right = Math.min(W - 1, cx + reach);
      for (let y = top; y <= bottom; y++) for (let x = left, at = y * W + left, o = (y - cy + reach) * side + left - cx + reach; x <= right; x++, at++, o++) {
        const a = cover[o];
        if (!a) continue;
        if (a === 255 && !faint) pixels[at] = full;
        else blend(at, rb, g, faint ? (a / 6) | 0 : a);
      }
    }
    this.base.getContext("2d", { alpha: false }).putImageData(this.image2, 0, 0);
    this.overlay();
    this.root.dataset.ms = (performance.now() - begun).toFixed(1);
    this.root.dataset.drawn = String(1 + Number(this.root.dataset.drawn || 0));
    if (!this.card.hidden && this.at >= 0) this.show(this.at);
  }

  // The loop, and a circle round the point one is at, with its fellows of the same image.
  overlay() {
    const context = this.over.getContext("2d"), style = getComputedStyle(this.root);
    context.setTransform(this.ratio, 0, 0, this.ratio, 0, 0);
    context.clearRect(0, 0, this.w, this.h);
    context.strokeStyle = style.getPropertyValue("--st-text-color") || "#000";
    context.lineWidth = 1.5;
    if (this.loop?.length > 1) {
      context.setLineDash([5, 4]);
      context.beginPath();
      this.loop.forEach(([x, y], i) => (i ? context.lineTo(x, y) : context.moveTo(x, y)));
      context.stroke();
      context.setLineDash([]);
    }
    if (this.at >= 0 && this.at < this.n) {
      const from = this.screen(this.clean[this.at]), to = this.screen(this.at);
      context.beginPath();
      if (this.clean[this.at] !== this.at) { context.moveTo(...from); context.lineTo(...to); }
      context.moveTo(to[0] + 7, to[1]);
      context.arc(to[0], to[1], 7, 0, 7);
      context.stroke();
    }
  }

  near(px, py) {
    const { G, span, start, items } = this.grid, v = this.view, far = REACH / v.k;
    const x = (px - this.w / 2) / v.k + v.x, y = (this.h / 2 - py) / v.k + v.y;
    const cell = (value, low) => Math.min(G - 1, Math.max(0, Math.floor((value - low) / span * G)));
    let best = -1, least = far * far;
    for (let b = cell(y - far, this.box[1]); b <= cell(y + far, this.box[1]); b++) for (let a = cell(x - far, this.box[0]); a <= cell(x + far, this.box[0]); a++) for (let s = start[b * G + a]; s < start[b * G + a + 1]; s++) {
      const i = items[s], d = (this.xy[2 * i] - x) ** 2 + (this.xy[2 * i + 1] - y) ** 2;
      if (d <= least && this.shown(i)) { least = d; best = i; }
    }
    return best;
  }

  spot(e) { const box = this.base.getBoundingClientRect(); return [e.clientX - box.left, e.clientY - box.top]; }

  down(e) {
    if (e.button) return;
    this.base.setPointerCapture(e.pointerId);
    const at = this.spot(e);
    this.pointers.set(e.pointerId, at);
    this.began = at;
    this.moved = this.pointers.size > 1;
    if (this.lasso && this.pointers.size === 1) this.loop = [at];
    else this.loop = null;
  }
  move(e) {
    const at = this.spot(e), before = this.pointers.get(e.pointerId);
    if (!before) { if (e.pointerType === "mouse") this.point(this.near(...at)); return; }
    if (Math.hypot(at[0] - this.began[0], at[1] - this.began[1]) > 4) this.moved = true;
    if (this.loop) { this.loop.push(at); this.overlay(); }
    else if (this.pointers.size === 2) {
      const other = [...this.pointers].find(([id]) => id !== e.pointerId)[1];
      const far = (a) => Math.hypot(a[0] - other[0], a[1] - other[1]) || 1;
      this.zoom(far(at) / far(before), (at[0] + other[0]) / 2, (at[1] + other[1]) / 2);
    } else if (this.moved) this.pan(at[0] - before[0], at[1] - before[1]);
    this.pointers.set(e.pointerId, at);
  }
  up(e) {
    if (!this.pointers.delete(e.pointerId)) return;
    const loop = this.loop, at = this.spot(e);
    this.loop = null;
    if (loop && loop.length > 2 && this.moved) this.choose(loop);
    else if (!this.moved) {
      const hit = this.near(...at);
      if (e.pointerType === "mouse" && hit >= 0) this.open(hit);
      else { this.point(hit); if (hit < 0) this.unchoose(); }
    }
    this.overlay();
  }

  choose(loop) {
    const found = [], mask = new Uint8Array(this.n);
    for (let i = 0; i < this.n; i++) {
      if (!this.shown(i)) continue;
      const [x, y] = this.screen(i);
      let inside = false;
      for (let a = 0, b = loop.length - 1; a < loop.length; b = a++) {
        const [xa, ya] = loop[a], [xb, yb] = loop[b];
        if (ya > y !== yb > y && x < (xb - xa) * (y - ya) / (yb - ya) + xa) inside = !inside;
      }
      if (inside) { found.push(i); mask[i] = 1; }
    }
    this.chosen = found.length ? mask : null;
    this.live.textContent = `${found.length} points selected; they are listed below.`;
    this.tell("lasso", { id: this.id, points: found });
    this.draw();
  }
  unchoose() {
    if (!this.chosen) return;
    this.chosen = null;
    this.tell("lasso", { id: this.id, points: [] });
    this.draw();
  }

  open(i) { this.tell("open", { id: this.id, point: i }); }
  imageOf(i) { return this.head.pictures[this.image[i]]; }

  point(i) {
    if (i === this.at) return;
    this.at = i;
    clearTimeout(this.asking);
    if (i < 0) this.card.hidden = true;
    else {
      this.show(i);
      const name = this.imageOf(i);
      if (!this.thumbs.has(name)) this.asking = setTimeout(() => this.tell("thumb", name), FIRST);
    }
    this.overlay();
  }

  words(i) {
    const of = (name) => this.head.names[name][this.codes[name][i]], own = this.clean[i] === i;
    const what = own ? "clean" : [of("attack"), of("eps") && of("eps") !== "own" ? `ε ${of("eps")}` : "", of("status")].filter(Boolean).join(", ");
    return [this.imageOf(i), what, of("label") ? `true class ${of("label")}` : "no label", `read as ${of("reads")}`];
  }

  show(i) {
    const [name, ...lines] = this.words(i), frame = el("span", "picture"), url = this.thumbs.get(name);
    if (url) { const image = el("img"); image.src = url; image.alt = ""; frame.append(image); }
    frame.hidden = !url;
    const said = el("span", "lines"), open = el("button", "tool", "Open case");
    open.type = "button";
    open.tabIndex = -1;
    open.onclick = () => this.open(i);
    said.append(el("b", "", name), ...lines.map((line) => el("span", "", line)));
    if (matchMedia("(hover: none)").matches) said.append(open);
    this.card.replaceChildren(frame, said);
    this.card.hidden = false;
    const [x, y] = this.screen(i), w = this.card.offsetWidth, h = this.card.offsetHeight;
    this.card.style.left = `${Math.max(4, Math.min(x + 14 + w > this.w ? x - w - 14 : x + 14, this.w - w - 4))}px`;
    this.card.style.top = `${Math.max(4, Math.min(y - h / 2, this.h - h - 4))}px`;
  }

  key(e) {
    if (e.altKey || e.ctrlKey || e.metaKey) return;
    const step = 60, moves = { ArrowLeft: [step, 0], ArrowRight: [-step, 0], ArrowUp: [0, step], ArrowDown: [0, -step] };
    const acts = { "+": () => this.zoom(1.4), "=": () => this.zoom(1.4), "-": () => this.zoom(1 / 1.4), 0: () => this.fit(), n: () => this.step(1), p: () => this.step(-1), Escape: () => { this.point(-1); this.unchoose(); }, Enter: () => { if (this.at >= 0) this.open(this.at); } };
    const act = moves[e.key] ? () => this.pan(...moves[e.key]) : acts[e.key] || acts[e.key.toLowerCase()];
    if (!act) return;
    e.preventDefault();
    act();
  }
  step(by) {
    let at = this.at < 0 && by < 0 ? 0 : this.at;
    for (let m = 0; m < this.n; m++) {
      at = (at + by + this.n) % this.n;
      const [x, y] = this.screen(at);
      if (!this.shown(at) || x < 0 || y < 0 || x > this.w || y > this.h) continue;
      this.point(at);
      this.live.textContent = this.words(at).join(", ");
      return;
    }
  }
}

export default mounted(Embedding);
