"""Optics of the phantom: from chromophore maps to the light that reaches the camera.

Skin is a stack of thin absorbing sheets over a scattering dermis. Each chromophore map holds an
optical density (dimensionless, at the camera's green band). Light passes a sheet by the
Beer-Lambert law; a sheet at depth ``z`` is seen only by the light that got so far down, and red
light gets furthest, which is why deep melanin looks blue-grey and deep blood purple (Tyndall
effect).

Sources: S. L. Jacques, "Optical properties of biological tissues: a review", Phys. Med. Biol. 58
(2013) R37 (melanosome absorption ~ wavelength^-3.33, whole blood); S. Prahl's tabulated molar
extinction of haemoglobin (omlc.org); R. R. Anderson and J. A. Parrish, "The optics of human skin",
J. Invest. Dermatol. 77 (1981) 13 (penetration depth by wavelength).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Field = npt.NDArray[np.float32]

# Centres of the camera's red, green and blue bands, nm.
BANDS_NM = np.array([630.0, 540.0, 473.0])
GREEN = 1

# Melanosome absorption falls with wavelength^-3.33 (Jacques 2013, eq. 10); 1 at green.
MELANIN_SPECTRUM = (BANDS_NM[GREEN] / BANDS_NM) ** 3.33
# Blood at 70 % oxygen saturation from Prahl's table. The red entry is above the value at 635 nm,
# since the broad red filter of a camera also passes the shoulder of the 577 nm band.
BLOOD_SPECTRUM = np.array([0.12, 1.0, 0.62])
# Stagnant blood, at 35 % saturation: darker in red, clearer in blue, hence purple.
VENOUS_SPECTRUM = np.array([0.24, 1.0, 0.43])
# Keratin and dried serum take away mostly blue, which leaves yellow to orange-brown.
KERATIN_SPECTRUM = np.array([0.08, 0.50, 1.15])
# Depth at which light has fallen to 1/e in the skin, mm (Anderson and Parrish 1981, table I).
PENETRATION_MM = np.array([1.00, 0.45, 0.33])

DEEP_MELANIN_MM = 0.75
DEEP_BLOOD_MM = 0.40


def buried(spectrum: npt.NDArray[np.float64], depth_mm: float) -> npt.NDArray[np.float64]:
    """Spectrum of a chromophore seen through ``depth_mm`` of skin, scaled to a mean of 1."""
    seen = spectrum * np.exp(-depth_mm / PENETRATION_MM)
    return np.asarray(seen / seen.mean())


# One row for each map of `Chromophores`, one column for each camera band.
SPECTRA: npt.NDArray[np.float32] = np.stack(
    [
        MELANIN_SPECTRUM,
        buried(MELANIN_SPECTRUM, DEEP_MELANIN_MM),
        BLOOD_SPECTRUM,
        buried(VENOUS_SPECTRUM, DEEP_BLOOD_MM),
        KERATIN_SPECTRUM,
    ]
).astype(np.float32)

# Colour of light that keratin, scar collagen or scale throw back before it meets a chromophore.
WHITE_SCATTER = np.array([0.86, 0.74, 0.77], dtype=np.float32)
# Colour that a compact horny layer over dense pigment throws back: the "ground glass" of the veil.
BLUE_SCATTER = np.array([0.17, 0.25, 0.40], dtype=np.float32)


@dataclass
class Chromophores:
    """Maps of one scene, each ``(size, size)`` float32; painters add to them in place.

    The first five are optical densities; `white` and `blue` are the shares (0 to 1) of light that
    a scattering layer on top throws back.
    """

    melanin: Field
    deep_melanin: Field
    blood: Field
    deep_blood: Field
    keratin: Field
    white: Field
    blue: Field

    @classmethod
    def empty(cls, size: int) -> Chromophores:
        """Maps of a scene without any chromophore."""
        return cls(*(np.zeros((size, size), dtype=np.float32) for _ in range(7)))


def reflectance(maps: Chromophores) -> Field:
    """Linear reflectance ``(size, size, 3)`` of the scene, 0 to 1.

    Beer-Lambert: the densities add up for each band and the light falls by their exponential; the
    scattering layers then cover what lies under them.
    """
    sheets = (maps.melanin, maps.deep_melanin, maps.blood, maps.deep_blood, maps.keratin)
    out = np.empty((*maps.melanin.shape, 3), dtype=np.float32)
    white = np.clip(maps.white, 0.0, 0.9)
    blue = np.clip(maps.blue, 0.0, 0.9)
    for band in range(3):
        density = np.zeros_like(maps.melanin)
        for sheet, spectrum in zip(sheets, SPECTRA[:, band], strict=True):
            density += spectrum * sheet
        light = np.exp(-np.maximum(density, 0.0))
        light += blue * (BLUE_SCATTER[band] - light)
        light += white * (WHITE_SCATTER[band] - light)
        out[..., band] = light
    return out
