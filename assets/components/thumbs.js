// Thumbnails that a component beside this one has asked for: handed to it through the document.

class Thumbs {
  update(data) {
    const { head, body } = parse(data);
    for (const [name, [offset, length]] of Object.entries(head.images)) {
      const picture = body.slice(offset, offset + length);
      document.dispatchEvent(new CustomEvent("radar-thumb", { detail: { name, picture } }));
    }
  }
  destroy() {}
}

export default mounted(Thumbs);
