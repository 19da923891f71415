// Zoom and pan, linked over all panels. The position is kept in tile widths: tiles change size.

class Zoom {
  constructor(moved) {
    Object.assign(this, { z: 1, x: 0, y: 0, moved });
  }

  attach(root, grid) {
    Object.assign(this, { root, grid });
    grid.onkeydown = (e) => this.keys(e);
    this.move();
  }

  move() {
    const low = 1 - this.z;
    this.x = Math.min(0, Math.max(low, this.x));
    this.y = Math.min(0, Math.max(low, this.y));
    const style = { "--z": this.z, "--x": `${this.x * 100}%`, "--y": `${this.y * 100}%`,
      "--touch": this.z > 1 ? "none" : "pan-x pan-y", "--render": this.z > 2.5 ? "pixelated" : "auto" };
    for (const [name, value] of Object.entries(style)) this.grid.style.setProperty(name, value);
    this.root.classList.toggle("zoomed", this.z > 1);
    this.moved();
  }

  at(x, y, z) {
    z = Math.min(12, Math.max(1, z));
    this.x = x - ((x - this.x) * z) / this.z;
    this.y = y - ((y - this.y) * z) / this.z;
    this.z = z;
    this.move();
  }

  keys(e) {
    const step = { ArrowLeft: [0.25, 0], ArrowRight: [-0.25, 0], ArrowUp: [0, 0.25], ArrowDown: [0, -0.25] }[e.key];
    if (e.ctrlKey || e.metaKey || e.altKey) return;
    if (["+", "="].includes(e.key)) this.at(0.5, 0.5, this.z * 1.5);
    else if (e.key === "-") this.at(0.5, 0.5, this.z / 1.5);
    else if (e.key === "0") this.at(0, 0, 1);
    else if (step && this.z > 1) { this.x += step[0]; this.y += step[1]; this.move(); }
    else return;
    e.preventDefault();
  }

  follow(figure) {
    let drag = null;
    const place = (e) => {
      const box = figure.getBoundingClientRect();
      return [(e.clientX - box.left) / box.width, (e.clientY - box.top) / box.height];
    };
    figure.addEventListener("wheel", (e) => {
      if (!e.ctrlKey && !e.metaKey) return;
      e.preventDefault();
      this.at(...place(e), this.z * Math.exp(-e.deltaY / 300));
    }, { passive: false });
    figure.ondblclick = (e) => this.at(...place(e), this.z > 1 ? 1 : 3);
    figure.onpointerdown = (e) => {
      if (this.z === 1) return;
      const [x, y] = place(e);
      drag = [x - this.x, y - this.y];
      figure.setPointerCapture(e.pointerId);
    };
    figure.onpointermove = (e) => {
      if (!drag) return;
      const [x, y] = place(e);
      this.x = x - drag[0];
      this.y = y - drag[1];
      this.move();
    };
    figure.onpointerup = figure.onpointercancel = () => { drag = null; };
  }
}
