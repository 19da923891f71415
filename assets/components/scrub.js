// The ε slider. Frames are shown while it moves; the server is told once, when it rests.

const REST_MS = 300;
const HEARD_MS = 10_000; // then the server has not heard it, or has been asked for something else

class Scrub {
  constructor(moved, rested) {
    Object.assign(this, { moved, rested, at: 0, dragged: false, timer: 0 });
  }

  destroy() {
    this.still();
    this.heard();
  }

  still() {
    clearTimeout(this.timer);
    this.timer = 0;
  }

  // Where it is to stand once another blob came: where the server says, unless it said so before,
  // or answers what it was told before the last.
  place(head, before) {
    const { frames, axis, at } = head, goes = before?.frames && before.axis === axis;
    if (!frames) return 0;
    const late = this.told !== undefined && frames[at].eps !== this.told;
    return goes && (this.dragged || this.timer || late || before.at === at) ? this.nearest(this.at, frames) : at;
  }

  // Where nothing is computed yet, it doesn't go.
  nearest(at, frames) {
    const there = frames.map((_, i) => i).filter((i) => !frames[i].pending);
    return there.reduce((best, i) => (Math.abs(i - at) < Math.abs(best - at) ? i : best), there[0] ?? 0);
  }

  take(head, before) {
    Object.assign(this, { at: this.place(head, before), home: head.at, frames: head.frames || [] });
    if (this.told === this.frames[this.home]?.eps || before?.axis !== head.axis) this.heard();
  }

  build(bar) {
    this.box = el("div", "control epsilon");
    const label = el("label", "", "ε"), track = el("div", "track");
    this.input = el("input");
    Object.assign(this.input, { type: "range", min: 0, step: 1, id: "epsilon" });
    label.htmlFor = "epsilon";
    this.ticks = el("div", "ticks");
    this.ticks.setAttribute("aria-hidden", "true");
    this.value = el("output");
    this.value.setAttribute("aria-hidden", "true"); // the slider says it
    track.append(this.input, this.ticks);
    this.box.append(label, track, this.value);
    bar.prepend(this.box);
    this.input.oninput = () => { this.dragged = true; this.go(Number(this.input.value)); };
    this.input.onchange = () => { this.dragged = false; this.rest(); };
  }

  go(at) {
    this.still();
    this.at = this.nearest(at, this.frames);
    this.moved();
  }

  rest() {
    this.still();
    this.timer = setTimeout(() => {
      const { eps } = this.frames[this.at];
      this.timer = 0;
      if (eps === (this.told ?? this.frames[this.home]?.eps) || !this.rested(eps)) return;
      this.heard();
      this.told = eps;
      this.patience = setTimeout(() => { this.heard(); if (!this.dragged && !this.timer) this.go(this.home); }, HEARD_MS);
    }, REST_MS);
  }

  heard() {
    clearTimeout(this.patience);
    this.told = undefined;
  }

  // `ready` says of each frame whether all of it can be shown.
  write(head, ready) {
    const frame = this.frames[this.at], label = frame ? frame.label : head.eps;
    this.box.hidden = !label;
    this.input.disabled = !frame;
    this.input.max = Math.max(1, this.frames.length - 1);
    this.input.value = this.at;
    this.value.textContent = label || "";
    const reads = frame && head.strip.find(({ title }) => title === "Reads now");
    this.input.setAttribute("aria-valuetext", `ε ${label}${reads ? `, reads ${reads.value}` : ""}`);
    const missing = ready.filter((one) => !one).length;
    this.box.title = !frame ? "Every ε is computed after the pictures" : missing ? `${ready.length - missing} of ${ready.length} values of ε are ready` : "";
    this.ticks.replaceChildren(...ready.map((one, i) => el("i", [one ? "ready" : "", i === this.at ? "here" : ""].join(" ").trim())));
  }
}
