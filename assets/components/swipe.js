// A line over the attacked panels: left of it they show the clean ones. Linked over all columns.

class Swipe {
  constructor(moved) {
    Object.assign(this, { moved, on: false, share: 0.5, lines: [] });
  }

  build() {
    this.lines = [];
  }

  // The line of one panel; the first one is reached by keyboard, too.
  follow(figure, name) {
    const line = el("div", "swipe"), first = !this.lines.length;
    line.append(el("span", "clean", "clean"), el("span", "attacked", "attacked"));
    if (first) {
      line.tabIndex = 0;
      line.setAttribute("role", "slider");
      line.setAttribute("aria-label", `Line between clean and attacked, ${name} and all other panels`);
      line.setAttribute("aria-valuemin", "0");
      line.setAttribute("aria-valuemax", "100");
      line.onkeydown = (e) => this.keys(e);
    } else line.setAttribute("aria-hidden", "true");
    line.onpointerdown = (e) => { e.preventDefault(); e.stopPropagation(); this.held = true; line.setPointerCapture(e.pointerId); if (first) line.focus(); };
    line.onpointermove = (e) => {
      if (!this.held) return;
      const box = figure.getBoundingClientRect();
      this.go((e.clientX - box.left) / box.width);
    };
    line.onpointerup = line.onpointercancel = () => { this.held = false; };
    line.ondblclick = (e) => e.stopPropagation();
    figure.append(line);
    this.lines.push(line);
    this.write();
  }

  keys(e) {
    const to = { ArrowLeft: this.share - 0.02, ArrowRight: this.share + 0.02, Home: 0, End: 1 }[e.key];
    if (to === undefined) return;
    e.preventDefault();
    e.stopPropagation(); // the panels would move under it
    this.go(to);
  }

  go(share) {
    this.share = Math.min(1, Math.max(0, share));
    this.write();
    this.moved();
  }

  toggle(on) {
    this.on = on;
    this.write();
    this.moved();
  }

  write() {
    for (const line of this.lines) {
      line.hidden = !this.on;
      line.style.left = `${this.share * 100}%`;
      if (!line.getAttribute("role")) continue;
      const clean = Math.round(this.share * 100);
      line.setAttribute("aria-valuenow", clean);
      line.setAttribute("aria-valuetext", `${clean} percent clean, ${100 - clean} percent attacked`);
    }
  }

  // Columns of an n-pixel picture left of the line, under this zoom.
  split(n, zoom) {
    return this.on ? Math.round(n * Math.min(1, Math.max(0, (this.share - zoom.x) / zoom.z))) : 0;
  }
}
