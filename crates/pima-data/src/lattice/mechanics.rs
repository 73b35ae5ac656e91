//! The compression test of a generated specimen: from the thickness that the photograph shows to a stress-strain curve.

use rand::Rng;
use rand_distr::{Distribution, StandardNormal};
use serde::{Deserialize, Serialize};

use super::structure::{LatticeKind, Solid};
use crate::error::{Error, Result};

/// Powers of the relative density (Gibson and Ashby), times what the solid metal has, times a loss for how it was printed.
///
/// `E = knock_down_E * factor_E * E_solid * density^exponent_E`, `sigma_y = knock_down_s * factor_s * sigma_solid * density^exponent_s`,
/// `H = hardening_ratio * E`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ScalingLaw {
    /// Mean thickness: of the gyroid its level, of the octet the strut's radius in cells.
    pub thickness: f64,
    /// Factor of the modulus.
    pub modulus_factor: f64,
    /// Exponent of the modulus.
    pub modulus_exponent: f64,
    /// Factor of the yield stress.
    pub strength_factor: f64,
    /// Exponent of the yield stress.
    pub strength_exponent: f64,
    /// Hardening modulus over elastic modulus.
    pub hardening_ratio: f64,
}

impl ScalingLaw {
    /// Recalled from the literature on metal lattices, not fitted to any: these make plausible curves, not a material's data sheet.
    pub fn of(kind: LatticeKind) -> Self {
        match kind {
            LatticeKind::Gyroid => Self {
                thickness: 0.35,
                modulus_factor: 0.426,
                modulus_exponent: 2.0,
                strength_factor: 0.40,
                strength_exponent: 1.5,
                hardening_ratio: 0.04,
            },
            LatticeKind::Octet => Self {
                thickness: 0.075,
                modulus_factor: 1.0 / 9.0,
                modulus_exponent: 1.0,
                strength_factor: 1.0 / 3.0,
                strength_exponent: 1.0,
                hardening_ratio: 0.015,
            },
        }
    }
}

/// The metal and the machine.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct CompressionTest {
    /// Young's modulus of the solid metal, MPa; that of 316L steel by default.
    pub solid_modulus: f64,
    /// Yield stress of the solid metal, MPa.
    pub solid_strength: f64,
    /// What printing leaves of the modulus.
    pub modulus_knock_down: f64,
    /// What printing leaves of the strength.
    pub strength_knock_down: f64,
    /// Standard deviation of the logarithm of modulus, strength and hardening ratio, each on its own, that no image shows.
    pub material_scatter: f64,
    /// Strains of the curve: this many, evenly from 0 to `max_strain`.
    pub points: usize,
    /// The last strain.
    pub max_strain: f64,
    /// Standard deviation of a measured stress, MPa.
    pub stress_noise: f64,
    /// The gyroid's law.
    pub gyroid: ScalingLaw,
    /// The octet's law.
    pub octet: ScalingLaw,
}

impl Default for CompressionTest {
    fn default() -> Self {
        Self {
            solid_modulus: 190e3,
            solid_strength: 450.0,
            modulus_knock_down: 0.3,
            strength_knock_down: 0.6,
            material_scatter: 0.02,
            points: 100,
            max_strain: 0.06,
            stress_noise: 0.15,
            gyroid: ScalingLaw::of(LatticeKind::Gyroid),
            octet: ScalingLaw::of(LatticeKind::Octet),
        }
    }
}

/// The truth about a generated specimen.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct LatticeSpecimen {
    /// Which lattice it is.
    pub kind: LatticeKind,
    /// Its thickness, as rendered: of the gyroid the level, of the octet the strut's radius in cells.
    pub thickness: f64,
    /// Share of space that is metal.
    pub density: f64,
    /// Elastic modulus E, MPa.
    pub elastic_modulus: f64,
    /// Hardening modulus H, MPa.
    pub hardening_modulus: f64,
    /// Yield strain.
    pub yield_strain: f64,
}

impl LatticeSpecimen {
    /// Yield stress, MPa: modulus times yield strain.
    pub fn yield_stress(&self) -> f64 {
        self.elastic_modulus * self.yield_strain
    }

    /// Stress at `strain` without noise, MPa: the elastic line up to the yield strain, the hardening line from there.
    pub fn stress(&self, strain: f64) -> f64 {
        if strain <= self.yield_strain {
            self.elastic_modulus * strain
        } else {
            self.yield_stress() + self.hardening_modulus * (strain - self.yield_strain)
        }
    }
}

impl CompressionTest {
    /// The law of one kind.
    pub fn law(&self, kind: LatticeKind) -> &ScalingLaw {
        match kind {
            LatticeKind::Gyroid => &self.gyroid,
            LatticeKind::Octet => &self.octet,
        }
    }

    /// The strains of the curve.
    pub(super) fn strains(&self) -> Vec<f64> {
        (0..self.points).map(|j| self.max_strain * j as f64 / (self.points - 1) as f64).collect()
    }

    pub(super) fn check(&self) -> Result<()> {
        let mut positive = vec![
            ("solid_modulus", self.solid_modulus),
            ("solid_strength", self.solid_strength),
            ("modulus_knock_down", self.modulus_knock_down),
            ("strength_knock_down", self.strength_knock_down),
            ("max_strain", self.max_strain),
        ];
        for kind in LatticeKind::ALL {
            let law = self.law(kind);
            positive.extend([("modulus_factor", law.modulus_factor), ("strength_factor", law.strength_factor)]);
            for (name, value) in [
                ("modulus_exponent", law.modulus_exponent),
                ("strength_exponent", law.strength_exponent),
                ("hardening_ratio", law.hardening_ratio),
            ] {
                if !value.is_finite() {
                    return Err(Error::Parameter { name, value, requirement: "must be finite" });
                }
            }
            let (least, most) = kind.thicknesses();
            if !(least..=most).contains(&law.thickness) {
                let requirement =
                    "a gyroid's level lies between 0.05 and 1, an octet's strut radius between 0.02 and 0.16";
                return Err(Error::Parameter { name: "thickness", value: law.thickness, requirement });
            }
        }
        for (name, value) in positive {
            if !(value.is_finite() && value > 0.0) {
                return Err(Error::Parameter { name, value, requirement: "must be positive and finite" });
            }
        }
        for (name, value) in [("material_scatter", self.material_scatter), ("stress_noise", self.stress_noise)] {
            if !(value.is_finite() && value >= 0.0) {
                return Err(Error::Parameter { name, value, requirement: "must be zero or positive, and finite" });
            }
        }
        if self.points < 4 {
            let value = self.points as f64;
            return Err(Error::Parameter { name: "points", value, requirement: "a curve needs four points at least" });
        }
        Ok(())
    }

    /// A specimen of this solid.
    pub(super) fn specimen<R: Rng + ?Sized>(&self, solid: &Solid, thickness: f64, rng: &mut R) -> LatticeSpecimen {
        let law = self.law(solid.kind);
        let density = solid.density();
        let mut scatter = || {
            let draw: f64 = StandardNormal.sample(rng);
            (self.material_scatter * draw).exp()
        };
        let modulus = self.solid_modulus * self.modulus_knock_down * law.modulus_factor;
        let elastic_modulus = modulus * density.powf(law.modulus_exponent) * scatter();
        let strength = self.solid_strength * self.strength_knock_down * law.strength_factor;
        let yield_stress = strength * density.powf(law.strength_exponent) * scatter();
        LatticeSpecimen {
            kind: solid.kind,
            thickness,
            density,
            elastic_modulus,
            hardening_modulus: elastic_modulus * law.hardening_ratio * scatter(),
            yield_strain: yield_stress / elastic_modulus,
        }
    }

    /// Its curve as the machine records it, MPa at the strains of the test.
    pub(super) fn measure<R: Rng + ?Sized>(&self, specimen: &LatticeSpecimen, rng: &mut R) -> Vec<f32> {
        let measured = |strain: f64| {
            let noise: f64 = StandardNormal.sample(rng);
            (specimen.stress(strain) + self.stress_noise * noise) as f32
        };
        self.strains().into_iter().map(measured).collect()
    }
}
