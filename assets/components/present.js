// A story, step by step, by keyboard. Everything is here: it goes on without a network.

const SWEEP_MS = 700;
const FORWARD = ["ArrowRight", "PageDown", " ", "Enter"], BACK = ["ArrowLeft", "PageUp"];
const KEYS = "→ next, ← back, ↑ ↓ change ε, B blank, S swipe, Home first step, F full screen, Esc leave";

class Present {
  constructor(parent) {
    this.root = el("div", "present");
    this.root.setAttribute("role", "group");
    this.root.tabIndex = 0;
    parent.append(this.root);
    this.keys = (e) => { if (this.root.isConnected) this.key(e); };
    this.left = () => { if (!document.fullscreenElement) this.open(false); };
    document.addEventListener("keydown", this.keys);
    document.addEventListener("fullscreenchange", this.left);
  }

  destroy() {
    clearInterval(this.sweeping);
    clearTimeout(this.waking);
    document.removeEventListener("keydown", this.keys);
    document.removeEventListener("fullscreenchange", this.left);
    this.viewer?.destroy();
    this.root.remove();
  }

  update(data) {
    const { head, body } = parse(data);
    if (head.id === this.id) return;
    this.id = head.id;
    this.head = head;
    this.blobs = head.steps.map((_, i) => {
      const [offset, length] = head.images[`step@${i}`];
      return body.slice(offset, offset + length);
    });
    this.viewer?.destroy();
    this.root.replaceChildren();
    this.root.setAttribute("aria-label", `${head.title}. ${KEYS}`);
    this.caption = el("p", "caption");
    this.caption.setAttribute("aria-live", "polite");
    this.place = el("div", "place");
    this.blank = el("div", "blank");
    this.blank.hidden = true;
    const top = el("div", "top"), start = el("button", "start", "Full screen");
    start.type = "button";
    start.title = KEYS;
    start.onclick = () => { this.open(true); this.root.focus(); };
    top.append(el("h2", "", head.title), this.place, start);
    this.root.append(top, this.caption);
    this.viewer = new Viewer(this.root);
    this.root.append(el("p", "note", "Research software, not a medical device."), el("p", "help", KEYS), this.blank);
    this.go(0);
  }

  async go(i) {
    clearInterval(this.sweeping);
    this.at = Math.min(this.head.steps.length - 1, Math.max(0, i));
    const step = this.head.steps[this.at], { viewer } = this;
    delete this.root.dataset.shown;
    this.caption.textContent = step.caption;
    this.place.textContent = `${this.at + 1} / ${this.head.steps.length}`;
    viewer.id = null; // the same case may be shown in two steps
    await viewer.update(this.blobs[this.at]);
    if (step !== this.head.steps[this.at]) return; // left meanwhile
    viewer.rest();
    viewer.toggleSwipe(step.show === "swipe");
    if (step.show === "flicker") viewer.toggleFlicker(true);
    if (step.sweep && !STILL.matches) this.sweep();
    this.root.dataset.shown = this.at + 1;
  }

  // From no change to the largest, then to the ε of the step.
  sweep() {
    const { scrub } = this.viewer, last = scrub.frames.length - 1;
    if (last < 1) return;
    let at = 0;
    scrub.go(at);
    this.root.dataset.sweep = "on";
    this.sweeping = setInterval(() => {
      at += 1;
      scrub.go(at <= last ? at : scrub.home);
      if (at > last) { clearInterval(this.sweeping); this.root.dataset.sweep = "over"; }
    }, SWEEP_MS);
  }

  open(on) {
    this.root.classList.toggle("open", on);
    if (on) this.root.requestFullscreen?.().catch(() => {}); // it fills the window all the same
    else if (document.fullscreenElement) document.exitFullscreen();
  }

  // After a while without a key the story stands at its beginning, for whoever comes next.
  wake() {
    clearTimeout(this.waking);
    if (this.head.idle) this.waking = setTimeout(() => { this.blank.hidden = true; this.go(0); }, this.head.idle * 1000);
  }

  key(e) {
    const typing = e.composedPath()[0]?.closest?.("input, textarea, select, [contenteditable]");
    const own = this.root.contains(e.composedPath()[0]);
    if (e.ctrlKey || e.metaKey || e.altKey || (typing && !own) || !this.head) return;
    const pressed = e.composedPath()[0]?.closest?.("button");
    if (pressed && [" ", "Enter"].includes(e.key)) return;
    this.wake();
    const key = e.key.length === 1 ? e.key.toLowerCase() : e.key;
    if (!this.blank.hidden && key !== "Escape") this.blank.hidden = true; // any key brings it back
    else if (FORWARD.includes(e.key)) this.go(this.at + 1);
    else if (BACK.includes(e.key)) this.go(this.at - 1);
    else if (e.key === "ArrowUp" || e.key === "ArrowDown") this.move(e.key === "ArrowUp" ? 1 : -1);
    else if (key === "b" || key === ".") this.blank.hidden = false;
    else if (key === "s") this.viewer.toggleSwipe(!this.viewer.swipe.on);
    else if (key === "Home") this.go(0);
    else if (key === "End") this.go(this.head.steps.length - 1);
    else if (key === "f") this.open(!this.root.classList.contains("open"));
    else if (key === "Escape") this.open(false);
    else return;
    e.preventDefault();
    e.stopPropagation();
  }

  move(by) {
    clearInterval(this.sweeping);
    this.viewer.scrub.go(this.viewer.scrub.at + by);
  }
}

export default mounted(Present);
