"""The picture on the home page, computed: python docs/home_picture.py [--image 21] [--eps 2/255]

Attacks one phantom case with the shipped model and writes `assets/home.svg`.
"""

from __future__ import annotations

import argparse
import base64
import io
import sys
from pathlib import Path
from xml.sax.saxutils import escape

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import numpy as np
from numpy.typing import NDArray
from PIL import Image

import radar_core as radar
from radar_core.case import CaseSpec, run_case
from radar_core.pictures import difference, overlay, own_scale, to_pixels
from radar_core.settings import ROOT
from radar_core.verdict import named, percent

CLEAN, ATTACKED, GREY = "#2b87bd", "#d9702b", "#8795a1"
LEFT = (6, 230, 454, 674, 894)


def embedded(pixels: NDArray[np.uint8]) -> str:
    """Pixels as a data address: an SVG used as an image loads nothing from elsewhere."""
    raw = io.BytesIO()
    Image.fromarray(pixels).save(raw, "WEBP", quality=88)
    return "data:image/webp;base64," + base64.b64encode(raw.getvalue()).decode()


def main() -> None:
    """Compute the case and write the picture."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--image", default="21")
    parser.add_argument("--eps", default="2/255")
    given = parser.parse_args()
    spec = CaseSpec(image=given.image, eps=given.eps, explainers=("gradcam",))
    *_, result = run_case(spec, data=radar.open_data("phantom"), model=radar.load_model("phantom"))
    assert result.attack is not None
    clean, attacked = result.clean.numpy(), result.attack.images[0].numpy()
    reached = result.attack.linf[0]
    maps = [values / own_scale(values) for values in result.explanations["gradcam"].maps.numpy()]
    kept = percent(result.scores["gradcam"]["topk_overlap"])
    tiles = (
        ("Clean", named(result.clean_reading), CLEAN, to_pixels(clean)),
        (
            f"Perturbation, ×{0.5 / reached:.0f}",
            f"at most {reached * 255:.3g} of 255 grey levels",
            GREY,
            difference(clean, attacked, reached),
        ),
        (
            "Attacked",
            named(result.attack.readings_attacked[0]),
            ATTACKED,
            to_pixels(attacked),
        ),
        ("Grad-CAM, clean", "where it looked", CLEAN, overlay(clean, maps[0], signed=False)),
        (
            "Grad-CAM, attacked",
            f"{kept} of the focus kept",
            ATTACKED,
            overlay(attacked, maps[1], signed=False),
        ),
    )
    parts = [
        '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 1080 268" text-anchor="middle" '
        "font-family=\"Inter, 'Segoe UI', system-ui, sans-serif\">",
        '<defs><clipPath id="tile"><rect width="176" height="176" rx="7"/></clipPath></defs>',
    ]
    for x, (title, text, colour, pixels) in zip(LEFT, tiles, strict=True):
        parts += [
            f'<g transform="translate({x} 34)"><g clip-path="url(#tile)">'
            f'<image width="176" height="176" href="{embedded(pixels)}"/></g>',
            f'<text x="88" y="-12" font-size="14.5" font-weight="600" fill="{colour}">'
            f"{title}</text>",
            f'<text x="88" y="202" font-size="14" fill="{colour}">{escape(text)}</text></g>',
        ]
    parts += [
        f'<g fill="{GREY}" font-size="30" font-weight="300"><text x="206" y="132">+</text>'
        f'<text x="430" y="132">=</text><path d="M640 122h22m-7-7 7 7-7 7" fill="none" '
        f'stroke="{GREY}" stroke-width="2"/></g>',
        f'<text x="540" y="262" font-size="11.5" fill="{GREY}">{result.case.id}, PGD, '
        "model phantom; synthetic image, computed</text></svg>",
    ]
    (ROOT / "assets" / "home.svg").write_text("\n".join(parts) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
