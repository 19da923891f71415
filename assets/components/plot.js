// Tens of thousands of points and lines, written as pixels: no canvas draws so many in a frame.

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

// Write what an embedding shows into its pixels: lines first, then points.
function plot(one) {
  const { pixels, xy, clean, group, n, ratio } = one, v = one.view;
  const W = one.base.width, H = one.base.height, ground = one.ground || (one.ground = rgb(getComputedStyle(one.root).getPropertyValue("--st-background-color") || "#fff"));
  pixels.fill((255 << 24) | (ground[2] << 16) | (ground[1] << 8) | ground[0]);
  const k = v.k * ratio, ox = W / 2 - v.x * k, oy = H / 2 + v.y * k, chosen = one.chosen;
  const hidden = new Uint8Array(one.groups.length);
  for (const g of one.off) hidden[g] = 1;
  // Two channels in one product; each as its colour and cover of 256.
  const pairs = one.paint.map((c) => [(c[2] << 16) | c[0], c[1] << 8]);
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
  if (one.arrows) {
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
    const { reach, side, cover } = one.stamps[clean[i] === i ? 0 : 1], c = one.paint[group[i]], [rb, g] = pairs[group[i]];
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
}

// Points by the cell of a grid that they lie in, for what is near a pointer.
class Grid {
  constructor(xy, n) {
    const box = [Infinity, Infinity, -Infinity, -Infinity];
    for (let i = 0; i < n; i++) for (let a = 0; a < 2; a++) {
      const v = xy[2 * i + a];
      if (v < box[a]) box[a] = v;
      if (v > box[2 + a]) box[2 + a] = v;
    }
    Object.assign(this, { xy, box, side: 96, span: Math.max(box[2] - box[0], box[3] - box[1]) || 1 });
    const { side } = this, of = (i) => this.cell(xy[2 * i], 0) + side * this.cell(xy[2 * i + 1], 1);
    this.start = new Int32Array(side * side + 1);
    this.items = new Int32Array(n);
    for (let i = 0; i < n; i++) this.start[of(i) + 1]++;
    for (let c = 0; c < side * side; c++) this.start[c + 1] += this.start[c];
    const next = this.start.slice();
    for (let i = 0; i < n; i++) this.items[next[of(i)]++] = i;
  }
  cell(value, axis) { return Math.min(this.side - 1, Math.max(0, Math.floor((value - this.box[axis]) / this.span * this.side))); }

  // The nearest point within reach that fits; -1 where there is none.
  near(x, y, far, fits) {
    const { side, start, items, xy } = this;
    let best = -1, least = far * far;
    for (let b = this.cell(y - far, 1); b <= this.cell(y + far, 1); b++) for (let a = this.cell(x - far, 0); a <= this.cell(x + far, 0); a++) for (let s = start[b * side + a]; s < start[b * side + a + 1]; s++) {
      const i = items[s], d = (xy[2 * i] - x) ** 2 + (xy[2 * i + 1] - y) ** 2;
      if (d <= least && fits(i)) { least = d; best = i; }
    }
    return best;
  }
}

// Whether a closed line has a place inside.
function within(loop, x, y) {
  let inside = false;
  for (let a = 0, b = loop.length - 1; a < loop.length; b = a++) {
    const [xa, ya] = loop[a], [xb, yb] = loop[b];
    if (ya > y !== yb > y && x < (xb - xa) * (y - ya) / (yb - ya) + xa) inside = !inside;
  }
  return inside;
}
