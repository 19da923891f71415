// The pixels of an explanation's tile, from levels of 8 bits: of an unsigned map 0 is no
// attribution, of a signed one 128 is.

const DIVERGING = table("berlin");

// How far a level is from no attribution, as a share of the map's own display scale.
const strengths = (signed) => Float32Array.from({ length: 256 }, (_, v) => (signed ? Math.abs(v - 128) / 127 : v / 255));
const STRENGTH = { true: strengths(true), false: strengths(false) };

// A map over its picture. Below the threshold the picture is as it was.
function paintMap(out, base, map, signed, { lookup, opacity, threshold }) {
  const cover = new Float32Array(256), colour = new Uint8Array(768);
  for (let v = 0; v < 256; v++) {
    const strength = STRENGTH[signed][v];
    cover[v] = strength < threshold ? -1 : opacity * Math.min(1, Math.max(0, (strength - 0.08) / 0.3)); // weak values stay clear
    // Over a picture only the bright ends of the diverging map: its dark centre would hide it.
    const level = signed ? Math.round(127.5 + Math.sign(v - 128) * (76 + 51.5 * strength)) : v;
    const from = (signed ? DIVERGING : lookup), q = 3 * Math.min(255, level);
    colour.set(from.subarray(q, q + 3), v * 3);
  }
  for (let j = 0; j < out.length; j += 4) {
    const v = map[j], a = cover[v];
    // Grey underneath, the more so the more the map covers: skin has the map's own colours.
    const grey = 0.3 * base[j] + 0.59 * base[j + 1] + 0.11 * base[j + 2];
    for (let c = 0; c < 3; c++) {
      const under = a < 0 ? base[j + c] : base[j + c] + (grey - base[j + c]) * opacity;
      out[j + c] = a > 0 ? under + (colour[v * 3 + c] - under) * a : under;
    }
    out[j + 3] = 255;
  }
}

// Attacked minus clean. Where both lie below the threshold, there is nothing to compare.
function paintDifference(out, clean, attacked, signed, threshold) {
  const half = signed ? 1 : 0.5; // signed maps are stored at half the resolution
  const strength = STRENGTH[signed];
  for (let j = 0; j < out.length; j += 4) {
    const none = strength[clean[j]] < threshold && strength[attacked[j]] < threshold;
    const change = none ? 0 : (attacked[j] - clean[j]) * half;
    const q = 3 * Math.round(Math.min(255, Math.max(0, 127.5 + change)));
    out[j] = DIVERGING[q]; out[j + 1] = DIVERGING[q + 1]; out[j + 2] = DIVERGING[q + 2]; out[j + 3] = 255;
  }
}
