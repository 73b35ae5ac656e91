//! What a generated data set is made of, as a TOML file says it.

use rand::Rng;
use serde::{Deserialize, Serialize};

use super::density::DensityOptions;
use crate::error::{Error, Result};

/// Process classes and their amounts of disorder and deformation.
///
/// [`Recipe::default`] is the file `recipe.toml` beside this module's source.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Recipe {
    /// Lattice constant of the crystal at rest, Angstrom.
    pub lattice_constant: f64,
    /// Conventional cells of eight atoms along each axis.
    pub repeats: [usize; 3],
    /// Standard deviation of each of the six components of a random strain that every cell gets.
    pub cell_scatter: f64,
    /// The largest fraction of unstable modes that is let pass.
    pub max_unstable: f64,
    /// How the density of states is drawn.
    pub density: DensityOptions,
    /// The process classes.
    #[serde(rename = "class")]
    pub classes: Vec<ProcessClass>,
}

/// One process class: what a structure of it may have gone through.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ProcessClass {
    /// The class's name, unique.
    pub name: String,
    /// How often it is drawn, relative to the others.
    pub weight: f64,
    /// Kinds of disorder, of which a structure gets one.
    pub disorder: Vec<Choice<Disorder>>,
    /// Kinds of deformation, of which a structure gets one.
    pub deformation: Vec<Choice<Deformation>>,
}

/// One of several kinds, with how often and how much.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Choice<K> {
    /// What is done.
    pub kind: K,
    /// How often it is drawn, relative to its siblings.
    #[serde(default = "one")]
    pub weight: f64,
    /// The least and the most of it; nothing for `none`.
    #[serde(default)]
    pub amount: [f64; 2],
}

fn one() -> f64 {
    1.0
}

/// Kinds of disorder.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Disorder {
    /// The perfect crystal.
    None,
    /// Missing atoms, a number.
    Vacancies,
    /// Additional atoms in the widest gaps, a number.
    Interstitials,
    /// All atoms displaced before they come to rest, standard deviation in Angstrom.
    Scattered,
}

/// Kinds of deformation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Deformation {
    /// As it is.
    None,
    /// Shorter along one cube axis, the sides held; fraction of the length.
    Uniaxial,
    /// Shorter along all three; fraction of the length.
    Hydrostatic,
}

/// Beyond these compressions the model leaves the diamond structure.
const MOST_UNIAXIAL: f64 = 0.15;
const MOST_HYDROSTATIC: f64 = 0.06;
/// Displacements beyond this put atoms on top of each other.
const MOST_SCATTERED: f64 = 1.0;

impl Default for Recipe {
    fn default() -> Self {
        Self::from_toml(include_str!("recipe.toml")).expect("the recipe that is shipped is tested")
    }
}

impl Recipe {
    /// Reads and checks a recipe.
    ///
    /// # Errors
    /// [`Error::Recipe`] with what is wrong, on one line.
    pub fn from_toml(text: &str) -> Result<Self> {
        let recipe: Self = toml::from_str(text).map_err(|error| {
            let line = error.span().map(|span| text[..span.start].lines().count().max(1));
            let line = line.map(|line| format!("line {line}: ")).unwrap_or_default();
            Error::Recipe { problem: line + &error.message().replace('\n', " ") }
        })?;
        recipe.check()?;
        Ok(recipe)
    }

    /// Whether the recipe can be followed.
    ///
    /// # Errors
    /// [`Error::Recipe`], [`Error::Parameter`] for the density.
    pub fn check(&self) -> Result<()> {
        let refuse = |problem: String| Err(Error::Recipe { problem });
        let n_atoms = 8 * self.repeats.iter().product::<usize>();
        if self.repeats.contains(&0) || n_atoms > 1000 {
            return refuse(format!("repeats = {:?}: from 8 to 1000 atoms are possible", self.repeats));
        }
        if !(5.0..6.0).contains(&self.lattice_constant) {
            return refuse(format!("lattice_constant = {}: silicon has 5.43 Angstrom", self.lattice_constant));
        }
        if !(0.0..=0.02).contains(&self.cell_scatter) {
            return refuse(format!("cell_scatter = {}: must lie between 0 and 0.02", self.cell_scatter));
        }
        if !(0.0..=1.0).contains(&self.max_unstable) {
            return refuse(format!("max_unstable = {}: is a fraction", self.max_unstable));
        }
        self.density.check()?;
        if self.classes.is_empty() {
            return refuse("it has no class".to_owned());
        }
        for (at, class) in self.classes.iter().enumerate() {
            if self.classes[..at].iter().any(|before| before.name == class.name) {
                return refuse(format!("two classes are named '{}'", class.name));
            }
            class.check(n_atoms)?;
        }
        check_weights("the classes", self.classes.iter().map(|class| class.weight))
    }

    /// A class by weight.
    pub(super) fn draw_class<R: Rng + ?Sized>(&self, rng: &mut R) -> usize {
        draw_by_weight(self.classes.iter().map(|class| class.weight), rng)
    }
}

impl ProcessClass {
    fn check(&self, n_atoms: usize) -> Result<()> {
        let name = &self.name;
        check_weights(&format!("disorder in class '{name}'"), self.disorder.iter().map(|choice| choice.weight))?;
        check_weights(&format!("deformation in class '{name}'"), self.deformation.iter().map(|choice| choice.weight))?;
        for &Choice { kind, amount, .. } in &self.disorder {
            match kind {
                Disorder::None => check_range(name, "none", amount, 0.0)?,
                Disorder::Vacancies => check_count(name, "vacancies", amount, n_atoms / 4)?,
                Disorder::Interstitials => check_count(name, "interstitials", amount, n_atoms / 4)?,
                Disorder::Scattered => check_range(name, "scattered", amount, MOST_SCATTERED)?,
            }
        }
        for &Choice { kind, amount, .. } in &self.deformation {
            match kind {
                Deformation::None => check_range(name, "none", amount, 0.0)?,
                Deformation::Uniaxial => check_range(name, "uniaxial", amount, MOST_UNIAXIAL)?,
                Deformation::Hydrostatic => check_range(name, "hydrostatic", amount, MOST_HYDROSTATIC)?,
            }
        }
        Ok(())
    }
}

fn check_weights(what: &str, weights: impl Iterator<Item = f64>) -> Result<()> {
    let weights: Vec<f64> = weights.collect();
    if weights.iter().all(|weight| weight.is_finite() && *weight >= 0.0) && weights.iter().sum::<f64>() > 0.0 {
        return Ok(());
    }
    let problem = format!("weights of {what}: each must be zero or positive, and one of them positive");
    Err(Error::Recipe { problem })
}

fn check_range(class: &str, kind: &str, [least, most]: [f64; 2], limit: f64) -> Result<()> {
    if 0.0 <= least && least <= most && most <= limit {
        return Ok(());
    }
    let problem = format!("class '{class}', {kind}: amount = [{least}, {most}] is not a range within [0, {limit}]");
    Err(Error::Recipe { problem })
}

fn check_count(class: &str, kind: &str, range: [f64; 2], limit: usize) -> Result<()> {
    if range.iter().any(|x| x.fract() != 0.0) {
        let problem = format!("class '{class}', {kind}: amount = {range:?} counts atoms");
        return Err(Error::Recipe { problem });
    }
    check_range(class, kind, range, limit as f64)
}

/// An index with a probability in proportion to its weight. The weights have been checked.
pub(super) fn draw_by_weight<R: Rng + ?Sized>(weights: impl Iterator<Item = f64> + Clone, rng: &mut R) -> usize {
    let mut left = rng.random::<f64>() * weights.clone().sum::<f64>();
    let mut drawn = 0;
    for (at, weight) in weights.enumerate() {
        if weight > 0.0 {
            drawn = at;
            left -= weight;
            if left < 0.0 {
                break;
            }
        }
    }
    drawn
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng;
    use rand_chacha::ChaCha8Rng;

    use super::*;

    #[test]
    fn the_recipe_that_is_shipped_can_be_followed_and_comes_back_from_toml() {
        let recipe = Recipe::default();
        recipe.check().unwrap();
        assert_eq!(recipe.classes.len(), 4);
        assert_eq!(recipe.density.points, 10_794);
        assert_eq!(Recipe::from_toml(&toml::to_string(&recipe).unwrap()).unwrap(), recipe);
    }

    #[test]
    fn what_cannot_be_followed_is_refused_on_one_line() {
        let text = include_str!("recipe.toml");
        for (from, to, says) in [
            ("repeats = [2, 2, 2]", "repeats = [2, 0, 2]", "8 to 1000 atoms"),
            ("lattice_constant = 5.43095", "lattice_constant = 54", "5.43"),
            ("cell_scatter", "cell_skatter", "cell_skatter"),
            ("width = 0.4", "width = 0", "density.width"),
            ("name = \"disorder\"", "name = \"none\"", "two classes are named 'none'"),
            ("weight = 1.0", "weight = -1.0", "weights of the classes"),
            ("kind = \"vacancies\", amount = [1, 4]", "kind = \"vacancies\", amount = [1, 40]", "[0, 16]"),
            ("kind = \"vacancies\", amount = [1, 4]", "kind = \"vacancies\", amount = [1, 1.5]", "counts atoms"),
            ("kind = \"vacancies\", amount = [1, 4]", "kind = \"holes\", amount = [1, 4]", "line"),
            ("kind = \"uniaxial\", amount = [", "kind = \"uniaxial\", amount = [0.9, 0.1], x = [", "x"),
        ] {
            assert!(text.contains(from), "{from}");
            let error = Recipe::from_toml(&text.replacen(from, to, 1)).unwrap_err().to_string();
            assert!(error.contains(says) && !error.contains('\n'), "{error}");
        }
    }

    #[test]
    fn weights_are_frequencies() {
        let mut rng = ChaCha8Rng::seed_from_u64(1);
        let mut counts = [0_u32; 4];
        for _ in 0..4000 {
            counts[draw_by_weight([1.0, 0.0, 2.0, 1.0].into_iter(), &mut rng)] += 1;
        }
        assert_eq!(counts[1], 0);
        // Standard deviations are 27 and 32.
        assert!(counts[0].abs_diff(1000) < 120 && counts[2].abs_diff(2000) < 140, "{counts:?}");
    }
}
