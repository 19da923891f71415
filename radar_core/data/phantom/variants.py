"""What each class looks like: its variants, their ground colour and shape, and their structures.

After H. Kittler et al., "Standardization of terminology in dermoscopy/dermatoscopy", J. Am. Acad.
Dermatol. 74 (2016) 1093, and G. Argenziano et al., "Dermoscopy of pigmented skin lesions: results
of a consensus meeting via the Internet", J. Am. Acad. Dermatol. 48 (2003) 679. Shares of the
variants are our own round numbers.
"""

from __future__ import annotations

from collections.abc import Mapping

from radar_core.data.phantom import pigment, surface, vessels
from radar_core.data.phantom.lesion import Habit
from radar_core.data.phantom.recipes import Feature, Variant

# fmt: off
VARIANTS: Mapping[str, tuple[Variant, ...]] = {
    "akiec": (
        # Actinic keratosis: red patch with the strawberry pattern.
        Variant(
            0.40,
            Habit(
                area=0.54, lobes=0.11, jagged=0.13, soft=0.33, melanin=0.12, blood=0.32,
                keratin=0.15, variegation=0.65, patchy=0.45,
            ),
            (
                Feature(vessels.strawberry_pattern, 1.0),
                Feature(surface.scale, 0.65, 0.8),
                Feature(vessels.ulceration, 0.12, 0.3),
            ),
        ),
        # Pigmented actinic keratosis.
        Variant(
            0.30,
            Habit(
                area=0.52, lobes=0.12, jagged=0.14, soft=0.28, melanin=0.44, deep_melanin=0.04,
                blood=0.25, keratin=0.12, variegation=0.81, patchy=0.6,
            ),
            (
                Feature(pigment.pseudo_network, 1.0),
                Feature(vessels.strawberry_pattern, 0.55, 0.9),
                Feature(pigment.grey_granules, 0.35, 0.5),
                Feature(surface.scale, 0.5, 0.8),
            ),
        ),
        # Bowen's disease.
        Variant(
            0.30,
            Habit(
                area=0.45, lobes=0.10, jagged=0.10, soft=0.18, melanin=0.20, blood=0.44,
                keratin=0.15, variegation=0.73, patchy=0.35,
            ),
            (
                Feature(vessels.glomerular_vessels, 1.0),
                Feature(surface.scale, 0.85, 0.8),
                Feature(pigment.pseudo_network, 0.2, 0.6),
                Feature(vessels.ulceration, 0.25, 0.3),
            ),
        ),
    ),
    "bcc": (
        # Nodular, hardly pigmented.
        Variant(
            0.40,
            Habit(
                area=0.36, lobes=0.09, jagged=0.08, soft=0.28, melanin=0.11, blood=0.29,
                deep_blood=0.03, variegation=0.57,
            ),
            (
                Feature(vessels.arborising_vessels, 1.0),
                Feature(surface.pearly_ground, 0.7, 0.4),
                Feature(pigment.ovoid_nests, 0.4),
                Feature(vessels.ulceration, 0.35, 0.8),
                Feature(surface.shiny_white_lines, 0.3, 0.5),
            ),
        ),
        # Pigmented.
        Variant(
            0.35,
            Habit(
                area=0.34, lobes=0.10, jagged=0.09, soft=0.22, melanin=0.22, deep_melanin=0.06,
                blood=0.24, variegation=0.65, patchy=0.3,
            ),
            (
                Feature(pigment.ovoid_nests, 1.0),
                Feature(pigment.leaf_like_areas, 0.65),
                Feature(vessels.arborising_vessels, 0.6),
                Feature(surface.pearly_ground, 0.4, 0.4),
                Feature(vessels.ulceration, 0.2, 0.7),
            ),
        ),
        # Superficial.
        Variant(
            0.25,
            Habit(
                area=0.44, lobes=0.10, jagged=0.11, soft=0.28, melanin=0.11, blood=0.32,
                variegation=0.65, patchy=0.4,
            ),
            (
                Feature(vessels.ulceration, 0.8, 0.8),
                Feature(pigment.leaf_like_areas, 0.55),
                Feature(vessels.arborising_vessels, 0.75),
                Feature(surface.shiny_white_lines, 0.5, 0.6),
                Feature(surface.scale, 0.2, 0.0),
            ),
        ),
    ),
    "bkl": (
        # Seborrhoeic keratosis.
        Variant(
            0.50,
            Habit(
                area=0.32, lobes=0.07, jagged=0.05, soft=0.07, fade=0.3, melanin=0.94,
                deep_melanin=0.06, blood=0.27, keratin=0.07, variegation=0.41,
            ),
            (
                Feature(surface.milia_like_cysts, 0.8),
                Feature(surface.comedo_like_openings, 0.65),
                Feature(surface.fissures_and_ridges, 0.45),
                Feature(surface.waxy_plaque, 0.7, 0.4),
                Feature(vessels.hairpin_vessels, 0.3, 0.9),
                Feature(surface.scale, 0.2, 0.0),
            ),
        ),
        # Solar lentigo and flat keratosis.
        Variant(
            0.32,
            Habit(
                area=0.32, lobes=0.11, jagged=0.08, soft=0.07, fade=0.5, melanin=0.62,
                blood=0.14, keratin=0.04, variegation=0.34, patchy=0.2,
            ),
            (
                Feature(surface.fingerprint_lines, 0.85),
                Feature(surface.moth_eaten_border, 0.85),
                Feature(surface.milia_like_cysts, 0.3, 0.9),
            ),
        ),
        # Lichen-planus-like keratosis.
        Variant(
            0.18,
            Habit(
                area=0.29, lobes=0.09, jagged=0.10, soft=0.22, melanin=0.34, deep_melanin=0.10,
                blood=0.36, variegation=0.69, patchy=0.5,
            ),
            (
                Feature(pigment.grey_granules, 1.0),
                Feature(surface.moth_eaten_border, 0.5, 0.8),
                Feature(surface.milia_like_cysts, 0.35, 0.8),
            ),
        ),
    ),
    "df": (
        # Scar patch within a delicate network.
        Variant(
            0.65,
            Habit(
                area=0.32, aspect=1.2, lobes=0.05, jagged=0.06, soft=0.42, fade=0.3,
                melanin=0.34, blood=0.19, variegation=0.35, centre=0.1,
            ),
            (
                Feature(surface.scar_patch, 1.0),
                Feature(pigment.delicate_network, 0.85, 0.8),
                Feature(pigment.ring_globules, 0.3, 0.7),
                Feature(surface.shiny_white_lines, 0.35, 0.6),
                Feature(vessels.dotted_vessels, 0.2, 0.0),
            ),
        ),
        # Pink to brown nodule with a faint centre.
        Variant(
            0.35,
            Habit(
                area=0.36, aspect=1.2, lobes=0.05, jagged=0.06, soft=0.45, melanin=0.30,
                blood=0.37, deep_blood=0.03, variegation=0.35,
            ),
            (
                Feature(surface.scar_patch, 0.85),
                Feature(pigment.ring_globules, 0.6, 0.8),
                Feature(pigment.delicate_network, 0.5, 0.8),
                Feature(surface.shiny_white_lines, 0.45, 0.7),
                Feature(vessels.dotted_vessels, 0.35, 0.0),
            ),
        ),
    ),
    "mel": (
        # Superficial spreading.
        Variant(
            0.60,
            Habit(
                area=0.40, aspect=1.3, lobes=0.12, jagged=0.10, soft=0.11, fade=0.6,
                melanin=0.82, deep_melanin=0.07, blood=0.23, variegation=0.50, patchy=0.2,
            ),
            (
                Feature(pigment.colour_patches, 0.85, 0.7),
                Feature(pigment.atypical_network, 0.7),
                Feature(pigment.irregular_globules, 0.6),
                Feature(pigment.streaks, 0.45),
                Feature(pigment.blue_white_veil, 0.45),
                Feature(pigment.regression, 0.4),
                Feature(pigment.eccentric_blotch, 0.45),
            ),
        ),
        # Nodular or thick.
        Variant(
            0.20,
            Habit(
                area=0.36, lobes=0.09, jagged=0.06, soft=0.09, melanin=1.09, deep_melanin=0.20,
                blood=0.32, deep_blood=0.04, variegation=0.50,
            ),
            (
                Feature(pigment.blue_white_veil, 0.95),
                Feature(pigment.eccentric_blotch, 0.6),
                Feature(pigment.irregular_globules, 0.5),
                Feature(surface.shiny_white_lines, 0.4, 0.5),
                Feature(vessels.linear_irregular_vessels, 0.35, 0.7),
            ),
        ),
        # Pale: in sun-damaged skin or poor in pigment.
        Variant(
            0.20,
            Habit(
                area=0.44, lobes=0.13, jagged=0.11, soft=0.2, melanin=0.35, deep_melanin=0.07,
                blood=0.40, variegation=0.60, patchy=0.4,
            ),
            (
                Feature(vessels.linear_irregular_vessels, 0.75),
                Feature(pigment.regression, 0.7),
                Feature(pigment.atypical_network, 0.6),
                Feature(pigment.irregular_globules, 0.4),
                Feature(vessels.dotted_vessels, 0.3, 0.3),
            ),
        ),
    ),
    "nv": (
        # Reticular.
        Variant(
            0.45,
            Habit(
                area=0.28, lobes=0.07, jagged=0.08, soft=0.36, melanin=0.98, blood=0.46,
                variegation=0.32, centre=0.59,
            ),
            (
                Feature(pigment.typical_network, 1.0),
                Feature(pigment.structureless_brown, 0.4, 0.5),
            ),
        ),
        # Globular.
        Variant(
            0.22,
            Habit(
                area=0.27, lobes=0.05, jagged=0.06, soft=0.20, melanin=0.89, blood=0.51,
                variegation=0.32, centre=0.26,
            ),
            (Feature(pigment.regular_globules, 1.0), Feature(pigment.typical_network, 0.25, 0.8)),
        ),
        # Structureless brown.
        Variant(
            0.18,
            Habit(
                area=0.25, lobes=0.05, jagged=0.08, soft=0.36, melanin=0.98, deep_melanin=0.03,
                blood=0.51, variegation=0.29, centre=0.51,
            ),
            (Feature(pigment.structureless_brown, 1.0), Feature(pigment.typical_network, 0.4, 0.8)),
        ),
        # Dermal.
        Variant(
            0.10,
            Habit(
                area=0.30, lobes=0.05, jagged=0.06, soft=0.28, melanin=0.38, blood=0.51,
                variegation=0.41, centre=0.17,
            ),
            (Feature(vessels.comma_vessels, 1.0), Feature(pigment.regular_globules, 0.7)),
        ),
        # Spitz and Reed.
        Variant(
            0.05,
            Habit(
                area=0.24, lobes=0.04, jagged=0.05, soft=0.11, melanin=1.53, deep_melanin=0.10,
                blood=0.39, variegation=0.32, centre=0.68,
            ),
            (Feature(pigment.starburst, 1.0), Feature(pigment.structureless_brown, 0.5, 0.3)),
        ),
    ),
    "vasc": (
        # Cherry angioma.
        Variant(
            0.60,
            Habit(
                area=0.12, lobes=0.07, jagged=0.05, soft=0.07, fade=0.2, melanin=0.10,
                blood=0.42, deep_blood=0.08, variegation=0.29,
            ),
            (Feature(vessels.lacunae, 1.0), Feature(vessels.homogeneous_red, 0.3, 0.7)),
        ),
        # Angiokeratoma.
        Variant(
            0.22,
            Habit(
                area=0.16, lobes=0.08, jagged=0.06, soft=0.12, melanin=0.15, blood=0.39,
                deep_blood=0.29, variegation=0.43,
            ),
            (
                Feature(vessels.lacunae, 1.0),
                Feature(surface.whitish_veil, 0.75, 0.4),
                Feature(vessels.ulceration, 0.3, 0.2),
            ),
        ),
        # Pyogenic granuloma and haemorrhage.
        Variant(
            0.18,
            Habit(
                area=0.14, lobes=0.05, jagged=0.05, soft=0.12, melanin=0.20, blood=0.55,
                deep_blood=0.19, variegation=0.36,
            ),
            (
                Feature(vessels.homogeneous_red, 1.0),
                Feature(surface.white_collarette, 0.55, 0.7),
                Feature(vessels.ulceration, 0.2, 0.2),
            ),
        ),
    ),
}
